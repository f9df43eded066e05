//! Every kernel, on every instruction set of the machine, against the plain reference: at the edges of tiles, panels
//! and vectors, at odd sizes, with fewer images than the table was made for.

use elbo_kernels::{
    Accumulate, Direction, Epilogue, Gather, Geometry, ImageGradients, ImageGradientsOf, Isa, Operand, Patches,
    WeightGradient, WinogradGather, WinogradInputGradient, WinogradWeightGradient, reference,
};
use proptest::prelude::*;

/// Numbers of both signs and many sizes, the same on every run.
fn numbers(len: usize, salt: u32) -> Vec<f32> {
    (0..len as u32)
        .map(|i| {
            let hash = (i ^ salt.wrapping_mul(0x9E37_79B9)).wrapping_mul(0x85EB_CA6B);
            ((hash ^ (hash >> 15)) & 0xFFFF) as f32 / 32768.0 - 1.0
        })
        .collect()
}

fn widen(values: &[f32]) -> Vec<f64> {
    values.iter().map(|&x| f64::from(x)).collect()
}

/// `terms` products of numbers in [-1, 1] are added in f32 in some order: each addition errs by at most half a unit
/// in the last place of a sum that is below `terms`.
///
/// Where NaN is expected, NaN must be found. Beside it there may be more: minimal filtering adds numbers that the
/// definition keeps apart, and zeros that stand beyond an edge are multiplied by weights.
fn assert_close(what: &str, found: &[f32], expected: &[f64], terms: usize) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let tolerance = 1e-6 * (terms as f64).sqrt().max(1.0);
    let some_nan = expected.iter().any(|expected| expected.is_nan());
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        if expected.is_nan() || (some_nan && found.is_nan()) {
            assert!(found.is_nan(), "{what}: number {i} is {found}, not NaN");
            continue;
        }
        let error = (f64::from(*found) - expected).abs();
        assert!(error <= tolerance + 1e-6 * expected.abs(), "{what}: number {i} is {found}, not {expected}");
    }
}

#[derive(Clone, Copy, Debug)]
struct Case {
    geometry: Geometry,
    direction: Direction,
    c_in: usize,
    c_out: usize,
    images: usize,
}

/// NaN in one number of a tensor: of the input, the weights or the output's gradient, so far into it.
#[derive(Clone, Copy, Debug)]
struct Spoilt {
    tensor: usize,
    share: f64,
}

impl Spoilt {
    /// The first number, the last and one between, of each tensor.
    fn each() -> impl Iterator<Item = Option<Self>> {
        (0..3).flat_map(|tensor| [0.0, 0.4, 1.0].map(|share| Some(Self { tensor, share })))
    }
}

/// Input, weights and output's gradient of these lengths.
fn tensors(lengths: [usize; 3], spoilt: Option<Spoilt>) -> [Vec<f32>; 3] {
    let mut tensors = [1, 2, 3].map(|salt: u32| numbers(lengths[salt as usize - 1], salt));
    if let Some(Spoilt { tensor, share }) = spoilt {
        let last = tensors[tensor].len() - 1;
        // With low bits: a NaN that is taken for bits may become a number.
        tensors[tensor][(share * last as f64) as usize] = f32::from_bits(0x7fc0_0001);
    }
    tensors
}

/// The gradient behind a `ReLU`.
fn gate(dx: &[f64], x: &[f32]) -> Vec<f64> {
    dx.iter().zip(x).map(|(dx, x)| if *x <= 0.0 { 0.0 } else { *dx }).collect()
}

fn check(case: Case) {
    check_spoilt(case, None);
}

