//! Shuffles put like bytes, or like bits, of the elements side by side.

/// Undoes a shuffle of the bytes of elements of `size` bytes; bytes that make no element stay.
pub(crate) fn unshuffle(bytes: &[u8], size: usize) -> Vec<u8> {
    let count = bytes.len() / size.max(1);
    if size < 2 || count < 2 {
        return bytes.to_vec();
    }
    let mut out = bytes.to_vec();
    for (byte, plane) in bytes.chunks_exact(count).take(size).enumerate() {
        for (element, &value) in out.chunks_exact_mut(size).zip(plane) {
            element[byte] = value;
        }
    }
    out
}

/// Undoes a shuffle of the bits of elements of `size` bytes, whose number is a multiple of eight;
/// bytes that make no element stay.
pub(crate) fn unbitshuffle(bytes: &[u8], size: usize) -> Vec<u8> {
    let groups = bytes.len() / size.max(1) / 8;
    let mut out = bytes.to_vec();
    if size == 0 || groups == 0 {
        return out;
    }
    for byte in 0..size {
        for group in 0..groups {
            let mut rows = [0; 8];
            for (bit, row) in rows.iter_mut().enumerate() {
                *row = bytes[(byte * 8 + bit) * groups + group];
            }
            for (j, value) in transpose(rows).into_iter().enumerate() {
                out[(group * 8 + j) * size + byte] = value;
            }
        }
    }
    out
}

/// Exchanges rows and columns of 8 × 8 bits.
fn transpose(rows: [u8; 8]) -> [u8; 8] {
    let mut x = u64::from_le_bytes(rows);
    for (shift, mask) in [(7, 0x00aa_00aa_00aa_00aa), (14, 0x0000_cccc_0000_cccc), (28, 0xf0f0_f0f0)] {
        let swapped = (x ^ (x >> shift)) & mask;
        x ^= swapped ^ (swapped << shift);
    }
    x.to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_bits_return_to_their_elements() {
        assert_eq!(unshuffle(&[1, 2, 3, 11, 12, 13, 99], 2), [1, 11, 2, 12, 3, 13, 99]);
        // Eight elements of two bytes: bit 0 of the first bytes is set in elements 0 and 2, bit 7
        // of the second bytes in element 7.
        let mut shuffled = [0; 16];
        shuffled[0] = 0b101;
        shuffled[15] = 0b1000_0000;
        let mut expected = [0; 16];
        (expected[0], expected[4], expected[15]) = (1, 1, 0x80);
        assert_eq!(unbitshuffle(&shuffled, 2), expected);
        assert_eq!(unbitshuffle(&[5; 3], 4), [5; 3]);
    }
}
