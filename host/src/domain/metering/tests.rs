use serde_json::json;

use super::*;

fn amount(text: &str) -> Amount {
    text.parse().expect(text)
}

fn at(text: &str) -> Timestamp {
    text.parse().expect(text)
}

/// The run whose readings are judged.
const RUN: RunId = RunId(ulid::Ulid(2));

fn pass() -> Pass {
    Pass {
        run: RUN,
        page: 0,
        at: at("2026-11-21T04:30:00Z"),
    }
}

/// Component 7 in units of 1,000, told with one decimal; and a component 8 whose units are added.
fn settings() -> UsageSettings {
    let settings = json!({ "components": {
        "7": { "unit_divisor": 1_000, "decimals": 1, "var": 11 },
        "8": { "expression": "additive" },
    }});
    serde_json::from_value(settings).expect("settings")
}

fn reading(kind: UsageKind, component: &str, total: &str) -> Reading {
    Reading {
        order_number: "4617ZU4617".to_owned(),
        kind,
        component_id: component.to_owned(),
        total: amount(total),
        vars: Vars::default(),
    }
}

fn recurring(component: &str, total: &str) -> Reading {
    reading(UsageKind::Recurring, component, total)
}

/// What was told yesterday, in another run.
fn told(total: &str, units: &str) -> Account {
    Account {
        told: Some(Told {
            total: amount(total),
            units: amount(units),
            at: at("2026-11-20T04:30:00Z"),
            run: Some(RunId(ulid::Ulid(1))),
            page: 0,
        }),
        doubtful: None,
    }
}

fn facts(account: &Account) -> Option<Facts<'_>> {
    Some(Facts {
        replenished: None,
        account: Some(account),
    })
}

/// The facts, and an Order/Replenish at some time.
fn replenished<'a>(account: &'a Account, time: &str) -> Option<Facts<'a>> {
    facts(account).map(|facts| Facts {
        replenished: Some(at(time)),
        ..facts
    })
}

fn report(units: &str, total_units: &str) -> Verdict {
    Verdict::Report {
        units: amount(units),
        total_units: amount(total_units),
    }
}

fn unchanged(total_units: &str) -> Verdict {
    Verdict::Unchanged {
        total_units: amount(total_units),
    }
}

fn held(why: Hold) -> Verdict {
    Verdict::Held { why }
}

#[test]
fn a_total_is_divided_exactly_and_rounded_once() {
    let rows = [
        // divisor, decimals, total, down, half-up, up
        (1, 0, "12", "12", "12", "12"),
        (1, 0, "12.5", "12", "13", "13"),
        (1, 0, "12.499999999", "12", "12", "13"),
        (60, 0, "119", "1", "2", "2"),
        (60, 0, "89", "1", "1", "2"),
        (60, 0, "90", "1", "2", "2"),
        (60, 2, "89", "1.48", "1.48", "1.49"),
        (1_048_576, 2, "123456789", "117.73", "117.74", "117.74"),
        (1_048_576, 0, "0", "0", "0", "0"),
        (1_048_576, 0, "1", "0", "0", "1"),
        (3, 6, "1", "0.333333", "0.333333", "0.333334"),
        (3, 6, "2", "0.666666", "0.666667", "0.666667"),
        (DIVISOR_MAX, 0, "18446744073709551615", "16383", "16384", "16384"),
        (
            1,
            6,
            "18446744073709551615.123456789",
            "18446744073709551615.123456",
            "18446744073709551615.123457",
            "18446744073709551615.123457",
        ),
    ];
    for (unit_divisor, decimals, total, down, half_up, up) in rows {
        for (rounding, units) in [(Rounding::Down, down), (Rounding::HalfUp, half_up), (Rounding::Up, up)] {
            let rule = ComponentRule {
                unit_divisor,
                decimals,
                rounding,
                ..ComponentRule::default()
            };
            assert_eq!(
                rule.units(amount(total)),
                amount(units),
                "{total} / {unit_divisor}, {rounding:?}"
            );
        }
    }
}

#[test]
fn what_was_told_for_the_first_time_is_the_whole_total() {
    let nothing = Account::default();
    for facts in [Some(Facts::default()), facts(&nothing)] {
        assert_eq!(
            settings().judge(&recurring("7", "12345"), facts, pass()),
            report("12.3", "12.3")
        );
        assert_eq!(settings().judge(&recurring("8", "5"), facts, pass()), report("5", "5"));
        // What another system may have told before is put right.
        assert_eq!(settings().judge(&recurring("7", "0"), facts, pass()), report("0", "0"));
    }
}

#[test]
fn what_cannot_be_told_is_named() {
    let unknown = reading(UsageKind::Other("ROLLOVER".to_owned()), "7", "1");
    let some = Some(Facts::default());
    for (reading, facts, verdict) in [
        (recurring("7", "1"), None, Verdict::NoSuchOrder),
        (unknown, some, Verdict::UnknownKind),
        (recurring("9", "1"), some, Verdict::NoSuchComponent),
    ] {
        assert_eq!(settings().judge(&reading, facts, pass()), verdict);
    }
}

#[test]
fn a_cumulative_total_is_told_when_its_units_have_changed() {
    let before = told("12345", "12.3");
    for (total, verdict) in [
        ("12345", unchanged("12.3")),
        ("12399", unchanged("12.3")),
        ("12400", report("12.4", "12.4")),
        ("99999", report("99.9", "99.9")),
        // Lower, and not so that anybody would see it.
        ("12300", unchanged("12.3")),
        ("12299", held(Hold::Lower)),
        ("0", held(Hold::Lower)),
    ] {
        assert_eq!(
            settings().judge(&recurring("7", total), facts(&before), pass()),
            verdict,
            "{total}"
        );
    }
}

