//! Writes: what is sent, what is refused before, and what became of them.

use super::id;
use crate::support::crm::{Crm, Play, call, file, source, source_with, source_within};
use crmql::adapter::TokenStore;
use crmql::model::{Change, CustomerTier, FieldValue, WriteField, WriteOutcome};
use crmql::source::{CustomerSource, SourceErrorKind, Written};
use crmql::upstream::Settings;
use serde_json::{Map, json};
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::timeout;

fn writing(route: &str) -> String {
    let fields = "[fields]\nid = \"/id\"\nname = { r = \"/name\", w = \"/n/full\", max_length = 5 }\nemail = { r = \"/email\", w = \"/mails\", shape = [{ value = \"$\", main = true }], clear = \"empty\" }\nphone = { r = \"/phone\", w = \"/phone\", clear = \"forbid\" }\nphoneCallingCode = { r = \"/code\", w = \"/code\" }\ntier = { r = \"/tier\", w = \"/tier\", enum = \"tier\", w_enum = \"sold\" }\ntags = { r = \"/tags\", w = \"/tags\", type = \"strings\" }\n[native]\nvip = { w = \"/vip\", type = \"bool\" }\n[enums.tier]\nGOLD = \"gold\"\nSILVER = \"silver\"\n[enums.sold]\nGOLD = \"GLD\"\n";
    file(
        "",
        &format!("[get]\nrequest = \"GET /c/{{id}}\"\nitem = \"\"\n{route}\n{fields}"),
    )
}

fn text(text: &str) -> FieldValue {
    FieldValue::Text(text.into())
}

fn create(fields: Vec<(WriteField, FieldValue)>) -> Change {
    Change::Create {
        fields,
        native: Map::new(),
    }
}

fn update(fields: Vec<(WriteField, FieldValue)>) -> Change {
    Change::Update {
        id: id("a"),
        fields,
        native: Map::new(),
    }
}

fn named() -> Vec<(WriteField, FieldValue)> {
    vec![(WriteField::Name, text("Ann"))]
}

async fn written(play: Play, file: &str, change: &Change) -> Written {
    let crm = Crm::always(play).await;
    source(&crm, file).write(&call(), change).await
}

const CREATE: &str = "[create]\nrequest = \"POST /c\"\nreturns = { item = \"\" }";

#[tokio::test]
async fn fields_are_shaped_wrapped_and_put() {
    let route = "[create]\nrequest = \"POST /c\"\nwrap = \"/in\"\nput = { \"/in/by\" = \"{key}\", \"/on\" = true }\nreturns = { item = \"\" }\n[update]\nrequest = \"PUT /c/{id}\"\nput = { \"/id\" = \"{id}\" }\nreturns = { item = \"\" }";
    let crm = Crm::json(json!({ "id": "a" })).await;
    let source = source(&crm, &writing(route));
    let fields = vec![
        (WriteField::Name, text("Ann")),
        (WriteField::Email, text("a@b")),
        (
            WriteField::Phone,
            FieldValue::Phone {
                number: "12".into(),
                calling_code: Some("45".into()),
            },
        ),
        (WriteField::Tier, FieldValue::Tier(CustomerTier::Gold)),
        (WriteField::Tags, FieldValue::Texts(vec!["x".into()])),
    ];
    let native = Map::from_iter([("vip".to_owned(), json!(true))]);
    source
        .write(&call(), &Change::Create { fields, native })
        .await;
    source
        .write(
            &call(),
            &update(vec![
                (WriteField::Email, FieldValue::Null),
                (WriteField::Name, FieldValue::Null),
            ]),
        )
        .await;
    let seen = crm.seen();
    assert_eq!(
        seen[0].json(),
        json!({ "in": { "n": { "full": "Ann" }, "mails": [{ "value": "a@b", "main": true }], "phone": "12", "code": "45", "tier": "GLD", "tags": ["x"], "vip": true, "by": "k3y" }, "on": true })
    );
    assert_eq!(
        (seen[1].line().as_str(), seen[1].json()),
        (
            "PUT /c/a",
            json!({ "mails": "", "n": { "full": null }, "id": "a" })
        )
    );
}

