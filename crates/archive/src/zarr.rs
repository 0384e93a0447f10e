//! The zarr store (version 3): an array a label of images with a chunk a sample, and arrays of what is known of the
//! samples and of their labelled columns, which follow from `samples.jsonl`. Every array lies in the root and names
//! its dimensions, so that xarray opens the store as one data set.

use crate::journal::records;
use crate::{ArchiveError, Depth, Grey, Label, Manifest, Record};
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use ndarray::Array2;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// What describes an array or the group of all.
const DESCRIPTION: &str = "zarr.json";
/// A file while it is written: always by this name, so that a build after a kill takes it over.
const PARTIAL: &str = ".zarr.partial";
/// Values in a chunk of a series.
const CHUNK: u64 = 1 << 16;
/// Level of gzip: fast rather than small.
const LEVEL: u32 = 1;

/// Takes a key and its bytes.
type Put<'a> = dyn FnMut(&str, &[u8]) -> Result<(), ArchiveError> + 'a;

/// Where a sample's chunk of a label is.
pub(crate) fn chunk_path(folder: &Path, manifest: &Manifest, label: Label, id: u64) -> PathBuf {
    // A number before the first one's has no chunk, whatever a record says.
    folder.join(label.name()).join(format!("c.{}.0.0", id.wrapping_sub(manifest.first)))
}

/// The bytes of a chunk.
pub(crate) fn pack(elements: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::new(LEVEL));
    encoder.write_all(elements)?;
    encoder.finish()
}

/// An image from its chunk.
pub(crate) fn unpack(bytes: &[u8], manifest: &Manifest, label: Label) -> Result<Array2<f32>, String> {
    let (rows, columns) = shape(manifest, label).ok_or("a zarr store of unknown shape")?;
    let size = rows * columns * element(manifest.depth).1;
    let mut elements = Vec::new();
    // One byte more would show that it is too long.
    let read = GzDecoder::new(bytes).take(size as u64 + 1).read_to_end(&mut elements);
    read.map_err(|error| error.to_string())?;
    let values: Vec<f32> = match manifest.depth {
        Depth::Eight => elements.iter().map(|value| f32::from(*value)).collect(),
        Depth::Sixteen => {
            elements.chunks_exact(2).map(|v| f32::from(u16::from_le_bytes([v[0], v[1]]))).collect()
        }
        Depth::Float => {
            elements.chunks_exact(4).map(|v| f32::from_le_bytes([v[0], v[1], v[2], v[3]])).collect()
        }
    };
    let wrong = || format!("{} bytes; {columns} × {rows} px have {size}", elements.len());
    if elements.len() != size {
        return Err(wrong());
    }
    Array2::from_shape_vec((rows, columns), values).map_err(|_| wrong())
}

/// Rows and columns of a label's images.
fn shape(manifest: &Manifest, label: Label) -> Option<(usize, usize)> {
    let image = &manifest.recipe.as_ref()?.image;
    Some((image.height * label.factor(), image.width * label.factor()))
}

/// Zarr's name of an image's elements, and their bytes.
fn element(depth: Depth) -> (&'static str, usize) {
    match depth {
        Depth::Eight => ("uint8", 1),
        Depth::Sixteen => ("uint16", 2),
        Depth::Float => ("float32", 4),
    }
}

/// Writes all that comes when the chunks of all samples are there.
pub(crate) fn write(folder: &Path, manifest: &Manifest) -> Result<(), ArchiveError> {
    let partial = folder.join(PARTIAL);
    describe(folder, manifest, &mut |key, bytes| {
        let path = folder.join(key);
        let parent = path.parent().unwrap_or(folder);
        fs::create_dir_all(parent)
            .and_then(|()| fs::write(&partial, bytes))
            .and_then(|()| fs::rename(&partial, &path))
            .map_err(ArchiveError::io(&path))
    })
}

