//! What a CRM's refusals say: several errors at once, errors by the name of a field, words that mean something else for
//! one route.

use super::{FIELDS, id};
use crate::support::crm::{Crm, call, file, source};
use crmql::model::{Change, FieldValue, WriteField, WriteOutcome};
use crmql::source::{CustomerSource, WriteProblemField, Written};
use serde_json::{Map, Value, json};

const WRITES: &str = "[[list]]\nrequest = \"GET /c\"\nitems = \"/data\"\npage = { kind = \"none\" }\n[create]\nrequest = \"POST /c\"\nreturns = { item = \"\" }\n[update]\nrequest = \"PATCH /c/{id}\"\nreturns = { item = \"\" }\n";

fn writing(errors: &str) -> String {
    let fields = FIELDS.replace(
        "name = \"/name\"",
        "name = { r = \"/name\", w = \"/full_name\" }\nphone = \"/phone\"",
    );
    file("", &format!("{WRITES}{fields}{errors}"))
}

async fn created(text: &str, status: u16, body: Value) -> Written {
    let crm = Crm::json_with(status, body).await;
    let change = Change::Create {
        fields: vec![(WriteField::Name, FieldValue::Text("Ann".into()))],
        native: Map::new(),
    };
    source(&crm, text).write(&call(), &change).await
}

/// The problems as `field CODE`.
fn told(written: &Written) -> Vec<String> {
    let one = |problem: &crmql::source::WriteProblem| {
        let field = match &problem.field {
            Some(WriteProblemField::Common(field)) => field.name(),
            Some(WriteProblemField::Native(name)) => name,
            Some(WriteProblemField::IdempotencyKey) => "idempotencyKey",
            None => "-",
        };
        format!("{field} {}", problem.error.kind.code())
    };
    written.problems.iter().map(one).collect()
}

#[tokio::test]
async fn each_error_of_a_list_is_a_problem_of_its_own() {
    let text = writing(
        "[errors]\neach = \"/errors\"\ncode = [\"/code\", \"/status\"]\nfield = [\"/where\"]\ncodes = { DUP = { kind = \"conflict\", field = \"email\" }, WORSE = \"forbidden\" }\n",
    );
    for (body, problems) in [
        (
            json!({ "errors": [{ "code": "BAD", "where": "full_name" }, { "code": "DUP" }, { "where": "phone" }] }),
            vec![
                "name INVALID_INPUT",
                "email CONFLICT",
                "phone INVALID_INPUT",
            ],
        ),
        // What no element says may be said beside them.
        (
            json!({ "errors": [{ "where": "phone" }, { "where": "email" }], "status": "WORSE" }),
            vec!["phone FORBIDDEN", "email FORBIDDEN"],
        ),
        (
            json!({ "errors": ["taken", "too long"] }),
            vec!["- INVALID_INPUT"],
        ),
        (
            json!({ "errors": [], "code": "DUP" }),
            vec!["email CONFLICT"],
        ),
        (json!({ "code": "DUP" }), vec!["email CONFLICT"]),
        (json!({ "errors": "no" }), vec!["- INVALID_INPUT"]),
    ] {
        let written = created(&text, 422, body.clone()).await;
        assert_eq!(told(&written), problems, "{body}");
        assert_eq!(written.outcome, WriteOutcome::NotApplied);
    }
}

/// Several places may each hold errors; an empty one says nothing.
#[tokio::test]
async fn errors_at_several_places_are_all_told() {
    let text = writing("[errors]\neach = [\"/errors\", \"/field-errors\"]\ncode = [\"\"]\n");
    for (body, problems) in [
        (
            json!({ "errors": [], "field-errors": { "email": "bad" } }),
            vec!["email INVALID_INPUT"],
        ),
        (
            json!({ "errors": "", "field-errors": { "email": "bad" } }),
            vec!["email INVALID_INPUT"],
        ),
        (
            json!({ "errors": null, "field-errors": { "email": "bad" } }),
            vec!["email INVALID_INPUT"],
        ),
        (
            json!({ "errors": ["no"], "field-errors": { "email": ["bad"], "full_name": "long" } }),
            vec![
                "- INVALID_INPUT",
                "email INVALID_INPUT",
                "name INVALID_INPUT",
            ],
        ),
        (
            json!({ "errors": ["no"], "field-errors": {} }),
            vec!["- INVALID_INPUT"],
        ),
        (
            json!({ "errors": [], "field-errors": {} }),
            vec!["- INVALID_INPUT"],
        ),
    ] {
        let written = created(&text, 400, body.clone()).await;
        assert_eq!(told(&written), problems, "{body}");
    }
}

#[tokio::test]
async fn errors_by_the_name_of_a_field_name_that_field() {
    let text = writing(
        "[errors]\neach = [\"/errors\", \"\"]\ncode = [\"/code\", \"\"]\ncodes = { \"has already been taken\" = \"conflict\" }\n",
    );
    for (body, problems) in [
        (
            json!({ "errors": { "email": ["has already been taken", "is odd"], "full_name": "is blank", "base": ["no"] } }),
            vec![
                "- INVALID_INPUT",
                "email CONFLICT",
                "email INVALID_INPUT",
                "name INVALID_INPUT",
            ],
        ),
        (
            json!({ "phone": { "code": "has already been taken" } }),
            vec!["phone CONFLICT"],
        ),
        (json!([{ "code": "x" }]), vec!["- INVALID_INPUT"]),
    ] {
        let written = created(&text, 422, body.clone()).await;
        let mut said = told(&written);
        said.sort();
        assert_eq!(said, problems, "{body}");
    }
}

#[tokio::test]
async fn a_crm_cannot_make_any_number_of_problems() {
    let text = writing("[errors]\neach = \"/errors\"\nfield = [\"/f\"]\n");
    let errors: Vec<_> = (0..1000).map(|n| json!({ "f": "email", "n": n })).collect();
    let written = created(&text, 400, json!({ "errors": errors })).await;
    assert_eq!(
        told(&written),
        ["email INVALID_INPUT"],
        "one thing said often"
    );
    let members: Map<String, Value> = (0..1000).map(|n| (format!("f{n}"), json!("x"))).collect();
    let written = created(&text, 400, json!({ "errors": members })).await;
    assert!(written.problems.len() <= 20);
}

#[tokio::test]
async fn what_an_error_means_for_the_whole_is_said_by_the_first_that_is_known() {
    let text = format!(
        "{}[get]\nrequest = \"GET /c/{{id}}\"\nitem = \"\"\n",
        writing(
            "[errors]\neach = \"/errors\"\ncode = [\"/code\"]\ncodes = { GONE = \"not_found\", BUSY = \"unavailable\", FINE = \"ok\" }\n"
        )
    );
    for (body, absent) in [
        (
            json!({ "errors": [{ "code": "ODD" }, { "code": "GONE" }] }),
            true,
        ),
        (
            json!({ "errors": [{ "code": "FINE" }, { "code": "GONE" }] }),
            true,
        ),
        (
            json!({ "errors": [{ "code": "BUSY" }, { "code": "GONE" }] }),
            false,
        ),
    ] {
        let crm = Crm::json_with(400, body.clone()).await;
        let found = source(&crm, &text).fetch(&call(), &[id("a")]).await;
        assert_eq!(matches!(found[0], Ok(None)), absent, "{body}");
    }
    // A CRM that fails says nothing of what became of a write, whatever else it says.
    let body = json!({ "errors": [{ "code": "BUSY" }, { "code": "GONE" }] });
    assert_eq!(
        created(&text, 400, body).await.outcome,
        WriteOutcome::Unknown
    );
}
