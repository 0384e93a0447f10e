//! FEI/ThermoFisher TIA: series of images or spectra (`.ser`), and the `.emi` files that say how
//! they were taken.
//!
//! `X.emi` belongs to `X_1.ser`, `X_2.ser` and so on. The pixels are in the latter.

mod elements;
mod emi;
mod header;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Map, Value, json};

use self::elements::Series;
use self::emi::ObjectInfo;
use crate::dataset::{Contents, Pixels};
use crate::error::ReadError;
use crate::input::Input;
use crate::raster::file_stem;
use crate::reader::Reader;
use crate::signal::Signal;

/// Said when nothing tells how a series was taken.
const ALONE_NOTE: &str = "no .emi file says how it was taken";

/// A series of images or spectra.
pub(crate) struct Ser;

impl Reader for Ser {
    fn name(&self) -> &'static str {
        "TIA SER"
    }

    fn recognises(&self, input: &Arc<Input>) -> bool {
        // The order of the bytes, the format's number, and the high byte of its version.
        matches!(input.head(), [b'I', b'I', 0x97, 0x01, _, 0x02, ..])
    }

    fn open(&self, input: Arc<Input>) -> Result<Contents, ReadError> {
        let mut warnings = Vec::new();
        let info = sidecar(&input).and_then(|(path, number)| {
            let objects = match Input::open(&path) {
                Ok(emi) => emi::objects(&emi).map_err(|error| error.at(&path, Emi.name())),
                Err(error) => Err(error),
            };
            let objects = objects.unwrap_or_else(|error| {
                warnings.push(format!("its .emi file is not used: {error}"));
                Vec::new()
            });
            objects.into_iter().nth(number.checked_sub(1)?)
        });
        let opened = Opened::new(input, info.as_ref())?;
        warnings.extend(opened.warning);
        Ok(Contents {
            signals: vec![opened.signal],
            pixels: Box::new(All(vec![opened.series])),
            original: opened.original,
            warnings,
        })
    }
}

/// What describes the series beside it.
pub(crate) struct Emi;

impl Reader for Emi {
    fn name(&self) -> &'static str {
        "TIA EMI"
    }

    fn recognises(&self, input: &Arc<Input>) -> bool {
        input.head().starts_with(b"JK\x00\x02")
    }

    fn open(&self, input: Arc<Input>) -> Result<Contents, ReadError> {
        let base = file_stem(&input);
        let mut files: Vec<(usize, PathBuf)> = input
            .siblings()
            .into_iter()
            .filter_map(|path| {
                let (of, number) = numbered(&path)?;
                (extension_is(&path, "ser") && of.eq_ignore_ascii_case(&base)).then_some((number, path))
            })
            .collect();
        files.sort();
        let objects = emi::objects(&input)?;
        let mut contents = Contents {
            signals: Vec::new(),
            pixels: Box::new(All(Vec::new())),
            original: Value::Null,
            warnings: Vec::new(),
        };
        let (mut all, mut tags) = (Vec::new(), Map::new());
        for (number, path) in files {
            let info = number.checked_sub(1).and_then(|index| objects.get(index));
            let opened = match Input::open(&path) {
                Ok(ser) => Opened::new(Arc::new(ser), info).map_err(|error| error.at(&path, Ser.name())),
                Err(error) => Err(error),
            };
            match opened {
                Ok(opened) => {
                    contents
                        .warnings
                        .extend(opened.warning.map(|warning| format!("{}: {warning}", opened.signal.name)));
                    tags.insert(opened.signal.name.clone(), opened.original);
                    contents.signals.push(opened.signal);
                    all.push(opened.series);
                }
                Err(error) => contents.warnings.push(error.to_string()),
            }
        }
        if all.is_empty() {
            let reason = match &contents.warnings[..] {
                [] => {
                    format!("the pixels are in {base}_1.ser, {base}_2.ser and so on, and none is beside it")
                }
                reasons => reasons.join("; "),
            };
            return Err(ReadError::damaged(reason));
        }
        contents.pixels = Box::new(All(all));
        contents.original = Value::Object(tags);
        Ok(contents)
    }
}

/// The series of a data set: one a signal.
struct All(Vec<Series>);

impl Pixels for All {
    fn plane(&self, signal: usize, plane: usize) -> Result<Vec<u8>, ReadError> {
        self.0[signal].plane(plane)
    }
}

/// One `.ser` file with what an `.emi` file says about it.
struct Opened {
    series: Series,
    signal: Signal,
    original: Value,
    warning: Option<String>,
}

impl Opened {
    fn new(input: Arc<Input>, info: Option<&ObjectInfo>) -> Result<Self, ReadError> {
        let name = file_stem(&input);
        let mut series = Series::open(input)?;
        let reciprocal = info.is_some_and(|info| info.is_diffraction(series.scans_a_map()));
        let (axes, kind, warning) = series.axes(reciprocal);
        let mut metadata = info.map(ObjectInfo::metadata).unwrap_or_default();
        metadata.date = metadata.date.or_else(|| series.date());
        let notes = if info.is_some() { Vec::new() } else { vec![ALONE_NOTE.to_owned()] };
        let original = json!({"ser": series.tags(), "emi": info.map(|info| info.tags.clone())});
        let signal = Signal { name, dtype: series.dtype(), axes, kind, metadata, notes };
        Ok(Self { series, signal, original, warning })
    }
}

/// The `.emi` file of a series, and the number of the series in it, counted from 1.
fn sidecar(input: &Input) -> Option<(PathBuf, usize)> {
    let (base, number) = numbered(input.path())?;
    let fits = |path: &PathBuf| {
        let stem = path.file_stem().map(|stem| stem.to_string_lossy().eq_ignore_ascii_case(&base));
        stem == Some(true) && extension_is(path, "emi")
    };
    let path = input.siblings().into_iter().find(fits)?;
    Some((path, number))
}

/// Splits the name `X_1.ser` into `X` and 1.
fn numbered(path: &Path) -> Option<(String, usize)> {
    let stem = path.file_stem()?.to_string_lossy();
    let (base, number) = stem.rsplit_once('_')?;
    Some((base.to_owned(), number.parse().ok()?))
}

fn extension_is(path: &Path, wanted: &str) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case(wanted))
}
