//! A gradient that lies in parts, each made by itself.

/// Numbers summed at a time; they stay in registers or the first-level cache.
pub(crate) const RUN: usize = 256;

/// The gradient `scale * (part 0 + part 1 + ...)`. The parts are added in their order, whatever the stretch.
#[derive(Clone, Copy, Debug)]
pub struct GradientSum<P> {
    /// The parts, each of all parameters.
    pub parts: P,
    /// What their sum is multiplied by.
    pub scale: f32,
}

impl<'a, P: Iterator<Item = &'a [f32]> + Clone> GradientSum<P> {
    /// Writes the stretch that begins at `offset`.
    ///
    /// # Panics
    /// If a part is too short.
    #[inline(always)]
    pub fn write(&self, offset: usize, gradient: &mut [f32]) {
        gradient.fill(0.0);
        for part in self.parts.clone() {
            let part = &part[offset..offset + gradient.len()];
            for (sum, part) in gradient.iter_mut().zip(part) {
                *sum += part;
            }
        }
        for sum in gradient {
            *sum *= self.scale;
        }
    }
}
