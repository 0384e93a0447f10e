//! What the elements of a signal are, and how they become numbers.

use half::f16;

use crate::grey::luminance;
use crate::input::Endian;

/// The type of a signal's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum DType {
    Bool,
    U8,
    U16,
    U32,
    U64,
    I8,
    I16,
    I32,
    I64,
    F16,
    F32,
    F64,
    /// Two 32-bit floats, real and imaginary.
    C64,
    /// Two 64-bit floats, real and imaginary.
    C128,
    Rgb8,
    Rgba8,
    Rgb16,
    Rgba16,
    /// Texts, lists and the like: listed, never read.
    Object,
}

/// What a sample inside an element is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Family {
    Unsigned,
    Signed,
    Float,
}

impl DType {
    /// All types of numbers.
    pub(crate) const NUMBERS: [Self; 14] = [
        Self::Bool,
        Self::U8,
        Self::U16,
        Self::U32,
        Self::U64,
        Self::I8,
        Self::I16,
        Self::I32,
        Self::I64,
        Self::F16,
        Self::F32,
        Self::F64,
        Self::C64,
        Self::C128,
    ];

    /// Family, bytes of a sample, and samples of an element.
    fn layout(self) -> (Family, usize, usize) {
        use Family::{Float, Signed, Unsigned};
        match self {
            Self::Bool | Self::U8 => (Unsigned, 1, 1),
            Self::U16 => (Unsigned, 2, 1),
            Self::U32 => (Unsigned, 4, 1),
            Self::U64 => (Unsigned, 8, 1),
            Self::I8 => (Signed, 1, 1),
            Self::I16 => (Signed, 2, 1),
            Self::I32 => (Signed, 4, 1),
            Self::I64 => (Signed, 8, 1),
            Self::F16 => (Float, 2, 1),
            Self::F32 => (Float, 4, 1),
            Self::F64 => (Float, 8, 1),
            Self::C64 => (Float, 4, 2),
            Self::C128 => (Float, 8, 2),
            Self::Rgb8 => (Unsigned, 1, 3),
            Self::Rgba8 => (Unsigned, 1, 4),
            Self::Rgb16 => (Unsigned, 2, 3),
            Self::Rgba16 => (Unsigned, 2, 4),
            Self::Object => (Unsigned, 0, 0),
        }
    }

    /// Bytes of an element; 0 for [`DType::Object`].
    #[must_use]
    pub fn size(self) -> usize {
        let (_, bytes, samples) = self.layout();
        bytes * samples
    }

    /// Samples of an element: 2 for complex numbers, 3 or 4 for colours, otherwise 1.
    #[must_use]
    pub fn samples(self) -> usize {
        self.layout().2
    }

    /// Whether an element is a complex number.
    #[must_use]
    pub fn is_complex(self) -> bool {
        matches!(self, Self::C64 | Self::C128)
    }

    /// Whether an element is a colour.
    #[must_use]
    pub fn is_colour(self) -> bool {
        self.samples() > 2
    }

