use std::collections::BTreeMap;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use proptest::prelude::*;

use super::*;

const BOUNDS: Bounds = Bounds {
    held: 100,
    waiting: 100,
};

fn line(name: &str) -> Line {
    Line {
        tenant: TenantName::parse(name).expect("a name"),
        kind: Kind::Event,
    }
}

type Taking = Pin<Box<dyn Future<Output = Result<Place, Busy>> + Send>>;

fn taking(places: &Arc<Places>, line: &Line, bounds: Bounds) -> Taking {
    let (places, line) = (Arc::clone(places), line.clone());
    Box::pin(async move { places.take(&line, bounds, None).await })
}

/// What comes of it without waiting.
fn poll(taking: &mut Taking) -> Poll<Result<Place, Busy>> {
    taking.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

/// A place that is there.
fn place(taking: &mut Taking) -> Place {
    match poll(taking) {
        Poll::Ready(Ok(place)) => place,
        other => panic!("no place: {other:?}"),
    }
}

fn waits(taking: &mut Taking) -> bool {
    poll(taking).is_pending()
}

/// As many places as the line gets at once.
fn all(places: &Arc<Places>, line: &Line) -> Vec<Place> {
    let mut taken = Vec::new();
    while let Poll::Ready(Ok(place)) = poll(&mut taking(places, line, BOUNDS)) {
        taken.push(place);
    }
    taken
}

#[test]
fn however_many_take_what_they_can_there_is_a_place_for_one_more() {
    for (lines, each) in [(1, 32), (2, 21), (3, 16), (8, 7)] {
        let places = Places::leaving_some(64, 1_000);
        let mut held: Vec<Vec<Place>> = (0..lines).map(|_| Vec::new()).collect();
        // One after another, as they come.
        for _ in 0..64 {
            for (number, held) in held.iter_mut().enumerate() {
                let line = line(&format!("tenant-{number}"));
                if let Poll::Ready(Ok(place)) = poll(&mut taking(&places, &line, BOUNDS)) {
                    held.push(place);
                }
            }
        }
        for held in &held {
            assert!(
                held.len().abs_diff(each) <= 1,
                "{lines} lines: {} and not {each}",
                held.len()
            );
        }
        drop(place(&mut taking(&places, &line("next"), BOUNDS)));
    }
}

#[test]
fn the_only_place_can_be_had_and_all_can_where_none_are_left_to_others() {
    let one = Places::leaving_some(1, 10);
    assert_eq!(all(&one, &line("north")).len(), 1);
    let shared = Places::sharing_all(7);
    assert_eq!(all(&shared, &line("north")).len(), 7);
}

#[test]
fn what_is_free_goes_to_the_lines_in_turn_and_in_a_line_to_the_first() {
    let places = Places::sharing_all(1);
    let first = place(&mut taking(&places, &line("north"), BOUNDS));
    let names = ["north", "north", "north", "south", "west", "south"];
    let mut waiting: Vec<Taking> = names
        .iter()
        .map(|name| {
            let mut taking = taking(&places, &line(name), BOUNDS);
            assert!(waits(&mut taking));
            taking
        })
        .collect();
    let mut order = Vec::new();
    let mut held = Some(first);
    while order.len() < names.len() {
        drop(held.take());
        for (number, taking) in waiting.iter_mut().enumerate() {
            if !order.contains(&number)
                && let Poll::Ready(place) = poll(taking)
            {
                order.push(number);
                held = Some(place.expect("a place"));
            }
        }
    }
    assert_eq!(order, [0, 3, 4, 1, 5, 2]);
}

#[test]
fn a_full_line_is_told_at_once_and_another_line_can_still_wait() {
    let places = Places::leaving_some(1, 5);
    let (north, south) = (line("north"), line("south"));
    let held = place(&mut taking(&places, &north, BOUNDS));
    let two = Bounds { held: 9, waiting: 2 };
    let mut waiting = Vec::new();
    for _ in 0..2 {
        let mut taking = taking(&places, &north, two);
        assert!(waits(&mut taking));
        waiting.push(taking);
    }
    assert!(matches!(
        poll(&mut taking(&places, &north, two)),
        Poll::Ready(Err(Busy::Full))
    ));
    // Of the room for those who wait, a line leaves some as well: three wait, two could.
    let mut third = taking(&places, &north, BOUNDS);
    assert!(waits(&mut third));
    assert!(matches!(
        poll(&mut taking(&places, &north, BOUNDS)),
        Poll::Ready(Err(Busy::Full))
    ));
    let mut other = taking(&places, &south, BOUNDS);
    assert!(waits(&mut other));
    drop(held);
    drop(place(&mut waiting[0]));
    drop(place(&mut other));
}

#[test]
fn nobody_waits_for_what_will_come_too_late() {
    let places = Places::leaving_some(1, 100);
    let north = line("north");
    let until = |seconds| Some(Instant::now() + Duration::from_secs(seconds));
    let taking_until = |seconds| -> Taking {
        let (places, north) = (Arc::clone(&places), north.clone());
        Box::pin(async move { places.take(&north, BOUNDS, until(seconds)).await })
    };
    let held = place(&mut taking_until(0));
    let mut first = taking_until(0);
    assert!(waits(&mut first), "nothing is known of how fast the line moves");
    places.state().lines.get_mut(&north).expect("a line").hold = Some(Duration::from_secs(100));
    let too_long = |seconds| matches!(poll(&mut taking_until(seconds)), Poll::Ready(Err(Busy::TooLong)));
    assert!(too_long(199), "two turns of 100 s");
    let mut second = taking_until(210);
    assert!(waits(&mut second));
    assert!(too_long(299));
    drop(held);
    let held = place(&mut first);
    let average = places.state().lines[&north].hold.expect("an average");
    assert!(
        average > Duration::from_secs(87) && average < Duration::from_secs(88),
        "{average:?}"
    );
    drop(held);
    drop(place(&mut second));
}

#[test]
fn whoever_stops_waiting_leaves_nothing_behind_and_a_place_that_nobody_took_goes_on() {
    let places = Places::leaving_some(1, 10);
    let north = line("north");
    let held = place(&mut taking(&places, &north, BOUNDS));
    let mut gone = taking(&places, &north, BOUNDS);
    let mut granted = taking(&places, &north, BOUNDS);
    let mut last = taking(&places, &line("south"), BOUNDS);
    assert!(waits(&mut gone) && waits(&mut granted) && waits(&mut last));
    drop(gone);
    drop(held);
    // It was granted a place, and has not looked.
    assert!(waits(&mut last));
    drop(granted);
    drop(place(&mut last));
    let state = places.state();
    assert_eq!(
        (state.free, state.room, state.lines.len(), state.round.len()),
        (1, 10, 0, 0)
    );
}

#[test]
fn follow_ups_leave_half_to_events() {
    let follow_up = |name| Line {
        kind: Kind::FollowUp,
        ..line(name)
    };
    let places = Places::leaving_some(8, 100);
    let mut held = Vec::new();
    for name in ["a", "b", "c", "d", "e", "f"] {
        held.extend(poll_place(&places, &follow_up(name)));
    }
    assert_eq!(held.len(), 4);
    let mut waiting = taking(&places, &follow_up("g"), BOUNDS);
    assert!(waits(&mut waiting));
    assert_eq!(all(&places, &line("a")).len(), 2, "as many as are left");
    held.pop();
    drop(place(&mut waiting));
    let one = Places::leaving_some(1, 100);
    assert!(poll_place(&one, &follow_up("a")).is_some(), "or they would never run");
}

#[test]
fn a_tenant_takes_no_more_of_all_places_for_waiting_in_two_lines() {
    let places = Places::leaving_some(64, 1_000);
    let (events, follow_ups) = (
        line("north"),
        Line {
            kind: Kind::FollowUp,
            ..line("north")
        },
    );
    let follow_ups = all(&places, &follow_ups);
    assert_eq!(follow_ups.len(), 16, "half of the half that is for follow-ups");
    let events = all(&places, &events);
    assert_eq!(events.len(), 16, "with its follow-ups half of all");
    let next = Line {
        kind: Kind::FollowUp,
        ..line("next")
    };
    drop(poll_place(&places, &next).expect("left for the next one"));
    drop(poll_place(&places, &line("next")).expect("left for the next one"));
}

#[test]
fn a_tenant_takes_no_more_of_the_room_to_wait_for_waiting_in_two_lines() {
    let places = Places::leaving_some(1, 8);
    let held = place(&mut taking(&places, &line("north"), BOUNDS));
    let mut waiting = Vec::new();
    for kind in [Kind::FollowUp, Kind::Event] {
        let line = Line { kind, ..line("north") };
        loop {
            let mut taking = taking(&places, &line, BOUNDS);
            if !waits(&mut taking) {
                break;
            }
            waiting.push(taking);
        }
    }
    assert_eq!(waiting.len(), 4);
    assert!(waits(&mut taking(&places, &line("next"), BOUNDS)));
    drop((waiting, held));
    let state = places.state();
    assert_eq!((state.room, state.tenants.len()), (8, 0));
}

fn poll_place(places: &Arc<Places>, line: &Line) -> Option<Place> {
    match poll(&mut taking(places, line, BOUNDS)) {
        Poll::Ready(place) => place.ok(),
        Poll::Pending => None,
    }
}

proptest! {
    /// proptest prints the choices that fail.
    #[test]
    fn whatever_comes_in_whatever_order_every_place_is_used_once_and_none_is_lost(
        total in 1_usize..9,
        leaves_some in any::<bool>(),
        choices in proptest::collection::vec(any::<u16>(), 50..1_500),
    ) {
        let places = match leaves_some {
            true => Places::leaving_some(total, 12),
            false => Places::sharing_all(total),
        };
        come_and_go(&places, total, &mut choices.into_iter());
    }
}

/// Has tenants come, wait, go and give back as the choices say. Whoever could have a place has one; nothing is lost and
/// nothing is made up; each line is served in its order.
fn come_and_go(places: &Arc<Places>, total: usize, choices: &mut impl Iterator<Item = u16>) {
    let mut below = |n: usize| choices.next().map(|choice| usize::from(choice) % n);
    let (mut held, mut waiting, mut number) = (Vec::new(), BTreeMap::new(), 0);
    while let Some(what) = below(4) {
        number += 1;
        if what < 2 {
            let [kind, name, most, length] = [2, 4, 5, 6].map(|n| below(n).unwrap_or_default());
            let line = Line {
                kind: [Kind::Event, Kind::FollowUp][kind],
                ..line(&format!("tenant-{name}"))
            };
            let bounds = Bounds {
                held: 1 + most,
                waiting: length,
            };
            let mut taking = taking(places, &line, bounds);
            match poll(&mut taking) {
                Poll::Ready(Ok(place)) => held.push(place),
                Poll::Ready(Err(busy)) => assert_eq!(busy, Busy::Full),
                Poll::Pending => drop(waiting.insert(number, (line, taking))),
            }
        } else if what == 2 && !held.is_empty() {
            let which = below(held.len()).unwrap_or_default();
            drop(held.swap_remove(which));
        } else if !waiting.is_empty() {
            let which = below(waiting.len()).unwrap_or_default();
            let gone = waiting.keys().nth(which).copied().expect("one of them");
            drop(waiting.remove(&gone));
        }
        let mut passed_over: Vec<Line> = Vec::new();
        waiting.retain(|_, (line, taking)| match poll(taking) {
            Poll::Ready(place) => {
                assert!(!passed_over.contains(line), "an earlier one of {line:?} still waits");
                held.push(place.expect("a place"));
                false
            }
            Poll::Pending => {
                passed_over.push(line.clone());
                true
            }
        });
        check(&places.state(), total, &held, waiting.len());
        leaves_some_to_others(&places.state(), total, &held);
    }
    drop((waiting, held));
    let state = places.state();
    assert_eq!((state.free, state.lines.len(), state.round.len()), (total, 0, 0));
    assert!(state.tenants.is_empty());
}

/// Whoever holds as many as are free takes no more: so no tenant ever has more than half, a place over, of all places or of
/// those of follow-ups.
fn leaves_some_to_others(state: &State, total: usize, held: &[Place]) {
    let of = |tenant: &TenantName, kind: &[Kind]| {
        let own = held.iter().filter(|place| place.line.tenant == *tenant);
        own.filter(|place| kind.contains(&place.line.kind)).count()
    };
    for (tenant, share) in &state.tenants {
        let all = of(tenant, &[Kind::Event, Kind::FollowUp]);
        assert_eq!(share.held, all);
        let half = |places: usize| places.div_ceil(2);
        if state.leaves_some {
            assert!(all <= half(total), "{tenant} has {all} of {total}");
            let follow_ups = of(tenant, &[Kind::FollowUp]);
            assert!(
                follow_ups <= half((total / 2).max(1)),
                "{tenant} has {follow_ups} follow-ups"
            );
        }
    }
}

fn check(state: &State, total: usize, held: &[Place], waiting: usize) {
    assert_eq!(state.free + held.len(), total);
    let follow_ups = held.iter().filter(|place| place.line.kind == Kind::FollowUp);
    assert_eq!(state.follow_ups + follow_ups.count(), (total / 2).max(1));
    let in_lines: usize = state.lines.values().map(|standing| standing.waiting.len()).sum();
    assert_eq!(in_lines, waiting);
    for (line, standing) in &state.lines {
        let may = state.may_take(line, standing.held, standing.most);
        assert!(standing.waiting.is_empty() || !may, "{line:?} could have a place");
    }
}