#[test]
fn a_total_is_told_again_after_the_rounding_was_changed() {
    let before = told("12345", "13");
    assert_eq!(
        settings().judge(&recurring("7", "12345"), facts(&before), pass()),
        report("12.3", "12.3")
    );
}

#[test]
fn additive_units_are_the_difference_of_what_was_rounded() {
    let mut settings = settings();
    settings.components.insert(
        "8".to_owned(),
        ComponentRule {
            unit_divisor: 60,
            rounding: Rounding::Up,
            expression: Expression::Additive,
            ..ComponentRule::default()
        },
    );
    let before = told("61", "2");
    for (total, verdict) in [
        ("61", unchanged("2")),
        ("120", unchanged("2")),
        ("121", report("1", "3")),
        ("600", report("8", "10")),
        ("59", held(Hold::Lower)),
    ] {
        assert_eq!(
            settings.judge(&recurring("8", total), facts(&before), pass()),
            verdict,
            "{total}"
        );
    }
}

#[test]
fn a_recurring_total_starts_again_when_the_order_was_replenished() {
    let before = told("12345", "12.3");
    let since = "2026-11-20T12:00:00Z";
    let earlier = "2026-11-19T12:00:00Z";
    for (total, replenish, verdict) in [
        ("300", since, report("0.3", "0.3")),
        ("300", earlier, held(Hold::Lower)),
        // In a new cycle TeleCloud counts from nothing, so even the same total is news.
        ("12345", since, report("12.3", "12.3")),
        ("12345", earlier, unchanged("12.3")),
    ] {
        let facts = replenished(&before, replenish);
        assert_eq!(
            settings().judge(&recurring("7", total), facts, pass()),
            verdict,
            "{total} {replenish}"
        );
    }
}

#[test]
fn a_recurring_total_starts_again_with_the_cycle_of_the_settings() {
    let before = told("12345", "12.3");
    for (cron, verdict) in [
        ("0 0 21 * *", report("0.3", "0.3")),
        ("0 0 1 * *", held(Hold::Lower)),
        // Between the two runs, and no sooner than that.
        ("30 4 20 * *", held(Hold::Lower)),
        ("30 4 21 * *", report("0.3", "0.3")),
    ] {
        let settings = UsageSettings {
            cycle: serde_json::from_value(json!({ "cron": cron })).expect(cron),
            ..settings()
        };
        // With a cycle of its own, the settings do not look at Order/Replenish.
        let facts = replenished(&before, "2026-11-20T12:00:00Z");
        assert_eq!(settings.judge(&recurring("7", "300"), facts, pass()), verdict, "{cron}");
    }
}

#[test]
fn what_is_used_once_never_starts_again() {
    let before = told("12345", "12.3");
    let reading = reading(UsageKind::OnceOff, "7", "300");
    let facts = replenished(&before, "2026-11-20T12:00:00Z");
    assert_eq!(settings().judge(&reading, facts, pass()), held(Hold::Lower));
}

#[test]
fn additive_units_of_a_new_cycle_are_told_once_it_is_plain_what_they_are() {
    let since = "2026-11-20T12:00:00Z";
    let (before, nothing) = (told("900", "900"), told("0", "0"));
    for (account, total, verdict) in [
        (&before, "3", report("3", "3")),
        // 5 more in the old cycle, or 905 in the new one?
        (&before, "905", held(Hold::MayHaveRestarted)),
        (&before, "900", held(Hold::MayHaveRestarted)),
        (&nothing, "5", report("5", "5")),
    ] {
        let facts = replenished(account, since);
        assert_eq!(
            settings().judge(&recurring("8", total), facts, pass()),
            verdict,
            "{total}"
        );
    }
}

#[test]
fn two_totals_of_one_component_in_one_run_are_held() {
    let told_now = |page| {
        let mut account = told("500", "500");
        if let Some(told) = &mut account.told {
            (told.run, told.page) = (Some(RUN), page);
        }
        account
    };
    let (on_this_page, on_another) = (told_now(0), told_now(3));
    for (account, total, verdict) in [
        (&on_another, "700", held(Hold::Twice)),
        (&on_another, "500", unchanged("500")),
        // The page was read again after a crash, and the customer had gone on.
        (&on_this_page, "700", report("200", "700")),
    ] {
        assert_eq!(
            settings().judge(&recurring("8", total), facts(account), pass()),
            verdict,
            "{total}"
        );
    }
}

#[test]
fn while_it_is_not_known_whether_units_were_added_none_are_sent() {
    let account = Account {
        doubtful: Some(at("2026-11-20T04:30:00Z")),
        ..told("500", "500")
    };
    for total in ["500", "700", "3"] {
        assert_eq!(
            settings().judge(&recurring("8", total), facts(&account), pass()),
            held(Hold::Doubtful),
            "{total}"
        );
    }
}

#[test]
fn the_total_is_saved_in_its_var_beside_those_of_the_module() {
    let mut reading = recurring("7", "12345");
    reading.vars.set(15, "OK".to_owned()).expect("a VAR");
    let vars = settings().vars(&reading, amount("12.3"));
    assert_eq!(vars.iter().collect::<Vec<_>>(), [(11, "12.3"), (15, "OK")]);
    let without = settings().vars(&recurring("8", "5"), amount("5"));
    assert!(without.is_empty());
}