    /// NumPy's name.
    #[must_use]
    pub fn numpy(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::U8 => "uint8",
            Self::U16 => "uint16",
            Self::U32 => "uint32",
            Self::U64 => "uint64",
            Self::I8 => "int8",
            Self::I16 => "int16",
            Self::I32 => "int32",
            Self::I64 => "int64",
            Self::F16 => "float16",
            Self::F32 => "float32",
            Self::F64 => "float64",
            Self::C64 => "complex64",
            Self::C128 => "complex128",
            Self::Rgb8 => "[('R', 'u1'), ('G', 'u1'), ('B', 'u1')]",
            Self::Rgba8 => "[('R', 'u1'), ('G', 'u1'), ('B', 'u1'), ('A', 'u1')]",
            Self::Rgb16 => "[('R', '<u2'), ('G', '<u2'), ('B', '<u2')]",
            Self::Rgba16 => "[('R', '<u2'), ('G', '<u2'), ('B', '<u2'), ('A', '<u2')]",
            Self::Object => "object",
        }
    }

    /// The type in words, such as `16-bit unsigned`.
    #[must_use]
    pub fn describe(self) -> String {
        let (family, bytes, samples) = self.layout();
        let family = match family {
            Family::Unsigned => "unsigned",
            Family::Signed => "signed",
            Family::Float => "float",
        };
        match (self, samples) {
            (Self::Bool, _) => "boolean".to_owned(),
            (Self::Object, _) => "text or objects".to_owned(),
            (_, 2) => format!("{}-bit complex", 16 * bytes),
            (_, 3) => format!("{}-bit {family} RGB", 8 * bytes),
            (_, 4) => format!("{}-bit {family} RGBA", 8 * bytes),
            _ => format!("{}-bit {family}", 8 * bytes),
        }
    }

    /// The colour of three or four `channel`s, if there is one.
    pub(crate) fn colour(channel: Self, channels: usize) -> Option<Self> {
        match (channel, channels) {
            (Self::U8, 3) => Some(Self::Rgb8),
            (Self::U8, 4) => Some(Self::Rgba8),
            (Self::U16, 3) => Some(Self::Rgb16),
            (Self::U16, 4) => Some(Self::Rgba16),
            _ => None,
        }
    }

    /// The type that NumPy describes as `text`, such as `<u2` or `|b1`, and the order of its bytes.
    pub(crate) fn from_numpy(text: &str) -> Option<(Self, Endian)> {
        let (endian, kind) = match text.split_at_checked(1)? {
            ("<" | "|" | "=", kind) => (Endian::Little, kind),
            (">", kind) => (Endian::Big, kind),
            _ => (Endian::Little, text),
        };
        let kind = match kind {
            "b1" | "?" => Self::Bool,
            "u1" => Self::U8,
            "u2" => Self::U16,
            "u4" => Self::U32,
            "u8" => Self::U64,
            "i1" => Self::I8,
            "i2" => Self::I16,
            "i4" => Self::I32,
            "i8" => Self::I64,
            "f2" => Self::F16,
            "f4" => Self::F32,
            "f8" => Self::F64,
            "c8" => Self::C64,
            "c16" => Self::C128,
            _ => return None,
        };
        Some((kind, endian))
    }

    /// Turns elements in the order of bytes of their file into little-endian ones.
    pub(crate) fn to_little_endian(self, endian: Endian, bytes: &mut [u8]) {
        let size = self.layout().1;
        if endian == Endian::Big && size > 1 {
            bytes.chunks_exact_mut(size).for_each(<[u8]>::reverse);
        }
    }

    /// The samples of little-endian elements, one after the other.
    pub(crate) fn numbers(self, bytes: &[u8]) -> Vec<f64> {
        fn each<const N: usize>(bytes: &[u8], number: impl Fn([u8; N]) -> f64) -> Vec<f64> {
            let (chunks, _) = bytes.as_chunks::<N>();
            chunks.iter().map(|chunk| number(*chunk)).collect()
        }
        let (family, size, _) = self.layout();
        match (family, size) {
            (_, 0) => Vec::new(),
            (Family::Unsigned, 1) => each(bytes, |b| u8::from_le_bytes(b).into()),
            (Family::Unsigned, 2) => each(bytes, |b| u16::from_le_bytes(b).into()),
            (Family::Unsigned, 4) => each(bytes, |b| u32::from_le_bytes(b).into()),
            (Family::Unsigned, _) => each(bytes, |b| u64::from_le_bytes(b) as f64),
            (Family::Signed, 1) => each(bytes, |b| i8::from_le_bytes(b).into()),
            (Family::Signed, 2) => each(bytes, |b| i16::from_le_bytes(b).into()),
            (Family::Signed, 4) => each(bytes, |b| i32::from_le_bytes(b).into()),
            (Family::Signed, _) => each(bytes, |b| i64::from_le_bytes(b) as f64),
            (Family::Float, 2) => each(bytes, |b| f16::from_le_bytes(b).into()),
            (Family::Float, 4) => each(bytes, |b| f32::from_le_bytes(b).into()),
            (Family::Float, _) => each(bytes, f64::from_le_bytes),
        }
    }

    /// One grey value an element: itself, the modulus of a complex number, the luminance of a colour.
    pub(crate) fn grey(self, bytes: &[u8]) -> Vec<f64> {
        let numbers = self.numbers(bytes);
        match self.samples() {
            2 => numbers.chunks_exact(2).map(|z| z[0].hypot(z[1])).collect(),
            3 | 4 => numbers.chunks_exact(self.samples()).map(|c| luminance(c[0], c[1], c[2])).collect(),
            _ => numbers,
        }
    }

    /// As [`DType::grey`], rounded to 32-bit floats.
    pub(crate) fn grey32(self, bytes: &[u8]) -> Vec<f32> {
        let mut grey = Vec::with_capacity(bytes.len() / self.size().max(1));
        // In parts, so that the 64-bit values never need more than a moderate space.
        for part in bytes.chunks(self.size().max(1) << 16) {
            grey.extend(self.grey(part).into_iter().map(|value| value as f32));
        }
        grey
    }

    /// Whether every value is exact as a 32-bit float.
    pub(crate) fn fits_f32(self) -> bool {
        let (family, size, _) = self.layout();
        size < 4 || (family == Family::Float && size == 4)
    }
}
