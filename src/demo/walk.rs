//! The walk over Gormic's customers: pages of fifty, and the offsets between them.
//!
//! An offset names the last row seen and not a count, so that a walk neither skips nor repeats when rows go.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::reply::Row;

/// How many customers a page has.
const PAGE: usize = 50;
/// Where a customer's passcode is kept; it is never shown.
pub(super) const PASSCODE: &str = "passcode";

/// The next page of a walk, and the number of its last row where more rows follow.
pub(super) fn page<'a>(mut rows: impl Iterator<Item = (u64, &'a Row)>) -> (Vec<Row>, Option<u64>) {
    let page: Vec<(u64, &Row)> = rows.by_ref().take(PAGE).collect();
    let last = page.last().map(|(number, _)| *number);
    let more = rows.next().is_some();
    let shown = page.into_iter().map(|(_, row)| shown(row)).collect();
    (shown, last.filter(|_| more))
}

/// What a client may see of a customer.
pub(super) fn shown(row: &Row) -> Row {
    let mut row = row.clone();
    row.shift_remove(PASSCODE);
    row
}

/// The offset behind a row, of a walk with that `updatedSince`.
pub(super) fn token(row: u64, since: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("{row}|{since}"))
}

/// The row that an offset stands behind; nothing where it was not made for this `updatedSince`.
pub(super) fn place(token: &str, since: &str) -> Option<u64> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
    let (row, made_for) = text.split_once('|')?;
    row.parse().ok().filter(|_| made_for == since)
}
