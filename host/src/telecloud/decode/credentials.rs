//! Takes the credentials out of a request before anyone else sees it.

use serde_json::{Map, Value};

use crate::domain::secret::{MASK, Secret};

/// Most keys that one request may present. One is usual; without a bound, one request would be two thousand guesses.
const KEYS_MAX: usize = 8;

/// Removes every field whose name begins with `APIAuth`, wherever it is, and returns the API keys that were in them. An
/// API key elsewhere stays as a name with a mask; so does a text that mentions `APIAuth`, because it is a request that
/// nobody could read.
pub(super) fn take(fields: &mut Map<String, Value>) -> Vec<Secret> {
    let mut keys = Vec::new();
    strip(fields, &mut keys);
    keys.truncate(KEYS_MAX);
    keys
}

fn strip(fields: &mut Map<String, Value>, keys: &mut Vec<Secret>) {
    fields.retain(|name, value| {
        if is_credentials(name) {
            collect(value.take(), false, keys);
            return false;
        }
        if is_api_key(name) && !value.is_null() {
            *value = Value::String(MASK.to_owned());
        }
        strip_value(value, keys);
        true
    });
}

fn strip_value(value: &mut Value, keys: &mut Vec<Secret>) {
    match value {
        Value::Object(fields) => {
            strip(fields, keys);
            if fields.is_empty() {
                value.take();
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| strip_value(item, keys)),
        Value::String(text) if mentions_credentials(text) => MASK.clone_into(text),
        _ => {}
    }
}

/// Takes every text that has an API key's name somewhere above it.
fn collect(value: Value, named: bool, keys: &mut Vec<Secret>) {
    match value {
        Value::String(text) if named => keys.push(Secret::new(text)),
        Value::Array(items) => items.into_iter().for_each(|item| collect(item, named, keys)),
        Value::Object(fields) => {
            for (name, value) in fields {
                collect(value, named || is_api_key(&name), keys);
            }
        }
        _ => {}
    }
}

fn letters(name: &str) -> impl Iterator<Item = char> {
    name.chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|letter| letter.to_ascii_lowercase())
}

/// Also of a name with a bracket too few: `APIAuth[API_KEY`.
fn is_credentials(name: &str) -> bool {
    letters(name).take(7).eq("apiauth".chars())
}

/// `API_KEY`, `APIKEY`, `api_key`.
fn is_api_key(name: &str) -> bool {
    letters(name).eq("apikey".chars())
}

fn mentions_credentials(text: &str) -> bool {
    text.as_bytes()
        .windows(7)
        .any(|window| window.eq_ignore_ascii_case(b"apiauth"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn taken(mut request: Value) -> (Vec<String>, Value) {
        let fields = request.as_object_mut().expect("an object");
        let keys = take(fields).iter().map(|key| key.expose().to_owned()).collect();
        (keys, request)
    }

    #[test]
    fn keys_are_found_under_every_spelling_and_nothing_of_them_stays() {
        let rows = [
            json!({"APIAuth": {"API_ID_KEY": "id", "API_KEY": "k"}}),
            json!({"apiauth": {"apikey": "k"}}),
            json!({"API_Auth": {"@attributes": {"Api-Key": "k", "id": "x"}}}),
            json!({"APIAUTH": [{"inner": {"APIKEY": ["k"]}}]}),
            json!({"APIAuth": {"API_KEY": {"0": "k"}}}),
        ];
        for request in rows {
            assert_eq!(taken(request.clone()), (vec!["k".to_owned()], json!({})), "{request}");
        }
    }

    #[test]
    fn credentials_are_removed_at_any_depth_and_what_is_then_empty_is_null() {
        let request = json!({"a": {"ApiAuth": {"API_KEY": "k"}}, "b": [{"c": "1", "APIAuth": {"API_KEY": "l"}}]});
        let (keys, left) = taken(request);
        assert_eq!(keys, ["k", "l"]);
        assert_eq!(left, json!({"a": null, "b": [{"c": "1"}]}));
    }

    #[test]
    fn what_looks_like_a_credential_elsewhere_is_masked_and_opens_nothing() {
        let request = json!({
            "APIAuth[API_KEY": "k",
            "API_KEY": "k",
            "VAR": {"api_key": ["k"], "name": "n"},
            "broken": "{\"APIAuth\":{\"API_KEY\":\"k\"",
            "APIAuth": "k",
        });
        let (keys, left) = taken(request);
        assert_eq!(keys, Vec::<String>::new());
        assert_eq!(
            left,
            json!({"API_KEY": "***", "VAR": {"api_key": "***", "name": "n"}, "broken": "***"})
        );
    }

    #[test]
    fn one_request_is_at_most_eight_guesses() {
        let guesses: Vec<String> = (0..2_000).map(|guess| guess.to_string()).collect();
        assert_eq!(taken(json!({"APIAuth": {"API_KEY": guesses}})).0.len(), 8);
    }
}
