//! What answers mean.

use http::StatusCode;
use proptest::prelude::*;

use crate::domain::name::TelecloudId;
use crate::domain::update::Update;
use crate::telecloud::client::{Accepted, Call, NotAccepted, Usage, read};

fn update() -> Call {
    Call::UpdateOrder {
        account_number: "1".to_owned(),
        order_number: "2".to_owned(),
        update: Update::default(),
    }
}

fn create() -> Call {
    Call::CreateModule {
        name: String::new(),
        description: String::new(),
        url: String::new(),
    }
}

fn status(code: u16) -> StatusCode {
    StatusCode::from_u16(code).expect("a status")
}

#[test]
fn a_telecloud_document_is_acceptance_and_its_ids_are_read() {
    let trans_id = Some("4404915".to_owned());
    let module = "<?xml version=\"1.0\"?>\n<telecloud trans_id=\"4404915\">\n  <module module_id=\"7\" type=\"external\"/>\n</telecloud>";
    let expected = Accepted {
        trans_id: trans_id.clone(),
        module_id: Some(TelecloudId::parse("7").expect("an id")),
        usage: None,
    };
    assert_eq!(read(&create(), StatusCode::OK, module.as_bytes()), Ok(expected));

    let usage = "<telecloud trans_id=\"4404915\"><order order_number=\"5401FBZ5401\"><ProductComponents>\
                 <component component_id=\"8417871\"><old_value>1014</old_value><new_value> 1514 </new_value>\
                 <unit_price>0.0030</unit_price><total>1.5</total></component></ProductComponents></order></telecloud>";
    let expected = Accepted {
        trans_id: trans_id.clone(),
        module_id: None,
        usage: Some(Usage {
            old: "1014".to_owned(),
            new: "1514".to_owned(),
        }),
    };
    assert_eq!(read(&update(), StatusCode::CREATED, usage.as_bytes()), Ok(expected));

    for bare in ["<telecloud/>", "\u{FEFF}\n<TeleCloud></TeleCloud>\n"] {
        assert_eq!(
            read(&update(), StatusCode::OK, bare.as_bytes()),
            Ok(Accepted::default()),
            "{bare}"
        );
    }
}

#[test]
fn an_error_is_a_refusal_at_any_status_with_its_own_words() {
    for (code, body, text) in [
        (200, "<error>Invalid order number</error>", "Invalid order number"),
        (
            400,
            "<?xml version=\"1.0\"?>\n<error code=\"7\">Not &lt;yours&gt;</error>",
            "Not <yours>",
        ),
        (401, "<ERROR><![CDATA[Bad key]]></ERROR>", "Bad key"),
        (
            500,
            "<error><code>9</code><message>Order is locked</message></error>",
            "9 Order is locked",
        ),
        (503, "<error/>", "it gave no reason"),
        (
            200,
            "<telecloud trans_id=\"1\"><error>No such plan</error></telecloud>",
            "No such plan",
        ),
    ] {
        let refused = NotAccepted::Refused(text.to_owned());
        assert_eq!(read(&update(), status(code), body.as_bytes()), Err(refused), "{body}");
    }
    let windows = read(&update(), StatusCode::OK, b"<error>caf\xE9</error>");
    assert_eq!(windows, Err(NotAccepted::Refused("café".to_owned())));
    let long = format!("<error>{}</error>", "é".repeat(5_000));
    let cut = NotAccepted::Refused("é".repeat(1_000));
    assert_eq!(read(&update(), StatusCode::OK, long.as_bytes()), Err(cut));
}

#[test]
fn whatever_else_is_unclear() {
    let deep = format!("<telecloud>{}{}</telecloud>", "<a>".repeat(100), "</a>".repeat(100));
    for (code, body, why) in [
        (200, "", "answered 200 and not in XML"),
        (200, "OK", "answered 200 and not in XML"),
        (200, "{\"error\": \"no\"}", "answered 200 and not in XML"),
        (200, "<telecloud trans_id=\"1\"><order>", "answered 200 and not in XML"),
        (200, "<telecloud/><error>no</error>", "answered 200 and not in XML"),
        (200, "<br />\n<b>Warning</b><telecloud/>", "answered 200 and not in XML"),
        (200, "<!DOCTYPE t [<!ENTITY e 'x'>]><telecloud>&e;</telecloud>", "DTD"),
        (200, &deep, "nested deeper"),
        (
            502,
            "<html><body><h1>Bad Gateway</h1></body></html>",
            "answered 502 in XML that is neither",
        ),
        (
            404,
            "<html><body>Not found</body></html>",
            "answered 404 in XML that is neither",
        ),
        (
            500,
            "<telecloud/>",
            "answered 500 with a document that says that it was accepted",
        ),
        (301, "", "answered 301 and wants to be asked elsewhere"),
    ] {
        match read(&update(), status(code), body.as_bytes()) {
            Err(NotAccepted::Unclear(said)) => assert!(said.contains(why), "{body}: {said}"),
            other => panic!("{body}: {other:?}"),
        }
    }
}

#[test]
fn a_module_that_was_made_without_an_id_is_unclear() {
    for body in [
        "<telecloud/>",
        "<telecloud><module module_id=\"\"/></telecloud>",
        "<telecloud><module module_id=\"a b\"/></telecloud>",
    ] {
        let read = read(&create(), StatusCode::OK, body.as_bytes());
        assert!(matches!(read, Err(NotAccepted::Unclear(_))), "{body}: {read:?}");
    }
}

proptest! {
    #[test]
    fn no_part_of_an_acceptance_is_an_acceptance(end in 0..52_usize) {
        let whole = b"<telecloud trans_id=\"1\"><order>2</order></telecloud>";
        prop_assert_eq!(whole.len(), 52);
        let unclear = matches!(read(&update(), StatusCode::OK, &whole[..end]), Err(NotAccepted::Unclear(_)));
        prop_assert!(unclear);
    }

    #[test]
    fn no_answer_makes_the_reader_fail(body in prop::collection::vec(any::<u8>(), 0..200), markup in "[<>/a!&;\\[\\]\"'=? -]{0,60}") {
        let _ = read(&update(), StatusCode::OK, &body);
        let _ = read(&update(), StatusCode::OK, format!("<telecloud>{markup}").as_bytes());
    }
}
