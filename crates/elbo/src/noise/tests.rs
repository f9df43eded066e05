//! Draws have the moments they should, and stay what they are: golden values are those of `tests/golden/make_noise.py`.

use super::*;

fn draw(seed: u64, purpose: Purpose, epoch: u64, item: u64) -> Vec<f32> {
    let mut out = vec![0.0; 40];
    Noise::new(seed, purpose, epoch).normal(item, &mut out);
    out
}

#[test]
fn an_address_gives_the_same_numbers_and_another_others() {
    let base = draw(1, Purpose::Training, 1, 1);
    assert_eq!(base, draw(1, Purpose::Training, 1, 1));
    for other in [
        draw(2, Purpose::Training, 1, 1),
        draw(1, Purpose::Evaluation, 1, 1),
        draw(1, Purpose::Training, 2, 1),
        draw(1, Purpose::Training, 1, 2),
    ] {
        assert!(base.iter().zip(&other).all(|(a, b)| a != b));
    }
}

#[test]
fn fewer_draws_are_the_first_of_more() {
    let all = draw(3, Purpose::Generation, 0, 5);
    for count in 0..40 {
        let mut some = vec![0.0; count];
        Noise::new(3, Purpose::Generation, 0).normal(5, &mut some);
        assert_eq!(some, all[..count]);
    }
}

#[test]
fn normal_draws_have_the_moments_of_a_normal() {
    let noise = Noise::new(7, Purpose::Training, 3);
    let mut numbers = vec![0.0; 20 * 5000];
    for (item, out) in numbers.chunks_mut(20).enumerate() {
        noise.normal(item as u64, out);
    }
    let n = numbers.len() as f64;
    let moment = |k: i32| numbers.iter().map(|&x| f64::from(x).powi(k)).sum::<f64>() / n;
    // Standard errors of the moments: 1, sqrt 2, sqrt 15, sqrt 96 over sqrt n.
    for (k, expected, deviation) in [(1, 0.0, 1.0), (2, 1.0, 1.42), (3, 0.0, 3.88), (4, 3.0, 9.8)] {
        assert!((moment(k) - expected).abs() < 4.0 * deviation / n.sqrt(), "moment {k}: {}", moment(k));
    }
}

#[test]
fn a_shuffle_is_a_permutation() {
    let mut items: Vec<u32> = (0..1000).collect();
    Noise::new(1, Purpose::Order, 1).shuffle(&mut items);
    assert_ne!(items, (0..1000).collect::<Vec<_>>());
    items.sort_unstable();
    assert_eq!(items, (0..1000).collect::<Vec<_>>());
}

/// The key of zeros, of which the first bytes are published (draft-strombergson-chacha-test-vectors, TC1, 8 rounds).
#[test]
fn the_stream_is_chacha8() {
    let mut stream = ChaCha8Rng::from_seed([0; 32]);
    let words = [(); 8].map(|()| stream.next_u32());
    let expected =
        [0x2fef_003e, 0xd640_5f89, 0xe8b8_5b7f, 0xa1a5_091f, 0xc30e_842c, 0x3b7f_9ace, 0x88e1_1b18, 0x1e1a_71ef];
    assert_eq!(words, expected);
}

type Address = (u64, Purpose, u64, u64);

const ADDRESSES: [Address; 4] = [
    (1, Purpose::Training, 1, 0),
    (1, Purpose::Evaluation, 1, 59_999),
    (u64::MAX, Purpose::Generation, 1 << 32, 1 << 40),
    (0, Purpose::Reconstruction, 0, 7),
];

#[test]
fn normal_draws_are_what_they_were() {
    let expected: [[u32; 8]; 4] = [
        [0xbf82_156e, 0xbf69_2c6f, 0xbe48_42f4, 0x3dbc_7a6a, 0x3f68_9272, 0xbf9c_44f2, 0xbff4_ba96, 0x3fca_1e41],
        [0xbea9_18c1, 0x3e4f_d9dd, 0xbf80_6354, 0xbf82_ba7e, 0xbfaa_a38b, 0x3f38_b088, 0xbf3e_522a, 0x3f77_70b2],
        [0xbecd_2b68, 0xbf3f_9f23, 0xbfb5_e561, 0xbeec_9116, 0x3f0f_f0a1, 0xbdf5_a8b0, 0xbf4b_2862, 0xbf4d_acd6],
        [0xbf2a_1ca7, 0x3f48_4598, 0xbdae_e1c6, 0x3d5e_9d00, 0x3e84_ee26, 0x3f2b_80c9, 0xbdad_e5ce, 0x3df2_b916],
    ];
    for ((seed, purpose, epoch, item), expected) in ADDRESSES.into_iter().zip(expected) {
        let draws = draw(seed, purpose, epoch, item);
        assert_eq!([0, 1, 2, 7, 8, 31, 32, 39].map(|k| draws[k].to_bits()), expected, "{purpose:?}");
    }
}

