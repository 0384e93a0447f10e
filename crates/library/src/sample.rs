use crate::{BackgroundRecipe, Form};
use adatom_crystal::Element;
use adatom_imaging::{BackgroundKind, Dose, Grid, ScanNoise};
use adatom_optics::{Probe, Scattering};
use ndarray::{Array2, ArrayView1};
use serde::{Deserialize, Serialize};

/// A labelled image.
#[derive(Debug, Clone)]
pub struct Sample {
    /// Its number in the recipe.
    pub index: u64,
    /// The pixels.
    pub grid: Grid,
    /// The noisy image; the peak of the ideal image is one.
    pub image: Array2<f32>,
    /// The images to be learnt.
    pub labels: Labels,
    /// Labelled columns whose centre lies in the image.
    pub columns: Vec<TruthColumn>,
    /// Columns in the image that get no label because they are too faint or of light elements
    /// alone: finding one is neither right nor wrong.
    pub ignored: Vec<UnlabelledColumn>,
    /// Radius of the circular mask \[px\].
    pub radius_px: f64,
    /// Peak signal over noise, see [`psnr_db`] \[dB\].
    pub psnr_db: f64,
    /// What was drawn.
    pub settings: SampleSettings,
}

/// A sample with all the labels of the paper's Table 2, and what its columns are made of.
#[derive(Debug, Clone)]
pub struct FullSample {
    /// The sample.
    pub sample: Sample,
    /// `no_noise` at half the pixel size: the same field, values and, summed times the area of a pixel,
    /// intensities. The centre of its pixel (2, 2) lies at 0.75 px in both directions of the image.
    pub no_noise_2x: Array2<f32>,
    /// `no_background_no_noise` at half the pixel size.
    pub no_background_no_noise_2x: Array2<f32>,
    /// One within the small radius, else zero.
    pub small_circular_mask: Array2<f32>,
    /// Radius of the small circular mask, half that of the circular one \[px\].
    pub small_radius_px: f64,
    /// Elements of the labelled columns and their numbers of atoms along the beam, in the columns' order.
    pub species: Vec<Vec<(Element, f64)>>,
    /// The same of the columns without a label.
    pub ignored_species: Vec<Vec<(Element, f64)>>,
}

/// The ground truth of a sample, in the unit of its image.
#[derive(Debug, Clone)]
pub struct Labels {
    /// One within the column radius, else zero.
    pub circular_mask: Array2<f32>,
    /// A narrow Gaussian of height one on every column.
    pub gaussian_mask: Array2<f32>,
    /// The image without scan and shot noise.
    pub no_noise: Array2<f32>,
    /// The image without noise and background.
    pub no_background_no_noise: Array2<f32>,
    /// Narrow Gaussians that carry the columns' intensities, without noise and background.
    pub superresolution: Array2<f32>,
}

/// A labelled column.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct TruthColumn {
    /// To the right \[px\].
    pub x: f64,
    /// Downwards \[px\].
    pub y: f64,
    /// Integral of its image \[image unit × px²\].
    pub intensity: f64,
    /// Its atoms, of all elements.
    pub atoms: f64,
}

/// A column without a label.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct UnlabelledColumn {
    /// To the right \[px\].
    pub x: f64,
    /// Downwards \[px\].
    pub y: f64,
    /// Its intensity over that of the brightest column.
    pub contrast: f64,
}

/// What was drawn for a sample.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SampleSettings {
    /// Material by name.
    pub material: String,
    /// Zone axis.
    pub zone: String,
    /// Shape.
    pub form: Form,
    /// The probe.
    pub probe: Probe,
    /// The object function.
    pub scattering: Scattering,
    /// Width of the field \[Å\].
    pub field_of_view_angstrom: f64,
    /// Counter-clockwise on the screen \[°\].
    pub rotation_deg: f64,
    /// Background's shape.
    pub background: BackgroundKind,
    /// Background's largest value over the ideal image's peak.
    pub background_level: f64,
    /// Scan noise.
    pub scan: ScanNoise,
    /// Current and dwell time.
    pub dose: Dose,
    /// Electrons expected at the ideal image's peak.
    pub peak_electrons: f64,
}

impl SampleSettings {
    /// Material and zone axis.
    pub fn structure(&self) -> String {
        format!("{} [{}]", self.material, self.zone)
    }
}

/// The paper's PSNR, 20 log₁₀(peak signal / σ of the noise): the signal is the largest value of
/// `signal` (no background), the noise is `image` minus `truth`. Zero noise gives infinity.
pub fn psnr_db(signal: &Array2<f32>, image: &Array2<f32>, truth: &Array2<f32>) -> f64 {
    let peak = signal.iter().fold(0.0_f32, |a, b| a.max(*b));
    let n = image.len().max(1) as f64;
    let squares = |(a, b): (ArrayView1<'_, f32>, ArrayView1<'_, f32>)| {
        // A few sums side by side: one would wait for each addition.
        let mut sums = [0.0_f64; 8];
        for (at, (a, b)) in a.iter().zip(b).enumerate() {
            sums[at % 8] += f64::from(a - b).powi(2);
        }
        sums.iter().sum::<f64>()
    };
    let noise = image.rows().into_iter().zip(truth.rows()).map(squares).sum::<f64>() / n;
    20.0 * (f64::from(peak) / noise.sqrt()).log10()
}

impl BackgroundRecipe {
    /// One of the recipe's shapes.
    pub(crate) fn kind(&self, rng: &mut adatom_imaging::SampleRng) -> BackgroundKind {
        self.kinds[rng.index(self.kinds.len())]
    }
}