/// Forward, input gradient and weight gradient of one layer on every instruction set.
fn check_spoilt(case: Case, spoilt: Option<Spoilt>) {
    let Case { geometry, direction, c_in, c_out, images } = case;
    let pixels = [geometry.source_pixels(direction), geometry.target_pixels(direction)];
    let lengths = [images * pixels[0] * c_in, geometry.taps() * c_in * c_out, images * pixels[1] * c_out];
    let [x, w, dy] = tensors(lengths, spoilt);
    let bias = numbers(c_out, 4);
    let channels = [c_in, c_out];
    let (y, dx, dw) = {
        let (x, w, dy) = (widen(&x), widen(&w), widen(&dy));
        let back = [c_out, c_in];
        let transposed = reference::transpose_taps(channels, &w);
        match direction {
            Direction::Down => (
                reference::convolution(&geometry, channels, &x, &w),
                reference::transposed_convolution(&geometry, back, &dy, &transposed),
                reference::convolution_weight_gradient(&geometry, channels, &x, &dy),
            ),
            Direction::Up => (
                reference::transposed_convolution(&geometry, channels, &x, &w),
                reference::convolution(&geometry, back, &dy, &transposed),
                reference::transposed_convolution_weight_gradient(&geometry, channels, &x, &dy),
            ),
        }
    };
    let with_bias: Vec<f64> = y.iter().enumerate().map(|(i, y)| y + f64::from(bias[i % c_out])).collect();
    let with_relu: Vec<f64> = with_bias.iter().map(|y| if *y <= 0.0 { 0.0 } else { *y }).collect();
    let gated = gate(&dx, &x);
    let terms = geometry.taps() * c_in.max(c_out);

    for isa in Isa::available() {
        let what = |part: &str| format!("{isa}, {part}, {case:?}, {spoilt:?}");
        let room = images + 1;
        let forward = Gather::new(isa, &geometry, direction, c_in, c_out, room);
        let mut packed = vec![f32::NAN; forward.packed_len()];
        forward.pack(Operand::Weights, &w, &mut packed);
        // One number more than needed, to see that it stays.
        let mut found = vec![7.0; y.len() + 1];
        for (epilogue, expected) in
            [(Epilogue::Store, &y), (Epilogue::Bias(&bias), &with_bias), (Epilogue::BiasRelu(&bias), &with_relu)]
        {
            forward.run(images, &x, &packed, epilogue, &mut found);
            assert_close(&what("forward"), &found[..y.len()], expected, terms);
            assert_eq!(found[y.len()], 7.0, "wrote beyond its output");
        }

        let backward = Gather::new(isa, &geometry, direction.reversed(), c_out, c_in, room);
        let mut packed = vec![f32::NAN; backward.packed_len()];
        backward.pack(Operand::Transposed, &w, &mut packed);
        let mut found = vec![7.0; dx.len()];
        backward.run(images, &dy, &packed, Epilogue::Store, &mut found);
        assert_close(&what("input gradient"), &found, &dx, terms);
        backward.run(images, &dy, &packed, Epilogue::WherePositive(&x), &mut found);
        assert_close(&what("gated input gradient"), &found, &gated, terms);

        let gradient = WeightGradient::new(isa, &geometry, direction, c_in, c_out, room);
        let mut found = vec![f32::NAN; dw.len()];
        let terms = images * geometry.small_pixels();
        gradient.run(images, &x, &dy, Accumulate::No, &mut found);
        assert_close(&what("weight gradient"), &found, &dw, terms);
        gradient.run(images, &x, &dy, Accumulate::Yes, &mut found);
        let twice: Vec<f64> = dw.iter().map(|dw| 2.0 * dw).collect();
        assert_close(&what("accumulated weight gradient"), &found, &twice, terms);

        // Minimal filtering, where there is a tile for the filter; its scratch may hold anything. Numbers and weights of
        // up to four pixels and taps are added before they are multiplied.
        let terms = 16 * geometry.taps() * c_in.max(c_out);
        let channels = [c_in, c_out];
        if let Some(forward) = WinogradGather::new(isa, &geometry, direction, channels, room) {
            let mut scratch = vec![f32::NAN; forward.scratch_len()];
            let mut packed = vec![f32::NAN; forward.packed_len()];
            forward.pack(Operand::Weights, &w, &mut packed);
            let mut found = vec![7.0; y.len() + 1];
            for (epilogue, expected) in [(Epilogue::Bias(&bias), &with_bias), (Epilogue::BiasRelu(&bias), &with_relu)] {
                forward.run(images, &x, &packed, epilogue, &mut found, &mut scratch);
                assert_close(&what("filtered forward"), &found[..y.len()], expected, terms);
                assert_eq!(found[y.len()], 7.0, "wrote beyond its output");
            }
        }
        if let Some(backward) = WinogradGather::new(isa, &geometry, direction.reversed(), [c_out, c_in], room) {
            let mut scratch = vec![f32::NAN; backward.scratch_len()];
            let mut packed = vec![f32::NAN; backward.packed_len()];
            backward.pack(Operand::Transposed, &w, &mut packed);
            let mut found = vec![7.0; dx.len()];
            backward.run(images, &dy, &packed, Epilogue::WherePositive(&x), &mut found, &mut scratch);
            assert_close(&what("filtered gated input gradient"), &found, &gated, terms);
        }
        if let Some(gradient) = WinogradWeightGradient::new(isa, &geometry, direction, channels, room) {
            let mut scratch = vec![f32::NAN; gradient.scratch_len()];
            let mut found = vec![f32::NAN; dw.len()];
            let terms = images * geometry.small_pixels();
            gradient.run(images, &x, &dy, Accumulate::No, &mut found, &mut scratch);
            assert_close(&what("filtered weight gradient"), &found, &dw, 16 * terms);
            gradient.run(images, &x, &dy, Accumulate::Yes, &mut found, &mut scratch);
            assert_close(&what("accumulated filtered weight gradient"), &found, &twice, 16 * terms);
        }
    }
}

