use serde_json::json;

use super::*;

#[test]
fn nothing_needs_to_be_set() {
    let settings: BatchSettings = serde_json::from_value(json!({})).expect("settings");
    assert_eq!(settings, BatchSettings::default());
    assert_eq!(settings.check(), Ok(()));
    assert!(
        BatchKind::ALL
            .iter()
            .all(|kind| settings.schedules.get(*kind).is_none())
    );
}

#[test]
fn settings_are_read_as_they_are_written() {
    let document = json!({
        "schedules": {
            "usage": { "cron": "30 4 * * *", "time_zone": "America/New_York", "jitter_s": 600 },
            "audit": { "cron": "0 5 * * 1", "time_zone": "UTC", "jitter_s": 0 },
        },
        "usage": {
            "components": {
                "8417871": {
                    "unit_divisor": 1_048_576, "decimals": 2, "rounding": "half-up",
                    "expression": "additive", "report": true, "var": 11,
                },
            },
            "cycle": { "cron": "0 0 1 * *", "time_zone": "UTC", "jitter_s": 0 },
        },
        "audit": { "match": { "subscriber_id": 14, "mdn": 3, "iccid": null } },
    });
    let settings: BatchSettings = serde_json::from_value(document.clone()).expect("settings");
    assert_eq!(settings.check(), Ok(()));
    assert_eq!(serde_json::to_value(&settings).expect("JSON"), document);
}

#[test]
fn what_is_wrong_is_named() {
    let component = |fields| json!({ "usage": { "components": { "7": fields } } });
    for (document, message) in [
        (
            json!({ "schedules": { "audit": { "cron": "0 5 * * 1", "jitter_s": 100_000 } } }),
            "schedules.audit.jitter_s must be 0 to 21600, and 100000 is not",
        ),
        (
            component(json!({ "unit_divisor": 0 })),
            "usage.components.7.unit_divisor must be 1 to 1125899906842624, and 0 is not",
        ),
        (
            component(json!({ "decimals": 7 })),
            "usage.components.7.decimals must be 0 to 6, and 7 is not",
        ),
        (
            component(json!({ "var": 21 })),
            "usage.components.7.var must be 1 to 20, and 21 is not",
        ),
        (
            component(json!({ "report": false })),
            "usage.components.7 must have a var where report is false: otherwise its total would be told to nobody",
        ),
        (
            json!({ "usage": { "components": { "7": { "var": 9 }, "8": { "var": 9 } } } }),
            "usage.components.7 and usage.components.8 cannot share VAR9",
        ),
        (
            json!({ "usage": { "components": { "": {} } } }),
            "usage.components must be at most 200, each under the component's id at TeleCloud: 1 to 64 characters",
        ),
        (
            json!({ "audit": { "match": { "mdn": 14 } } }),
            "audit.match must name one to three different VARs, each by its number, 1 to 20",
        ),
        (
            json!({ "audit": { "match": { "mdn": null, "subscriber_id": null, "iccid": null } } }),
            "audit.match must name one to three different VARs, each by its number, 1 to 20",
        ),
    ] {
        let settings: BatchSettings = serde_json::from_value(document).expect(message);
        assert_eq!(settings.check().expect_err(message).to_string(), message);
    }
}

#[test]
fn a_field_that_is_not_known_is_refused() {
    for document in [
        json!({ "schedule": {} }),
        json!({ "usage": { "components": { "7": { "divisor": 2 } } } }),
        json!({ "audit": { "match": { "imei": 1 } } }),
    ] {
        assert!(
            serde_json::from_value::<BatchSettings>(document.clone()).is_err(),
            "{document}"
        );
    }
}
