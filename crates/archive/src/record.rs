use crate::Label;
use adatom_library::{FullSample, SampleSettings};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A line of `samples.jsonl`: all that is known of a sample but its pixels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Its number; its files are called by it.
    pub id: u64,
    /// What was drawn; unknown for an imported library.
    pub settings: Option<SampleSettings>,
    /// Peak signal over noise \[dB\]; `None` without noise.
    pub psnr_db: Option<f64>,
    /// Pixel size \[Å\]; like the radii 0 in an imported library without a file that tells it.
    pub pixel_angstrom: f64,
    /// Radius of the circular mask \[px\].
    pub radius_px: f64,
    /// Radius of the small circular mask \[px\].
    pub small_radius_px: f64,
    /// What black and white mean.
    pub grey: Option<Grey>,
    /// The labelled columns.
    pub columns: Vec<ColumnRecord>,
    /// The columns without a label.
    pub unlabelled: Vec<UnlabelledRecord>,
    /// SHA-256 of each file.
    pub files: BTreeMap<Label, String>,
}

/// The values, in units of the ideal image's peak, that integer images show black and white. Masks run from 0
/// to 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Grey {
    /// Black of `image` and `noNoise`, 0 or, with read noise, less; images without background have 0.
    pub low: f32,
    /// White of `image` and `noNoise`; images without background have `high` − `low`.
    pub high: f32,
    /// White of the superresolution image; its black is 0.
    pub superresolution: f32,
}

/// A labelled column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ColumnRecord {
    /// To the right, the first pixel's centre at 0 \[px\].
    pub x: f64,
    /// Downwards \[px\].
    pub y: f64,
    /// Integral of its image \[image unit × px²\].
    pub intensity: f64,
    /// Atoms of each element along the beam: its thickness.
    pub atoms: BTreeMap<String, f64>,
}

/// A column without a label.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UnlabelledRecord {
    /// To the right \[px\].
    pub x: f64,
    /// Downwards \[px\].
    pub y: f64,
    /// Its intensity over that of the brightest column.
    pub contrast: f64,
    /// Atoms of each element along the beam.
    pub atoms: BTreeMap<String, f64>,
}

impl Record {
    pub(crate) fn of(full: &FullSample, grey: Grey, files: BTreeMap<Label, String>) -> Self {
        let sample = &full.sample;
        let atoms = |species: &Vec<(_, f64)>| {
            species.iter().map(|(element, atoms)| (element_name(*element), *atoms)).collect()
        };
        Self {
            id: sample.index,
            settings: Some(sample.settings.clone()),
            psnr_db: Some(sample.psnr_db).filter(|psnr| psnr.is_finite()),
            pixel_angstrom: sample.grid.pixel_x_angstrom,
            radius_px: sample.radius_px,
            small_radius_px: full.small_radius_px,
            grey: Some(grey),
            columns: (sample.columns.iter().zip(&full.species))
                .map(|(c, species)| ColumnRecord {
                    x: c.x,
                    y: c.y,
                    intensity: c.intensity,
                    atoms: atoms(species),
                })
                .collect(),
            unlabelled: (sample.ignored.iter().zip(&full.ignored_species))
                .map(|(c, species)| UnlabelledRecord {
                    x: c.x,
                    y: c.y,
                    contrast: c.contrast,
                    atoms: atoms(species),
                })
                .collect(),
            files,
        }
    }

    /// The content of a label's text file: what a library with a file a sample keeps, and one without follows
    /// from. `None` for images, and for parameters of a sample whose settings are unknown.
    pub fn text(&self, label: Label) -> Option<String> {
        crate::encode::text(self, label)
    }

    /// A file's name without folder and extension.
    pub fn stem(id: u64) -> String {
        format!("{id:05}")
    }
}

fn element_name(element: adatom_library::Element) -> String {
    element.symbol().to_owned()
}