/// Both gradients of a layer that goes up at once, by minimal filtering, where there is a tile for its filter.
fn check_both_gradients(case: Case, spoilt: Option<Spoilt>) {
    let Case { geometry, c_in, c_out, images, .. } = case;
    let pixels = [geometry.small_pixels(), geometry.large_pixels()];
    let lengths = [images * pixels[0] * c_in, geometry.taps() * c_in * c_out, images * pixels[1] * c_out];
    let [x, w, dy] = tensors(lengths, spoilt);
    let transposed = reference::transpose_taps([c_in, c_out], &widen(&w));
    let dx = reference::convolution(&geometry, [c_out, c_in], &widen(&dy), &transposed);
    let dx = gate(&dx, &x);
    let dw = reference::transposed_convolution_weight_gradient(&geometry, [c_in, c_out], &widen(&x), &widen(&dy));
    for isa in Isa::available() {
        let room = images + 1;
        let gradient = WinogradWeightGradient::new(isa, &geometry, Direction::Up, [c_in, c_out], room);
        let backward = WinogradGather::new(isa, &geometry, Direction::Down, [c_out, c_in], room);
        let (Some(gradient), Some(backward)) = (gradient, backward) else { return };
        let mut packed = vec![f32::NAN; backward.packed_len()];
        backward.pack(Operand::Transposed, &w, &mut packed);
        // Its scratch may hold anything.
        let mut scratch = vec![f32::NAN; gradient.scratch_len()];
        let (mut found, mut found_dx) = (vec![0.5; dw.len()], vec![f32::NAN; dx.len()]);
        for times in [1.0, 2.0] {
            let gate = Epilogue::WherePositive(&x);
            let input =
                WinogradInputGradient { backward: &backward, packed: &packed, epilogue: gate, dx: &mut found_dx };
            gradient.run_with_input_gradient(images, &x, &dy, &mut found, input, &mut scratch);
            let expected: Vec<f64> = dw.iter().map(|dw| 0.5 + times * dw).collect();
            let what = |part: &str| format!("{isa}, {part} of both, {case:?}, {spoilt:?}");
            assert_close(&what("weight gradient"), &found, &expected, 16 * images * geometry.small_pixels());
            assert_close(&what("input gradient"), &found_dx, &dx, 16 * geometry.taps() * c_in.max(c_out));
        }
    }
}

/// Both gradients of a layer that makes an image, on every instruction set.
fn check_image_gradients(geometry: Geometry, [c_in, c_out]: [usize; 2], images: usize, spoilt: Option<Spoilt>) {
    let pixels = [geometry.small_pixels(), geometry.large_pixels()];
    let lengths = [images * pixels[0] * c_in, geometry.taps() * c_in * c_out, images * pixels[1] * c_out];
    let [x, w, dy] = tensors(lengths, spoilt);
    let transposed = reference::transpose_taps([c_in, c_out], &widen(&w));
    let dx = reference::convolution(&geometry, [c_out, c_in], &widen(&dy), &transposed);
    let gated = gate(&dx, &x);
    let dw = reference::transposed_convolution_weight_gradient(&geometry, [c_in, c_out], &widen(&x), &widen(&dy));
    for isa in Isa::available() {
        let gradients = ImageGradients::new(isa, &geometry, [c_in, c_out]);
        let mut packed = vec![f32::NAN; gradients.packed_len()];
        gradients.pack(&w, &mut packed);
        let mut scratch = vec![f32::NAN; gradients.scratch_len()];
        let mut found_dw = vec![0.5; dw.len()];
        for (times, x_is_relu, expected_dx) in [(1.0, false, &dx), (2.0, true, &gated)] {
            // One number more than needed, to see that it stays.
            let mut found_dx = vec![7.0; dx.len() + 1];
            let of =
                ImageGradientsOf { x: &x, x_is_relu, dy: &dy, packed: &packed, dx: &mut found_dx, dw: &mut found_dw };
            gradients.run(images, of, &mut scratch);
            let what = |part: &str| {
                format!("{isa}, {part}, {geometry:?}, {c_in} to {c_out} channels, {images} images, {spoilt:?}")
            };
            assert_close(&what("input gradient"), &found_dx[..dx.len()], expected_dx, geometry.taps() * c_out);
            assert_eq!(found_dx[dx.len()], 7.0, "wrote beyond its output");
            let expected_dw: Vec<f64> = dw.iter().map(|dw| 0.5 + times * dw).collect();
            assert_close(&what("weight gradient"), &found_dw, &expected_dw, images * geometry.small_pixels());
        }
    }
}