#[tokio::test]
async fn a_form_is_a_form() {
    let route = "[create]\nrequest = \"POST /c\"\nbody = \"form\"\nput = { \"/a/b\" = 1 }\nreturns = { item = \"\" }";
    let crm = Crm::json(json!({ "id": "a" })).await;
    let fields = vec![
        (WriteField::Name, text("A&=é")),
        (
            WriteField::Tags,
            FieldValue::Texts(vec!["x".into(), "y".into()]),
        ),
    ];
    source(&crm, &writing(route))
        .write(&call(), &create(fields))
        .await;
    let seen = crm.only();
    assert_eq!(
        seen.header("content-type"),
        Some("application/x-www-form-urlencoded")
    );
    let mut pairs: Vec<_> = url::form_urlencoded::parse(seen.body.as_bytes())
        .map(|(k, v)| format!("{k}={v}"))
        .collect();
    pairs.sort();
    assert_eq!(pairs, ["a[b]=1", "n[full]=A&=é", "tags[0]=x", "tags[1]=y"]);
}

#[tokio::test]
async fn what_cannot_be_written_is_refused_before_any_call() {
    let route = format!(
        "{CREATE}\nrequires = [\"name\", \"native.vip\"]\nany_of = [\"email\", \"phone\"]\n[update]\nrequest = \"PUT /c/{{id}}\""
    );
    let crm = Crm::json(json!({ "id": "a" })).await;
    let source = source(&crm, &writing(&route));
    for (change, problems) in [
        (
            create(named()),
            vec![SourceErrorKind::Rejected, SourceErrorKind::Rejected],
        ),
        (
            update(vec![(WriteField::Name, text("longer"))]),
            vec![SourceErrorKind::Rejected],
        ),
        (
            update(vec![(WriteField::Phone, FieldValue::Null)]),
            vec![SourceErrorKind::Rejected],
        ),
        (
            update(vec![(WriteField::Note, text("x"))]),
            vec![SourceErrorKind::Unsupported],
        ),
        (
            update(vec![(
                WriteField::Tier,
                FieldValue::Tier(CustomerTier::Silver),
            )]),
            vec![SourceErrorKind::Rejected],
        ),
        (update(vec![]), vec![SourceErrorKind::NoChanges]),
        (
            Change::Delete { id: id("a") },
            vec![SourceErrorKind::Unsupported],
        ),
    ] {
        let written = source.write(&call(), &change).await;
        let kinds: Vec<_> = written
            .problems
            .iter()
            .map(|problem| problem.error.kind)
            .collect();
        assert_eq!(
            (written.outcome, kinds),
            (WriteOutcome::NotApplied, problems),
            "{change:?}"
        );
    }
    assert_eq!(crm.seen().len(), 0);
}

#[tokio::test]
async fn the_outcome_is_what_the_answer_proves() {
    use WriteOutcome::{Applied, NotApplied, Unknown};
    let ok = writing(
        "[create]\nrequest = \"POST /c\"\nok = { path = \"/ok\", equals = true }\nreturns = { id = \"/id\" }",
    );
    let plain = writing(CREATE);
    let silent = writing("[create]\nrequest = \"POST /c\"\nreturns = {}");
    let unless = writing(&format!(
        "{CREATE}\nok = [{{ path = \"/ok\", unless = [false, 0] }}, {{ path = \"/error\", absent = true }}]"
    ));
    let json = |status, body| Play::Json(status, body);
    for (play, file, outcome) in [
        (json(201, json!({ "id": "a" })), &plain, Applied),
        (json(400, json!({})), &plain, NotApplied),
        (json(401, json!({})), &plain, NotApplied),
        (json(409, json!({})), &plain, NotApplied),
        (json(418, json!({})), &plain, NotApplied),
        (json(429, json!({})), &plain, NotApplied),
        (json(408, json!({})), &plain, Unknown),
        (json(500, json!({})), &plain, Unknown),
        (json(502, json!({})), &plain, Unknown),
        (json(503, json!({})), &plain, Unknown),
        (json(302, json!({})), &plain, Unknown),
        (Play::Raw(200, vec![], b"<html>".to_vec()), &plain, Unknown),
        (Play::Truncated, &plain, Unknown),
        (Play::Reset, &plain, Unknown),
        (json(200, json!({ "ok": true, "id": "a" })), &ok, Applied),
        (json(200, json!({ "ok": false })), &ok, NotApplied),
        (json(200, json!({ "hello": 1 })), &ok, Unknown),
        (Play::Raw(200, vec![], vec![]), &ok, Unknown),
        (Play::Raw(204, vec![], vec![]), &ok, Unknown),
        (json(200, json!({ "ok": true })), &ok, Unknown),
        (json(201, json!({ "name": "Ann" })), &plain, Unknown),
        (Play::Raw(201, vec![], vec![]), &plain, Unknown),
        (Play::Raw(204, vec![], vec![]), &silent, Applied),
        (json(200, json!({ "any": 1 })), &silent, Applied),
        (
            json(200, json!({ "id": "a", "ok": "false" })),
            &unless,
            NotApplied,
        ),
        (
            json(200, json!({ "id": "a", "ok": 0 })),
            &unless,
            NotApplied,
        ),
        (
            json(200, json!({ "id": "a", "error": { "x": 1 } })),
            &unless,
            NotApplied,
        ),
        (
            json(200, json!({ "id": "a", "ok": "yes", "error": null })),
            &unless,
            Applied,
        ),
        (json(200, json!({ "id": "a" })), &unless, Applied),
    ] {
        let written = written(play.clone(), file, &create(named())).await;
        assert_eq!(written.outcome, outcome, "{play:?} {written:?}");
        assert_eq!(written.problems.is_empty(), outcome == Applied, "{play:?}");
    }
}

