//! How times are written: `as`, and in `zone` the offset of those that say none themselves.

use super::list::wire_format;
use super::text::parsed;
use crate::adapter::manifest::WireFormat;
use crate::adapter::wire;
use crate::document::Table;
use jiff::tz::Offset;

/// The form of a field's times: what is read by it must tell a day at least.
pub(super) fn of_field(table: &mut Table<'_>) -> Option<WireFormat> {
    let format = in_zone(table, false)?;
    if format == WireFormat::Text {
        let why = "`string` is no form of a time".to_owned();
        table.problem(&table.place_of("as"), why);
    }
    if let WireFormat::Pattern(pattern, _) = &format
        && !wire::tells_a_day(pattern)
    {
        let why = format!("`{pattern}` tells no day");
        table.problem(&table.place_of("as"), why);
    }
    Some(format)
}

/// The form of a filter's times. A day begins at another moment in another zone.
pub(super) fn of_filter(table: &mut Table<'_>) -> Option<WireFormat> {
    in_zone(table, true)
}

fn in_zone(table: &mut Table<'_>, days: bool) -> Option<WireFormat> {
    let named = table.has("as");
    let format = parsed(table, "as", wire_format);
    let Some(zone) = parsed(table, "zone", zone) else {
        return format;
    };
    match format {
        Some(WireFormat::Pattern(pattern, _)) => Some(WireFormat::Pattern(pattern, zone)),
        Some(WireFormat::Date) if days => Some(WireFormat::Pattern("%Y-%m-%d".to_owned(), zone)),
        None if named => None,
        format => {
            let more = if days { " or `as = \"date\"`" } else { "" };
            let why = format!(
                "`zone` goes with `as = \"fmt:…\"`{more}: times in other forms say their offset, or are UTC"
            );
            table.problem(&table.place_of("zone"), why);
            format
        }
    }
}

/// An offset such as `+01:00`.
fn zone(text: &str) -> Result<Offset, String> {
    let parsed =
        jiff::Timestamp::strptime("%Y-%m-%dT%H:%M:%S%:z", format!("2000-01-01T00:00:00{text}"));
    let base = jiff::civil::date(2000, 1, 1).at(0, 0, 0, 0);
    let utc = parsed.map_err(|_| format!("`{text}` is no offset such as +01:00"))?;
    let at_utc = Offset::UTC.to_datetime(utc);
    let seconds = base.duration_since(at_utc).as_secs();
    i32::try_from(seconds)
        .ok()
        .and_then(|seconds| Offset::from_seconds(seconds).ok())
        .ok_or_else(|| format!("`{text}` is no offset"))
}
