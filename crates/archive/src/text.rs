//! The published library's text files: C's ` %20.20g %20.20g \n`, one item a line.

use std::fmt::Write;

/// Significant digits, and the width of a number.
const DIGITS: usize = 20;
/// 2⁵³.
const FRACTION: f64 = 9_007_199_254_740_992.0;

/// Lines of numbers as the published files have them: before each number a space, at the end another.
pub fn format_rows<R: AsRef<[f64]>>(rows: &[R]) -> String {
    let mut text = String::new();
    for row in rows {
        for value in row.as_ref() {
            let _ = write!(text, " {:>DIGITS$}", general(*value));
        }
        text.push_str(" \n");
    }
    text
}

/// The numbers of every line; `Err` names the first that is none, and its line.
pub fn parse_rows(text: &str) -> Result<Vec<Vec<f64>>, String> {
    let number = |line: usize, word: &str| {
        word.parse::<f64>()
            .ok()
            .filter(|value| value.is_finite())
            .ok_or_else(|| format!("line {}: {word:?} is no number", line + 1))
    };
    text.lines()
        .enumerate()
        .map(|(line, words)| words.split_whitespace().map(|word| number(line, word)).collect())
        .collect()
}

/// C's `%.20g`: 20 significant digits without zeros at the end, as a power of ten below 1e-4 and from 1e20 on.
fn general(value: f64) -> String {
    usual(value).unwrap_or_else(|| any(value))
}

/// [`general`] of values from 1 to 1e5, whose digits fit 128 bits.
fn usual(value: f64) -> Option<String> {
    if !(1.0..1e5).contains(&value) {
        return None;
    }
    let whole = value as u64;
    let mut text = whole.to_string();
    let digits = DIGITS - text.len();
    // 53 bits after the point, of which the last are zero; times at most 10¹⁹ these are 117 bits.
    let fraction = ((value - whole as f64) * FRACTION) as u128 * 10_u128.pow(digits as u32);
    let (decimals, rest) = (fraction >> 53, fraction & (FRACTION as u128 - 1));
    let half = FRACTION as u128 / 2;
    let decimals = decimals + u128::from(rest > half || (rest == half && decimals & 1 == 1));
    if decimals >= 10_u128.pow(digits as u32) {
        return None;
    }
    if decimals > 0 {
        let _ = write!(text, ".{decimals:0digits$}");
        text.truncate(text.trim_end_matches('0').len());
    }
    Some(text)
}

fn any(value: f64) -> String {
    // Rust rounds the exact decimal expansion, as C does.
    let scientific = format!("{value:.*e}", DIGITS - 1);
    let Some((mantissa, exponent)) = scientific.split_once('e') else { return scientific };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let trimmed = |digits: &str| {
        if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.') } else { digits }
            .to_owned()
    };
    if (-4..DIGITS as i32).contains(&exponent) {
        trimmed(&format!("{value:.*}", (DIGITS as i32 - 1 - exponent) as usize))
    } else {
        let sign = if exponent < 0 { '-' } else { '+' };
        format!("{}e{sign}{:02}", trimmed(mantissa), exponent.abs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What printf("%20.20g") writes.
    #[test]
    fn numbers_are_written_as_c_writes_them() {
        for (value, expected) in [
            (0.0, "0"),
            (200.0, "200"),
            (0.9, "0.9000000000000000222"),
            (11.76, "11.759999999999999787"),
            (-1.5, "-1.5"),
            (1e-4, "0.00010000000000000000479"),
            (1e-5, "1.0000000000000000818e-05"),
            (1e20, "1e+20"),
            (12345678901234567890.0, "12345678901234567168"),
            (1e-300, "1.0000000000000000251e-300"),
        ] {
            assert_eq!(general(value), expected);
        }
        assert_eq!(format_rows(&[[1.0, 200.0]]), "                    1                  200 \n");
    }

    #[test]
    fn usual_values_are_written_as_any() {
        let mut value = 1.0_f64;
        while value < 1e5 {
            // Values with few and with all bits.
            for value in
                [value, value + 0.375, value * std::f64::consts::PI / 3.0, value.next_up(), value.floor()]
            {
                assert_eq!(general(value), any(value));
            }
            value *= 1.0137;
        }
    }

    #[test]
    fn a_word_in_a_file_of_numbers_is_named() {
        assert_eq!(parse_rows("1 2\n3 x\n").unwrap_err(), "line 2: \"x\" is no number");
        assert!(parse_rows("nan").is_err());
        assert_eq!(parse_rows(" 1 \n\n").unwrap(), [vec![1.0], vec![]]);
    }
}