/// Channels around the widths of vectors and rows of the weights, images around the blocks of pixels.
#[test]
fn both_gradients_of_a_layer_that_makes_an_image() {
    for c_out in [1, 2, 3, 4, 5, 7] {
        for c_in in [1, 7, 8, 9, 16, 17, 31, 32, 33, 64, 65] {
            check_image_gradients(Geometry::same([5, 4]), [c_in, c_out], 2, None);
        }
        for size in [[1, 1], [1, 2], [3, 1], [7, 7], [4, 47], [3, 48], [3, 49], [2, 95], [2, 96], [2, 97], [1, 200]] {
            check_image_gradients(Geometry::same(size), [10, c_out], 1, None);
        }
    }
    for images in 0..4 {
        check_image_gradients(Geometry::pointwise([4, 3]), [5, 2], images, None);
    }
}

fn directions(geometry: Geometry, c_in: usize, c_out: usize, images: usize) {
    for direction in [Direction::Down, Direction::Up] {
        check(Case { geometry, direction, c_in, c_out, images });
    }
    check_both_gradients(Case { geometry, direction: Direction::Up, c_in, c_out, images }, None);
}

/// Output channels around the widths of vectors and panels of all instruction sets, dot-product form included.
#[test]
fn output_channels_around_every_panel_edge() {
    for c_out in [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 40, 47, 48, 49, 63, 64, 65, 95, 96, 97, 128, 129] {
        directions(Geometry::halving([5, 6]), 6, c_out, 2);
    }
}

/// Input channels around the rows of weight-gradient tiles and the vectors of dot products.
#[test]
fn input_channels_around_every_tile_edge() {
    for c_in in [1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 16, 17, 32, 33] {
        directions(Geometry::halving([6, 5]), c_in, 9, 2);
        directions(Geometry::same([4, 3]), c_in, 2, 2);
        // The widest tiles, whole and in part.
        for c_out in [48, 47, 64, 63] {
            directions(Geometry::halving([6, 5]), c_in, c_out, 1);
        }
    }
}

/// Numbers of pixels around the rows of tiles and the blocks of pixels.
#[test]
fn pixels_around_every_tile_and_block_edge() {
    for width in [1, 2, 3, 4, 5, 6, 7, 11, 12, 13, 15, 95, 96, 97, 193] {
        directions(Geometry::pointwise([1, width]), 3, 8, 1);
        directions(Geometry::halving([1, width]), 2, 6, 3);
        for c_out in [48, 64] {
            directions(Geometry::pointwise([1, width]), 2, c_out, 1);
        }
    }
}

/// Sizes that minimal filtering takes several bands for, of which the last may be of half tiles alone.
#[test]
fn sizes_of_several_bands() {
    for [height, width] in [[65, 12], [66, 13], [67, 11], [69, 31], [97, 15], [98, 14]] {
        directions(Geometry::halving([height, width]), 33, 34, 1);
    }
}

#[test]
fn numbers_of_images_around_every_tile_edge() {
    for images in [1, 4, 5, 6, 7, 12, 13, 16] {
        directions(Geometry::whole([3, 2]), 5, 20, images);
    }
}

/// Fails unless `run` makes the same of several images together as of each alone, to the last bit.
fn assert_alone(what: &str, x: &[f32], target_len: usize, run: impl Fn(usize, &[f32], &mut [f32])) {
    let source_len = x.len() / IMAGES;
    let mut together = vec![0.0; IMAGES * target_len];
    run(IMAGES, x, &mut together);
    for (number, (x, together)) in x.chunks(source_len).zip(together.chunks(target_len)).enumerate() {
        let mut alone = vec![0.0; target_len];
        run(1, x, &mut alone);
        let same = alone.iter().zip(together).all(|(alone, together)| alone.to_bits() == together.to_bits());
        assert!(same, "{what}: image {number}");
    }
}

