//! Numbers for people.

/// A score with four significant digits, such as `0.09876`, `12.35`, `1.2e-7`.
pub(super) fn short(score: f32) -> String {
    let size = score.abs();
    if !score.is_finite() || size == 0.0 {
        format!("{score}")
    } else if !(1e-3..1e6).contains(&size) {
        format!("{score:.2e}")
    } else {
        let digits_before = size.log10().floor() as i32 + 1;
        format!("{score:.*}", (4 - digits_before).clamp(0, 6) as usize)
    }
}

/// As [`short`], without zeros that only fill up: the end of a scale.
pub(super) fn tick(score: f32) -> String {
    let text = short(score);
    if text.contains('.') && !text.contains('e') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

/// A figure in `[0, 1]` with four decimals; a dash where undefined.
pub(super) fn figure(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.4}"))
}

/// A fraction as a percentage with one decimal; a dash where undefined.
pub(super) fn percent(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{:.1} %", value * 100.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_keep_four_digits() {
        let cases = [
            (0.0, "0"),
            (1.23456, "1.235"),
            (-12.3456, "-12.35"),
            (0.098_765, "0.09877"),
            (123_456.0, "123456"),
            (1.2e-7, "1.20e-7"),
            (4.2e9, "4.20e9"),
            (f32::INFINITY, "inf"),
            (f32::NAN, "NaN"),
        ];
        for (score, expected) in cases {
            assert_eq!(short(score), expected);
        }
    }

    #[test]
    fn ticks_drop_trailing_zeros() {
        let cases = [(0.9, "0.9"), (10.0, "10"), (0.0, "0"), (1.5e-7, "1.50e-7"), (2000.0, "2000"), (1.025, "1.025")];
        for (score, expected) in cases {
            assert_eq!(tick(score), expected);
        }
    }

    #[test]
    fn undefined_figures_are_a_dash() {
        assert_eq!(figure(None), "-");
        assert_eq!(figure(Some(0.95)), "0.9500");
        assert_eq!(percent(Some(0.0125)), "1.2 %");
        assert_eq!(percent(None), "-");
    }
}
