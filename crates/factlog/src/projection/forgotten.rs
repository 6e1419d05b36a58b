//! What a cache has forgotten, and so what it never knew: a Bloom filter.
//!
//! ```text
//!   key --hash--> a word, four bits of it     forgotten: all four are set
//!                                             never seen: one of them is not
//! ```
//!
//! A generation that began with nothing has in the state what its lane has put there, and nothing
//! else. Of that, what the cache no longer has is marked here. So a key that is in neither need not
//! be looked for: most events of a rebuild bring a document that is new. What the marks of others
//! happen to cover is looked for in vain: one key in a thousand after a million, one in four after
//! ten million.

use std::hash::{BuildHasher, Hash, RandomState};

use crate::limits::PROJECTION_FORGOTTEN_BYTES;

const WORDS: usize = PROJECTION_FORGOTTEN_BYTES / 8;
/// Bits of the hash that say which of a word's 64 bits they are, four times.
const BIT_PLACES: [u32; 4] = [0, 6, 12, 18];

/// Keys that were forgotten, and few others.
#[derive(Debug, Default)]
pub(super) struct Forgotten {
    /// Empty until something is forgotten.
    words: Vec<u64>,
    hasher: RandomState,
}

impl Forgotten {
    pub(super) fn insert(&mut self, key: &(impl Hash + ?Sized)) {
        self.words.resize(WORDS, 0);
        let (word, bits) = self.place(key);
        self.words[word] |= bits;
    }

    pub(super) fn may_have(&self, key: &(impl Hash + ?Sized)) -> bool {
        if self.words.is_empty() {
            return false;
        }
        let (word, bits) = self.place(key);
        self.words[word] & bits == bits
    }

    fn place(&self, key: &(impl Hash + ?Sized)) -> (usize, u64) {
        let hash = self.hasher.hash_one(key);
        let bits = BIT_PLACES.iter().fold(0, |bits, place| bits | 1 << ((hash >> place) & 63));
        let word = usize::try_from(hash >> 32).unwrap_or(usize::MAX) % WORDS;
        (word, bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_forgotten_is_known_and_little_else() {
        let mut forgotten = Forgotten::default();
        assert!(!forgotten.may_have("nothing"));
        for number in 0..1_000_000 {
            forgotten.insert(&number);
        }
        assert!((0..1_000_000).all(|number| forgotten.may_have(&number)));
        let others = (1_000_000..1_100_000).filter(|number| forgotten.may_have(number)).count();
        assert!(others < 500, "{others} of 100,000 others");
    }
}