/// More than one group of images that are as small as these.
const IMAGES: usize = 5;

/// What is made of an image does not depend on the images beside it.
#[test]
fn an_image_is_the_same_alone_and_among_others() {
    let geometries =
        [Geometry::same([6, 7]), Geometry::halving([8, 9]), Geometry::whole([3, 2]), Geometry::pointwise([1, 1])];
    let cases = geometries.iter().flat_map(|geometry| {
        let channels = [(17, 1), (17, 2), (9, 3), (17, 4), (17, 5), (16, 16), (16, 33)];
        channels
            .into_iter()
            .flat_map(move |channels| [Direction::Down, Direction::Up].map(|way| (geometry, channels, way)))
    });
    for (geometry, (c_in, c_out), direction) in cases {
        let weights = numbers(geometry.taps() * c_in * c_out, 1);
        let x = numbers(IMAGES * geometry.source_pixels(direction) * c_in, 2);
        let target_len = geometry.target_pixels(direction) * c_out;
        for isa in Isa::available() {
            let what = format!("{isa}, {geometry:?}, {direction:?}, {c_in} to {c_out}");
            let gather = Gather::new(isa, geometry, direction, c_in, c_out, IMAGES);
            let mut packed = vec![0.0; gather.packed_len()];
            gather.pack(Operand::Weights, &weights, &mut packed);
            assert_alone(&what, &x, target_len, |images, x, y| gather.run(images, x, &packed, Epilogue::Store, y));
            if let Some(filtering) = WinogradGather::new(isa, geometry, direction, [c_in, c_out], IMAGES) {
                let mut packed = vec![0.0; filtering.packed_len()];
                filtering.pack(Operand::Weights, &weights, &mut packed);
                assert_alone(&format!("{what}, filtering"), &x, target_len, |images, x, y| {
                    let mut scratch = vec![f32::NAN; filtering.scratch_len()];
                    filtering.run(images, x, &packed, Epilogue::Store, y, &mut scratch);
                });
            }
        }
    }
}

/// Odd sizes, even sizes, sides of one pixel.
#[test]
fn sizes_of_every_parity() {
    for size in [[1, 1], [1, 2], [2, 1], [2, 3], [3, 3], [7, 7], [8, 9], [14, 14]] {
        directions(Geometry::halving(size), 4, 5, 2);
        directions(Geometry::same(size), 5, 4, 2);
        directions(Geometry::whole(size), 4, 5, 2);
    }
}

/// The layers of the reference network.
#[test]
fn the_layers_of_the_reference_network() {
    check(Case { geometry: Geometry::halving([14, 14]), direction: Direction::Down, c_in: 32, c_out: 64, images: 2 });
    check(Case { geometry: Geometry::whole([7, 7]), direction: Direction::Down, c_in: 64, c_out: 40, images: 2 });
    check(Case { geometry: Geometry::whole([7, 7]), direction: Direction::Up, c_in: 20, c_out: 64, images: 2 });
    check(Case { geometry: Geometry::halving([14, 14]), direction: Direction::Up, c_in: 64, c_out: 64, images: 2 });
    // Minimal filtering takes this one image by image, and forward in two bands.
    let largest =
        Case { geometry: Geometry::halving([28, 28]), direction: Direction::Up, c_in: 64, c_out: 32, images: 2 };
    check(largest);
    check_both_gradients(largest, None);
    check(Case { geometry: Geometry::same([28, 28]), direction: Direction::Up, c_in: 32, c_out: 1, images: 1 });
}

