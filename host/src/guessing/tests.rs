use super::*;

/// Short, as nearly all that these tests present.
const RIGHT: &str = "right";

/// What is always looked at.
const RIGHT_AND_LONG: &str = "sixteen-letters!";

fn target() -> Target {
    Target::Keys(TenantName::parse("acme").expect("a name"))
}

fn from(text: &str) -> Option<IpAddr> {
    Some(text.parse().expect("an address"))
}

/// A guard, and the episodes that it told.
struct World {
    guard: Guard,
    told: Arc<Mutex<Vec<Episode>>>,
}

impl World {
    fn new() -> Self {
        let told = Arc::new(Mutex::new(Vec::new()));
        let tell = {
            let told = Arc::clone(&told);
            move |episode: &Episode| told.lock().expect("no panic").push(episode.clone())
        };
        let guard = Guard::new(Arc::new(Vault::new(&[7; 32])), Proxies::default(), tell);
        Self { guard, told }
    }

    /// What came of presenting this, and how often somebody looked.
    fn present(&self, source: Option<IpAddr>, presented: &[&str]) -> (Judged<()>, usize) {
        let mut looked = 0;
        let judged = self.guard.judge(source, &target(), presented, |text| {
            looked += 1;
            [RIGHT, RIGHT_AND_LONG].contains(&text).then_some(())
        });
        (judged, looked)
    }

    fn told(&self) -> Vec<Episode> {
        self.told.lock().expect("no panic").clone()
    }
}

fn is_refused(judged: &Judged<()>) -> bool {
    matches!(judged, Judged::Refused(wait) if *wait <= EACH)
}

#[test]
fn after_ten_wrong_ones_nothing_short_of_this_source_is_looked_at_and_that_is_told_once() {
    let (world, source) = (World::new(), from("192.0.2.1"));
    for number in 0..TRIES {
        assert_eq!(world.present(source, &["wrong"]), (Judged::Wrong, 1), "{number}");
    }
    for presented in [&["wrong"][..], &[RIGHT], &[]] {
        let (judged, looked) = world.present(source, presented);
        assert!(is_refused(&judged) && looked == 0, "{presented:?}: {judged:?}");
    }
    let expected = Episode {
        target: target(),
        source,
        tries: TRIES,
        untold: 0,
    };
    assert_eq!(world.told(), [expected]);
}

#[test]
fn what_is_right_and_long_is_never_refused() {
    let (world, source) = (World::new(), from("192.0.2.1"));
    for _ in 0..100 {
        world.present(source, &["wrong", "wrong-and-long-as-well"]);
    }
    assert_eq!(world.present(source, &[RIGHT_AND_LONG]), (Judged::Right(()), 1));
    assert_eq!(
        world.present(source, &["wrong", RIGHT_AND_LONG]),
        (Judged::Right(()), 1)
    );
    // One letter less, or one other letter, is refused.
    let (judged, looked) = world.present(source, &[&RIGHT_AND_LONG[1..]]);
    assert!(is_refused(&judged) && looked == 0);
    let (judged, looked) = world.present(source, &["sixteen-letters?"]);
    assert!(is_refused(&judged) && looked == 1);
    assert_eq!(world.told().len(), 1);
}

#[test]
fn what_is_refused_does_not_lengthen_the_wait() {
    let (world, source) = (World::new(), from("192.0.2.1"));
    for _ in 0..1_000 {
        world.present(source, &["wrong-and-long-as-well"]);
    }
    assert!(is_refused(&world.present(source, &["wrong"]).0));
}

#[test]
fn the_right_key_from_elsewhere_and_other_targets_are_not_touched() {
    let world = World::new();
    for _ in 0..100 {
        world.present(from("192.0.2.1"), &["wrong"]);
    }
    assert_eq!(world.present(from("192.0.2.2"), &[RIGHT]).0, Judged::Right(()));
    let other = Target::Keys(TenantName::parse("other").expect("a name"));
    let judged = world.guard.judge(from("192.0.2.1"), &other, &[RIGHT], |_| Some(()));
    assert_eq!(judged, Judged::Right(()));
}

#[test]
fn what_was_right_before_from_the_same_source_is_looked_at_whatever_else_comes_from_there() {
    let (world, source) = (World::new(), from("192.0.2.1"));
    assert_eq!(world.present(source, &[RIGHT]).0, Judged::Right(()));
    for _ in 0..100 {
        world.present(source, &["wrong"]);
    }
    assert_eq!(world.present(source, &[RIGHT]), (Judged::Right(()), 1));
    assert_eq!(world.present(source, &["wrong", RIGHT]), (Judged::Right(()), 1));
    let (judged, looked) = world.present(source, &["wrong"]);
    assert!(is_refused(&judged) && looked == 0);
}

#[test]
fn each_key_of_a_request_is_a_try_and_none_at_all_is_one() {
    let (world, source) = (World::new(), from("192.0.2.1"));
    assert_eq!(
        world.present(source, &["a", "b", "c", "d", "e", "f", "g", "h"]),
        (Judged::Wrong, 8)
    );
    assert_eq!(world.present(source, &[]), (Judged::Wrong, 0));
    assert_eq!(world.present(source, &["i"]), (Judged::Wrong, 1));
    assert!(is_refused(&world.present(source, &["j"]).0));
    assert_eq!(world.told()[0].tries, TRIES);
}

#[test]
fn all_keys_of_a_request_are_counted_when_there_is_room_for_one() {
    let (world, source) = (World::new(), from("192.0.2.1"));
    for _ in 1..TRIES {
        world.present(source, &["wrong"]);
    }
    assert_eq!(
        world.present(source, &["a", "b", "c", "d", "e", "f", "g", "h"]).0,
        Judged::Wrong
    );
    let (judged, _) = world.present(source, &["i"]);
    assert!(matches!(judged, Judged::Refused(wait) if wait > 7 * EACH), "{judged:?}");
}

#[test]
fn addresses_of_one_network_are_one_source() {
    let world = World::new();
    for number in 0..TRIES {
        let source = from(&format!("2001:db8::{number:x}"));
        assert_eq!(world.present(source, &["wrong"]).0, Judged::Wrong);
    }
    assert!(is_refused(&world.present(from("2001:db8::ffff"), &[RIGHT]).0));
    assert_eq!(world.present(from("2001:db8:0:1::1"), &[RIGHT]).0, Judged::Right(()));
}

#[test]
fn nobody_is_refused_whom_a_proxy_does_not_name_and_it_is_told_all_the_same() {
    let world = World::new();
    for _ in 0..100 {
        assert_eq!(world.present(None, &["wrong"]), (Judged::Wrong, 1));
    }
    assert_eq!(world.present(None, &[RIGHT]).0, Judged::Right(()));
    let told = world.told();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].source, None);
}

#[test]
fn many_sources_are_told_a_few_times_and_counted() {
    let world = World::new();
    for number in 0..100 {
        let source = from(&format!("192.0.2.{number}"));
        for _ in 0..2 * TRIES {
            world.present(source, &["wrong"]);
        }
    }
    assert_eq!(world.told().len(), TOLD as usize);
    assert_eq!(world.guard.state().untold, 80);
}
