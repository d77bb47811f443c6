use serde_json::{Map, Value};

/// The documents of an event in a test. Answers as the gateway's own do.
#[derive(Clone, Default)]
pub struct Tree(Value);

impl Tree {
    pub(super) fn new(tree: Value) -> Self {
        Self(tree)
    }

    pub(crate) fn get(&self, path: &str) -> Option<String> {
        match self.at(path)? {
            Value::String(text) if !text.is_empty() => Some(text.clone()),
            _ => None,
        }
    }

    pub(crate) fn json(&self, path: &str) -> Option<String> {
        self.at(path).map(Value::to_string)
    }

    fn at(&self, path: &str) -> Option<&Value> {
        let names = path.split('.').filter(|_| !path.is_empty());
        let found = names.into_iter().try_fold(&self.0, child)?;
        (!found.is_null()).then_some(found)
    }
}

fn child<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    match value {
        Value::Object(fields) => {
            named(fields, name).or_else(|| named(named(fields, "@attributes")?.as_object()?, name))
        }
        Value::Array(items) => items.get(name.parse::<usize>().ok()?),
        _ => None,
    }
}

fn named<'a>(fields: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    let found = fields.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
    fields.get(name).or(found.map(|(_, value)| value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Document;
    use serde_json::json;

    fn tree() -> Tree {
        Tree::new(json!({
            "Customer": {"First_Name": "Avery", "empty": null, "zip_code": "20001"},
            "Product": {"@attributes": {"product_id": "337"}},
            "list": [{"a": "x"}],
        }))
    }

    #[test]
    fn a_path_finds_names_in_any_case_below_attributes_and_in_lists() {
        let tree = tree();
        let document = Document::new(&tree);
        assert_eq!(document.get("customer.first_name").as_deref(), Some("Avery"));
        assert_eq!(document.get("Product.product_id").as_deref(), Some("337"));
        assert_eq!(document.get("list.0.a").as_deref(), Some("x"));
        for absent in [
            "Customer",
            "Customer.empty",
            "Customer.last_name",
            "list.1.a",
            "list.x",
            "",
        ] {
            assert_eq!(document.get(absent), None, "{absent}");
        }
    }

    #[test]
    fn a_part_of_the_tree_is_read_into_a_type() {
        #[derive(serde::Deserialize, Debug)]
        struct Customer {
            zip_code: String,
        }
        let tree = tree();
        let document = Document::new(&tree);
        let customer: Customer = document.read("Customer").expect("fits").expect("is there");
        assert_eq!(customer.zip_code, "20001");
        assert!(document.read::<Customer>("Reseller").expect("absent is fine").is_none());
        let failure = document.read::<Customer>("Product").expect_err("does not fit");
        assert!(matches!(failure, crate::Failure::Rejected(text) if text.starts_with("Product cannot be read: ")));
    }
}
