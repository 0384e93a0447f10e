//! Picture formats that hold one image and no calibration.

use std::sync::Arc;

use serde_json::Value;

use crate::dataset::{Contents, Pixels};
use crate::dtype::DType;
use crate::error::ReadError;
use crate::input::Input;
use crate::metadata::Metadata;
use crate::signal::{Axis, Kind, Signal};

/// Decodes the elements of a whole file.
type Decode = fn(&[u8]) -> Result<Vec<u8>, ReadError>;

struct Picture {
    input: Arc<Input>,
    decode: Decode,
}

impl Pixels for Picture {
    fn plane(&self, _: usize, _: usize) -> Result<Vec<u8>, ReadError> {
        (self.decode)(&self.input.whole()?)
    }
}

/// The contents of a file with one image of `[rows, columns]`, called as the file is.
pub(crate) fn single_image(
    input: &Arc<Input>,
    dtype: DType,
    [height, width]: [usize; 2],
    notes: &[&str],
    decode: Decode,
) -> Contents {
    let signal = Signal {
        name: file_stem(input),
        dtype,
        axes: vec![Axis::counting("height", height), Axis::counting("width", width)],
        kind: Kind::Image,
        metadata: Metadata::default(),
        notes: notes.iter().map(|&note| note.to_owned()).collect(),
    };
    Contents {
        signals: vec![signal],
        pixels: Box::new(Picture { input: Arc::clone(input), decode }),
        original: Value::Null,
        warnings: Vec::new(),
    }
}

/// The file's name without folder and extension: the name of a signal that has none of its own.
pub(crate) fn file_stem(input: &Input) -> String {
    input.path().file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}
