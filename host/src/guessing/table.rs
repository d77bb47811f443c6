//! A bounded memory of who tried what.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::{Duration, Instant};

use crate::vault::Vault;

/// Most rows. A row has some 200 bytes, and 32 for each key that it remembers. Whoever has more addresses than this can make
/// the table forget, which is one more reason for long keys.
pub(super) const ROWS_MAX: usize = 4_096;

/// Right ones that are remembered for a source: as many as a tenant may have keys. Only they can be right, so nobody else
/// makes a row grow.
const RIGHT_MAX: usize = 100;

/// Rows by key. The one that was touched least recently makes room.
#[derive(Debug)]
pub(super) struct Table<K>(HashMap<K, Row>);

impl<K> Default for Table<K> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

/// What is known of a source.
#[derive(Debug, Default)]
pub(super) struct Row {
    pub(super) bucket: Bucket,
    pub(super) right: Right,
    /// Wrong ones since the bucket was empty.
    pub(super) tries: u32,
    /// Whether it was told that the bucket is full, and it has not been empty since.
    pub(super) in_episode: bool,
    touched: Option<Instant>,
}

impl<K: Hash + Eq + Clone> Table<K> {
    pub(super) fn get(&self, key: &K) -> Option<&Row> {
        self.0.get(key)
    }

    /// The row of this key, which is made if there is none.
    pub(super) fn entry(&mut self, key: K, now: Instant) -> &mut Row {
        if self.0.len() >= ROWS_MAX && !self.0.contains_key(&key) {
            let oldest = self.0.iter().min_by_key(|(_, row)| row.touched);
            if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
                self.0.remove(&oldest);
            }
        }
        let row = self.0.entry(key).or_default();
        row.touched = Some(now);
        row
    }
}

/// Something that fills with each try and runs dry with time.
#[derive(Debug, Default)]
pub(super) struct Bucket {
    /// When it is empty again.
    empty: Option<Instant>,
}

impl Bucket {
    pub(super) fn is_empty(&self, now: Instant) -> bool {
        self.empty.is_none_or(|empty| empty <= now)
    }

    /// If it holds as many as it can, when there is room for one more.
    pub(super) fn full(&self, now: Instant, most: u32, each: Duration) -> Option<Duration> {
        let left = self.empty?.saturating_duration_since(now);
        let room = left.checked_sub(each * (most - 1))?;
        (!room.is_zero()).then_some(room)
    }

    /// Counts all of them, also those for which there is no room: whoever presents eight when there is room for one waits for
    /// the other seven as well. So it may hold twice what it can, and never more.
    pub(super) fn add(&mut self, tries: u32, now: Instant, most: u32, each: Duration) {
        let from = self.empty.map_or(now, |empty| empty.max(now));
        self.empty = Some((from + each * tries.min(most)).min(now + each * most * 2));
    }
}

/// Hashes of what was right, the latest last.
#[derive(Debug, Clone, Default)]
pub(super) struct Right(Vec<[u8; 32]>);

impl Right {
    /// Takes the same time for each of them and for none.
    pub(super) fn contains(&self, hash: &[u8; 32]) -> bool {
        self.0
            .iter()
            .fold(false, |found, right| Vault::same(right, hash) | found)
    }

    pub(super) fn insert(&mut self, hash: [u8; 32]) {
        self.0.retain(|right| !Vault::same(right, &hash));
        if self.0.len() == RIGHT_MAX {
            self.0.remove(0);
        }
        self.0.push(hash);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EACH: Duration = Duration::from_secs(10);

    #[test]
    fn a_bucket_fills_up_and_runs_dry_at_its_pace() {
        let (mut bucket, now) = (Bucket::default(), Instant::now());
        assert!(bucket.is_empty(now));
        for _ in 0..3 {
            assert_eq!(bucket.full(now, 3, EACH), None);
            bucket.add(1, now, 3, EACH);
        }
        assert_eq!(bucket.full(now, 3, EACH), Some(EACH));
        assert_eq!(
            bucket.full(now + EACH / 2, 3, EACH),
            Some(EACH / 2),
            "room comes with time"
        );
        assert_eq!(bucket.full(now + EACH, 3, EACH), None);
        assert!(!bucket.is_empty(now + 2 * EACH));
        assert!(bucket.is_empty(now + 3 * EACH));
    }

    #[test]
    fn those_for_which_there_is_no_room_are_counted_too() {
        let (mut bucket, now) = (Bucket::default(), Instant::now());
        bucket.add(2, now, 3, EACH);
        assert_eq!(bucket.full(now, 3, EACH), None);
        bucket.add(3, now, 3, EACH);
        assert_eq!(bucket.full(now, 3, EACH), Some(3 * EACH), "two too many, and then one");
        // However many there are, it holds no more than twice what it can.
        bucket.add(u32::MAX, now, 3, EACH);
        bucket.add(u32::MAX, now, 3, EACH);
        assert_eq!(bucket.full(now, 3, EACH), Some(4 * EACH));
    }

    #[test]
    fn the_table_never_grows_beyond_its_bound_and_forgets_the_oldest() {
        let (mut table, now) = (Table::default(), Instant::now());
        for number in 0..ROWS_MAX {
            table.entry(number, now + Duration::from_millis(number as u64));
        }
        table.entry(0, now + EACH);
        for more in 0..100 {
            table.entry(ROWS_MAX + more, now + EACH);
        }
        assert_eq!(table.0.len(), ROWS_MAX);
        assert!(table.get(&0).is_some(), "it was touched again");
        assert!((1..=100).all(|number| table.get(&number).is_none()));
        assert!(table.get(&101).is_some());
    }

    #[test]
    fn the_latest_right_ones_are_remembered() {
        let mut right = Right::default();
        for number in 0..=100 {
            right.insert([number; 32]);
            right.insert([1; 32]);
        }
        assert!(right.contains(&[1; 32]) && right.contains(&[100; 32]));
        assert!(!right.contains(&[0; 32]) && !right.contains(&[101; 32]));
        assert_eq!(right.0.len(), RIGHT_MAX);
    }
}
