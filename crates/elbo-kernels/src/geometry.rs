//! Which pixels a tap of a filter joins.

/// Which way a layer goes over its [`Geometry`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// From the large side to the small one: a convolution, or the input gradient of a transposed convolution.
    Down,
    /// From the small side to the large one: a transposed convolution, or the input gradient of a convolution.
    Up,
}

impl Direction {
    /// The other one.
    #[must_use]
    pub fn reversed(self) -> Self {
        match self {
            Self::Down => Self::Up,
            Self::Up => Self::Down,
        }
    }
}

/// A relation between the pixels of a large and a small image, the same for a convolution and its adjoint.
///
/// On each axis, tap `k` joins small pixel `i` to large pixel `stride * i + k - pad`; where that is outside the
/// image, to nothing. Arrays are `[vertical, horizontal]`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Geometry {
    /// Taps of the filter.
    pub kernel: [usize; 2],
    /// Large pixels a small pixel.
    pub stride: [usize; 2],
    /// Rows above and columns to the left of the large image which taps may reach into, and where they find zero.
    pub pad: [usize; 2],
    /// Size of the large image.
    pub large: [usize; 2],
    /// Size of the small image.
    pub small: [usize; 2],
}

impl Geometry {
    /// 3 x 3, stride 2, "same": the small side is `ceil(n / 2)`, and an odd side `n` has one pixel of padding before
    /// it.
    #[must_use]
    pub fn halving(large: [usize; 2]) -> Self {
        Self { kernel: [3; 2], stride: [2; 2], pad: large.map(|n| n % 2), large, small: large.map(|n| n.div_ceil(2)) }
    }

    /// 3 x 3, stride 1, "same".
    #[must_use]
    pub fn same(size: [usize; 2]) -> Self {
        Self { kernel: [3; 2], stride: [1; 2], pad: [1; 2], large: size, small: size }
    }

    /// One filter as large as the image: a fully connected layer.
    #[must_use]
    pub fn whole(size: [usize; 2]) -> Self {
        Self { kernel: size, stride: size, pad: [0; 2], large: size, small: [1; 2] }
    }

    /// 1 x 1: every pixel by itself.
    #[must_use]
    pub fn pointwise(size: [usize; 2]) -> Self {
        Self { kernel: [1; 2], stride: [1; 2], pad: [0; 2], large: size, small: size }
    }

    /// Taps of the filter.
    #[must_use]
    pub fn taps(&self) -> usize {
        self.kernel[0] * self.kernel[1]
    }

    /// Pixels of the large image.
    #[must_use]
    pub fn large_pixels(&self) -> usize {
        self.large[0] * self.large[1]
    }

    /// Pixels of the small image.
    #[must_use]
    pub fn small_pixels(&self) -> usize {
        self.small[0] * self.small[1]
    }

    /// Pixels of the side that `direction` comes from.
    #[must_use]
    pub fn source_pixels(&self, direction: Direction) -> usize {
        match direction {
            Direction::Down => self.large_pixels(),
            Direction::Up => self.small_pixels(),
        }
    }

    /// Pixels of the side that `direction` goes to.
    #[must_use]
    pub fn target_pixels(&self, direction: Direction) -> usize {
        self.source_pixels(direction.reversed())
    }

    /// The taps that reach a target pixel and where each comes from, `(tap, source pixel)`, in the order of the taps.
    pub(crate) fn sources(&self, direction: Direction, target: usize) -> Vec<(usize, usize)> {
        let (source_width, target_width) = match direction {
            Direction::Down => (self.large[1], self.small[1]),
            Direction::Up => (self.small[1], self.large[1]),
        };
        let mut sources = Vec::new();
        for (tap_row, source_row) in self.axis_sources(0, direction, target / target_width) {
            for (tap_column, source_column) in self.axis_sources(1, direction, target % target_width) {
                sources.push((tap_row * self.kernel[1] + tap_column, source_row * source_width + source_column));
            }
        }
        sources
    }

    fn axis_sources(
        &self,
        axis: usize,
        direction: Direction,
        target: usize,
    ) -> impl Iterator<Item = (usize, usize)> + use<> {
        let Self { kernel, stride, pad, large, small } = *self;
        (0..kernel[axis]).filter_map(move |tap| {
            let source = match direction {
                Direction::Down => (stride[axis] * target + tap).checked_sub(pad[axis])?,
                Direction::Up => {
                    let distance = (target + pad[axis]).checked_sub(tap)?;
                    if distance % stride[axis] != 0 {
                        return None;
                    }
                    distance / stride[axis]
                }
            };
            let size = match direction {
                Direction::Down => large[axis],
                Direction::Up => small[axis],
            };
            (source < size).then_some((tap, source))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The two directions list the same joins.
    #[test]
    fn down_and_up_are_adjoint() {
        for size in [[8, 8], [9, 13], [1, 1], [2, 1], [7, 3]] {
            for geometry in
                [Geometry::halving(size), Geometry::same(size), Geometry::whole(size), Geometry::pointwise(size)]
            {
                let mut down = Vec::new();
                for small in 0..geometry.small_pixels() {
                    for (tap, large) in geometry.sources(Direction::Down, small) {
                        down.push((small, tap, large));
                    }
                }
                let mut up = Vec::new();
                for large in 0..geometry.large_pixels() {
                    for (tap, small) in geometry.sources(Direction::Up, large) {
                        up.push((small, tap, large));
                    }
                }
                up.sort_unstable();
                down.sort_unstable();
                assert_eq!(up, down, "{geometry:?}");
            }
        }
    }

    /// "Same" as TensorFlow has it: an even side is padded after, an odd one on both sides.
    #[test]
    fn halving_pads_as_the_formula_says() {
        let even = Geometry::halving([4, 4]);
        assert_eq!(even.sources(Direction::Down, 0).first(), Some(&(0, 0)));
        assert_eq!(even.sources(Direction::Down, 3), [(0, 10), (1, 11), (3, 14), (4, 15)]);
        let odd = Geometry::halving([3, 3]);
        assert_eq!(odd.small, [2, 2]);
        assert_eq!(odd.sources(Direction::Down, 0), [(4, 0), (5, 1), (7, 3), (8, 4)]);
    }

    /// A stride of 2 splits the large side into phases of 4, 2, 2 and 1 taps.
    #[test]
    fn transposed_convolution_has_four_phases() {
        let geometry = Geometry::halving([8, 8]);
        let taps = |row: usize, column: usize| geometry.sources(Direction::Up, row * 8 + column).len();
        assert_eq!([taps(2, 2), taps(2, 3), taps(3, 2), taps(3, 3)], [4, 2, 2, 1]);
    }
}
