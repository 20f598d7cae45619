//! Lines for who judges.
//!
//! **Invariant:** a figure has a finite value; a void one has none.

/// Prints a figure.
pub(crate) fn figure(name: &str, value: f64, unit: &str) {
    if value.is_finite() {
        println!("figure {name} {value:.3} {unit}");
    } else {
        void(name, "it came out as no number");
    }
}

/// Says that a figure could not be measured.
pub(crate) fn void(name: &str, why: &str) {
    println!("void {name} {why}");
}

/// A count as a number to divide by.
#[expect(clippy::cast_precision_loss, reason = "exact below 2^53, which no run comes near")]
pub(crate) fn count(n: u64) -> f64 {
    n as f64
}

/// The middle one; the mean of the two middle ones of an even number. None of nothing.
pub(crate) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match (sorted.len() % 2, sorted.get(middle)) {
        (_, None) => None,
        (1, Some(value)) => Some(*value),
        (_, Some(above)) => sorted.get(middle - 1).map(|below| f64::midpoint(*below, *above)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0]), Some(3.0));
        assert_eq!(median(&[9.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[9.0, 1.0, 2.0, 4.0]), Some(3.0));
    }
}
