//! Every form is read and written alike, and what is none is not read.

use super::*;
use std::borrow::Cow;

fn text(text: &str) -> Leaf<'_> {
    Leaf::Text(Cow::Borrowed(text))
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "cases read better without borrows"
)]
fn time(leaf: Leaf<'_>, format: &WireFormat) -> Option<String> {
    read_time(&leaf, format).map(|time| time.to_string())
}

#[test]
fn the_plain_form_is_read_as_any_other() {
    for text in [
        "2024-02-29T23:59:59Z",
        "2024-02-29T23:59:59.5Z",
        "1969-12-31T00:00:00.123456789Z",
        "0000-01-01T00:00:00Z",
        "9999-12-30T22:00:00.000Z",
        "2023-02-29T00:00:00Z",
        "2023-13-01T00:00:00Z",
        "2023-01-01T24:00:00Z",
        "2016-12-31T23:59:60Z",
        "2023-01-01T00:00:00.Z",
        "2023-01-01T00:00:00.1234567890Z",
        "2023-01-01T00:00:00.1x3Z",
        "2023-01-01T00:00:00",
        "2023-01-01 00:00:00Z",
        "202a-01-01T00:00:00Z",
    ] {
        if let Some(time) = read_plain(text) {
            assert_eq!(Ok(time), text.parse().map_err(|_| ()), "{text}");
        }
    }
    assert!(read_plain("2024-02-29T23:59:59.5Z").is_some());
}

#[test]
fn days_are_numbered_as_the_calendar_has_them() {
    let first = civil::date(1970, 1, 1);
    for year in [
        0, 3, 4, 99, 100, 400, 1600, 1700, 1900, 1969, 1970, 2000, 2023, 2024, 9999,
    ] {
        for (month, day) in (0..=13).flat_map(|month| (0..=32).map(move |day| (month, day))) {
            let known = civil::Date::new(year, month, day).ok();
            let days = known.map(|date| (date - first).get_days());
            let counted = day_number(year.into(), month.into(), day.into());
            assert_eq!(counted, days, "{year}-{month}-{day}");
        }
    }
}

#[test]
fn times_are_read_in_every_format() {
    let iso = WireFormat::Rfc3339;
    assert_eq!(
        time(text("2024-01-15T10:30:00Z"), &iso).as_deref(),
        Some("2024-01-15T10:30:00Z")
    );
    assert_eq!(
        time(text("2024-01-15T10:30:00.250+02:00"), &iso).as_deref(),
        Some("2024-01-15T08:30:00.25Z")
    );
    assert_eq!(
        time(text("2024-01-15T10:30:00+0200"), &iso).as_deref(),
        Some("2024-01-15T08:30:00Z")
    );
    assert_eq!(
        time(text("2024-01-15 10:30:00"), &iso).as_deref(),
        Some("2024-01-15T10:30:00Z")
    );
    assert_eq!(
        time(text("2024-01-15"), &iso).as_deref(),
        Some("2024-01-15T00:00:00Z")
    );
    assert_eq!(time(text("yesterday"), &iso), None);
    assert_eq!(time(Leaf::Int(5), &iso), None);
    assert_eq!(
        time(Leaf::Int(1_700_000_000), &WireFormat::EpochSeconds).as_deref(),
        Some("2023-11-14T22:13:20Z")
    );
    assert_eq!(
        time(text("1700000000123"), &WireFormat::EpochMilliseconds).as_deref(),
        Some("2023-11-14T22:13:20.123Z")
    );
    assert_eq!(
        time(Leaf::Float(1_700_000_000.5), &WireFormat::EpochFloat).as_deref(),
        Some("2023-11-14T22:13:20.5Z")
    );
    let pattern = WireFormat::Pattern("%Y-%m-%d %H:%M:%S".into(), Offset::constant(1));
    assert_eq!(
        time(text("2024-01-15 10:30:00"), &pattern).as_deref(),
        Some("2024-01-15T09:30:00Z")
    );
    assert_eq!(
        time(Leaf::Int(i64::MAX), &WireFormat::EpochSeconds),
        None,
        "out of range is no time"
    );
}

#[test]
fn a_date_of_http_has_three_forms() {
    for text in [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
    ] {
        let read = read_http_date(text).map(|time| time.to_string());
        assert_eq!(read.as_deref(), Some("1994-11-06T08:49:37Z"), "{text}");
    }
    let two_digits = read_http_date("Tuesday, 06-Nov-29 08:49:37 GMT");
    assert_eq!(
        two_digits.map(|time| time.to_string()).as_deref(),
        Some("2029-11-06T08:49:37Z")
    );
    for text in ["", "soon", "Sun Nov 1994", "Sunday, 06-Nov-94", "6 Nov 94"] {
        assert_eq!(read_http_date(text), None, "{text}");
    }
}

#[test]
fn days_leave_the_time_aside() {
    let day = |leaf| read_date(&leaf, &WireFormat::Rfc3339).map(|day| day.to_string());
    assert_eq!(
        day(text("2023-11-07T05:31:56Z")).as_deref(),
        Some("2023-11-07")
    );
    assert_eq!(day(text("2023-11-07")).as_deref(), Some("2023-11-07"));
    assert_eq!(day(text("2023-11-0")), None);
    assert_eq!(day(text("2023-11-07x")), None);
    assert_eq!(day(text("2023-02-30")), None);
    assert_eq!(day(text("ééééééé")), None);
}

#[test]
fn times_are_written_as_they_are_read() {
    for moment in ["2024-01-15T10:30:00Z", "9999-12-31T20:59:59Z"] {
        is_written_as_it_is_read(DateTime::read(moment).unwrap());
    }
}

fn is_written_as_it_is_read(moment: DateTime) {
    for format in [
        WireFormat::Rfc3339,
        WireFormat::EpochSeconds,
        WireFormat::EpochMilliseconds,
        WireFormat::EpochFloat,
        WireFormat::Pattern("%d.%m.%Y %H:%M:%S".into(), Offset::constant(-3)),
    ] {
        let written = write_time(moment, &format);
        let leaf = match &written {
            Value::String(said) => text(said),
            Value::Number(number) => number
                .as_i64()
                .map_or_else(|| Leaf::Float(number.as_f64().unwrap()), Leaf::Int),
            other => panic!("{other}"),
        };
        assert_eq!(
            read_time(&leaf, &format),
            Some(moment),
            "{format:?} {written}"
        );
    }
}

/// What its offset carries beyond the last moment there is, is no time, and not another one.
#[test]
fn an_offset_is_never_left_aside() {
    let pattern = WireFormat::Pattern("%Y-%m-%dT%H:%M:%S%z".into(), Offset::UTC);
    for written in ["9999-12-31T23:59:59-05:00", "9999-12-31T23:59:59-0500"] {
        assert_eq!(time(text(written), &WireFormat::Rfc3339), None, "{written}");
    }
    assert_eq!(time(text("9999-12-31T23:59:59-0500"), &pattern), None);
    for (written, read) in [
        ("9999-12-31T23:59:59+05:00", "9999-12-31T18:59:59Z"),
        ("9999-12-31T23:59:59", "9999-12-31T23:59:59Z"),
        ("9999-12-31 23:59", "9999-12-31T23:59:00Z"),
        ("9999-12-31", "9999-12-31T00:00:00Z"),
    ] {
        let found = time(text(written), &WireFormat::Rfc3339);
        assert_eq!(found.as_deref(), Some(read), "{written}");
    }
}
