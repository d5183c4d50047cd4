//! Where does chance come from? The same numbers for the same seed, in every release.

/// Steele, Lea and Flood's SplitMix64.
#[derive(Clone, Debug)]
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// A number below `bound`, which is not 0.
    pub(super) fn below(&mut self, bound: u32) -> u32 {
        // The error of the remainder is far below what anybody could see.
        (self.next() % u64::from(bound)) as u32
    }
}

/// SplitMix64's last step: spreads the bits of a number.
pub(super) fn mix(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// Five characters as Kubernetes puts behind generated names: none that looks like another or makes words.
pub(super) fn suffix(number: u64) -> String {
    const ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";
    let mut rest = mix(number);
    let characters = std::iter::repeat_with(|| {
        let character = ALPHABET[(rest % 27) as usize];
        rest /= 27;
        char::from(character)
    });
    characters.take(5).collect()
}

/// A UUID of version 4 that follows from a number.
pub(super) fn uid(number: u64) -> String {
    let (high, low) = (mix(number), mix(!number));
    let variant = 0x8000 | (low >> 48 & 0x3fff);
    format!(
        "{:08x}-{:04x}-4{:03x}-{variant:04x}-{:012x}",
        high >> 32,
        high >> 16 & 0xffff,
        high & 0xfff,
        low & 0xffff_ffff_ffff
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_numbers() {
        let numbers = |seed| {
            let mut random = Random::new(seed);
            [random.next(), random.next()]
        };
        assert_eq!(numbers(1), numbers(1));
        assert_ne!(numbers(1), numbers(2));
    }

    #[test]
    fn a_uid_has_the_form_of_one() {
        let uid = uid(7);
        let lengths: Vec<usize> = uid.split('-').map(str::len).collect();
        assert_eq!((lengths, &uid[14..15]), (vec![8, 4, 4, 4, 12], "4"));
    }
}
