//! Numbers, dates, durations and addresses, as the reader writes them.
//!
//! Times stay UTC here; the script says them in the time zone of the browser.

use super::words::Lang;
use std::borrow::Borrow;
use std::fmt::{Display, Write};

/// A number that may be missing, as templates hand it over: by value or by reference.
pub(crate) trait Number {
    /// It; none where it is missing.
    fn number(&self) -> Option<f64>;
}

macro_rules! numbers {
    ($($kind:ty),+) => {
        $(
            #[allow(clippy::cast_precision_loss, reason = "no count of images or bytes is that large")]
            impl Number for $kind {
                fn number(&self) -> Option<f64> {
                    Some(*self as f64)
                }
            }
        )+
    };
}

numbers!(f64, f32, i64, u64, usize, i32);

impl<T: Number> Number for Option<T> {
    fn number(&self) -> Option<f64> {
        self.as_ref().and_then(Number::number)
    }
}

impl<T: Number> Number for &T {
    fn number(&self) -> Option<f64> {
        (**self).number()
    }
}

/// What stands where there is no number.
pub(crate) const NOTHING: &str = "–";

/// A count, its digits in groups of three.
pub(crate) fn count(n: impl Number) -> String {
    let Some(n) = n.number() else { return NOTHING.to_owned() };
    let digits = format!("{:.0}", n.abs());
    let mut text = if n < 0.0 { "−".to_owned() } else { String::new() };
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number with so many digits behind the point; none, and none that is one, is a dash.
pub(crate) fn fixed(number: impl Number, digits: impl Borrow<usize>) -> String {
    let digits = *digits.borrow();
    match number.number() {
        Some(number) if number.is_finite() => format!("{number:.digits$}").replace('-', "−"),
        _ => NOTHING.to_owned(),
    }
}

/// A score: enough digits to tell it from its threshold.
pub(crate) fn score(score: impl Number) -> String {
    let score = score.number();
    fixed(score, if score.is_some_and(|score| score.abs() >= 1000.0) { 0 } else { 2 })
}

/// A raw score or a figure of a map: four digits that count.
pub(crate) fn raw(number: impl Number) -> String {
    let number = number.number();
    let digits: usize = match number.map(f64::abs) {
        Some(size) if size >= 1000.0 => 0,
        Some(size) if size >= 1.0 => 3,
        _ => 4,
    };
    fixed(number, digits)
}

/// A p-value.
pub(crate) fn p_value(p: impl Number) -> String {
    match p.number() {
        Some(p) if p < 0.0001 => "< 0.0001".to_owned(),
        p => fixed(p, if p.is_some_and(|p| p < 0.1) { 4 } else { 2 }),
    }
}

/// A rate 0..1 in percent, with as many digits as it needs: `1 %`, `0.05 %`.
pub(crate) fn percent(rate: impl Number) -> String {
    let Some(rate) = rate.number().filter(|rate| rate.is_finite()) else { return NOTHING.to_owned() };
    let digits = match rate {
        _ if rate >= 0.0995 => 0,
        _ if rate >= 0.00995 => 1,
        _ => 2,
    };
    let text = format!("{:.digits$}", rate * 100.0);
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text} %")
}

/// A part of a whole in percent; a dash where there is no whole.
pub(crate) fn share(part: impl Number, whole: impl Number) -> String {
    match (part.number(), whole.number()) {
        (Some(part), Some(whole)) if whole > 0.0 => percent(part / whole),
        _ => NOTHING.to_owned(),
    }
}

/// A size of files.
pub(crate) fn bytes(n: impl Number) -> String {
    const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
    let (mut size, mut unit) = (n.number().unwrap_or(0.0), 0);
    while size >= 999.5 && unit + 1 < UNITS.len() {
        (size, unit) = (size / 1000.0, unit + 1);
    }
    let digits = usize::from(unit > 0 && size < 9.95);
    format!("{size:.digits$} {}", UNITS[unit])
}

/// Milliseconds of one image.
pub(crate) fn milliseconds(lang: impl Borrow<Lang>, ms: impl Number) -> String {
    match ms.number() {
        Some(ms) if ms >= 10_000.0 => duration(lang, ms / 1000.0),
        Some(ms) if ms >= 1000.0 => format!("{} s", fixed(ms / 1000.0, 2)),
        Some(ms) => format!("{} ms", fixed(ms, usize::from(ms < 10.0))),
        None => NOTHING.to_owned(),
    }
}

/// A time span of seconds, in its two largest units.
pub(crate) fn duration(lang: impl Borrow<Lang>, seconds: impl Number) -> String {
    let seconds = seconds.number().filter(|seconds| seconds.is_finite() && *seconds >= 0.0);
    let Some(seconds) = seconds.map(|seconds| seconds.round() as u64) else { return NOTHING.to_owned() };
    let names = match lang.borrow() {
        Lang::En => [" d", " h", " min", " s"],
        Lang::Ko => ["일", "시간", "분", "초"],
    };
    let parts = [seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60, seconds % 60];
    let first = parts.iter().position(|part| *part > 0).unwrap_or(3);
    let shown = (first..4).take(2).filter(|at| parts[*at] > 0 || *at == first);
    let texts: Vec<String> = shown.map(|at| format!("{}{}", parts[at], names[at])).collect();
    texts.join(" ")
}

