use serde_json::json;

use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn schedule(cron: &str, zone: &str) -> Schedule {
    Schedule {
        cron: CronExpression::parse(cron).expect(cron),
        time_zone: Zone::parse(zone).expect(zone),
        jitter_s: 0,
    }
}

/// The first times after `after`, as the clock of the zone shows them, with its distance from UTC.
fn times(cron: &str, zone: &str, after: &str, count: usize) -> Vec<String> {
    let schedule = schedule(cron, zone);
    let next = |at: &Timestamp| schedule.next(*at);
    std::iter::successors(next(&at(after)), next)
        .take(count)
        .map(|time| {
            let time = time.to_zoned(TimeZone::get(zone).expect(zone));
            time.strftime("%m-%d %H:%M %:z").to_string()
        })
        .collect()
}

#[test]
fn the_next_time_is_after_the_one_given() {
    for (cron, after, next) in [
        ("30 4 * * *", "2026-11-21T04:29:59Z", "2026-11-21T04:30:00Z"),
        ("30 4 * * *", "2026-11-21T04:30:00Z", "2026-11-22T04:30:00Z"),
        ("0 0 1 * *", "2026-11-21T00:00:00Z", "2026-12-01T00:00:00Z"),
        ("*/20 * * * *", "2026-11-21T23:59:00Z", "2026-11-22T00:00:00Z"),
        // A Monday or the first of the month, as cron has always had it.
        ("0 6 1 * MON", "2026-11-24T00:00:00Z", "2026-11-30T06:00:00Z"),
        ("0 6 1 * MON", "2026-11-30T06:00:00Z", "2026-12-01T06:00:00Z"),
        ("0 12 29 2 *", "2026-11-21T00:00:00Z", "2028-02-29T12:00:00Z"),
    ] {
        assert_eq!(
            schedule(cron, "UTC").next(at(after)),
            Some(at(next)),
            "{cron} after {after}"
        );
    }
}

#[test]
fn the_expression_is_about_the_clock_of_its_zone() {
    let cron = "30 4 * * *";
    for (zone, next) in [
        ("UTC", "2026-07-01T04:30:00Z"),
        ("America/New_York", "2026-07-01T08:30:00Z"),
        ("Asia/Kolkata", "2026-07-01T23:00:00Z"),
    ] {
        assert_eq!(
            schedule(cron, zone).next(at("2026-07-01T00:00:00Z")),
            Some(at(next)),
            "{zone}"
        );
    }
}

#[test]
fn a_fixed_time_that_is_left_out_comes_as_soon_as_the_gap_is_over() {
    // On 8 March 2026 New York's clocks go from 02:00 to 03:00.
    assert_eq!(
        times("30 2 * * *", "America/New_York", "2026-03-07T12:00:00Z", 2),
        ["03-08 03:00 -04:00", "03-09 02:30 -04:00"]
    );
}

#[test]
fn a_fixed_time_that_comes_twice_is_taken_once() {
    // On 1 November 2026 New York's clocks go from 02:00 back to 01:00.
    assert_eq!(
        times("30 1 * * *", "America/New_York", "2026-10-31T12:00:00Z", 2),
        ["11-01 01:30 -04:00", "11-02 01:30 -05:00"]
    );
}

#[test]
fn an_interval_goes_on_through_both_changes() {
    assert_eq!(
        times("*/30 * * * *", "America/New_York", "2026-11-01T05:00:00Z", 4),
        [
            "11-01 01:30 -04:00",
            "11-01 01:00 -05:00",
            "11-01 01:30 -05:00",
            "11-01 02:00 -05:00"
        ]
    );
    assert_eq!(
        times("*/30 * * * *", "America/New_York", "2026-03-08T06:30:00Z", 2),
        ["03-08 03:00 -04:00", "03-08 03:30 -04:00"]
    );
}

