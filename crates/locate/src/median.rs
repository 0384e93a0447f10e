/// Standard deviation of normal numbers over their median absolute deviation, 1 / Φ⁻¹(3/4).
pub(crate) const MAD_TO_SIGMA: f64 = 1.4826;

/// The middle value, the upper of two; `None` of none.
pub fn median(values: &mut [f64]) -> Option<f64> {
    let middle = values.len() / 2;
    if values.is_empty() { None } else { Some(*values.select_nth_unstable_by(middle, f64::total_cmp).1) }
}
