//! Components with damage that a toolchain would not make and an attacker might.

/// Random numbers from a seed, the same ones every time (SplitMix64, by Steele, Lea and Flood).
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// Numbers that follow from `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `most`, which must not be 0. The low ones come a little more often, which does no harm here.
    pub fn below(&mut self, most: usize) -> usize {
        usize::try_from(self.next() % most as u64).unwrap_or_default()
    }
}

/// Damages a component in one to four places. `other` is where pieces are taken from.
#[must_use]
pub fn mutated(component: &[u8], other: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut bytes = component.to_vec();
    for _ in 0..=dice.below(4) {
        if bytes.is_empty() {
            break;
        }
        let at = dice.below(bytes.len());
        match dice.below(8) {
            0 => bytes[at] ^= 1 << dice.below(8),
            1 => bytes[at] = u8::try_from(dice.below(256)).unwrap_or_default(),
            // The largest numbers of WebAssembly's encoding: counts, sizes, indexes.
            2 => splice(&mut bytes, at, 1, &[0xff, 0xff, 0xff, 0xff, 0x0f]),
            3 => splice(&mut bytes, at, 1, &[0x00]),
            4 => bytes.truncate(at),
            5 => {
                let length = dice.below(64);
                splice(&mut bytes, at, length, &[]);
            }
            6 => {
                let piece = piece(component, dice).to_vec();
                splice(&mut bytes, at, 0, &piece);
            }
            _ => {
                let piece = piece(other, dice).to_vec();
                splice(&mut bytes, at, piece.len(), &piece);
            }
        }
    }
    bytes
}

/// Up to 256 bytes from somewhere.
fn piece<'a>(of: &'a [u8], dice: &mut Dice) -> &'a [u8] {
    if of.is_empty() {
        return of;
    }
    let start = dice.below(of.len());
    let end = of.len().min(start + 1 + dice.below(256));
    &of[start..end]
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
        let damaged = |seed| mutated(&component, b"other", &mut Dice::new(seed));
        assert_eq!(damaged(7), damaged(7));
        let different = (0..100).filter(|seed| damaged(*seed) != component).count();
        assert!(different > 90, "{different} of 100 are damaged");
    }

    #[test]
    fn nothing_is_too_short_to_be_damaged() {
        for seed in 0..1000 {
            let _ = mutated(&[], &[], &mut Dice::new(seed));
            let _ = mutated(&[0], &[], &mut Dice::new(seed));
        }
    }
}
