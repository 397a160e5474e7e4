//! Times as the server keeps and tells them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Milliseconds of a day.
pub(super) const DAY_MS: i64 = 86_400_000;

/// Milliseconds since 1970, UTC.
pub(super) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// RFC 3339, UTC, with milliseconds; `1970-01-01T00:00:00.000Z` for a time before that.
pub(super) fn rfc3339(ms: i64) -> String {
    let since = Duration::from_millis(u64::try_from(ms).unwrap_or(0));
    humantime::format_rfc3339_millis(UNIX_EPOCH + since).to_string()
}

/// The day of a time, UTC: `2026-11-28`.
pub(super) fn day(ms: i64) -> String {
    rfc3339(ms).chars().take(10).collect()
}

/// The first millisecond of a day, UTC; `None` for what is no day.
pub(super) fn day_start(day: &str) -> Option<i64> {
    let time = humantime::parse_rfc3339(&format!("{day}T00:00:00Z")).ok()?;
    i64::try_from(time.duration_since(UNIX_EPOCH).ok()?.as_millis()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_its_first_millisecond() {
        let start = day_start("2026-11-28").unwrap();
        assert_eq!(rfc3339(start), "2026-11-28T00:00:00.000Z");
        assert_eq!((day(start), day(start - 1)), ("2026-11-28".to_owned(), "2026-11-27".to_owned()));
        assert_eq!(day_start("2026-11-31x"), None);
    }
}
