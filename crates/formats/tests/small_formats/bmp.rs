//! Bitmaps of every depth.

use adatom_formats::{Dataset, Selection, Stats};

use super::{opened, refusal};

/// What a made bitmap holds.
pub struct Made<'a> {
    pub sides: (u32, i32),
    pub depth: u16,
    pub compression: u32,
    /// Blue, green, red and a spare byte of each colour, or masks.
    pub table: &'a [[u8; 4]],
    pub data: &'a [u8],
}

impl Made<'_> {
    pub fn file(&self) -> Vec<u8> {
        let mut file = b"BM".to_vec();
        let table: Vec<u8> = self.table.concat();
        file.extend([0; 8]);
        file.extend((54 + table.len() as u32).to_le_bytes());
        file.extend(40_u32.to_le_bytes());
        file.extend(self.sides.0.to_le_bytes());
        file.extend(self.sides.1.to_le_bytes());
        file.extend([1, 0]);
        file.extend(self.depth.to_le_bytes());
        file.extend(self.compression.to_le_bytes());
        file.extend([0; 12]);
        let colours = if self.depth <= 8 { self.table.len() as u32 } else { 0 };
        file.extend(colours.to_le_bytes());
        file.extend([0; 4]);
        file.extend(table);
        file.extend(self.data);
        file
    }
}

pub const GREYS: [[u8; 4]; 4] = [[0, 0, 0, 0], [80, 80, 80, 0], [160, 160, 160, 0], [255, 255, 255, 0]];

fn pixels(dataset: &Dataset) -> Vec<f32> {
    dataset.image(&Selection::default()).unwrap().data.into_iter().collect()
}

#[test]
fn grey_palettes_of_every_depth_come_back() {
    let rows: [(u16, &[u8]); 3] = [
        (1, &[0b0100_0000, 0, 0, 0, 0b1010_0000, 0, 0, 0]),
        (4, &[0x01, 0x00, 0, 0, 0x10, 0x10, 0, 0]),
        (8, &[0, 1, 0, 0, 1, 0, 1, 0]),
    ];
    for (depth, data) in rows {
        let table = &GREYS[..2];
        let dataset = opened("a.bmp", &Made { sides: (3, 2), depth, compression: 0, table, data }.file());
        assert_eq!(dataset.signals()[0].dtype.numpy(), "uint8", "{depth}");
        // The file starts with the lowest row.
        assert_eq!(pixels(&dataset), [80.0, 0.0, 80.0, 0.0, 80.0, 0.0], "{depth}");
        let dataset = opened("a.bmp", &Made { sides: (3, -2), depth, compression: 0, table, data }.file());
        assert_eq!(pixels(&dataset), [0.0, 80.0, 0.0, 80.0, 0.0, 80.0], "{depth}");
    }
}

#[test]
fn colours_come_back() {
    let channels = |dataset: &Dataset| match dataset.stats(0).unwrap() {
        Stats::Colour(channels) => channels.iter().map(|(_, [sum, ..])| *sum).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    let sum = |depth, compression, table: &[[u8; 4]], data: &[u8]| {
        channels(&opened("a.bmp", &Made { sides: (1, 1), depth, compression, table, data }.file()))
    };
    assert_eq!(sum(8, 0, &[[1, 2, 3, 0]], &[0, 0, 0, 0]), [3.0, 2.0, 1.0]);
    assert_eq!(sum(24, 0, &[], &[1, 2, 3, 0]), [3.0, 2.0, 1.0]);
    assert_eq!(sum(32, 0, &[], &[1, 2, 3, 99]), [3.0, 2.0, 1.0]);
    let swapped = [[0xff, 0, 0, 0], [0, 0xff, 0, 0], [0, 0, 0xff, 0]];
    assert_eq!(sum(32, 3, &swapped, &[1, 2, 3, 99]), [1.0, 2.0, 3.0]);
    assert_eq!(sum(16, 0, &[], &[0xff, 0x7f, 0, 0]), [255.0; 3]);
    let masks = [[0, 0xf8, 0, 0], [0xe0, 0x07, 0, 0], [0x1f, 0, 0, 0]];
    assert_eq!(sum(16, 3, &masks, &[0x00, 0xf8, 0, 0]), [255.0, 0.0, 0.0]);
    let alpha = [[0, 0, 0xff, 0], [0, 0xff, 0, 0], [0xff, 0, 0, 0], [0, 0, 0, 0xff]];
    assert_eq!(sum(32, 6, &alpha, &[1, 2, 3, 99]), [3.0, 2.0, 1.0, 99.0]);
}

#[test]
fn runs_are_unpacked() {
    let bytes = [
        4, 1, 0, 0, // the lowest row: 1 1 1 1
        0, 3, 0, 2, 3, 0, 1, 1, 0, 0, // 0 2 3 as they are, then 1
        0, 2, 2, 0, 2, 3, 0, 1, // two to the right: 3 3
    ];
    let made = Made { sides: (4, 3), depth: 8, compression: 1, table: &GREYS, data: &bytes };
    let rows = [0.0, 0.0, 255.0, 255.0, 0.0, 160.0, 255.0, 80.0, 80.0, 80.0, 80.0, 80.0];
    assert_eq!(pixels(&opened("a.bmp", &made.file())), rows);
    let nibbles = [4, 0x11, 0, 0, 0, 3, 0x02, 0x30, 1, 0x10, 0, 0, 0, 2, 2, 0, 2, 0x33, 0, 1];
    let made = Made { depth: 4, compression: 2, data: &nibbles, ..made };
    assert_eq!(pixels(&opened("a.bmp", &made.file())), rows);
    let cut = Made { data: &nibbles[..18], ..made };
    let error = opened("a.bmp", &cut.file()).image(&Selection::default()).unwrap_err().to_string();
    assert!(error.contains("ends inside its pixels"), "{error}");
}

#[test]
fn what_a_bitmap_lacks_is_named() {
    let made = Made { sides: (3, 2), depth: 8, compression: 0, table: &GREYS, data: &[0; 7] };
    assert!(refusal(&made.file()).contains("need 8 bytes, but only 7"));
    let made = Made { sides: (30_000, 30_000), ..made };
    assert!(refusal(&made.file()).contains("30000 × 30000"));
    let made = Made { sides: (1, 1), compression: 4, ..made };
    assert!(refusal(&made.file()).contains("compression 4"));
    let made = Made { compression: 0, data: &[9, 0, 0, 0], ..made };
    let error = opened("a.bmp", &made.file()).image(&Selection::default()).unwrap_err().to_string();
    assert!(error.contains("not in the palette"), "{error}");
}
