//! The header of 1024 bytes.

use serde_json::{Value, json};

use super::Mode;
use crate::input::Endian;

/// Length of the header.
pub(super) const BYTES: u64 = 1024;
/// Sides that are believed where nothing else marks a file as MRC.
const LONGEST_SIDE: u32 = 1 << 24;
/// Where the mark `MAP` is.
const MARK_AT: usize = 208;
/// Where IMOD writes its own mark; its flags follow.
const IMOD_AT: usize = 152;
/// First version of the format that says whether bytes have a sign.
const MRC2014: i32 = 20140;

pub(super) struct Header {
    pub endian: Endian,
    /// Columns, rows and sections.
    pub sides: [u32; 3],
    pub mode: Mode,
    mode_number: i32,
    /// Steps of the grid along x, y and z of the cell.
    pub grid: [i32; 3],
    /// Lengths of the cell (Å).
    pub cell: [f32; 3],
    /// Where x, y and z start (Å).
    pub origin: [f32; 3],
    /// Which of x, y and z the columns, rows and sections are; 1, 2 and 3 as a rule.
    order: [i32; 3],
    density: [f32; 3],
    space_group: i32,
    pub extended_bytes: u64,
    pub extended_type: [u8; 4],
    version: i32,
    imod_flags: Option<i32>,
    /// Whether the mark of the format is there.
    pub marked: bool,
    labels: Vec<String>,
}

/// Numbers of the header by their position.
struct Fields<'a> {
    bytes: &'a [u8],
    endian: Endian,
}

impl Fields<'_> {
    fn array(&self, at: usize) -> [u8; 4] {
        let mut array = [0; 4];
        if let Some(bytes) = self.bytes.get(at..at + 4) {
            array.copy_from_slice(bytes);
        }
        array
    }

    fn int(&self, at: usize) -> i32 {
        match self.endian {
            Endian::Little => i32::from_le_bytes(self.array(at)),
            Endian::Big => i32::from_be_bytes(self.array(at)),
        }
    }

    fn float(&self, at: usize) -> f32 {
        f32::from_bits(self.int(at).cast_unsigned())
    }

    fn ints(&self, at: usize) -> [i32; 3] {
        [0, 4, 8].map(|step| self.int(at + step))
    }

    fn floats(&self, at: usize) -> [f32; 3] {
        [0, 4, 8].map(|step| self.float(at + step))
    }
}

impl Header {
    /// Whether the mark of the format is there.
    pub(super) fn is_marked(head: &[u8]) -> bool {
        head.get(MARK_AT..MARK_AT + 3) == Some(b"MAP")
    }

    /// The header, if its numbers can be true in one order of the bytes. That order is tried first
    /// which the machine stamp states.
    pub(super) fn parse(head: &[u8]) -> Option<Self> {
        if head.len() < BYTES as usize {
            return None;
        }
        let order = match head[MARK_AT + 4] {
            0x11 => [Endian::Big, Endian::Little],
            _ => [Endian::Little, Endian::Big],
        };
        order.into_iter().find_map(|endian| Self::parse_in(head, endian))
    }

