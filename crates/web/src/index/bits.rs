/// A set of samples: a bit each, in the order of their numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bits {
    words: Vec<u64>,
    len: usize,
}

impl Bits {
    pub fn all(len: usize) -> Self {
        let mut words = vec![u64::MAX; len.div_ceil(64)];
        if let (Some(last), false) = (words.last_mut(), len.is_multiple_of(64)) {
            *last = (1 << (len % 64)) - 1;
        }
        Self { words, len }
    }

    pub fn none(len: usize) -> Self {
        Self { words: vec![0; len.div_ceil(64)], len }
    }

    /// Those for which `holds` is true of what `values` says of them.
    pub fn of<T: Copy>(values: &[T], holds: impl Fn(T) -> bool) -> Self {
        let (whole, rest) = values.as_chunks::<64>();
        let word = |chunk: &[T; 64]| {
            // A byte each first: that compilers do many at once.
            let flags = chunk.map(|value| u8::from(holds(value)));
            let eights = flags.as_chunks::<8>().0.iter().enumerate();
            // The product moves the lowest bits of eight bytes next to each other.
            eights.fold(0, |word, (at, eight)| {
                word | (u64::from_le_bytes(*eight).wrapping_mul(0x0102_0408_1020_4080) >> 56) << (8 * at)
            })
        };
        let mut words: Vec<u64> = whole.iter().map(word).collect();
        if !rest.is_empty() {
            let bit = |(at, value): (usize, &T)| u64::from(holds(*value)) << at;
            words.push(rest.iter().enumerate().map(bit).sum());
        }
        Self { words, len: values.len() }
    }

    pub fn count(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    pub fn contains(&self, at: usize) -> bool {
        self.words.get(at / 64).is_some_and(|word| word >> (at % 64) & 1 == 1)
    }

    pub fn insert(&mut self, at: usize) {
        if at < self.len {
            self.words[at / 64] |= 1 << (at % 64);
        }
    }

    pub fn and(&mut self, other: &Self) {
        for (word, other) in self.words.iter_mut().zip(&other.words) {
            *word &= other;
        }
    }

    pub fn or(&mut self, other: &Self) {
        for (word, other) in self.words.iter_mut().zip(&other.words) {
            *word |= other;
        }
    }

    pub fn is_all(&self) -> bool {
        self.count() == self.len
    }

    pub fn len(&self) -> usize {
        self.len
    }

    /// The samples in the set, in order.
    pub fn places(&self) -> Vec<u32> {
        places(&self.words)
    }

    /// The samples that are not in it.
    pub fn places_outside(&self) -> Vec<u32> {
        let all = Self::all(self.len);
        places(&all.words.iter().zip(&self.words).map(|(all, word)| all & !word).collect::<Vec<_>>())
    }
}

fn places(words: &[u64]) -> Vec<u32> {
    let mut places = Vec::with_capacity(words.iter().map(|word| word.count_ones() as usize).sum());
    for (at, word) in words.iter().enumerate() {
        let mut left = *word;
        while left != 0 {
            places.push((at * 64) as u32 + left.trailing_zeros());
            left &= left - 1;
        }
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_holds_what_was_put_in_and_no_bit_past_its_end() {
        for len in [0, 1, 63, 64, 65, 200] {
            let all = Bits::all(len);
            assert_eq!((all.count(), all.places().len()), (len, len));
            assert!(!all.contains(len) && all.is_all());
            let values: Vec<usize> = (0..len).collect();
            let third = Bits::of(&values, |v| v % 3 == 0);
            let expected: Vec<u32> = (0..len as u32).step_by(3).collect();
            assert_eq!(third.places(), expected);
            assert_eq!(third.places_outside().len(), len - expected.len());
            let mut both = Bits::of(&values, |v| v % 2 == 0);
            both.and(&third);
            assert_eq!(both.count(), len.div_ceil(6));
            let mut either = Bits::of(&values, |v| v % 3 == 1);
            either.or(&third);
            assert_eq!(either, Bits::of(&values, |v| v % 3 < 2));
            let mut some = Bits::none(len);
            some.insert(len);
            assert_eq!(some.count(), 0, "a sample past the end");
            if len > 3 {
                some.insert(3);
                assert_eq!(some.places(), [3]);
            }
        }
    }
}
