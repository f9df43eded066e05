//! How to make images of an array that has another shape, by what such arrays mostly are.

/// The shortest side that images may have, and the most channels.
const SIDE: usize = 8;
const CHANNELS: usize = 4;

/// What to do about an array of this shape, as one sentence without a full stop; none if nothing is known of such arrays.
pub(super) fn hint(shape: &[usize]) -> Option<String> {
    let are_sides = |sides: &[usize]| sides.iter().all(|&side| side >= SIDE);
    let are_channels = |channels: usize| (1..=CHANNELS).contains(&channels);
    let single = |of: &str| format!("a single image is saved as {of}: a[None]");
    let last = "if the last index counts the images, as in MATLAB: a = np.moveaxis(a, -1, 0)".to_owned();
    match *shape {
        [0, ..] => Some("the array holds no image: look at how it was made".to_owned()),
        [_, length] => match rows(length) {
            Some(reshaped) => Some(format!("if each row is an image: {reshaped}")),
            None if are_sides(shape) => Some(single("[1, H, W]")),
            None => None,
        },
        [height, width, channels] if are_sides(&[height, width]) && are_channels(channels) => {
            Some(single("[1, H, W, C]"))
        }
        [height, width, _] if are_sides(&[height, width]) => Some(last),
        [height, width, channels, _] if are_sides(&[height, width]) && are_channels(channels) => Some(last),
        [_, height, width, _] if are_sides(&[height, width]) => {
            Some(format!("choose up to {CHANNELS} channels: a = a[..., :3]"))
        }
        _ => None,
    }
}

/// How rows of this length become square images, grey or in colour, if they can.
fn rows(length: usize) -> Option<String> {
    let side = |pixels: usize| Some(pixels.isqrt()).filter(|&side| side >= SIDE && side * side == pixels);
    if let Some(side) = side(length) {
        return Some(format!("a = a.reshape(-1, {side}, {side})"));
    }
    let side = side(length / 3).filter(|_| length.is_multiple_of(3))?;
    Some(format!(
        "a = a.reshape(-1, {side}, {side}, 3), or a.reshape(-1, 3, {side}, {side}) where one colour follows the other, as in CIFAR"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_of_other_shapes_are_told_what_they_mostly_are() {
        for (shape, expected) in [
            (&[1797, 64][..], "if each row is an image: a = a.reshape(-1, 8, 8)"),
            (&[60000, 784], "if each row is an image: a = a.reshape(-1, 28, 28)"),
            (&[100, 3072], "a.reshape(-1, 32, 32, 3), or a.reshape(-1, 3, 32, 32)"),
            (&[480, 650], "a single image is saved as [1, H, W]: a[None]"),
            (&[48, 64, 3], "a single image is saved as [1, H, W, C]: a[None]"),
            (&[28, 28, 60000], "as in MATLAB: a = np.moveaxis(a, -1, 0)"),
            (&[32, 32, 3, 73257], "as in MATLAB: a = np.moveaxis(a, -1, 0)"),
            (&[100, 32, 32, 5], "choose up to 4 channels: a = a[..., :3]"),
            (&[0, 28, 28], "the array holds no image"),
        ] {
            let hint = hint(shape).unwrap();
            assert!(hint.contains(expected), "{shape:?}: {hint}");
        }
    }

    #[test]
    fn of_others_nothing_is_known() {
        for shape in [&[][..], &[784], &[100, 7], &[3, 4], &[10, 4, 4], &[2, 3, 4, 5], &[2, 3, 4, 5, 6]] {
            assert_eq!(hint(shape), None, "{shape:?}");
        }
    }
}
