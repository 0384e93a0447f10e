//! Numbers as TIFF's rational type keeps them.

/// The fraction of 32-bit numbers that is nearest to a positive `value`, by continued fractions.
pub(super) fn fraction(value: f64) -> (u32, u32) {
    let (mut before, mut last) = ((0_u64, 1_u64), (1_u64, 0_u64));
    let mut rest = value;
    for _ in 0..40 {
        let whole = rest.floor();
        if !(0.0..=f64::from(u32::MAX)).contains(&whole) {
            break;
        }
        let next = |last: u64, before: u64| (whole as u64).saturating_mul(last).saturating_add(before);
        let (numerator, denominator) = (next(last.0, before.0), next(last.1, before.1));
        if numerator.max(denominator) > u64::from(u32::MAX) {
            break;
        }
        (before, last) = (last, (numerator, denominator));
        if rest - whole < 1e-12 {
            break;
        }
        rest = 1.0 / (rest - whole);
    }
    (last.0 as u32, last.1 as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_are_as_near_as_32_bits_allow() {
        assert_eq!(fraction(0.5), (1, 2));
        assert_eq!(fraction(1.0 / 0.0094), (5000, 47));
        for value in [1e-4, 0.029_296_875, 1.0 / 3.0, std::f64::consts::PI, 106.382_978, 99_999.123_456] {
            let (numerator, denominator) = fraction(value);
            let back = f64::from(numerator) / f64::from(denominator);
            assert!((back / value - 1.0).abs() < 1e-9, "{value}: {numerator}/{denominator} = {back}");
        }
    }
}
