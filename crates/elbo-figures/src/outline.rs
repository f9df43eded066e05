//! What is filled or stroked: lines and curves.

/// One step of an outline. Coordinates are x to the right, y downwards.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Step {
    Move([f32; 2]),
    Line([f32; 2]),
    /// A quadratic curve: control point, end.
    Quad([f32; 2], [f32; 2]),
    Close,
}

pub(crate) type Outline = Vec<Step>;
