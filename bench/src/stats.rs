//! Figures from repeated measurements.

/// The median of the values; NaN if there are none.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match (sorted.len(), sorted.len() / 2) {
        (0, _) => f64::NAN,
        (len, middle) if len % 2 == 1 => sorted[middle],
        (_, middle) => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}

/// The median of the ratios of the values, pair by pair. The two values of a pair were measured right after one
/// another, so that a slow moment of the machine counts for both.
pub(crate) fn median_ratio(values: &[f64], beside: &[f64]) -> f64 {
    let ratios = values.iter().zip(beside).map(|(value, other)| value / other);
    median(&ratios.collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::{median, median_ratio};

    fn near(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-9, "{found}, not {expected}");
    }

    #[test]
    fn median_is_in_the_middle() {
        near(median(&[3.0, 1.0, 2.0]), 2.0);
        near(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median(&[]).is_nan());
    }
    #[test]
    fn ratio_is_taken_pair_by_pair() {
        near(median_ratio(&[2.0, 1.0, 30.0], &[1.0, 2.0, 10.0]), 2.0);
    }
}
