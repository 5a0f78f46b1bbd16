//! What one operation may take of the gateway, however its document is written: the values of its arguments, and its answer.

use super::support::gateway::{Running, codes, start, start_with};
use crmql::limits::Limits;
use serde_json::{Value, json};

/// So many fields of this kind, each under a name of its own.
fn aliases(count: usize, field: &str) -> String {
    (0..count).map(|n| format!("a{n}: {field} ")).collect()
}

async fn small(reply_bytes: usize) -> Running {
    let limits = Limits {
        reply_bytes,
        ..Limits::default()
    };
    start_with(120, limits).await
}

/// The answer to a query whose data is larger than may be: coded, and at most twice as large, with all names.
async fn too_large(gateway: &Running, query: &str) -> Value {
    let answer = gateway.ask(query).await;
    assert_eq!(codes(&answer).first(), Some(&"TOO_LARGE"), "{answer:.600}");
    let error = &answer["errors"][0]["extensions"];
    assert!(error["requestId"].is_string(), "{answer:.600}");
    let data = answer["data"].to_string().len();
    assert!(data <= 200_000, "{data} bytes for {query:.100}");
    answer
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_variable_counts_as_often_as_it_stands_somewhere() {
    let gateway = start(3).await;
    let query = |places: usize| {
        let tags = "$x ".repeat(places);
        format!(
            "query($x: String!) {{ customers(sources: [\"spirii\"], filter: {{ tags: [{tags}] }}) {{ order }} }}"
        )
    };
    let text = "x".repeat(200_000);
    let answer = gateway.ask_with(&query(200), json!({ "x": text })).await;
    assert_eq!(codes(&answer), ["TOO_COMPLEX"], "{answer:.400}");
    let message = answer["errors"][0]["message"].as_str().unwrap();
    assert!(message.contains("8388608"), "{message}");
    let native = format!(
        "mutation($x: JSON) {{ createCustomer(input: {{ source: \"gtateth\", native: {{ a: [{}] }} }}) {{ outcome }} }}",
        "$x ".repeat(200)
    );
    let answer = gateway.ask_with(&native, json!({ "x": [text] })).await;
    assert_eq!(codes(&answer), ["TOO_COMPLEX"], "{answer:.400}");
    let answer = gateway.ask_with(&query(20), json!({ "x": text })).await;
    assert_eq!(codes(&answer), ["FILTER_NOT_SUPPORTED"], "{answer:.400}");
    assert_eq!(gateway.call_count(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_value_in_a_fragment_counts_as_often_as_the_fragment_is_spread() {
    let gateway = start(3).await;
    let query = |spreads: usize, length: usize| {
        let rows = aliases(spreads, "parent { ...F }");
        let text = "x".repeat(length);
        format!(
            "{{ customers(first: 1) {{ nodes {{ {rows} }} }} }} \
             fragment F on Customer {{ children(filter: {{ search: \"{text}\" }}) {{ totalCount }} }}"
        )
    };
    let answer = gateway.ask(&query(100, 100_000)).await;
    assert_eq!(codes(&answer), ["TOO_COMPLEX"], "{answer:.400}");
    assert_eq!(gateway.call_count(), 0);
    let answer = gateway.ask(&query(100, 100)).await;
    assert_eq!(codes(&answer), Vec::<&str>::new(), "{answer:.400}");
}

/// The same rows under many names, by every way that an answer is made.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_is_no_larger_than_allowed() {
    let gateway = small(100_000).await;
    let list = |selection: &str| {
        format!(
            "{{ customers(first: 100, sources: [\"spirii\"]) {{ {selection} }} sources {{ key }} }}"
        )
    };
    // Written without the executor.
    let plain = format!(
        "{{ customers(first: 100, sources: [\"spirii\"]) {{ nodes {{ {} }} }} }}",
        aliases(200, "displayName")
    );
    let answer = too_large(&gateway, &plain).await;
    assert!(answer["data"]["customers"].is_null());
    assert_eq!(answer["errors"][0]["path"], json!(["customers"]));
    // Written by the executor, the rows as text.
    let answer = too_large(
        &gateway,
        &list(&format!("nodes {{ {} }}", aliases(200, "id"))),
    )
    .await;
    assert_eq!(answer["data"]["sources"].as_array().unwrap().len(), 4);
    let tree = format!(
        "nodes {{ freshness {{ fromCache }} {} }}",
        aliases(200, "email")
    );
    too_large(&gateway, &list(&tree)).await;
    let cursors = format!("edges {{ {} node {{ native }} }}", aliases(200, "cursor"));
    too_large(&gateway, &list(&cursors)).await;
    // A record that has no room left is null, and says so.
    let raw = format!("nodes {{ {} }}", aliases(60, "native"));
    let answer = too_large(&gateway, &list(&raw)).await;
    let rows = answer["data"]["customers"]["nodes"].as_array().unwrap();
    assert!(rows[0]["a0"].is_object() && rows[99]["a59"].is_null());
    // Names count, too.
    let name = "n".repeat(5_000);
    too_large(
        &gateway,
        &format!("{{ __schema {{ types {{ fields {{ {name}: name }} }} }} }}"),
    )
    .await;
    let answer = gateway.ask(&list("nodes { native }")).await;
    assert_eq!(codes(&answer), Vec::<&str>::new(), "{answer:.400}");
}

/// What was written is told, however much is asked of the customer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_is_too_large_hides_no_outcome() {
    let gateway = small(65_536).await;
    let name = "n".repeat(2_000);
    for (place, shown) in [
        aliases(400, "native"),
        (0..100).map(|n| format!("{name}{n}: email ")).collect(),
        (0..100)
            .map(|n| format!("{name}{n}: displayName "))
            .collect(),
    ]
    .into_iter()
    .enumerate()
    {
        let create = format!(
            "mutation {{ createCustomer(input: {{ source: \"gtateth\", firstName: \"Ada\", email: \"ada{place}@new.example\" }}) \
             {{ outcome customer {{ {shown} freshness {{ fromCache }} }} }} }}"
        );
        let answer = gateway.ask(&create).await;
        assert_eq!(codes(&answer).first(), Some(&"TOO_LARGE"), "{answer:.400}");
        assert_eq!(
            answer["data"]["createCustomer"]["outcome"], "APPLIED",
            "{answer:.400}"
        );
    }
    // Names beside the customer take no room, and the whole answer is larger than that of a query might be.
    let names: String = (0..100)
        .map(|n| format!("{name}{n}: clientMutationId "))
        .collect();
    let create = format!(
        "mutation {{ createCustomer(input: {{ source: \"gtateth\", firstName: \"Ada\", email: \"ada@names.example\" }}) \
         {{ outcome {names} }} }}"
    );
    let answer = gateway.ask(&create).await;
    assert_eq!(
        answer["data"]["createCustomer"]["outcome"], "APPLIED",
        "{answer:.400}"
    );
}

/// An answer that is all errors costs what its errors cost, not what each pair of them does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_errors_are_settled_in_no_time() {
    let gateway = start(120).await;
    let children = aliases(80, "children(first: 0, last: 0) { order }");
    let query =
        format!("{{ customers(first: 100, sources: [\"spirii\"]) {{ nodes {{ {children} }} }} }}");
    let started = std::time::Instant::now();
    let answer = gateway.ask(&query).await;
    assert_eq!(answer["errors"].as_array().unwrap().len(), 100);
    let left_out = answer["extensions"]["errorsLeftOut"].as_u64().unwrap();
    assert_eq!(left_out, 7_900);
    let row = &answer["data"]["customers"]["nodes"][99];
    assert_eq!(row["a79"], Value::Null);
    assert_eq!(row.as_object().unwrap().len(), 80);
    let took = started.elapsed();
    assert!(took < std::time::Duration::from_secs(10), "{took:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_filter_names_no_more_ids_than_allowed() {
    let limits = Limits {
        ids: 2,
        ..Limits::default()
    };
    let gateway = start_with(3, limits).await;
    for (ids, code) in [
        ("\"a\", \"b\"", "INVALID_ID"),
        ("\"a\", \"b\", \"c\"", "INVALID_INPUT"),
    ] {
        let query = format!("{{ customers(filter: {{ ids: [{ids}] }}) {{ order }} }}");
        let answer = gateway.ask(&query).await;
        assert_eq!(codes(&answer), [code], "{answer}");
    }
    assert_eq!(gateway.call_count(), 0);
}
