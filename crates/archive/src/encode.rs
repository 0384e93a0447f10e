use crate::text::format_rows;
use crate::{ArchiveError, Grey, Label, Layout, Record, zarr};
use adatom_formats::{PixelSize, encode_png_gray8, encode_png_gray16, encode_tiff};
use adatom_library::{FullSample, SampleSettings, hexadecimal};
use ndarray::Array2;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

/// How images are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Depth {
    /// 8-bit PNG, as the published library.
    #[serde(rename = "8")]
    Eight,
    /// 16-bit PNG.
    #[serde(rename = "16")]
    Sixteen,
    /// 32-bit float TIFF, in units of the ideal image's peak.
    #[serde(rename = "float")]
    Float,
}

impl Depth {
    /// The whitest grey level; none where images are kept as they are.
    pub(crate) fn white(self) -> Option<f32> {
        match self {
            Self::Eight => Some(255.0),
            Self::Sixteen => Some(65_535.0),
            Self::Float => None,
        }
    }

    /// Extension of the images' files.
    pub fn extension(self) -> &'static str {
        if self == Self::Float { "tif" } else { "png" }
    }

    /// Extension of a label's files.
    pub fn extension_of(self, label: Label) -> &'static str {
        if label.is_image() { self.extension() } else { "txt" }
    }
}

/// A sample's files and its line in `samples.jsonl`.
pub(crate) struct Files {
    pub id: u64,
    pub files: Vec<(Label, Vec<u8>)>,
    pub line: String,
}

impl Files {
    pub(crate) fn of(
        full: &FullSample,
        labels: &[Label],
        layout: Layout,
        depth: Depth,
    ) -> Result<Self, ArchiveError> {
        let grey = Grey::of(full);
        let mut record = Record::of(full, grey, BTreeMap::new());
        let mut files = Vec::new();
        let mut hashes = BTreeMap::new();
        for &label in labels {
            let bytes = match label_image(full, label) {
                Some(image) if layout == Layout::Zarr => {
                    zarr::pack(&elements(image, grey.range(label), depth))
                        .map_err(|source| ArchiveError::Io { path: PathBuf::from(label.name()), source })?
                }
                Some(image) => {
                    let size =
                        PixelSize::square(full.sample.grid.pixel_x_angstrom / label.factor() as f64).ok();
                    encode(image, grey.range(label), depth, size)
                        .map_err(|source| ArchiveError::Io { path: PathBuf::from(label.name()), source })?
                }
                // A zarr store has arrays of these.
                None if layout == Layout::Zarr => continue,
                None => text(&record, label).unwrap_or_default().into_bytes(),
            };
            hashes.insert(label, hash(&bytes));
            files.push((label, bytes));
        }
        record.files = hashes;
        let line = serde_json::to_string(&record).map_err(|error| ArchiveError::Io {
            path: PathBuf::from("samples.jsonl"),
            source: error.into(),
        })?;
        Ok(Self { id: record.id, files, line: line + "\n" })
    }
}

/// SHA-256 in hexadecimal.
pub(crate) fn hash(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
}

fn label_image(full: &FullSample, label: Label) -> Option<&Array2<f32>> {
    let labels = &full.sample.labels;
    Some(match label {
        Label::Image => &full.sample.image,
        Label::NoNoise => &labels.no_noise,
        Label::NoBackgroundNoNoise => &labels.no_background_no_noise,
        Label::Superresolution => &labels.superresolution,
        Label::NoBackground2x => &full.no_background_no_noise_2x,
        Label::NoNoise2x => &full.no_noise_2x,
        Label::CircularMask => &labels.circular_mask,
        Label::SmallCircularMask => &full.small_circular_mask,
        Label::GaussianMask => &labels.gaussian_mask,
        _ => return None,
    })
}

