//! TIFF files as instruments write them.

pub(super) const UNSIGNED: u16 = 1;
pub(super) const SIGNED: u16 = 2;
pub(super) const FLOAT: u16 = 3;

pub(super) const WHITE_IS_ZERO: u16 = 0;
pub(super) const BLACK_IS_ZERO: u16 = 1;
pub(super) const RGB: u16 = 2;
pub(super) const PALETTE: u16 = 3;
pub(super) const LAB: u16 = 8;

/// A TIFF file of 8 by 8 pixels.
pub(super) struct Tiff {
    pub(super) bits: u16,
    pub(super) samples: u16,
    pub(super) photometric: u16,
    pub(super) format: u16,
    pub(super) is_planar: bool,
    /// The tag and the 16-bit values of what else it says.
    pub(super) more: Vec<(u16, Vec<u16>)>,
}

impl Tiff {
    pub(super) fn new(bits: u16, samples: u16, photometric: u16, format: u16) -> Self {
        Self { bits, samples, photometric, format, is_planar: false, more: Vec::new() }
    }

    /// Little-endian, with one strip, or one for each plane.
    pub(super) fn file(&self, data: &[u8]) -> Vec<u8> {
        let samples = usize::from(self.samples);
        let mut entries: Vec<(u16, Vec<u16>)> = vec![
            (256, vec![8]),
            (257, vec![8]),
            (258, vec![self.bits; samples]),
            (259, vec![1]),
            (262, vec![self.photometric]),
            (277, vec![self.samples]),
            (278, vec![8]),
            (284, vec![if self.is_planar { 2 } else { 1 }]),
            (339, vec![self.format; samples]),
        ];
        entries.extend(self.more.clone());
        let planes = if self.is_planar { samples } else { 1 };
        let directory = 8 + data.len();
        let mut beside = directory + 2 + 12 * (entries.len() + 2) + 4;
        let mut rest = Vec::new();
        let long = |tag: u16, values: Vec<u32>| {
            (tag, 4_u16, values.len(), values.iter().flat_map(|v| v.to_le_bytes()).collect())
        };
        let mut all: Vec<(u16, u16, usize, Vec<u8>)> = entries
            .into_iter()
            .map(|(tag, values)| (tag, 3, values.len(), values.iter().flat_map(|v| v.to_le_bytes()).collect()))
            .collect();
        let plane = data.len() / planes;
        all.push(long(273, (0..planes).map(|number| (8 + number * plane) as u32).collect()));
        all.push(long(279, vec![plane as u32; planes]));
        all.sort();
        let mut file = b"II*\0".to_vec();
        file.extend((directory as u32).to_le_bytes());
        file.extend(data);
        file.extend((all.len() as u16).to_le_bytes());
        for (tag, kind, count, mut bytes) in all {
            file.extend([tag.to_le_bytes(), kind.to_le_bytes()].concat());
            file.extend((count as u32).to_le_bytes());
            if bytes.len() > 4 {
                file.extend((beside as u32).to_le_bytes());
                beside += bytes.len();
                rest.extend(bytes);
            } else {
                bytes.resize(4, 0);
                file.extend(bytes);
            }
        }
        file.extend([0; 4]);
        file.extend(rest);
        file
    }
}
