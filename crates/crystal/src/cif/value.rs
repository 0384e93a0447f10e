//! Single values of a CIF.

use super::syntax::Entry;

/// A finite number, with its uncertainty in brackets left aside: `3.905(2)`, `.5`, `1/3`.
pub(super) fn number(entry: &Entry<'_>) -> Option<f64> {
    let text = entry.text.trim();
    let bare = match text.find('(') {
        Some(open) => {
            let uncertainty = text[open + 1..].strip_suffix(')')?;
            uncertainty.chars().all(|c| c.is_ascii_digit() || c == '.').then(|| &text[..open])?
        }
        None => text,
    };
    decimal(bare).or_else(|| {
        let (top, bottom) = bare.split_once('/')?;
        Some(decimal(top)? / decimal(bottom)?).filter(|value| value.is_finite())
    })
}

/// A number in plain or scientific notation; not the `inf` and `nan` that Rust reads.
fn decimal(text: &str) -> Option<f64> {
    let is_plain = text.chars().all(|c| c.is_ascii_digit() || matches!(c, '+' | '-' | '.' | 'e' | 'E'));
    text.parse().ok().filter(|value: &f64| is_plain && value.is_finite())
}

/// A coordinate that was rounded from a third, sixth or twelfth, put back: 0.333 and 0.3333 become 1/3.
pub(super) fn unrounded(value: f64) -> f64 {
    let exact = (value * 12.0).round() / 12.0;
    if (value - exact).abs() < 4.5e-4 { exact } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<f64> {
        number(&Entry { line: 1, text, is_quoted: false })
    }

    #[test]
    fn numbers_of_all_kinds_are_read() {
        for (text, value) in [
            ("3.905(2)", 3.905),
            ("-.25", -0.25),
            ("1e-3", 1e-3),
            ("+5", 5.0),
            ("1/4", 0.25),
            ("12.3(1.5)", 12.3),
        ] {
            assert_eq!(read(text), Some(value), "{text}");
        }
        for text in ["", "?", "3,905", "nan", "inf", "1e999", "3.9(2", "abc", "1/0"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
