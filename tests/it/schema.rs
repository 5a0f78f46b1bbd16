//! The schema: it equals the file in the tree, keeps every promised name and shape, describes itself, and is Relay's.

use super::support::gateway::{codes, start};
use apollo_compiler::Schema;
use apollo_compiler::schema::{ExtendedType, InputValueDefinition};
use crmql::graphql;
use serde_json::json;
use std::fmt::Write as _;
use std::path::Path;

/// Set it to write `schema.graphql` anew.
const REFRESH: &str = "CRMQL_REFRESH_SCHEMA";

fn parsed(text: &str) -> Schema {
    Schema::parse(text, "schema.graphql").unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn the_file_in_the_tree_is_what_the_code_says() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema.graphql");
    let sdl = graphql::sdl().unwrap();
    if std::env::var_os(REFRESH).is_some() {
        std::fs::write(&file, &sdl).unwrap();
    }
    let kept = std::fs::read_to_string(&file).unwrap();
    assert!(
        kept == sdl,
        "schema.graphql is not what the code says; `{REFRESH}=1 cargo test schema` writes it"
    );
}

/// Every line of a schema: `Type.field: String!`, `Type.field(argument): Int = 1`, `Enum.VALUE`, with its description.
fn lines(schema: &Schema) -> Vec<(String, bool)> {
    let mut lines = Vec::new();
    let value = |path: String, value: &InputValueDefinition| {
        let mut line = format!("{path}: {}", value.ty);
        if let Some(default) = &value.default_value {
            write!(line, " = {default}").unwrap();
        }
        (line, value.description.is_some())
    };
    for (name, kind) in &schema.types {
        if kind.is_built_in() {
            continue;
        }
        lines.push((format!("{name}"), kind.description().is_some()));
        let fields = match kind {
            ExtendedType::Object(object) => {
                let interfaces = object.implements_interfaces.iter();
                lines.extend(interfaces.map(|known| (format!("{name} implements {known}"), true)));
                &object.fields
            }
            ExtendedType::Interface(interface) => &interface.fields,
            ExtendedType::Enum(words) => {
                let values = words.values.values();
                lines
                    .extend(values.map(|word| {
                        (format!("{name}.{}", word.value), word.description.is_some())
                    }));
                continue;
            }
            ExtendedType::InputObject(input) => {
                let fields = input.fields.values();
                lines.extend(fields.map(|field| value(format!("{name}.{}", field.name), field)));
                continue;
            }
            _ => continue,
        };
        for field in fields.values() {
            lines.push((
                format!("{name}.{}: {}", field.name, field.ty),
                field.description.is_some(),
            ));
            let arguments = field.arguments.iter();
            lines.extend(
                arguments
                    .map(|known| value(format!("{name}.{}({})", field.name, known.name), known)),
            );
        }
    }
    lines
}

#[test]
fn every_promised_name_and_shape_is_there() {
    let have = lines(&parsed(&graphql::sdl().unwrap()));
    let promised = lines(&parsed(include_str!("contract.graphql")));
    assert!(promised.len() > 200);
    let missing: Vec<&String> = promised
        .iter()
        .map(|(line, _)| line)
        .filter(|line| !have.iter().any(|(known, _)| known == *line))
        .collect();
    assert!(missing.is_empty(), "{missing:#?}");
    // What is promised in full has nothing more either, but for what a source can do.
    for closed in [
        "Customer.",
        "Query.",
        "Mutation.",
        "CustomerFilter.",
        "ErrorCode.",
        "PageInfo.",
        "CreateCustomerInput.",
    ] {
        let count = |lines: &[(String, bool)]| {
            lines
                .iter()
                .filter(|(line, _)| line.starts_with(closed))
                .count()
        };
        assert_eq!(count(&have), count(&promised), "{closed}");
    }
}

#[test]
fn everything_is_described() {
    let schema = lines(&parsed(&graphql::sdl().unwrap()));
    let silent: Vec<&String> = schema
        .iter()
        .filter(|(_, described)| !described)
        .map(|(line, _)| line)
        .collect();
    assert!(silent.is_empty(), "{silent:#?}");
}

#[test]
fn relay_finds_what_it_looks_for() {
    let sdl = graphql::sdl().unwrap();
    let schema = parsed(&sdl);
    schema.validate().unwrap();
    let schema = parsed(&sdl);
    for (name, kind) in &schema.types {
        let ExtendedType::Object(object) = kind else {
            continue;
        };
        let ty = |field: &str| object.fields.get(field).map(|field| field.ty.to_string());
        if let Some(of) = name.strip_suffix("Connection") {
            assert_eq!(ty("pageInfo").as_deref(), Some("PageInfo!"));
            assert_eq!(ty("edges"), Some(format!("[{of}Edge!]!")));
        }
        if let Some(of) = name.strip_suffix("Edge") {
            assert_eq!(
                (ty("node"), ty("cursor").as_deref()),
                (Some(format!("{of}!")), Some("String!"))
            );
        }
        if let Some(payload) = name.strip_suffix("Payload") {
            assert_eq!(
                ty("clientMutationId").as_deref(),
                Some("String"),
                "{payload}"
            );
        }
        if ty("id").as_deref() == Some("ID!") {
            assert!(
                object
                    .implements_interfaces
                    .iter()
                    .any(|known| known.name == "Node"),
                "{name}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn capabilities_say_what_a_source_can_do() {
    let gateway = start(3).await;
    gateway.forget();
    let query = "{ sources { key name adapter capabilities { list get create update delete batchSize paging maxPageSize \
        totalCount backwardPaging filters { name rechecked } orderings { field unique } creatableFields requiredFields \
        updatableFields nativeFields readableFields assumptions { at why } } } }";
    let data = gateway.data(query, json!({})).await;
    let of = |place: usize| &data["sources"][place]["capabilities"];
    let names = |place: usize| {
        of(place)["filters"]
            .as_array()
            .unwrap()
            .iter()
            .map(|filter| filter["name"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(0), ["search", "tier:eq", "status:eq", "tags:all"]);
    assert_eq!(names(1), ["updatedAt:gte"]);
    assert_eq!(
        (&of(2)["delete"], &of(0)["delete"]),
        (&json!(false), &json!(true))
    );
    assert_eq!(
        (&of(3)["batchSize"], &of(0)["batchSize"]),
        (&json!(100), &json!(null))
    );
    assert_eq!(
        (&of(1)["totalCount"], &of(2)["totalCount"]),
        (&json!(false), &json!(true))
    );
    assert_eq!(of(1)["nativeFields"], json!(["passcode"]));
    assert_eq!(gateway.call_count(), 0, "it stands in the adapter file");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_schema_can_be_asked_and_downloaded() {
    let gateway = start(1).await;
    let text = reqwest::get(format!("{}/schema.graphql", gateway.url))
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert_eq!(text, graphql::sdl().unwrap());
    let data = gateway.data("{ __schema { queryType { name } types { name } } __type(name: \"CustomerEdge\") { kind fields { name } } }", json!({})).await;
    assert_eq!(
        data["__type"]["fields"],
        json!([{ "name": "cursor" }, { "name": "node" }])
    );
    let answer = gateway.ask("{ customers { nodes { surname } } }").await;
    assert_eq!(codes(&answer)[0], "INVALID_INPUT");
    assert!(answer.get("data").is_none());
}