/// Hands over every key of the store but the samples' chunks, with its bytes, the description of the whole last.
pub(crate) fn describe(folder: &Path, manifest: &Manifest, put: &mut Put<'_>) -> Result<(), ArchiveError> {
    let mut series = all_series();
    let mut first_column = 0;
    for record in records(folder)? {
        let record = record?;
        for series in &mut series {
            match series.of {
                Of::Sample(value) => series.add(value(&record, first_column), put)?,
                Of::Column(value) => {
                    for at in 0..record.columns.len() {
                        series.add(value(&record, at), put)?;
                    }
                }
            }
        }
        first_column += record.columns.len() as u64;
    }
    let mut arrays = Map::new();
    for series in &mut series {
        series.close(put)?;
        arrays.insert(series.name.to_owned(), series.description());
    }
    for &label in manifest.labels.iter().filter(|label| label.is_image()) {
        let Some(description) = of_label(manifest, label) else { continue };
        arrays.insert(label.name().to_owned(), description);
    }
    for (name, description) in &arrays {
        put(&format!("{name}/{DESCRIPTION}"), &text(description))?;
    }
    // With the descriptions of all in one place a reader needs one request.
    let root = json!({
        "zarr_format": 3,
        "node_type": "group",
        "attributes": {
            "title": manifest.title(),
            "recipe": manifest.name,
            "identity": manifest.identity,
            "seed": manifest.seed,
            "program": manifest.program,
        },
        "consolidated_metadata": { "kind": "inline", "must_understand": false, "metadata": arrays },
    });
    put(DESCRIPTION, &text(&root))
}

fn text(value: &Value) -> Vec<u8> {
    format!("{value:#}\n").into_bytes()
}

/// The description of an array.
fn array(
    (shape, chunk): (Value, Value),
    (kind, fill): (&str, Value),
    dimensions: Value,
    attributes: Value,
) -> Value {
    json!({
        "zarr_format": 3,
        "node_type": "array",
        "shape": shape,
        "data_type": kind,
        "chunk_grid": { "name": "regular", "configuration": { "chunk_shape": chunk } },
        "chunk_key_encoding": { "name": "default", "configuration": { "separator": "." } },
        "fill_value": fill,
        "codecs": [
            { "name": "bytes", "configuration": { "endian": "little" } },
            { "name": "gzip", "configuration": { "level": LEVEL } },
        ],
        "attributes": attributes,
        "dimension_names": dimensions,
        "storage_transformers": [],
    })
}

fn of_label(manifest: &Manifest, label: Label) -> Option<Value> {
    let (rows, columns) = shape(manifest, label)?;
    let dimensions = if label.factor() == 2 { ["y_2x", "x_2x"] } else { ["y", "x"] };
    let (kind, _) = element(manifest.depth);
    let black_and_white = match (manifest.depth, label) {
        (Depth::Float, _) => "in units of the ideal image's peak",
        (_, Label::Image | Label::NoNoise | Label::NoNoise2x) => "black is grey_low, white grey_high",
        (_, Label::NoBackgroundNoNoise | Label::NoBackground2x) => "black is 0, white grey_high - grey_low",
        (_, Label::Superresolution) => "black is 0, white grey_superresolution",
        _ => "black is 0, white 1",
    };
    Some(array(
        (json!([manifest.count(), rows, columns]), json!([1, rows, columns])),
        (kind, json!(0)),
        json!(["sample", dimensions[0], dimensions[1]]),
        json!({ "values": black_and_white }),
    ))
}

/// A number for every sample, or for every labelled column.
struct Series {
    name: &'static str,
    of: Of,
    attributes: Value,
    whole: bool,
    /// Values of chunks that are written.
    written: u64,
    pending: Vec<u8>,
}

enum Of {
    /// From the record and the number of columns before.
    Sample(fn(&Record, u64) -> f64),
    Column(fn(&Record, usize) -> f64),
}

