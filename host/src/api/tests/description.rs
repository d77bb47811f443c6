//! `/v1/openapi.json` says what there is, and all of it.

use std::collections::BTreeSet;

use serde_json::Value;

use super::routes::rows;
use super::world::World;

async fn description() -> Value {
    let answer = World::new().await.send("GET", "/v1/openapi.json", "", None).await;
    assert_eq!(answer.status, 200);
    answer.body
}

fn operations(description: &Value) -> Vec<(String, String, &Value)> {
    let paths = description["paths"].as_object().expect("paths");
    let methods = ["get", "put", "post", "delete", "patch", "head", "options"];
    let all = paths.iter().flat_map(|(path, item)| {
        let item = item.as_object().expect("a path");
        let operations = item.iter().filter(|(key, _)| methods.contains(&key.as_str()));
        operations.map(move |(method, operation)| (method.to_uppercase(), path.clone(), operation))
    });
    all.collect()
}

/// The route that a path of the test table belongs to.
fn template(path: &str) -> String {
    path.replace("/acme", "/{tenant}")
        .replace("/sim", "/{module}")
        .replace("/modules/new", "/modules/{module}")
        .replace("/secrets/new", "/secrets/{name}")
        .replace("/networks/lab", "/networks/{network}")
        .replace("/networks/vpn", "/networks/{network}")
        .replace("/networks/unused", "/networks/{network}")
        .replace("/versions/2", "/versions/{number}")
        .replace("carrier-token", "{name}")
        .replace("{key}", "{id}")
        .replace("{token}", "{id}")
        .replace("{call}", "{id}")
        .replace("{order}", "{id}")
        .replace("{job}", "{call}")
        .replace("{usage}", "{id}")
        .replace("{audit}", "{id}")
        .replace("?kind=usage", "")
}

#[tokio::test]
async fn every_route_is_described_and_nothing_else() {
    let description = description().await;
    let described: BTreeSet<(String, String)> = operations(&description)
        .into_iter()
        .map(|(method, path, _)| (method, path))
        .collect();
    let there: BTreeSet<(String, String)> = rows()
        .iter()
        .map(|row| (row.method.to_owned(), template(row.path)))
        .collect();
    assert_eq!(described, there);
}

#[tokio::test]
async fn every_reference_leads_somewhere() {
    fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(fields) => {
                found.extend(fields.get("$ref").and_then(Value::as_str));
                fields.values().for_each(|value| references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }
    let description = description().await;
    let mut found = Vec::new();
    references(&description, &mut found);
    assert!(found.len() > 50);
    for reference in found {
        let pointer = reference.strip_prefix('#').expect("a reference into the document");
        assert!(description.pointer(pointer).is_some(), "{reference}");
    }
}

#[tokio::test]
async fn every_operation_has_a_name_a_text_its_parts_and_its_refusals() {
    let description = description().await;
    let mut names = BTreeSet::new();
    for (method, path, operation) in operations(&description) {
        let name = operation["operationId"].as_str().expect("an id");
        assert!(names.insert(name.to_owned()), "{name} names two operations");
        for field in ["summary", "description"] {
            assert!(operation[field].is_string(), "{method} {path}: {field}");
        }
        for status in ["401", "403", "404", "default"] {
            assert!(operation["responses"][status].is_object(), "{method} {path}: {status}");
        }
        let described: Vec<String> = description["paths"][&path]["parameters"]
            .as_array()
            .expect("parameters")
            .iter()
            .map(|part| format!("{{{}}}", part["name"].as_str().expect("a name")))
            .collect();
        let parts: Vec<&str> = path.split('/').filter(|part| part.starts_with('{')).collect();
        assert_eq!(described, parts, "{path}");
    }
    let scheme = &description["components"]["securitySchemes"]["token"];
    assert_eq!((&scheme["type"], &scheme["scheme"]), (&"http".into(), &"bearer".into()));
    assert_eq!(description["openapi"].as_str().map(|version| &version[..2]), Some("3."));
}

#[tokio::test]
async fn the_fields_of_a_call_are_all_described() {
    let description = description().await;
    let schemas = &description["components"]["schemas"];
    for (schema, field) in [
        ("CallRecord", "exchanges"),
        ("Exchange", "request"),
        ("RecordedRequest", "body_bytes"),
        ("RecordedResponse", "status"),
        ("LogLine", "message"),
        ("Usage", "memory_bytes"),
        ("Limits", "deadline_ms"),
        ("Grant", "network"),
        ("Network", "blocks"),
        ("Problem", "code"),
    ] {
        assert!(schemas[schema]["properties"][field].is_object(), "{schema}.{field}");
    }
}