/// Patches followed by a product with rows are the layer itself, forward and towards its weights; a block of pixels at
/// a time, which begin and end anywhere.
#[test]
fn patches_make_a_layer_a_product_of_rows() {
    const BLOCK: usize = 13;
    for channels in 1..=5 {
        for geometry in [Geometry::halving([9, 8]), Geometry::same([7, 6]), Geometry::same([1, 2])] {
            let (c_out, isa) = (10, Isa::fastest());
            let x = numbers(geometry.large_pixels() * channels, 5);
            let w = numbers(geometry.taps() * channels * c_out, 6);
            let dy = numbers(geometry.small_pixels() * c_out, 7);
            let patches = Patches::new(&geometry, channels);
            let gather = Gather::over_patches(isa, &geometry, channels, c_out, BLOCK);
            let gradient = WeightGradient::of_rows(isa, patches.patch_len(), c_out, BLOCK);
            let mut packed = vec![0.0; gather.packed_len()];
            let mut patched = vec![f32::NAN; BLOCK * patches.patch_len()];
            let mut y = vec![0.0; dy.len()];
            let mut over_blocks = |packed: &[f32], dw: &mut [f32]| {
                let mut accumulate = Accumulate::No;
                for first in (0..patches.pixels()).step_by(BLOCK) {
                    let pixels = BLOCK.min(patches.pixels() - first);
                    patches.run(&x, first..first + pixels, &mut patched);
                    gather.run(pixels, &patched, packed, Epilogue::Store, &mut y[first * c_out..]);
                    gradient.run(pixels, &patched, &dy[first * c_out..], accumulate, dw);
                    accumulate = Accumulate::Yes;
                }
                y.clone()
            };
            let mut dw = vec![f32::NAN; w.len()];
            gather.pack(Operand::Weights, &w, &mut packed);
            let found = over_blocks(&packed, &mut dw);
            let size = [channels, c_out];
            let expected = reference::convolution(&geometry, size, &widen(&x), &widen(&w));
            assert_close("patches", &found, &expected, geometry.taps() * channels);
            let expected_dw = reference::convolution_weight_gradient(&geometry, size, &widen(&x), &widen(&dy));
            assert_close("weight gradient over patches", &dw, &expected_dw, geometry.small_pixels());

            // The input gradient of a transposed convolution from `c_out` to `channels` channels.
            gather.pack(Operand::Transposed, &reference::transpose_taps(size, &w), &mut packed);
            assert_close("transposed patches", &over_blocks(&packed, &mut dw), &expected, geometry.taps() * channels);
        }
    }
}

/// NaN in one number gives NaN in all that depends on it by the definition, through `ReLU` and its gate too.
#[test]
fn nan_is_not_swallowed() {
    for spoilt in Spoilt::each() {
        for c_out in [1, 3, 9, 33] {
            for geometry in [Geometry::halving([6, 5]), Geometry::same([4, 5]), Geometry::whole([3, 2])] {
                for direction in [Direction::Down, Direction::Up] {
                    check_spoilt(Case { geometry, direction, c_in: 7, c_out, images: 2 }, spoilt);
                }
                check_both_gradients(Case { geometry, direction: Direction::Up, c_in: 7, c_out, images: 2 }, spoilt);
            }
        }
        for c_out in [1, 3] {
            check_image_gradients(Geometry::same([5, 4]), [9, c_out], 2, spoilt);
        }
    }
}

/// Neither does a bias of infinity become a number.
#[test]
fn infinity_is_not_swallowed() {
    for isa in Isa::available() {
        for c_out in [1, 8] {
            let geometry = Geometry::pointwise([2, 2]);
            let gather = Gather::new(isa, &geometry, Direction::Down, 3, c_out, 1);
            let mut packed = vec![0.0; gather.packed_len()];
            gather.pack(Operand::Weights, &vec![1.0; 3 * c_out], &mut packed);
            let mut y = vec![0.0; 4 * c_out];
            for (x, bias, expected) in [
                (f32::INFINITY, 0.0, f32::INFINITY),
                (1.0, f32::INFINITY, f32::INFINITY),
                (1.0, f32::NEG_INFINITY, 0.0),
            ] {
                gather.run(1, &[x; 12], &packed, Epilogue::BiasRelu(&vec![bias; c_out]), &mut y);
                assert!(y.iter().all(|&y| y == expected), "{isa}: {y:?}");
            }
            gather.run(1, &[f32::INFINITY; 12], &packed, Epilogue::BiasRelu(&vec![f32::NEG_INFINITY; c_out]), &mut y);
            assert!(y.iter().all(|y| y.is_nan()), "{isa}: {y:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn any_layer(
        size in [1_usize..10, 1_usize..10],
        c_in in 1_usize..20,
        c_out in 1_usize..40,
        images in 1_usize..4,
        up in any::<bool>(),
        kind in 0..3,
    ) {
        let geometry = match kind {
            0 => Geometry::halving(size),
            1 => Geometry::same(size),
            _ => Geometry::whole(size),
        };
        let direction = if up { Direction::Up } else { Direction::Down };
        let case = Case { geometry, direction, c_in, c_out, images };
        check(case);
        if up {
            check_both_gradients(case, None);
        }
    }
}