/// The text of a label that is no image; `None` for images, and for parameters that nobody knows.
pub(crate) fn text(record: &Record, label: Label) -> Option<String> {
    let positions = record.columns.iter().map(|c| [c.y + 1.0, c.x + 1.0]);
    Some(match label {
        Label::Position => format_rows(&positions.collect::<Vec<_>>()),
        Label::PositionRadius => {
            format_rows(&positions.map(|[row, column]| [row, column, record.radius_px]).collect::<Vec<_>>())
        }
        Label::Radius => format_rows(&[[record.radius_px]]),
        Label::SmallRadius => format_rows(&[[record.small_radius_px]]),
        Label::Params => format_rows(&params(record.settings.as_ref()?).map(|value| [value])),
        _ => return None,
    })
}

fn params(settings: &SampleSettings) -> [f64; 13] {
    let (probe, lens) = (&settings.probe, settings.probe.aberrations());
    let jitter = settings.scan.sigma_angstrom;
    [
        settings.field_of_view_angstrom,
        lens.c3_mm,
        lens.c5_mm,
        lens.defocus_angstrom,
        lens.astigmatism2_angstrom,
        probe.energy_kv(),
        0.0,
        probe.semiangle_mrad(),
        probe.source_fwhm_angstrom(),
        16.0,
        30.0,
        jitter,
        jitter,
    ]
}

impl Grey {
    fn of(full: &FullSample) -> Self {
        let extremes = |image: &Array2<f32>| {
            image.iter().fold((f32::MAX, f32::MIN), |(low, high), v| (low.min(*v), high.max(*v)))
        };
        let (noisy, clean) = (extremes(&full.sample.image), extremes(&full.sample.labels.no_noise));
        Self {
            low: noisy.0.min(0.0),
            high: noisy.1.max(clean.1),
            superresolution: extremes(&full.sample.labels.superresolution).1,
        }
    }

    /// Values that are black and white in a label's images.
    pub fn range(&self, label: Label) -> (f32, f32) {
        match label {
            Label::Image | Label::NoNoise | Label::NoNoise2x => (self.low, self.high),
            Label::NoBackgroundNoNoise | Label::NoBackground2x => (0.0, self.high - self.low),
            Label::Superresolution => (0.0, self.superresolution),
            _ => (0.0, 1.0),
        }
    }
}

fn encode(
    image: &Array2<f32>,
    range: (f32, f32),
    depth: Depth,
    size: Option<PixelSize>,
) -> io::Result<Vec<u8>> {
    match depth {
        Depth::Eight => encode_png_gray8(&levels(image, range, 255.0, |level| level as u8)),
        Depth::Sixteen => encode_png_gray16(&levels(image, range, 65_535.0, |level| level as u16)),
        Depth::Float => encode_tiff(image, size),
    }
}

/// The bytes of an image's elements.
fn elements(image: &Array2<f32>, range: (f32, f32), depth: Depth) -> Vec<u8> {
    match depth {
        Depth::Eight => levels(image, range, 255.0, |level| level as u8).into_raw_vec_and_offset().0,
        Depth::Sixteen => {
            let levels = levels(image, range, 65_535.0, |level| level as u16);
            levels.iter().flat_map(|level| level.to_le_bytes()).collect()
        }
        Depth::Float => image.iter().flat_map(|value| value.to_le_bytes()).collect(),
    }
}

/// Grey levels from black at `low` to `white` at `high`.
fn levels<T: Clone + Default>(
    image: &Array2<f32>,
    (low, high): (f32, f32),
    white: f32,
    narrow: impl Fn(u32) -> T,
) -> Array2<T> {
    // So far from zero a float's last bits are whole numbers.
    const WHOLE: f32 = 8_388_608.0;
    let scale = if high > low { white / (high - low) } else { 0.0 };
    let mut levels = Array2::default(image.dim());
    levels.zip_mut_with(image, |level, value| {
        *level = narrow((((value - low) * scale).clamp(0.0, white) + WHOLE).to_bits());
    });
    levels
}