fn all_series() -> Vec<Series> {
    let whole = |name, of, long: &str| Series::new(name, of, true, json!({ "long_name": long }));
    let real = |name, of, unit: &str, long: &str| {
        Series::new(name, of, false, json!({ "units": unit, "long_name": long }))
    };
    vec![
        whole("sample", Of::Sample(|r, _| r.id as f64), "number of the sample"),
        whole("first_column", Of::Sample(|_, before| before as f64), "index of its first labelled column"),
        whole("columns", Of::Sample(|r, _| r.columns.len() as f64), "number of its labelled columns"),
        real("pixel_angstrom", Of::Sample(|r, _| r.pixel_angstrom), "angstrom", "pixel size of the image"),
        real("radius_px", Of::Sample(|r, _| r.radius_px), "px", "radius of the circular mask"),
        real(
            "small_radius_px",
            Of::Sample(|r, _| r.small_radius_px),
            "px",
            "radius of the small circular mask",
        ),
        real("psnr_db", Of::Sample(|r, _| r.psnr_db.unwrap_or(f64::NAN)), "dB", "peak signal over noise"),
        real("grey_low", Of::Sample(|r, _| of_grey(r, |g| g.low)), "ideal peak", "value shown black"),
        real("grey_high", Of::Sample(|r, _| of_grey(r, |g| g.high)), "ideal peak", "value shown white"),
        real(
            "grey_superresolution",
            Of::Sample(|r, _| of_grey(r, |g| g.superresolution)),
            "ideal peak",
            "value shown white in superresolution",
        ),
        whole("column_sample", Of::Column(|r, _| r.id as f64), "number of the column's sample"),
        real(
            "column_x_px",
            Of::Column(|r, at| r.columns[at].x),
            "px",
            "to the right, first pixel's centre at 0",
        ),
        real(
            "column_y_px",
            Of::Column(|r, at| r.columns[at].y),
            "px",
            "downwards, first pixel's centre at 0",
        ),
        real("column_intensity", Of::Column(|r, at| r.columns[at].intensity), "ideal peak px2", "integral"),
        real(
            "column_atoms",
            Of::Column(|r, at| r.columns[at].atoms.values().sum()),
            "1",
            "atoms in the column",
        ),
    ]
}

fn of_grey(record: &Record, of: fn(&Grey) -> f32) -> f64 {
    record.grey.map_or(f64::NAN, |grey| f64::from(of(&grey)))
}

impl Series {
    fn new(name: &'static str, of: Of, whole: bool, attributes: Value) -> Self {
        Self { name, of, attributes, whole, written: 0, pending: Vec::new() }
    }

    fn fill(&self) -> (&'static str, Value, [u8; 8]) {
        if self.whole {
            ("int64", json!(0), [0; 8])
        } else {
            ("float64", json!("NaN"), f64::NAN.to_le_bytes())
        }
    }

    fn count(&self) -> u64 {
        self.written + self.pending.len() as u64 / 8
    }

    fn add(&mut self, value: f64, put: &mut Put<'_>) -> Result<(), ArchiveError> {
        self.pending.extend(if self.whole { (value as i64).to_le_bytes() } else { value.to_le_bytes() });
        if self.pending.len() as u64 == 8 * CHUNK { self.flush(put) } else { Ok(()) }
    }

    /// Writes a full chunk.
    fn flush(&mut self, put: &mut Put<'_>) -> Result<(), ArchiveError> {
        let key = format!("{}/c.{}", self.name, self.written / CHUNK);
        let bytes = pack(&self.pending).map_err(ArchiveError::io(Path::new(&key)))?;
        self.written += CHUNK;
        self.pending.clear();
        put(&key, &bytes)
    }

    /// Writes what is left, filled up to a chunk.
    fn close(&mut self, put: &mut Put<'_>) -> Result<(), ArchiveError> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let count = self.count();
        let (.., fill) = self.fill();
        while (self.pending.len() as u64) < 8 * CHUNK {
            self.pending.extend(fill);
        }
        self.flush(put)?;
        self.written = count;
        Ok(())
    }

    fn description(&self) -> Value {
        let (kind, fill, _) = self.fill();
        let dimension = match self.of {
            Of::Sample(_) => "sample",
            Of::Column(_) => "column",
        };
        array(
            (json!([self.count()]), json!([CHUNK])),
            (kind, fill),
            json!([dimension]),
            self.attributes.clone(),
        )
    }
}

/// What is wrong with the keys that [`describe`] makes, and which they are.
pub(crate) fn check(
    folder: &Path,
    manifest: &Manifest,
) -> Result<BTreeMap<PathBuf, Option<&'static str>>, ArchiveError> {
    let mut found = BTreeMap::new();
    describe(folder, manifest, &mut |key, bytes| {
        let path = folder.join(key);
        let wrong = match fs::read(&path) {
            Ok(there) if there == bytes => None,
            Ok(_) => Some("is not what follows from samples.jsonl"),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Some("is missing"),
            Err(error) => return Err(ArchiveError::io(&path)(error)),
        };
        found.insert(path, wrong);
        Ok(())
    })?;
    Ok(found)
}

/// Folders of the store that hold files of samples or follow from them.
pub(crate) fn folders(folder: &Path, manifest: &Manifest) -> Vec<PathBuf> {
    let labels = manifest.labels.iter().filter(|label| label.is_image()).map(|label| label.name());
    labels.chain(all_series().iter().map(|series| series.name)).map(|name| folder.join(name)).collect()
}
