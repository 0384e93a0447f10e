//! Dates as microscopes count them, as ISO 8601.

const SECONDS_A_DAY: i64 = 86_400;
/// The years that an electron microscope's clock can show.
const YEARS: std::ops::RangeInclusive<i64> = 1950..=2200;

/// The date and time of `seconds` after 1970-01-01T00:00:00; `None` outside the years 1950 to 2200.
pub(crate) fn from_unix_seconds(seconds: f64) -> Option<String> {
    if !(-1e11..=1e11).contains(&seconds) {
        return None;
    }
    // Days as floats are right to some microseconds only.
    let whole = (seconds + 5e-4).floor() as i64;
    let (days, time) = (whole.div_euclid(SECONDS_A_DAY), whole.rem_euclid(SECONDS_A_DAY));
    // Civil date from days, with years that start in March (Howard Hinnant's algorithm).
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    YEARS.contains(&year).then(|| {
        format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}", time / 3600, time / 60 % 60, time % 60)
    })
}

/// The date and time of an OLE date: days after 1899-12-30.
pub(crate) fn from_ole_days(days: f64) -> Option<String> {
    from_unix_seconds((days - 25_569.0) * SECONDS_A_DAY as f64)
}

/// The date and time of a Windows time: units of 100 ns after 1601-01-01, UTC.
pub(crate) fn from_windows_ticks(ticks: f64) -> Option<String> {
    from_unix_seconds(ticks / 1e7 - 11_644_473_600.0).map(|text| text + "Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_of_all_kinds_agree() {
        assert_eq!(from_unix_seconds(0.0).as_deref(), Some("1970-01-01T00:00:00"));
        assert_eq!(from_unix_seconds(951_782_400.0).as_deref(), Some("2000-02-29T00:00:00"));
        assert_eq!(from_unix_seconds(1_456_073_586.0).as_deref(), Some("2016-02-21T16:53:06"));
        assert_eq!(from_unix_seconds(1_483_228_799.0).as_deref(), Some("2016-12-31T23:59:59"));
        assert_eq!(from_unix_seconds(951_868_799.0).as_deref(), Some("2000-02-29T23:59:59"));
        assert_eq!(from_ole_days(42_609.870_937_5).as_deref(), Some("2016-08-27T20:54:09"));
        assert_eq!(from_windows_ticks(1.311_680_127_385_445e17).as_deref(), Some("2016-08-27T19:54:33Z"));
        assert_eq!(from_ole_days(0.0), None);
        assert_eq!(from_unix_seconds(f64::NAN), None);
    }
}