#[test]
fn draws_of_words_at_the_limits_of_the_algorithm_are_what_they_were() {
    for (word, expected) in [
        (0x0000_0000_0000_0000, 0xc104_ad83),
        (0x0000_0000_0000_0800, 0xc102_9242),
        (0x1333_3333_3333_3000, 0xbfb8_4291),
        (0x1333_3333_3333_4000, 0xbfb8_4291),
        (0x7fff_ffff_ffff_ffff, 0xa520_6c99),
        (0x8000_0000_0000_0000, 0x2520_6c99),
        (0xffff_ffff_ffff_f000, 0x4102_9242),
        (0xffff_ffff_ffff_ffff, 0x4104_ad83),
        (0x0030_0000_0000_0000, 0xc04b_9eac),
        (0x0000_0c00_0000_0000, 0xc09a_4339),
        (0x0000_0003_0000_0000, 0xc0c1_c955),
        (0x0000_0000_0c00_0000, 0xc0d6_2f0a),
        (0x0000_0000_0600_0000, 0xc0d9_67a5),
        (0x0000_0000_0006_0000, 0xc0f1_acf2),
        (0x0000_0000_0000_0c00, 0xc102_9242),
    ] {
        assert_eq!(normal::from_word(word).to_bits(), expected, "{word:#018x}");
    }
}

#[test]
fn uniform_draws_are_what_they_were() {
    let expected: [[u32; 6]; 4] = [
        [0x3f06_b14e, 0xbf30_c4d6, 0x3d96_2bf0, 0xbf65_eb24, 0xbf47_21c0, 0x3f62_bb98],
        [0x3ebc_4d30, 0xbe84_81ac, 0xbf31_6198, 0x3d27_9f00, 0x3f07_845a, 0x3f2a_8e8c],
        [0xbed9_6d54, 0xbe9f_6c90, 0xbeb6_3f28, 0x3f32_7a74, 0xbdc3_89e0, 0xbf14_0952],
        [0xbf24_8ade, 0xbefc_bd00, 0x3d31_8840, 0x3f17_660a, 0x3efe_83e4, 0x3dc1_3660],
    ];
    for ((seed, purpose, epoch, item), expected) in ADDRESSES.into_iter().zip(expected) {
        let mut draws = [0.0; 80];
        Noise::new(seed, purpose, epoch).uniform(item, 1.0, &mut draws);
        assert_eq!([0, 1, 15, 16, 63, 79].map(|k| draws[k].to_bits()), expected, "{purpose:?}");
    }
}

#[test]
fn shuffles_are_what_they_were() {
    let mut items: Vec<u32> = (0..20).collect();
    Noise::new(1, Purpose::Order, 1).shuffle(&mut items);
    assert_eq!(items, [1, 14, 6, 16, 0, 13, 19, 5, 10, 7, 2, 11, 12, 8, 17, 3, 9, 18, 15, 4]);
    let mut items: Vec<u32> = (0..60_000).collect();
    Noise::new(5, Purpose::Order, 30).shuffle(&mut items);
    let found = [0, 1, 2, 29_999, 59_998, 59_999].map(|place: usize| items[place]);
    assert_eq!(found, [6_420, 29_875, 2_944, 34_974, 40_872, 25_773]);
}

/// Results depend on these to the last bit: a version of `libm` that rounds otherwise belongs in the changelog.
#[test]
fn elementary_functions_are_what_they_were() {
    fn hash(values: impl Iterator<Item = u64>) -> u64 {
        // FNV-1a, a word at a time.
        values.fold(0xcbf2_9ce4_8422_2325, |hash, value| (hash ^ value).wrapping_mul(0x0100_0000_01b3))
    }
    let grid = || (-20_000..=20_000_i32).map(|i| f64::from(i) / 512.0);
    let singles = |function: fn(f32) -> f32| hash(grid().map(|x| u64::from(function(x as f32).to_bits())));
    let doubles = |function: fn(f64) -> f64| hash(grid().map(|x| function(x).to_bits()));
    let positive = |function: fn(f64) -> f64| hash(grid().map(|x| function((x + 40.0) / 80.0).to_bits()));
    let found = [
        singles(libm::expf),
        singles(libm::expm1f),
        doubles(libm::exp),
        doubles(libm::expm1),
        positive(libm::log),
        positive(libm::log1p),
    ];
    let expected = [
        0xb0b6_4680_b1c3_3395,
        0xa628_ef10_ab0f_ab90,
        0x731e_bdb9_2311_80bb,
        0x4fa0_98f0_f8ca_956a,
        0x2ebd_7c8f_eaf3_e4d5,
        0x5869_c264_491b_031a,
    ];
    assert_eq!(found, expected, "{found:#x?}");
}
