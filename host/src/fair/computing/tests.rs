use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

fn tenant(name: &str) -> TenantName {
    TenantName::parse(name).expect("a name")
}

/// Computes for so long, in one go.
fn compute(time: Duration) {
    let began = computed();
    while computed() - began < time {
        std::hint::spin_loop();
    }
}

#[test]
fn who_computes_a_lot_takes_turns_until_it_has_made_up_for_all_of_it() {
    let begin = Instant::now();
    let (second, ms) = (Duration::from_secs(1), Duration::from_millis);
    // Of its first millisecond a quarter counts.
    let at_once = Balance::new(begin).after(AT_ONCE + SHORT * 3 / 4, begin);
    assert!(!at_once.takes_turns);
    let over = at_once.after(ms(4), begin);
    assert!(over.takes_turns);
    // 50 ms are made up for in a second.
    let later = over.after(Duration::ZERO, begin + second);
    assert!(later.takes_turns, "three milliseconds and a quarter are left");
    assert!(later.after(Duration::ZERO, begin + second + ms(64)).takes_turns);
    assert!(!later.after(Duration::ZERO, begin + second + ms(65)).takes_turns);

    let spinning = Balance::new(begin).after(Duration::from_secs(60), begin);
    assert!(spinning.after(Duration::ZERO, begin + 9 * second).takes_turns);
    assert!(!spinning.after(Duration::ZERO, begin + 10 * second).takes_turns);

    let steady = |slice, every| {
        let mut balance = Balance::new(begin);
        (1..=1_000).any(|number| {
            balance = balance.after(slice, begin + every * number);
            balance.takes_turns
        })
    };
    assert!(
        !steady(Duration::from_micros(900), ms(5)),
        "180 ms a second in short slices"
    );
    assert!(
        steady(Duration::from_micros(900), ms(1)),
        "nearly all the time in short slices"
    );
    assert!(!steady(ms(4), ms(100)), "40 ms a second");
    assert!(steady(ms(7), ms(100)), "70 ms a second");
}

#[test]
fn who_is_alone_needs_no_turns() {
    let computing = Computing::new(2).expect("threads");
    let (spinner, victim) = (
        computing.account(&tenant("spinner")),
        computing.account(&tenant("victim")),
    );
    let begin = Instant::now();
    assert!(!spinner.note_presence(begin));
    assert!(!spinner.note_presence(begin + ALONE));
    assert!(victim.note_presence(begin + ALONE), "the other was here just now");
    assert!(spinner.note_presence(begin + ALONE));
    let later = begin + 2 * ALONE;
    assert!(spinner.note_presence(later - Duration::from_millis(1)));
    assert!(!spinner.note_presence(later), "the victim was gone for long enough");
}

#[tokio::test]
async fn of_those_that_take_turns_one_computes_at_a_time_and_nobody_else_waits_for_it() {
    let computing = Arc::new(Computing::new(2).expect("threads"));
    let (at_work, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let victim = computing.account(&tenant("victim"));
    victim.share(async {}).await;
    let mut spinners = Vec::new();
    for name in ["north", "south"] {
        let account = computing.account(&tenant(name));
        account.share(async { compute(AT_ONCE * 2) }).await;
        for _ in 0..3 {
            let (account, at_work, most) = (Arc::clone(&account), Arc::clone(&at_work), Arc::clone(&most));
            spinners.push(tokio::spawn(async move {
                for _ in 0..20 {
                    let turn = account.turn().await;
                    assert!(turn.is_some(), "it takes turns");
                    most.fetch_max(at_work.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    tokio::task::yield_now().await;
                    at_work.fetch_sub(1, Ordering::SeqCst);
                }
            }));
        }
    }
    tokio::task::yield_now().await;
    assert!(victim.turn().await.is_none(), "it computes next to nothing");
    for spinner in spinners {
        spinner.await.expect("no panic");
    }
    assert_eq!(most.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn work_that_waits_goes_on_when_it_is_woken_and_holds_no_turn_meanwhile() {
    let computing = Arc::new(Computing::new(2).expect("threads"));
    computing.account(&tenant("victim")).share(async {}).await;
    let account = computing.account(&tenant("spinner"));
    account.share(async { compute(AT_ONCE * 2) }).await;
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let waiting = {
        let account = Arc::clone(&account);
        tokio::spawn(async move { account.share(receiver).await })
    };
    tokio::task::yield_now().await;
    let turn = tokio::time::timeout(Duration::from_secs(60), account.turn()).await;
    drop(turn.expect("there is one, and nobody holds it"));
    sender.send(7).expect("it is waited for");
    assert_eq!(waiting.await.expect("no panic"), Ok(7));
}

#[tokio::test]
async fn what_takes_turns_goes_on_where_it_holds_up_nobody() {
    let thread = || std::thread::current().name().map(ToOwned::to_owned);
    let (here, background) = (thread(), Some("background".to_owned()));
    let computing = Computing::new(2).expect("threads");
    let (spinner, victim) = (
        computing.account(&tenant("spinner")),
        computing.account(&tenant("victim")),
    );
    assert_eq!(victim.share_and_give_way(async move { thread() }).await, here);
    let account = Arc::clone(&spinner);
    let work = async move {
        account.share(async { compute(AT_ONCE * 2) }).await;
        let before = thread();
        tokio::task::yield_now().await;
        (before, thread())
    };
    assert_eq!(spinner.run(work).await, (here.clone(), background.clone()));
    assert_eq!(spinner.share_and_give_way(async move { thread() }).await, background);
    assert_eq!(victim.share_and_give_way(async move { thread() }).await, here);
}

#[tokio::test]
async fn what_strangers_have_computed_is_not_the_tenants() {
    let computing = Computing::new(2).expect("threads");
    computing.account(&tenant("other")).share(async {}).await;
    let strangers = computing.strangers(&tenant("victim"));
    strangers.share(async { compute(AT_ONCE + SHORT * 2) }).await;
    let now = Instant::now();
    assert!(strangers.takes_turns(now));
    assert!(!computing.account(&tenant("victim")).takes_turns(now));
    assert!(!computing.strangers(&tenant("other")).takes_turns(now));
}
