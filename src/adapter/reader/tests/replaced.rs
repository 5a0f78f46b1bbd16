//! Updates that replace the whole record.

use super::{GOOD, UPDATE, problems_of};

/// Fields that a file names, what is said of them where an update replaces the record, and where it does not.
const REPLACED: &[(&str, &str)] = &[
    (
        "email = { r = [\"/m\", \"/n\"], w = \"/m\" }",
        "`fields.email` is read from several places",
    ),
    (
        "address = { r = [\"/a\", \"/b\"], w = \"/a\", join = \", \" }",
        "`fields.address` is read from several places",
    ),
    ("email = { w = \"/m\" }", "`fields.email` is read nowhere"),
    (
        "firstName = { r = \"/whole\", w = \"/first\", type = \"name_first\" }",
        "`fields.firstName` is read as a part of a name",
    ),
    ("email = { w = \"/m\", on = [\"create\"] }", ""),
    ("email = { r = [\"/m\", \"/n\"] }", ""),
    ("email = { r = \"/m\", w = \"/n\" }", ""),
];

/// What is sent back must be what the record holds at that very place.
#[test]
fn what_goes_back_into_a_record_is_read_from_one_place() {
    let update = "request = \"PUT /people/{id}\"\n";
    for (fields, words) in REPLACED.iter().copied() {
        let text = GOOD.replacen(
            "name = \"/name\"\n",
            &format!("name = \"/name\"\n{fields}\n"),
            1,
        );
        assert_eq!(problems_of(&text), "", "{fields}");
        let replacing = text.replacen(update, &format!("{update}mode = \"replace\"\n"), 1);
        let said = problems_of(&replacing);
        assert_eq!(said.is_empty(), words.is_empty(), "{fields}: {said}");
        assert!(said.contains(words), "{fields}: {said}");
    }
}

/// What is sent then is the record as it was read, with what is new.
#[test]
fn an_update_that_replaces_needs_a_way_to_read() {
    let get = "[get]\nrequest = \"GET /people/{id}\"\nitem    = \"/data\"\n";
    assert!(GOOD.contains(get) && GOOD.contains(UPDATE));
    let without = GOOD.replacen(get, "", 1);
    assert_eq!(problems_of(&without), "");
    let said = problems_of(&without.replacen(UPDATE, "[update]\nmode = \"replace\"\n", 1));
    let words = "`update.mode = \"replace\"` needs `[get]`";
    assert!(said.contains(words), "{said}");
}