#[tokio::test]
async fn no_connection_is_not_applied_and_no_answer_is_unknown() {
    let gone = "http://127.0.0.1:1";
    let source = source_with(
        gone,
        &writing(CREATE),
        TokenStore::default(),
        Settings::default(),
    );
    let outcome = source.write(&call(), &create(named())).await;
    assert_eq!(
        (outcome.outcome, outcome.problems[0].error.kind),
        (WriteOutcome::NotApplied, SourceErrorKind::Unavailable)
    );
    let crm = Crm::always(Play::Hang).await;
    let settings = Settings {
        attempt: Duration::from_millis(100),
        ..Settings::default()
    };
    let source = source_with(&crm.base, &writing(CREATE), TokenStore::default(), settings);
    let outcome = source.write(&call(), &create(named())).await;
    assert_eq!(
        (outcome.outcome, outcome.problems[0].error.kind),
        (WriteOutcome::Unknown, SourceErrorKind::Timeout)
    );
    assert_eq!(crm.seen().len(), 1, "nothing is sent twice");
}

#[tokio::test]
async fn a_write_that_shows_nothing_is_read_back_and_applied_all_the_same() {
    for returns in [
        "{ id = \"/made\", then = \"get\" }",
        "{ id = \"header:Location~/c/(.+)\", then = \"get\" }",
    ] {
        let file = writing(&format!(
            "[create]\nrequest = \"POST /c\"\nreturns = {returns}"
        ));
        for (back, name, error) in [
            (
                Play::Json(200, json!({ "id": "a", "name": "Ann" })),
                Some("Ann"),
                None,
            ),
            (
                Play::Json(500, json!({})),
                None,
                Some(SourceErrorKind::Unavailable),
            ),
            (
                Play::Json(404, json!({})),
                None,
                Some(SourceErrorKind::NotFound),
            ),
        ] {
            let made = Play::Raw(
                201,
                vec![("location", "/c/a".to_owned())],
                b"{\"made\":\"a\"}".to_vec(),
            );
            let crm = Crm::script(vec![made, back]).await;
            let written = source(&crm, &file).write(&call(), &create(named())).await;
            assert_eq!(written.outcome, WriteOutcome::Applied);
            assert_eq!(written.id, Some(id("a")));
            assert_eq!(
                written.customer.as_ref().and_then(|c| c.name.as_deref()),
                name
            );
            assert_eq!(written.read_back.map(|error| error.kind), error);
            assert_eq!(crm.seen()[1].line(), "GET /c/a");
        }
    }
}

#[tokio::test]
async fn a_replacement_carries_what_the_record_holds_and_loses_nothing() {
    let file = writing(
        "[update]\nrequest = \"PUT /c/{id}\"\nmode = \"replace\"\nreturns = { item = \"\" }",
    );
    let held = json!({ "id": "a", "name": "Old", "email": "a@b", "phone": "12", "code": "45", "tier": "gold", "tags": ["x"] });
    let crm = Crm::json(held.clone()).await;
    source(&crm, &file).write(&call(), &update(named())).await;
    let seen = crm.seen();
    assert_eq!(
        (seen[0].line().as_str(), seen[1].line().as_str()),
        ("GET /c/a", "PUT /c/a")
    );
    assert_eq!(
        seen[1].json(),
        json!({ "n": { "full": "Ann" }, "mails": [{ "value": "a@b", "main": true }], "phone": "12", "code": "45", "tier": "GLD", "tags": ["x"] })
    );
    for (name, odd) in [
        ("tier", json!("platinum-plus")),
        ("tier", json!("silver")),
        ("tags", json!("x")),
    ] {
        let mut held = held.clone();
        held[name] = odd;
        let crm = Crm::json(held).await;
        let written = source(&crm, &file).write(&call(), &update(named())).await;
        assert_eq!(
            (written.outcome, crm.seen().len()),
            (WriteOutcome::NotApplied, 1),
            "{name} would be lost"
        );
    }
    let crm = Crm::always(Play::Json(404, json!({}))).await;
    let written = source(&crm, &file).write(&call(), &update(named())).await;
    assert_eq!(
        (written.outcome, written.problems[0].error.kind),
        (WriteOutcome::NotApplied, SourceErrorKind::NotFound)
    );
}

