//! What waits to be written: each tenant's log and work in a line of its own, and the lines have their turns. Who writes little
//! does not wait for others' large records, which are written when there is nothing else, or when they have waited for long
//! enough.

use std::collections::{HashMap, VecDeque};

use crate::domain::name::TenantName;

/// Most values in one group. Beyond it a sync is shared by so many that it no longer counts.
const GROUP_VALUES: usize = 512;

/// Bytes after which a group is full: whoever comes next waits for the end of it.
const GROUP_BYTES: usize = 256 << 10;

/// Bytes that a line may write each time that it is its turn and others wait as well: what ordinary calls write, several
/// times. It saves up for more.
const TURN_BYTES: usize = 16 << 10;

/// Whose line it is: that of a tenant's log and of its own work, or that of all other documents.
pub(super) type Whose = Option<TenantName>;

/// What waits, and is taken by groups.
pub(super) struct Lines<T> {
    lines: HashMap<Whose, Line<T>>,
    /// Those in which something waits. The first is the next to have its turn.
    round: VecDeque<Whose>,
}

struct Line<T> {
    waiting: VecDeque<(Size, T)>,
    /// Bytes that it may write.
    saved: usize,
}

/// How large a piece of work is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    /// Values that it changes.
    pub(super) values: usize,
    /// Bytes in them.
    pub(super) bytes: usize,
}

impl<T> Lines<T> {
    pub(super) fn new() -> Self {
        Self {
            lines: HashMap::new(),
            round: VecDeque::new(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.round.is_empty()
    }

    /// Puts work at the end of its line.
    pub(super) fn push(&mut self, whose: Whose, size: Size, work: T) {
        let line = self.lines.entry(whose.clone()).or_insert_with(|| {
            self.round.push_back(whose);
            Line {
                waiting: VecDeque::new(),
                saved: 0,
            }
        });
        line.waiting.push_back((size, work));
    }

    /// Takes the next group: one turn of each line, and as many as are needed until there is something. What waits in the
    /// same line stays in its order.
    pub(super) fn take(&mut self) -> Vec<T> {
        let mut group = Vec::new();
        let (mut values, mut bytes) = (0, 0);
        let is_full = |values, bytes| values >= GROUP_VALUES || bytes >= GROUP_BYTES;
        while !self.is_empty() && !is_full(values, bytes) {
            let others_wait = self.round.len() > 1;
            for _ in 0..self.round.len() {
                let Some(whose) = self.round.pop_front() else { break };
                let Some(line) = self.lines.get_mut(&whose) else {
                    continue;
                };
                line.saved += TURN_BYTES;
                while let Some((size, work)) = line.waiting.pop_front_if(|(size, _)| size.bytes <= line.saved) {
                    line.saved -= size.bytes;
                    values += size.values;
                    bytes += size.bytes;
                    group.push(work);
                    if is_full(values, bytes) {
                        break;
                    }
                }
                match line.waiting.is_empty() {
                    true => drop(self.lines.remove(&whose)),
                    false => self.round.push_back(whose),
                }
                if is_full(values, bytes) {
                    break;
                }
            }
            if others_wait && !group.is_empty() {
                break;
            }
        }
        group
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(lines: &mut Lines<&'static str>, tenant: &str, bytes: usize, work: &'static str) {
        let tenant = TenantName::parse(tenant).expect("a name");
        lines.push(Some(tenant), Size { values: 1, bytes }, work);
    }

    #[test]
    fn who_writes_little_does_not_wait_for_others_large_records() {
        let mut lines = Lines::new();
        for work in ["large 1", "large 2"] {
            push(&mut lines, "large", 4 * TURN_BYTES, work);
        }
        let mut groups = Vec::new();
        for work in ["1", "2", "3", "4", "5"] {
            push(&mut lines, "small", 100, work);
            push(&mut lines, "also-small", 100, work);
            groups.push(lines.take());
        }
        let small = |work| vec![work, work];
        assert_eq!(groups[..3], [small("1"), small("2"), small("3")]);
        let mut fourth = groups[3].clone();
        fourth.sort_unstable();
        assert_eq!(fourth, ["4", "4", "large 1"], "it has saved enough");
        assert_eq!(groups[4], small("5"));
        assert_eq!(lines.take(), ["large 2"], "there is nothing else");
        assert!(lines.is_empty() && lines.take().is_empty());
    }

    #[test]
    fn who_is_alone_fills_groups_in_order_and_none_is_larger_than_one_piece_makes_it() {
        let mut lines = Lines::new();
        for work in ["1", "2", "3"] {
            push(&mut lines, "alone", GROUP_BYTES / 2, work);
        }
        push(&mut lines, "alone", 16 * GROUP_BYTES, "4");
        push(&mut lines, "alone", 1, "5");
        assert_eq!(lines.take(), ["1", "2"]);
        assert_eq!(lines.take(), ["3", "4"]);
        assert_eq!(lines.take(), ["5"]);
        for _ in 0..=GROUP_VALUES {
            push(&mut lines, "alone", 1, "6");
        }
        assert_eq!([lines.take().len(), lines.take().len()], [GROUP_VALUES, 1]);
    }

    #[test]
    fn a_full_group_leaves_the_next_turn_to_those_that_had_none() {
        let mut lines = Lines::new();
        for (tenant, work) in [("north", "north"), ("south", "south"), ("west", "west")] {
            for _ in 0..2 {
                push(&mut lines, tenant, GROUP_BYTES, work);
            }
        }
        let groups: Vec<_> = (0..6).map(|_| lines.take()).collect();
        assert_eq!(
            groups,
            ["north", "south", "west", "north", "south", "west"].map(|work| vec![work])
        );
    }
}