/// The span between two times; a dash where one is missing.
pub(crate) fn between(lang: impl Borrow<Lang>, from: &Option<String>, to: &Option<String>) -> String {
    match (from.as_deref().and_then(seconds_of), to.as_deref().and_then(seconds_of)) {
        (Some(from), Some(to)) => duration(lang, (to - from).max(0.0)),
        _ => NOTHING.to_owned(),
    }
}

/// Seconds since 1970 of `2026-11-28T09:06:21.5Z`.
fn seconds_of(time: &str) -> Option<f64> {
    let number = |at: std::ops::Range<usize>| time.get(at)?.parse::<i64>().ok();
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    // Days by the Gregorian calendar, the year beginning in March.
    let (years, months) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = years * 365 + years.div_euclid(4) - years.div_euclid(100)
        + years.div_euclid(400)
        + (153 * months + 2) / 5
        + day
        - 719_469;
    let seconds = days * 86_400 + number(11..13)? * 3600 + number(14..16)? * 60;
    let rest = time.get(17..)?.trim_end_matches('Z').parse::<f64>().ok()?;
    Some(seconds as f64 + rest)
}

/// `2026-11-28 09:06`, of a time as the API writes it; as it is where it is none.
pub(crate) fn minute(time: &str) -> String {
    match (time.get(..10), time.get(11..16)) {
        (Some(day), Some(minute)) => format!("{day} {minute}"),
        _ => time.to_owned(),
    }
}

/// The first digits of a hash.
pub(crate) fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}

/// A sentence with what stands in its holes `{}`.
pub(crate) fn fill<T: Display>(sentence: &str, values: &[T]) -> String {
    let mut parts = sentence.split("{}");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for (at, part) in parts.enumerate() {
        if let Some(value) = values.get(at) {
            // A string takes whatever is written.
            let _ = write!(text, "{value}");
        }
        text.push_str(part);
    }
    text
}

/// A text as a part of an address.
pub(crate) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

/// A path with a query of what is not empty.
pub(crate) fn address(path: &str, query: &[(&str, &str)]) -> String {
    let pairs = query.iter().filter(|(_, value)| !value.is_empty());
    let pairs: Vec<String> = pairs.map(|(key, value)| format!("{key}={}", encode(value))).collect();
    if pairs.is_empty() { path.to_owned() } else { format!("{path}?{}", pairs.join("&")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_in_groups() {
        assert_eq!(count(0), "0");
        assert_eq!(count(999), "999");
        assert_eq!(count(1000), "1,000");
        assert_eq!(count(-1_234_567), "−1,234,567");
    }

    #[test]
    fn numbers_have_the_digits_that_count() {
        assert_eq!(score(1.234_5_f32), "1.23");
        assert_eq!(score(-0.5_f32), "−0.50");
        assert_eq!(score(None::<f32>), NOTHING);
        assert_eq!(score(f32::NAN), NOTHING);
        assert_eq!(raw(0.123_456), "0.1235");
        assert_eq!(raw(12.345_67), "12.346");
        assert_eq!(p_value(Some(0.000_01)), "< 0.0001");
        assert_eq!(p_value(Some(0.5)), "0.50");
        assert_eq!(
            [0.0005, 0.001, 0.01, 0.025, 0.2, 0.0].map(percent),
            ["0.05 %", "0.1 %", "1 %", "2.5 %", "20 %", "0 %"]
        );
        assert_eq!(share(1_i64, 3_i64), "33 %");
        assert_eq!(share(0_i64, 0_i64), NOTHING);
    }

    #[test]
    fn sizes_change_their_unit_where_the_next_begins() {
        assert_eq!([0_u64, 999, 1000, 9_999, 123_456_789].map(bytes), ["0 B", "999 B", "1.0 kB", "10 kB", "123 MB"]);
        assert_eq!(bytes(u64::MAX), "18446744 TB");
    }

    #[test]
    fn spans_are_told_in_two_units() {
        assert_eq!(duration(Lang::En, 0.2), "0 s");
        assert_eq!(duration(Lang::En, 61.0), "1 min 1 s");
        assert_eq!(duration(Lang::Ko, 3600.0), "1시간");
        assert_eq!(duration(Lang::Ko, 90_061.0), "1일 1시간");
        assert_eq!(duration(Lang::En, f64::INFINITY), NOTHING);
    }

    #[test]
    fn a_span_knows_the_calendar() {
        let span = |from: &str, to: &str| between(Lang::En, &Some(from.into()), &Some(to.into()));
        assert_eq!(seconds_of("1970-01-01T00:00:00Z"), Some(0.0));
        assert_eq!(seconds_of("2026-11-28T09:06:21.5Z"), Some(1_795_856_781.5));
        assert_eq!(span("2028-02-28T23:59:59Z", "2028-03-01T00:00:00Z"), "1 d");
        assert_eq!(span("yesterday", "2028-03-01T00:00:00Z"), NOTHING);
        assert_eq!(minute("2026-11-28T09:06:21Z"), "2026-11-28 09:06");
        assert_eq!(minute("soon"), "soon");
    }

    #[test]
    fn an_address_has_no_byte_that_means_something() {
        assert_eq!(address("/jobs/3", &[("search", "a&b=c #?"), ("sort", "")]), "/jobs/3?search=a%26b%3Dc%20%23%3F");
        assert_eq!(encode("기어"), "%EA%B8%B0%EC%96%B4");
        assert_eq!(address("/", &[]), "/");
    }

    #[test]
    fn holes_are_filled_in_order() {
        assert_eq!(fill("{} of {}", &["1", "<b>"]), "1 of <b>");
        assert_eq!(fill::<u8>("{} left", &[]), " left");
    }
}
