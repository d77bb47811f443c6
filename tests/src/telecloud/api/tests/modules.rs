use http::Method;

use super::{call, telecloud};
use crate::telecloud::{FakeTelecloud, Module, ServiceStatus};

const EXTERNAL: [(&str, &str); 5] = [
    ("type", "external"),
    ("name", "Lines"),
    ("description", "Mobile lines"),
    ("url", "https://patchbay.example/m/acme/lines"),
    ("status", "1"),
];

async fn post(telecloud: &FakeTelecloud, fields: &[(&str, &str)]) -> String {
    call(telecloud, Method::POST, "Module/Create", fields).await
}

fn changed<'a>(fields: &[(&'a str, &'a str)], name: &str, value: &'a str) -> Vec<(&'a str, &'a str)> {
    let fields = fields.iter().copied();
    let fields = fields.map(|(other, old)| (other, if other == name { value } else { old }));
    fields.collect()
}

#[tokio::test]
async fn a_module_is_created_edited_and_deleted() {
    let telecloud = telecloud(ServiceStatus::Active).await;
    assert_eq!(
        post(&telecloud, &EXTERNAL).await,
        "<module module_id=\"1\" type=\"external\"/>"
    );
    let module = Module {
        external: true,
        name: "Lines".to_owned(),
        description: "Mobile lines".to_owned(),
        url: Some("https://patchbay.example/m/acme/lines".to_owned()),
        active: true,
    };
    assert_eq!(telecloud.module("1").as_ref(), Some(&module));

    let fields = changed(&EXTERNAL, "status", "2");
    let mut fields = changed(&fields, "name", "Old lines");
    fields[0] = ("module_id", "1");
    let edited = call(&telecloud, Method::PATCH, "Module/Edit", &fields).await;
    assert_eq!(edited, "<module module_id=\"1\"/>");
    let module = Module {
        name: "Old lines".to_owned(),
        active: false,
        ..module
    };
    assert_eq!(telecloud.module("1"), Some(module));

    let delete = || call(&telecloud, Method::DELETE, "Module/Delete", &[("module_id", "1")]);
    assert_eq!(delete().await, "<module module_id=\"1\"/>");
    assert_eq!(telecloud.module("1"), None);
    assert_eq!(delete().await, "error: Module not found: 1");
    let edited = call(&telecloud, Method::PATCH, "Module/Edit", &fields).await;
    assert_eq!(edited, "error: Module not found: 1");
}

#[tokio::test]
async fn a_module_that_is_not_as_it_should_be_is_not_created() {
    let telecloud = telecloud(ServiceStatus::Active).await;
    let rows = [
        ("type", "internal", "Invalid type: internal"),
        ("name", "", "Missing required parameter: name"),
        ("description", "", "Missing required parameter: description"),
        ("status", "3", "Invalid status: 3"),
        ("url", "", "Missing required parameter: url"),
        ("url", "/m/acme/lines", "Invalid url: /m/acme/lines"),
        ("url", "ftp://patchbay.example/", "Invalid url: ftp://patchbay.example/"),
        ("type", "prebuilt", "Missing required parameter: provider"),
    ];
    for (name, value, error) in rows {
        assert_eq!(
            post(&telecloud, &changed(&EXTERNAL, name, value)).await,
            format!("error: {error}")
        );
    }
    let with_provider = [&EXTERNAL[..], &[("provider", "att_mobility")]].concat();
    assert_eq!(
        post(&telecloud, &with_provider).await,
        "error: Unknown parameter: provider"
    );
    assert_eq!(telecloud.module("1"), None);
}

#[tokio::test]
async fn a_product_group_uses_the_modules_that_there_are() {
    let telecloud = telecloud(ServiceStatus::Active).await;
    telecloud.put_product_group("75");
    post(&telecloud, &EXTERNAL).await;
    post(&telecloud, &EXTERNAL).await;
    let edit = async |fields: &[(&str, &str)]| {
        let fields = [&[("product_group_id", "75")], fields].concat();
        call(&telecloud, Method::PATCH, "ProductGroup/Edit", &fields).await
    };
    let edited = "<productgroup product_group_id=\"75\"/>";
    let both = [("status", "1"), ("moduleid_order", "1"), ("moduleid_cancel", "1")];
    assert_eq!(edit(&both).await, edited);
    assert_eq!(edit(&[("status", "2"), ("moduleid_order", "2")]).await, edited);
    let group = telecloud.product_group("75").expect("the group");
    let uses = |module_id: &str, name: &str| (name.to_owned(), module_id.to_owned());
    assert_eq!(
        group.modules,
        [uses("2", "moduleid_order"), uses("1", "moduleid_cancel")].into()
    );
    assert!(group.locked);

    let rows: [(&[(&str, &str)], &str); 4] = [
        (&[("moduleid_order", "1")], "Missing required parameter: status"),
        (&[("status", "1"), ("moduleid_order", "3")], "Invalid moduleid_order: 3"),
        (&[("status", "1"), ("moduleid_swap", "")], "Invalid moduleid_swap: "),
        (
            &[("status", "1"), ("moduleid_usage", "1")],
            "Unknown parameter: moduleid_usage",
        ),
    ];
    for (fields, error) in rows {
        assert_eq!(edit(fields).await, format!("error: {error}"));
    }
    assert_eq!(telecloud.product_group("75"), Some(group));
    let other = [("product_group_id", "76"), ("status", "1")];
    let answer = call(&telecloud, Method::PATCH, "ProductGroup/Edit", &other).await;
    assert_eq!(answer, "error: Product group not found: 76");
}