#[tokio::test]
async fn refusals_say_what_and_where_without_the_crms_words() {
    let errors = "[errors]\ncode = [\"/e/code\"]\nfield = [\"/e/param\"]\ncodes = { DUP = { kind = \"conflict\", field = \"email\" } }\nstatus = { 418 = \"forbidden\" }\n";
    let file = format!("{}\n{errors}", writing(CREATE));
    for (status, body, kind, field) in [
        (
            400,
            json!({ "e": { "code": "DUP", "message": "ann@x.y exists" } }),
            SourceErrorKind::Conflict,
            Some("email"),
        ),
        (
            422,
            json!({ "e": { "code": "OTHER", "param": "n.full" } }),
            SourceErrorKind::Rejected,
            Some("name"),
        ),
        (418, json!({}), SourceErrorKind::Forbidden, None),
    ] {
        let written = written(Play::Json(status, body), &file, &create(named())).await;
        let problem = &written.problems[0];
        assert_eq!(problem.error.kind, kind);
        assert!(!problem.error.detail.contains("ann"));
        let named = problem.field.as_ref().map(|field| match field {
            crmql::source::WriteProblemField::Common(field) => field.name(),
            crmql::source::WriteProblemField::Native(_) => "native",
            crmql::source::WriteProblemField::IdempotencyKey => "idempotencyKey",
        });
        assert_eq!(
            (problem.error.upstream_status, named),
            (Some(status), field)
        );
    }
}

/// An answer about somebody else, or about nobody, proves nothing.
#[tokio::test]
async fn an_update_is_proven_by_its_own_customer_only() {
    let file = writing("[update]\nrequest = \"PATCH /c/{id}\"\nreturns = { item = \"/data\" }");
    for (body, outcome) in [
        (
            json!({ "data": { "id": "a", "name": "Ann" } }),
            WriteOutcome::Applied,
        ),
        (
            json!({ "data": { "id": "b", "name": "Ann" } }),
            WriteOutcome::Unknown,
        ),
        (json!({ "data": { "name": "Ann" } }), WriteOutcome::Unknown),
        (json!({ "data": null }), WriteOutcome::Unknown),
        (json!({}), WriteOutcome::Unknown),
    ] {
        let done = written(Play::Json(200, body.clone()), &file, &update(named())).await;
        let applied = outcome == WriteOutcome::Applied;
        assert_eq!(done.outcome, outcome, "{body} {done:?}");
        assert_eq!(done.customer.is_some(), applied, "{body} {done:?}");
    }
    let said = writing("[update]\nrequest = \"PATCH /c/{id}\"\nreturns = {}");
    let done = written(Play::Raw(204, vec![], vec![]), &said, &update(named())).await;
    assert_eq!(done.outcome, WriteOutcome::Applied, "{done:?}");
}

/// A caller can mend only what stands in the input.
#[tokio::test]
async fn a_refusal_names_a_field_that_the_change_can_carry() {
    let errors = "[errors]\nfield = [\"/e/param\"]\n";
    let routes = "[create]\nrequest = \"POST /c\"\n[update]\nrequest = \"PATCH /c/{id}\"\n[delete]\nrequest = \"DELETE /c/{id}\"\nreturns = {}";
    let file = format!("{}\n{errors}", writing(routes)).replace(
        "w = \"/phone\", clear",
        "w = \"/phone\", on = [\"create\"], clear",
    );
    let said = json!({ "e": { "param": "full" } });
    let gone = Change::Delete { id: id("a") };
    for (status, param, change, named) in [
        (422, "full", update(named()), true),
        (404, "full", update(named()), false),
        (422, "full", create(named()), true),
        (422, "phone", create(named()), true),
        (422, "phone", update(named()), false),
        (400, "full", gone, false),
    ] {
        let mut body = said.clone();
        body["e"]["param"] = json!(param);
        let done = written(Play::Json(status, body), &file, &change).await;
        let field = &done.problems[0].field;
        assert_eq!(
            field.is_some(),
            named,
            "{status} {param} {change:?} {done:?}"
        );
    }
}

