//! Filters whose words or zones are not those of the field they are about.

use super::{GOOD, NAME, TIER, problems_of};

/// An equal word leaves out who is shown with it by another word of the CRM.
#[test]
fn a_filter_of_one_word_has_one_word_for_each_of_ours() {
    let two = GOOD.replacen("GOLD = \"gold\"", "GOLD = [\"gold\", \"gold_plus\"]", 1);
    let list = "\"tier:in\" = { send = \"query:tier\", enum = \"tier\" }";
    let one = "\"tier:eq\" = { send = \"query:one\", enum = \"tier\" }";
    let said = problems_of(&two.replacen(list, one, 1));
    assert!(
        said.contains("`enums.tier` has several words for `GOLD`"),
        "{said}"
    );
    assert_eq!(problems_of(&GOOD.replacen(list, one, 1)), "");
    assert_eq!(
        problems_of(&two.replacen(list, &format!("{list}\n{one}"), 1)),
        ""
    );
}

/// What a list shows in local times is not asked for in others.
#[test]
fn a_bound_is_told_in_the_zone_of_its_field() {
    let with = |field: &str, filter: &str| {
        let text = GOOD
            .replacen(
                NAME,
                &format!("{NAME}createdAt = {{ r = \"/c\", as = {field} }}\n"),
                1,
            )
            .replacen(
                TIER,
                &format!(
                    "[list.filter]\n\"createdAt:gte\" = {{ send = \"query:c\", as = {filter} }}\n"
                ),
                1,
            );
        problems_of(&text)
    };
    let (local, pattern) = (
        "\"fmt:%Y-%m-%d %H:%M:%S\", zone = \"+02:00\"",
        "\"fmt:%Y-%m-%d %H:%M\"",
    );
    let refused = "`createdAt:gte` is told in another zone than `fields.createdAt`";
    for (field, filter, words) in [
        (local, pattern, refused),
        (local, "\"date\"", refused),
        (pattern, local, refused),
        (local, local, ""),
        (local, "\"date\", zone = \"+02:00\"", ""),
        (local, "\"rfc3339\"", ""),
        (local, "\"epoch_s\"", ""),
        (local, "\"fmt:%Y-%m-%dT%H:%M:%S%z\"", ""),
        (local, "\"fmt:%Y-%m-%dT%H:%M:%SZ\"", ""),
        (local, "\"date\", widen = \"26h\"", ""),
        (pattern, pattern, ""),
        ("\"rfc3339\"", "\"date\"", ""),
        ("\"rfc3339\"", local, ""),
    ] {
        let said = with(field, filter);
        assert_eq!(
            said.is_empty(),
            words.is_empty(),
            "{field} {filter}: {said}"
        );
        assert!(said.contains(words), "{field} {filter}: {said}");
    }
}

/// A form that says nothing of a value would be passed over.
#[test]
fn a_form_fits_what_its_filter_compares_with() {
    let only_int = "means nothing for the filter";
    for (filter, form, words) in [
        ("id:in", "int", ""),
        ("id:in", "date", only_int),
        ("id:in", "rfc3339", only_int),
        ("id:in", "string", ""),
        ("owner:eq", "int", ""),
        ("owner:eq", "string", ""),
        ("parent:eq", "string", ""),
        ("operator:eq", "string", ""),
        ("tags:in", "string", only_int),
        ("email:eq", "string", only_int),
        ("createdAt:gte", "string", "is no form of a time"),
        ("owner:eq", "epoch_s", only_int),
        ("tags:in", "int", ""),
        ("age:gte", "int", ""),
        ("age:gte", "date", only_int),
        ("search", "epoch_s", only_int),
        ("search", "int", only_int),
        ("email:eq", "int", only_int),
        ("createdAt:gte", "int", "write `epoch_s`"),
        ("createdAt:gte", "epoch_s", ""),
        ("updatedAt:lt", "fmt:%Y-%m-%d", ""),
    ] {
        let line =
            format!("[list.filter]\n\"{filter}\" = {{ send = \"query:x\", as = \"{form}\" }}\n");
        let said = problems_of(&GOOD.replacen(TIER, &line, 1));
        assert_eq!(said.is_empty(), words.is_empty(), "{line}{said}");
        assert!(said.contains(words), "{line}{said}");
    }
    let field = format!("{NAME}createdAt = {{ r = \"/c\", as = \"string\" }}\n");
    let said = problems_of(&GOOD.replacen(NAME, &field, 1));
    assert!(said.contains("is no form of a time"), "{said}");
    let batch = |form: &str| {
        let route = format!(
            "[get_many]\nrequest = \"GET /people\"\nids = {{ send = \"query:ids\", as = \"{form}\" }}\nitems = \"/data\"\nmax = 9\n"
        );
        problems_of(&GOOD.replacen("[get]\n", &format!("{route}[get]\n"), 1))
    };
    assert_eq!(batch("int"), "");
    assert_eq!(batch("string"), "");
    assert!(batch("date").contains(only_int), "{}", batch("date"));
}

/// What is taken from a field must be one word for each of ours, as what a filter says itself.
#[test]
fn words_taken_from_a_field_are_looked_at_too() {
    let two = GOOD.replacen("GOLD = \"gold\"", "GOLD = [\"gold\", \"gold_plus\"]", 1);
    let line = "[list.filter]\n\"tier:eq\" = \"query:tier\"\n";
    let said = problems_of(&two.replacen(TIER, line, 1));
    assert!(
        said.contains("`enums.tier` has several words for `GOLD`"),
        "{said}"
    );
    assert_eq!(problems_of(&GOOD.replacen(TIER, line, 1)), "");
    let constant =
        "[list.filter]\n\"tier:eq\" = { send = \"query:gold\", value = true, residual = true }\n";
    assert_eq!(problems_of(&two.replacen(TIER, constant, 1)), "");
}
