//! Components with damage that a toolchain would not make and an attacker might.

use crate::power::Numbers;

/// Damages a component in one to four places. `other` is where pieces are taken from.
#[must_use]
pub(super) fn mutated(component: &[u8], other: &[u8], numbers: &mut Numbers) -> Vec<u8> {
    let mut bytes = component.to_vec();
    for _ in 0..=below(numbers, 4) {
        if bytes.is_empty() {
            break;
        }
        let at = below(numbers, bytes.len());
        match below(numbers, 8) {
            0 => bytes[at] ^= 1 << below(numbers, 8),
            1 => bytes[at] = u8::try_from(below(numbers, 256)).unwrap_or_default(),
            // The largest numbers of WebAssembly's encoding: counts, sizes, indexes.
            2 => splice(&mut bytes, at, 1, &[0xff, 0xff, 0xff, 0xff, 0x0f]),
            3 => splice(&mut bytes, at, 1, &[0x00]),
            4 => bytes.truncate(at),
            5 => {
                let length = below(numbers, 64);
                splice(&mut bytes, at, length, &[]);
            }
            6 => {
                let piece = piece(component, numbers).to_vec();
                splice(&mut bytes, at, 0, &piece);
            }
            _ => {
                let piece = piece(other, numbers).to_vec();
                splice(&mut bytes, at, piece.len(), &piece);
            }
        }
    }
    bytes
}

/// Up to 256 bytes from somewhere.
fn piece<'a>(of: &'a [u8], numbers: &mut Numbers) -> &'a [u8] {
    if of.is_empty() {
        return of;
    }
    let start = below(numbers, of.len());
    let end = of.len().min(start + 1 + below(numbers, 256));
    &of[start..end]
}

fn below(numbers: &mut Numbers, most: usize) -> usize {
    usize::try_from(numbers.below(most as u64)).unwrap_or_default()
}

fn splice(bytes: &mut Vec<u8>, at: usize, removed: usize, inserted: &[u8]) {
    let end = bytes.len().min(at + removed);
    bytes.splice(at..end, inserted.iter().copied());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_does_the_same_damage_and_another_one_other() {
        let component: Vec<u8> = (0..=255).collect();
        let damaged = |seed| mutated(&component, b"other", &mut Numbers::new(seed));
        assert_eq!(damaged(7), damaged(7));
        let different = (0..100).filter(|seed| damaged(*seed) != component).count();
        assert!(different > 90, "{different} of 100 are damaged");
    }

    #[test]
    fn nothing_is_too_short_to_be_damaged() {
        for seed in 0..1000 {
            let _ = mutated(&[], &[], &mut Numbers::new(seed));
            let _ = mutated(&[0], &[], &mut Numbers::new(seed));
        }
    }
}
