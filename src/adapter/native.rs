//! Where the CRM's own records stand in an answer, found only when somebody asks for one.
//!
//! Records are parts of the answer's bytes. Of an answer only the places of its records are remembered, never its tree:
//! a page that is kept must not grow because somebody looked at it.

use super::place::{JsonPath, Step};
use crate::model::NativeFinder;
use bytes::Bytes;
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

/// Finds the records of an array at `items`, each below `unwrap` in its element. The answer is searched once, when the
/// first of its records is asked for.
pub fn in_array(items: JsonPath, unwrap: JsonPath) -> Arc<NativeFinder> {
    let places: OnceLock<Option<Box<[Range<usize>]>>> = OnceLock::new();
    Arc::new(move |body: &Bytes, index: usize| {
        let places = places.get_or_init(|| elements(body, &items));
        let place = places.as_ref()?.get(index)?.clone();
        (place.end <= body.len()).then(|| part(&body.slice(place), &unwrap))?
    })
}

/// Finds the one record of an answer.
pub fn at(item: JsonPath) -> Arc<NativeFinder> {
    Arc::new(move |body: &Bytes, _: usize| part(body, &item))
}

/// An answer's bytes in memory of just their length: what they came in may be a part of something larger.
pub fn own(body: &Bytes) -> Bytes {
    Bytes::copy_from_slice(body)
}

/// Where the elements of an array stand.
fn elements(body: &Bytes, items: &JsonPath) -> Option<Box<[Range<usize>]>> {
    let array = part(body, items)?;
    let offset = array.as_ptr().addr().checked_sub(body.as_ptr().addr())?;
    let elements: Vec<&RawValue> = serde_json::from_slice(&array).ok()?;
    let place = |element: &&RawValue| {
        let text = element.get();
        let start = text.as_ptr().addr().checked_sub(array.as_ptr().addr())? + offset;
        Some(start..start + text.len())
    };
    elements.iter().map(place).collect()
}

/// The part of a text at a path. Where the path chooses elements of arrays, a text that says the same.
fn part(text: &Bytes, path: &JsonPath) -> Option<Bytes> {
    let mut part = text.clone();
    let mut steps = path.steps().iter();
    loop {
        let rest = steps.as_slice();
        match steps.next() {
            None => return Some(part),
            Some(Step::Key(key)) => {
                part = member(&part, key).or_else(|| element(&part, key))?;
            }
            Some(Step::Select { .. }) => {
                let tree: Value = serde_json::from_slice(&part).ok()?;
                let found = super::place::find(rest, &tree)?;
                return serde_json::to_vec(found).ok().map(Bytes::from);
            }
        }
    }
}

fn member(text: &Bytes, key: &str) -> Option<Bytes> {
    let members: HashMap<String, &RawValue> = serde_json::from_slice(text).ok()?;
    let found = members.get(key)?;
    Some(text.slice_ref(found.get().as_bytes()))
}

fn element(text: &Bytes, number: &str) -> Option<Bytes> {
    let elements: Vec<&RawValue> = serde_json::from_slice(text).ok()?;
    let found = elements.get(number.parse::<usize>().ok()?)?;
    Some(text.slice_ref(found.get().as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Native;
    use serde_json::json;

    fn path(text: &str) -> JsonPath {
        JsonPath::parse(text).unwrap()
    }

    #[test]
    fn records_are_found_where_they_stand() {
        let body = Bytes::from_static(
            br#" {"x":1, "data" : {"rows" : [ {"c": {"id":1}},{"c":{"id" : 2, "\u00e9":[1.50]}}, 7 ]}}"#,
        );
        let find = in_array(path("/data/rows"), path("/c"));
        assert_eq!(&find(&body, 0).unwrap()[..], br#"{"id":1}"#);
        assert_eq!(
            &find(&body, 1).unwrap()[..],
            br#"{"id" : 2, "\u00e9":[1.50]}"#
        );
        assert!(find(&body, 2).is_none(), "no object");
        assert!(find(&body, 3).is_none(), "no such record");
        assert_eq!(&at(path("/x"))(&body, 0).unwrap()[..], b"1");
        let chosen = at(path("/data/rows/0/c"));
        assert_eq!(&chosen(&body, 0).unwrap()[..], br#"{"id":1}"#);
        let numbered = Bytes::from_static(br#"[[], [{"a":[{"id":1}, {"id":2 }]}]]"#);
        let find = in_array(path("/1/0/a"), JsonPath::default());
        assert_eq!(&find(&numbered, 1).unwrap()[..], br#"{"id":2 }"#);
    }

    #[test]
    fn a_record_that_is_detached_keeps_nothing_else() {
        let rows: Vec<_> = (0..100)
            .map(|id| json!({ "id": id, "name": "x".repeat(50) }))
            .collect();
        let body = Bytes::from(json!({ "rows": rows }).to_string());
        let native = Native::new(
            body.clone(),
            42,
            in_array(path("/rows"), JsonPath::default()),
        );
        assert_eq!(native.weight(), body.len());
        let detached = native.detached();
        assert_eq!(detached.value(), Some(rows[42].clone()));
        assert_eq!(detached.value(), native.value());
        assert_eq!(detached.weight(), rows[42].to_string().len());
    }
}