/// A delete that asks for nothing but the status is done by it, whatever a web framework writes beside it.
#[tokio::test]
async fn a_body_that_nobody_asked_for_leaves_no_doubt() {
    use WriteOutcome::{Applied, Unknown};
    let delete = writing("[delete]\nrequest = \"DELETE /c/{id}\"\nreturns = {}");
    let told = writing(
        "[delete]\nrequest = \"DELETE /c/{id}\"\nok = { path = \"/ok\", equals = true }\nreturns = {}",
    );
    let gone = Change::Delete { id: id("a") };
    let named = create(named());
    for (file, change, body, outcome) in [
        (&delete, &gone, "Accepted", Applied),
        (&delete, &gone, "\r\n", Applied),
        // Some proxy's page, and nobody knows what became of the delete.
        (&delete, &gone, "\n<!doctype html><p>Sign in", Unknown),
        (&delete, &gone, "{\"any\":1}", Applied),
        (&told, &gone, "Accepted", Unknown),
        (&told, &gone, "\n", Unknown),
        (&told, &gone, "{\"ok\":true}", Applied),
        (&writing(CREATE), &named, "Accepted", Unknown),
    ] {
        let play = Play::Raw(202, vec![], body.as_bytes().to_vec());
        let written = written(play, file, change).await;
        assert_eq!(written.outcome, outcome, "{body:?} {written:?}");
    }
}

/// One bad byte in an answer costs a character, and never the word that a write was done.
#[tokio::test]
async fn a_byte_that_is_no_text_costs_a_character_and_no_write() {
    let body = b"{\"id\":\"a\",\"name\":\"Zo\xeb\"}".to_vec();
    let done = written(
        Play::Raw(201, vec![], body),
        &writing(CREATE),
        &create(named()),
    )
    .await;
    assert_eq!(done.outcome, WriteOutcome::Applied, "{done:?}");
    let name = done.customer.as_ref().and_then(|c| c.name.clone());
    assert_eq!(name.as_deref(), Some("Zo\u{fffd}"));
}

/// A port where nobody takes a connection, and what keeps it so.
async fn silent() -> (String, TcpListener, Vec<TcpStream>) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    while let Ok(Ok(stream)) =
        timeout(Duration::from_millis(200), TcpStream::connect(address)).await
    {
        waiting.push(stream);
    }
    (format!("http://{address}"), listener, waiting)
}

/// However long connecting may take, it does not take the whole time that there is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_that_never_got_a_connection_was_not_applied() {
    let (base, _listener, _waiting) = silent().await;
    let file = writing("[create]\nrequest = \"POST /c\"\nreturns = { item = \"\" }");
    let change = create(vec![(WriteField::Name, text("Ann"))]);
    for (attempt, total) in [(400, 4_000), (5_000, 400), (400, 400)] {
        let settings = Settings {
            connect: Duration::from_secs(2),
            attempt: Duration::from_millis(attempt),
            retries: 0,
            ..Settings::default()
        };
        let source = source_within(&base, &file, settings, Duration::from_millis(total));
        for _ in 0..3 {
            let written = source.write(&call(), &change).await;
            let kind = written.problems[0].error.kind;
            assert_eq!(
                (written.outcome, kind),
                (WriteOutcome::NotApplied, SourceErrorKind::Unavailable),
                "{attempt} {total}"
            );
        }
    }
}

#[tokio::test]
async fn a_create_that_finds_no_route_is_not_about_an_absent_customer() {
    let route = "[create]\nrequest = \"POST /c\"\nreturns = { item = \"\" }";
    let change = create(vec![(WriteField::Name, text("Ann"))]);
    let coded = "\n[errors]\ncode = \"/code\"\n[errors.codes]\nNO_OWNER = \"not_found\"\n";
    for (errors, kind) in [
        ("", SourceErrorKind::Malformed),
        (coded, SourceErrorKind::NotFound),
    ] {
        let crm = Crm::always(Play::Json(404, json!({ "code": "NO_OWNER" }))).await;
        let file = format!("{}{errors}", writing(route));
        let written = source(&crm, &file).write(&call(), &change).await;
        let problem = &written.problems[0].error;
        assert_eq!(written.outcome, WriteOutcome::NotApplied);
        assert_eq!(problem.kind, kind, "{problem}");
    }
}
