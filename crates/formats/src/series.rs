//! Arrays that are stored as they are, and what of them is there if the file ends early.

use crate::error::ReadError;
use crate::signal::Axis;

/// Bytes of `sizes` elements of `size` bytes; an error if there are none or too many to count.
pub(crate) fn bytes_of(sizes: &[usize], size: usize) -> Result<u64, ReadError> {
    let shape = || sizes.iter().map(usize::to_string).collect::<Vec<_>>().join(" × ");
    let bytes = sizes.iter().try_fold(size as u64, |bytes, &side| bytes.checked_mul(side as u64));
    match bytes {
        Some(0) => Err(ReadError::damaged(format!("its shape, {}, has no elements", shape()))),
        Some(bytes) if usize::try_from(bytes).is_ok() => Ok(bytes),
        _ => Err(ReadError::damaged(format!("the header claims {} elements", shape()))),
    }
}

/// Shortens the first axis of a series of images to those that are whole when there are only
/// `available` of the `needed` bytes, and says how many are missing. Anything else must be whole.
pub(crate) fn keep_whole(
    axes: &mut [Axis],
    needed: u64,
    available: u64,
) -> Result<Option<String>, ReadError> {
    if needed <= available {
        return Ok(None);
    }
    let short = || {
        ReadError::damaged(format!(
            "the header claims {needed} bytes of data, but only {available} are there"
        ))
    };
    let [first, .., _, _] = axes else { return Err(short()) };
    let total = first.size;
    let each = needed / (total as u64).max(1);
    let whole = available / each.max(1);
    if whole == 0 {
        return Err(short());
    }
    first.size = whole as usize;
    let inner: usize = axes[1..axes.len() - 2].iter().map(|axis| axis.size).product();
    Ok(Some(missing((total - axes[0].size) * inner, total * inner, "frames")))
}

/// The warning about a series that was cut off.
pub(crate) fn missing(missing: usize, total: usize, what: &str) -> String {
    format!("the file ends early: {missing} of {total} {what} are missing")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axes(sizes: &[usize]) -> Vec<Axis> {
        sizes.iter().map(|&size| Axis::counting("", size)).collect()
    }

    #[test]
    fn only_series_may_be_cut() {
        assert!(keep_whole(&mut axes(&[4, 5]), 20, 19).is_err());
        assert!(keep_whole(&mut axes(&[3, 4, 5]), 60, 19).is_err());
        let mut three = axes(&[3, 4, 5]);
        assert_eq!(keep_whole(&mut three, 60, 60).unwrap(), None);
        assert!(keep_whole(&mut three, 60, 59).unwrap().unwrap().contains("1 of 3 frames"));
        assert_eq!(three[0].size, 2);
        let mut four = axes(&[3, 2, 4, 5]);
        assert!(keep_whole(&mut four, 120, 41).unwrap().unwrap().contains("4 of 6 frames"));
    }

    #[test]
    fn impossible_shapes_are_refused() {
        assert_eq!(bytes_of(&[2, 3], 4).unwrap(), 24);
        assert!(bytes_of(&[0, usize::MAX, 2], 4).is_err());
        assert!(bytes_of(&[usize::MAX, 2], 4).is_err());
        assert_eq!(bytes_of(&[], 8).unwrap(), 8);
    }
}
