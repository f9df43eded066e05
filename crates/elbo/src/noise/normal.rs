//! Standard normal draws, each from one word of a stream.
//!
//! The inverse of the normal distribution function by Wichura's algorithm AS 241, PPND16 (Applied Statistics 37, 1988),
//! whose relative error is about 1e-16. Sums, products, quotients and roots are exact to the last bit on every machine,
//! and the logarithm comes from `libm`.

/// The standard normal number below which the share `(k + 1/2) / 2^53` of all draws lies, where `k` are the upper 53 bits
/// of `word`: finite, rising with `word`, and the same but for the sign at `!word`.
pub(super) fn from_word(word: u64) -> f32 {
    // The share less one half is `odd / 2^54`, and what is left of it to the nearer end `(2^53 - |odd|) / 2^54`: odd
    // numbers below 2^53, so that neither is rounded, which the share itself would be.
    const UNIT: f64 = 1.0 / (1_u64 << 54) as f64;
    const WHOLE: i64 = 1 << 53;
    let odd = 2 * (word >> 11).cast_signed() + 1 - WHOLE;
    quantile(odd as f64 * UNIT, (WHOLE - odd.abs()) as f64 * UNIT) as f32
}

/// The number below which the share `1/2 + q` lies; `tail` is `1/2 - |q|`, above zero.
fn quantile(q: f64, tail: f64) -> f64 {
    if q.abs() <= 0.425 {
        return q * CENTRE.at(0.180_625 - q * q);
    }
    let root = (-libm::log(tail)).sqrt();
    let size = if root <= 5.0 { TAIL.at(root - 1.6) } else { FAR_TAIL.at(root - 5.0) };
    size.copysign(q)
}

/// A quotient of two polynomials; the coefficients of the highest powers come first.
struct Ratio {
    above: [f64; 8],
    below: [f64; 8],
}

impl Ratio {
    fn at(&self, x: f64) -> f64 {
        let horner = |coefficients: &[f64; 8]| coefficients.iter().fold(0.0, |sum, coefficient| sum * x + coefficient);
        horner(&self.above) / horner(&self.below)
    }
}

/// By `0.180625 - q^2`, where `|q|` is at most 0.425.
const CENTRE: Ratio = Ratio {
    above: [
        2.509_080_928_730_122_7e3,
        3.343_057_558_358_813e4,
        6.726_577_092_700_87e4,
        4.592_195_393_154_987e4,
        1.373_169_376_550_946e4,
        1.971_590_950_306_551_3e3,
        1.331_416_678_917_843_8e2,
        3.387_132_872_796_366_5,
    ],
    below: [
        5.226_495_278_852_854e3,
        2.872_908_573_572_194_3e4,
        3.930_789_580_009_271e4,
        2.121_379_430_158_659_7e4,
        5.394_196_021_424_751e3,
        6.871_870_074_920_579e2,
        4.231_333_070_160_091e1,
        1.0,
    ],
};

/// By `sqrt(-ln t) - 1.6`, where that root is at most 5.
const TAIL: Ratio = Ratio {
    above: [
        7.745_450_142_783_414e-4,
        2.272_384_498_926_918_4e-2,
        2.417_807_251_774_506e-1,
        1.270_458_252_452_368_4,
        3.647_848_324_763_204_5,
        5.769_497_221_460_691,
        4.630_337_846_156_546,
        1.423_437_110_749_683_5,
    ],
    below: [
        1.050_750_071_644_416_9e-9,
        5.475_938_084_995_345e-4,
        1.519_866_656_361_645_7e-2,
        1.481_039_764_274_800_8e-1,
        6.897_673_349_851e-1,
        1.676_384_830_183_803_8,
        2.053_191_626_637_759,
        1.0,
    ],
};

/// By `sqrt(-ln t) - 5`, where the root is above 5.
const FAR_TAIL: Ratio = Ratio {
    above: [
        2.010_334_399_292_288_1e-7,
        2.711_555_568_743_487_6e-5,
        1.242_660_947_388_078_4e-3,
        2.653_218_952_657_612_4e-2,
        2.965_605_718_285_048_7e-1,
        1.784_826_539_917_291_3,
        5.463_784_911_164_114,
        6.657_904_643_501_103,
    ],
    below: [
        2.044_263_103_389_939_7e-15,
        1.421_511_758_316_446e-7,
        1.846_318_317_510_054_8e-5,
        7.868_691_311_456_133e-4,
        1.487_536_129_085_061_5e-2,
        1.369_298_809_227_358e-1,
        5.998_322_065_558_88e-1,
        1.0,
    ],
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_finite_symmetric_and_rise_with_the_word() {
        // Both ends, both sides of one half and of the limits between the parts, and a few thousand between.
        let limits = [0, 1 << 11, 1 << 62, 1 << 63, (1 << 63) - 1, u64::MAX].into_iter();
        let powers = (0..64).flat_map(|n| [1_u64 << n, (1 << n) - 1, !(1_u64 << n)]);
        let at_limits = [0.075_f64, 0.925, (-25.0_f64).exp()].map(|share| (share * 2.0_f64.powi(64)) as u64);
        let near = at_limits.into_iter().flat_map(|word| [word - 4096, word - 2048, word, word + 2048, word + 4096]);
        let even = (0..10_000).map(|i| i * (u64::MAX / 10_000));
        let mut words: Vec<u64> = limits.chain(powers).chain(near).chain(even).collect();
        words.sort_unstable();
        let draws: Vec<f32> = words.iter().map(|&word| from_word(word)).collect();
        assert!(draws.is_sorted());
        assert!(draws.iter().all(|draw| draw.is_finite()));
        for (&word, draw) in words.iter().zip(draws) {
            assert_eq!(from_word(!word).to_bits(), (-draw).to_bits(), "{word:#x}");
        }
        assert!(from_word(1 << 63) > 0.0 && from_word((1 << 63) - 1) < 0.0);
        assert_eq!(from_word(u64::MAX), 8.292_361);
    }
}
