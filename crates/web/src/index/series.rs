//! Columns of numbers as blobs of little-endian bytes.

use flate2::Crc;
use rusqlite::Connection;
use rusqlite::types::ValueRef;

/// A number that a series can hold.
pub(crate) trait Number: Copy {
    const SIZE: usize;
    fn put(self, bytes: &mut Vec<u8>);
    fn get(bytes: &[u8]) -> Self;
}

macro_rules! number {
    ($($kind:ty),*) => {$(
        impl Number for $kind {
            const SIZE: usize = size_of::<$kind>();
            fn put(self, bytes: &mut Vec<u8>) {
                bytes.extend(self.to_le_bytes());
            }
            fn get(bytes: &[u8]) -> Self {
                let mut own = [0; size_of::<$kind>()];
                own.copy_from_slice(bytes);
                Self::from_le_bytes(own)
            }
        }
    )*};
}
number!(u16, u32, u64, f32);

pub(crate) fn to_bytes<T: Number>(values: &[T]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(values.len() * T::SIZE);
    values.iter().for_each(|value| value.put(&mut bytes));
    bytes
}

pub(crate) fn from_bytes<T: Number>(bytes: &[u8]) -> Vec<T> {
    bytes.chunks_exact(T::SIZE).map(T::get).collect()
}

/// CRC-32 of a series' bytes, by which damage shows.
pub(crate) fn checksum(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}

/// What words are found by: their names, and FTS5's own tables.
const TEXT_TABLES: [&str; 6] =
    ["word", "text_data", "text_idx", "text_content", "text_docsize", "text_config"];

/// CRC-32 of all that words are found by, which SQLite itself believes unseen.
pub(crate) fn text_checksum(connection: &Connection) -> rusqlite::Result<u32> {
    let mut crc = Crc::new();
    for table in TEXT_TABLES {
        let mut statement = connection.prepare(&format!("SELECT * FROM {table}"))?;
        let columns = statement.column_count();
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            for column in 0..columns {
                let (kind, bytes): (u8, &[u8]) = match row.get_ref(column)? {
                    ValueRef::Null => (0, &[]),
                    ValueRef::Integer(value) => (1, &value.to_le_bytes()),
                    ValueRef::Real(value) => (2, &value.to_le_bytes()),
                    ValueRef::Text(text) => (3, text),
                    ValueRef::Blob(bytes) => (4, bytes),
                };
                crc.update(&[kind]);
                crc.update(&(bytes.len() as u64).to_le_bytes());
                crc.update(bytes);
            }
        }
    }
    Ok(crc.sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_series_comes_back_as_it_went_in() {
        assert_eq!(from_bytes::<u64>(&to_bytes(&[0, 1, u64::MAX])), [0, 1, u64::MAX]);
        assert_eq!(from_bytes::<f32>(&to_bytes(&[0.5_f32, -1e30])), [0.5, -1e30]);
        assert_eq!(checksum(b"123456789"), 0xcbf4_3926);
    }
}