#[test]
fn the_times_of_a_span_are_counted() {
    let daily = schedule("30 4 * * *", "UTC");
    let due = |after, until| daily.due(at(after), at(until));
    assert_eq!(due("2026-11-20T04:30:00Z", "2026-11-21T04:29:59Z"), None);
    assert_eq!(
        due("2026-11-20T04:30:00Z", "2026-11-21T04:30:00Z"),
        Some(Due {
            count: 1,
            latest: at("2026-11-21T04:30:00Z")
        })
    );
    assert_eq!(
        due("2026-11-17T00:00:00Z", "2026-11-21T00:00:00Z"),
        Some(Due {
            count: 4,
            latest: at("2026-11-20T04:30:00Z")
        })
    );
    assert_eq!(
        due("2026-11-22T00:00:00Z", "2026-11-21T00:00:00Z"),
        None,
        "a clock that was set back"
    );
}

#[test]
fn a_clock_that_jumps_by_years_costs_a_bounded_count() {
    let due = schedule("* * * * *", "UTC").due(at("2000-01-01T00:00:00Z"), at("2026-01-01T00:00:00Z"));
    assert_eq!(due.expect("many").count, COUNTED_MAX);
}

#[test]
fn a_delay_is_drawn_once_for_each_run_and_within_its_range() {
    let spread = Schedule {
        jitter_s: 600,
        ..schedule("0 4 * * *", "UTC")
    };
    let day = |number: i64| at("2026-11-01T04:00:00Z") + SignedDuration::from_hours(24 * number);
    let delays: Vec<_> = (0..200)
        .map(|number| spread.delay("acme/sim/usage", day(number)))
        .collect();
    let again: Vec<_> = (0..200)
        .map(|number| spread.delay("acme/sim/usage", day(number)))
        .collect();
    assert_eq!(delays, again);
    let seconds = |delay: &SignedDuration| delay.as_secs();
    assert!(delays.iter().map(seconds).all(|delay| (0..=600).contains(&delay)));
    assert!(delays.iter().map(seconds).any(|delay| delay < 100));
    assert!(delays.iter().map(seconds).any(|delay| delay > 500));
    assert_ne!(
        delays[0],
        spread.delay("acme/other/usage", day(0)),
        "each module has its own"
    );
    assert_eq!(
        schedule("0 4 * * *", "UTC").delay("acme/sim/usage", day(0)),
        SignedDuration::ZERO
    );
}

#[test]
fn what_is_no_expression_is_refused_with_the_reason() {
    for (bad, why) in [
        ("", "it has 0"),
        ("@daily", "it has 1"),
        ("0 30 4 * * *", "it has 6"),
        ("* * * *", "it has 4"),
        ("60 4 * * *", "60 4 * * *"),
        ("0 4 * * FOO", "FOO"),
        ("0 0 30 2 *", "never come"),
    ] {
        let error = CronExpression::parse(bad).expect_err(bad).to_string();
        assert!(error.contains(why), "{bad}: {error}");
    }
    let endless = "1,".repeat(1_000) + "1 4 * * *";
    assert!(CronExpression::parse(&endless).expect_err("too long").to_string().len() < 400);
}

#[test]
fn a_zone_that_is_not_known_is_refused_by_name() {
    for bad in ["", "Atlantis/Capital", "../../etc/passwd", "America"] {
        let error = Zone::parse(bad).expect_err(bad).to_string();
        assert!(error.contains("tzdata"), "{error}");
    }
}

#[test]
fn a_schedule_in_json_is_checked_and_has_defaults() {
    let read: Schedule = serde_json::from_value(json!({ "cron": "30 4 * * *" })).expect("a schedule");
    assert_eq!(read, schedule("30 4 * * *", "UTC"));
    for bad in [
        json!({ "cron": "30 4 * *" }),
        json!({ "cron": "30 4 * * *", "time_zone": "Mars" }),
        json!({ "cron": "30 4 * * *", "zone": "UTC" }),
        json!({}),
    ] {
        assert!(serde_json::from_value::<Schedule>(bad.clone()).is_err(), "{bad}");
    }
    let late = Schedule {
        jitter_s: 30_000,
        ..read
    };
    assert_eq!(
        late.check("schedules.usage").expect_err("too much").to_string(),
        "schedules.usage.jitter_s must be 0 to 21600, and 30000 is not"
    );
}
