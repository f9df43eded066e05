//! Arrays as `NumPy` stores them, written.
//!
//! <https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html>

/// What comes before the numbers begins at a multiple of this.
const ALIGNMENT: usize = 64;

/// What comes before the numbers of an array in C order, whose type `NumPy` calls `element`: `<f4` is a 32-bit float.
pub(crate) fn header(element: &str, shape: &[usize]) -> Vec<u8> {
    let sides = shape.iter().map(usize::to_string).collect::<Vec<_>>().join(", ");
    // One side is written as `(3,)`, more as `(3, 4)`.
    let sides = if shape.len() == 1 { format!("{sides},") } else { sides };
    let mut text = format!("{{'descr': '{element}', 'fortran_order': False, 'shape': ({sides}), }}");
    // Magic, version, length, and the line's end.
    let before = 6 + 2 + 2;
    let padding = (before + text.len() + 1).next_multiple_of(ALIGNMENT) - (before + text.len() + 1);
    text.extend(std::iter::repeat_n(' ', padding));
    text.push('\n');
    let mut header = b"\x93NUMPY\x01\x00".to_vec();
    header.extend((text.len() as u16).to_le_bytes());
    header.extend(text.as_bytes());
    header
}

/// A `.npy` file of 32-bit floats in this shape, row-major.
pub(crate) fn floats(shape: &[usize], values: &[f32]) -> Vec<u8> {
    let mut file = header("<f4", shape);
    file.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `numpy.save` 2.x writes for `numpy.zeros(shape, dtype)`.
    #[test]
    fn headers_are_those_of_numpy() {
        for (element, shape, text) in [
            ("<f4", &[3, 28, 28, 1][..], "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 28, 28, 1), }"),
            ("|u1", &[7], "{'descr': '|u1', 'fortran_order': False, 'shape': (7,), }"),
            ("<f8", &[], "{'descr': '<f8', 'fortran_order': False, 'shape': (), }"),
        ] {
            let header = header(element, shape);
            assert_eq!(header.len() % ALIGNMENT, 0);
            assert_eq!(&header[..10], b"\x93NUMPY\x01\x00\x76\x00", "{text}");
            assert_eq!(std::str::from_utf8(&header[10..]).unwrap(), format!("{text:<117}\n"));
        }
    }

    #[test]
    fn numbers_follow_row_by_row() {
        let file = floats(&[1, 2], &[1.0, -2.5]);
        assert_eq!(file[128..], [0, 0, 128, 63, 0, 0, 32, 192]);
    }
}