    fn parse_in(head: &[u8], endian: Endian) -> Option<Self> {
        let fields = Fields { bytes: head, endian };
        let mut sides = [0; 3];
        for (side, value) in sides.iter_mut().zip(fields.ints(0)) {
            *side = u32::try_from(value).ok().filter(|side| (1..=LONGEST_SIDE).contains(side))?;
        }
        let order = fields.ints(64);
        if order.iter().any(|axis| !(0..=3).contains(axis)) {
            return None;
        }
        let imod_flags = (&fields.array(IMOD_AT) == b"IMOD" || &fields.array(IMOD_AT) == b"DOMI")
            .then(|| fields.int(IMOD_AT + 4));
        let (density, version, mode_number) = (fields.floats(76), fields.int(108), fields.int(12));
        let mode = match mode_number {
            0 if bytes_are_signed(imod_flags, version, density) => Mode::SignedByte,
            0 => Mode::Byte,
            1 => Mode::Short,
            2 => Mode::Float,
            3 => Mode::ShortComplex,
            4 => Mode::Complex,
            6 => Mode::UnsignedShort,
            12 => Mode::Half,
            16 => Mode::Colour,
            101 => Mode::FourBit,
            _ => return None,
        };
        let labels = head[224..BYTES as usize]
            .chunks_exact(80)
            .map(|label| String::from_utf8_lossy(label).trim_matches(['\0', ' ']).to_owned())
            .filter(|label| !label.is_empty())
            .collect();
        Some(Self {
            endian,
            sides,
            mode,
            mode_number,
            grid: fields.ints(28),
            cell: fields.floats(40),
            origin: fields.floats(196),
            order,
            density,
            space_group: fields.int(88),
            extended_bytes: u64::try_from(fields.int(92)).ok()?,
            extended_type: fields.array(104),
            version,
            imod_flags,
            marked: Self::is_marked(head),
            labels,
        })
    }

    /// Bytes of all pixels.
    pub(super) fn data_bytes(&self) -> Option<u64> {
        let [columns, rows, sections] = self.sides;
        self.mode.row(columns).checked_mul(rows.into())?.checked_mul(sections.into())
    }

    /// The length that the file should have.
    pub(super) fn file_length(&self) -> Option<u64> {
        self.data_bytes()?.checked_add(BYTES + self.extended_bytes)
    }

    /// Which axis of the cell (0 to 2) the columns, rows or sections run along.
    pub(super) fn along(&self, direction: usize) -> usize {
        match self.order[direction] {
            axis @ 1..=3 => axis as usize - 1,
            _ => direction,
        }
    }

    /// Whether the sections are one volume, and no stack of images.
    pub(super) fn is_volume(&self) -> bool {
        let steps = self.grid[self.along(2)];
        (1..=230).contains(&self.space_group) && i64::from(steps) == i64::from(self.sides[2])
    }

    /// What a user should know about the pixels.
    pub(super) fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if matches!(self.mode, Mode::SignedByte | Mode::Byte)
            && self.imod_flags.is_none()
            && self.version < MRC2014
        {
            let read = if self.mode == Mode::Byte { "without a sign" } else { "with a sign" };
            notes.push(format!("the file doesn't say whether its bytes have a sign: they are read {read}"));
        }
        if ![[0; 3], [1, 2, 3]].contains(&self.order) {
            let names = self.order.map(|axis| ["?", "x", "y", "z"][axis.unsigned_abs().min(3) as usize]);
            notes.push(format!("columns, rows and sections run along {} of the specimen", names.join(", ")));
        }
        notes
    }

    /// The header by the names of the format's description.
    pub(super) fn tags(&self) -> Value {
        json!({
            "nx": self.sides[0], "ny": self.sides[1], "nz": self.sides[2],
            "mode": self.mode_number,
            "mx": self.grid[0], "my": self.grid[1], "mz": self.grid[2],
            "cella": self.cell,
            "mapc": self.order[0], "mapr": self.order[1], "maps": self.order[2],
            "dmin": self.density[0], "dmax": self.density[1], "dmean": self.density[2],
            "ispg": self.space_group,
            "nsymbt": self.extended_bytes,
            "exttyp": String::from_utf8_lossy(&self.extended_type).trim_matches('\0'),
            "nversion": self.version,
            "imodFlags": self.imod_flags,
            "origin": self.origin,
            "labels": self.labels,
        })
    }
}

/// The format of 2014 has signed bytes. IMOD says it in a flag. Older files rarely have a sign, unless
/// a density below zero shows it.
fn bytes_are_signed(imod_flags: Option<i32>, version: i32, density: [f32; 3]) -> bool {
    match imod_flags {
        Some(flags) => flags & 1 == 1,
        None => version >= MRC2014 || density[0] < 0.0 || density[1] <= 127.0,
    }
}
