use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// One of `count` equally likely indices.
pub(crate) fn index(rng: &mut ChaCha8Rng, count: usize) -> usize {
    // The bias of a 64-bit multiply is below 2⁻⁵⁰ for any count that fits in memory.
    ((u128::from(rng.next_u64()) * count as u128) >> 64) as usize
}

/// The stream of `seed`.
pub(crate) fn stream(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

/// At most `size` of the indices below `count`, drawn at random and in rising order. Even steps
/// would fall in with the order of sublattices in a sorted list.
pub(crate) fn sample(count: usize, size: usize) -> Vec<usize> {
    let mut indices: Vec<usize> = (0..count).collect();
    if count > size {
        let mut rng = stream(0);
        for i in 0..size {
            let j = i + index(&mut rng, count - i);
            indices.swap(i, j);
        }
        indices.truncate(size);
        indices.sort_unstable();
    }
    indices
}
