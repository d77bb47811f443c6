//! How long ended notes are remembered.

use super::*;

fn note(number: usize) -> Identity {
    let mut note = [0; 32];
    note[..8].copy_from_slice(&number.to_be_bytes());
    Identity(note)
}

#[tokio::test]
async fn a_tenants_ended_notes_are_bounded_the_oldest_go_first_and_anothers_stay() {
    let (north, south) = (
        TenantName::parse("north").expect("a name"),
        TenantName::parse("south").expect("a name"),
    );
    let mut index = Index::default();
    index.note_ended(&south, note(0));
    for number in 0..=ENDED_NOTES_MAX {
        index.note_ended(&north, note(number));
    }
    assert_eq!(index.of_note(&north, note(0)), Noted::Unknown, "the oldest");
    for number in [1, ENDED_NOTES_MAX] {
        assert_eq!(index.of_note(&north, note(number)), Noted::Ended);
    }
    assert_eq!(index.of_note(&south, note(0)), Noted::Ended);
    // One note without end takes no more, and pushes out the others only as it counts.
    for _ in 0..ENDED_NOTES_MAX {
        index.note_ended(&north, note(7));
    }
    let ended = &index.ended_notes[&north];
    assert_eq!((ended.since.len(), ended.by_age.len()), (1, ENDED_NOTES_MAX));
    assert_eq!(index.of_note(&north, note(7)), Noted::Ended);
    index.forget(&north);
    assert!(!index.ended_notes.contains_key(&north));
}

#[test]
fn an_ended_note_is_forgotten_after_a_day() {
    let (mut ended, began) = (Ended::default(), Instant::now());
    ended.add(note(1), began);
    ended.add(note(2), began + ENDED_NOTES / 2);
    ended.add(note(1), began + ENDED_NOTES / 2);
    ended.add(note(3), began + ENDED_NOTES);
    assert_eq!(ended.since.len(), 3, "it ended again since");
    ended.add(note(4), began + ENDED_NOTES * 2);
    assert_eq!(ended.since.len(), 1);
}
