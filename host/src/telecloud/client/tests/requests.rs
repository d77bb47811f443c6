//! What is sent, as the API's documentation has it.

use std::collections::BTreeSet;

use http::{Method, Request, header};

use crate::domain::event::Vars;
use crate::domain::name::TelecloudId;
use crate::domain::telecloud::{LinkedEvent, ProductGroupStatus, UrlTemplate};
use crate::domain::update::{NewStatus, Update};
use crate::telecloud::client::{Access, Call, Expression, request};

/// A call, its method, its name, its fields.
type Row = (Call, Method, &'static str, Vec<(&'static str, &'static str)>);

fn sent(template: &str, call: &Call) -> Request<bytes::Bytes> {
    let url = UrlTemplate::parse(template).expect("a template");
    let access = Access {
        url: &url,
        api_id_key: "7 & 8",
        api_key: "{{secret:telecloud-api-key}}",
    };
    request(&access, call).expect("a request")
}

/// Names and values of a form, as another parser reads them, without the credentials.
fn fields(form: &[u8]) -> Vec<(String, String)> {
    let mut fields: Vec<(String, String)> = form_urlencoded::parse(form).into_owned().collect();
    let credentials: Vec<_> = fields.drain(..2).collect();
    let expected = [("API_ID_KEY", "7 & 8"), ("API_KEY", "{{secret:telecloud-api-key}}")];
    assert_eq!(credentials, owned(&expected));
    fields
}

fn owned(fields: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    fields.iter().map(owned).collect()
}

fn id(text: &str) -> TelecloudId {
    TelecloudId::parse(text).expect("an id")
}

fn update(update: Update) -> Call {
    Call::UpdateOrder {
        account_number: "7105045".to_owned(),
        order_number: "5401FBZ5401".to_owned(),
        update,
    }
}

#[test]
fn each_call_has_its_own_url_method_and_fields() {
    let mut vars = Vars::default();
    vars.set(15, "COMPLETED".to_owned()).expect("a VAR");
    vars.set(3, "2025550143".to_owned()).expect("a VAR");
    let non_pay = Update {
        status: Some(NewStatus::NonPay),
        ..Update::default()
    };
    let order = [("account_number", "7105045"), ("order_number", "5401FBZ5401")];
    let rows: Vec<Row> = vec![
        (
            update(Update::active(vars.clone())),
            Method::PATCH,
            "Order/Update",
            [
                &order[..],
                &[
                    ("service_status", "ACTIVE"),
                    ("VAR3", "2025550143"),
                    ("VAR15", "COMPLETED"),
                ],
            ]
            .concat(),
        ),
        (
            update(Update::failed("Invalid SIM & <no> \"more\" +1", Vars::default())),
            Method::PATCH,
            "Order/Update",
            [
                &order[..],
                &[
                    ("service_status", "FAILED"),
                    ("error_text", "Invalid SIM & <no> \"more\" +1"),
                ],
            ]
            .concat(),
        ),
        (
            update(non_pay),
            Method::PATCH,
            "Order/Update",
            [&order[..], &[("service_status", "NON-PAY")]].concat(),
        ),
        (
            Call::ReportUsage {
                account_number: "7105045".to_owned(),
                order_number: "5401FBZ5401".to_owned(),
                component_id: "8417871".to_owned(),
                units: "1514.5".to_owned(),
                expression: Expression::default(),
            },
            Method::POST,
            "Order/ReportUsage",
            vec![
                ("account_number", "7105045"),
                ("component_id", "8417871"),
                ("order_number", "5401FBZ5401"),
                ("units", "1514.5"),
                ("expression_type", "cumulative"),
            ],
        ),
        (
            Call::Notation {
                account_number: "7105045".to_owned(),
                order_number: None,
                subject: "SIM".to_owned(),
                content: "näh".to_owned(),
            },
            Method::POST,
            "Customer/Notation",
            vec![("account_number", "7105045"), ("subject", "SIM"), ("content", "näh")],
        ),
        (
            Call::CreateModule {
                name: "sim".to_owned(),
                description: "SIM activation".to_owned(),
                url: "https://gateway.example/m/acme/sim".to_owned(),
            },
            Method::POST,
            "Module/Create",
            vec![
                ("type", "external"),
                ("name", "sim"),
                ("description", "SIM activation"),
                ("url", "https://gateway.example/m/acme/sim"),
                ("status", "1"),
            ],
        ),
        (
            Call::EditModule {
                module_id: id("32"),
                name: "sim".to_owned(),
                description: "SIM activation".to_owned(),
                url: "https://gateway.example/m/acme/sim".to_owned(),
            },
            Method::PATCH,
            "Module/Edit",
            vec![
                ("module_id", "32"),
                ("name", "sim"),
                ("description", "SIM activation"),
                ("url", "https://gateway.example/m/acme/sim"),
                ("status", "1"),
            ],
        ),
        (
            Call::EditProductGroup {
                product_group_id: id("75"),
                status: ProductGroupStatus::Locked,
                module_id: id("32"),
                events: BTreeSet::from([LinkedEvent::Cancel, LinkedEvent::Order]),
            },
            Method::PATCH,
            "ProductGroup/Edit",
            vec![
                ("product_group_id", "75"),
                ("status", "2"),
                ("moduleid_order", "32"),
                ("moduleid_cancel", "32"),
            ],
        ),
    ];
    for (call, method, name, expected) in rows {
        let sent = sent("https://api.telecloud.app/{format}/{Service}/{Action}", &call);
        assert_eq!(sent.method(), method, "{name}");
        assert_eq!(sent.uri().to_string(), format!("https://api.telecloud.app/xml/{name}"));
        assert_eq!(
            sent.headers()[header::CONTENT_TYPE],
            "application/x-www-form-urlencoded"
        );
        assert_eq!(fields(sent.body()), owned(&expected), "{name}");
    }
}

#[test]
fn a_deletion_has_everything_in_its_query() {
    let call = Call::DeleteModule { module_id: id("8") };
    for (template, begins) in [
        (
            "https://x.example/{Service}/{Action}/",
            "https://x.example/Module/Delete/",
        ),
        (
            "https://x.example/?call={Service}/{Action}",
            "https://x.example/?call=Module/Delete",
        ),
    ] {
        let sent = sent(template, &call);
        assert_eq!((sent.method(), sent.body().len()), (&Method::DELETE, 0));
        let url = sent.uri().to_string();
        let query = url.strip_prefix(begins).expect("the template's own part first");
        assert!(query.starts_with(if begins.contains('?') { '&' } else { '?' }), "{url}");
        assert_eq!(fields(&query.as_bytes()[1..]), owned(&[("module_id", "8")]));
    }
}

#[test]
fn what_nobody_said_is_not_passed() {
    let none = update(Update::default());
    let names: Vec<_> = none.fields().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["account_number", "order_number"]);
}
