//! Settings of a run, as a session keeps them.

use adatom::{FitOptions, Localiser, LocateSettings, Scale};
use serde::{Deserialize, Serialize};

/// How columns are found.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunSettings {
    /// Factor from the file's pixels to the network's; chosen by the network where `None`.
    pub scale: Option<f64>,
    /// The localiser.
    pub method: Localiser,
    /// Columns of a lower score are left out.
    pub threshold: f64,
    /// Settings of the fits.
    pub fit: FitOptions,
}

impl Default for RunSettings {
    fn default() -> Self {
        let LocateSettings { method, threshold, fit, .. } = LocateSettings::default();
        Self { scale: None, method, threshold, fit }
    }
}

impl RunSettings {
    /// As the pipeline wants them.
    pub fn locate(&self) -> LocateSettings {
        LocateSettings {
            scale: self.scale.map_or(Scale::Auto, Scale::Fixed),
            method: self.method,
            threshold: self.threshold,
            fit: self.fit,
        }
    }
}

/// The localisers with what they are called on the screen.
pub const LOCALISERS: [(Localiser, &str, &str); 5] = [
    (Localiser::Centroid, "Centroid", "Weighted centres of the network's map"),
    (Localiser::Otsu, "Otsu", "The paper's: Otsu's threshold, connected areas, geometric centres"),
    (Localiser::Gaussian, "Gaussian", "Gaussians fitted to the image by least squares, with error bars"),
    (Localiser::Mle, "Likelihood", "Columns of one profile fitted by Poisson's likelihood, with error bars"),
    (Localiser::Auto, "Likelihood + rows", "As Likelihood, the rows' displacements solved for too"),
];

/// What a localiser is called on the screen.
pub fn localiser_name(method: Localiser) -> &'static str {
    LOCALISERS.iter().find(|(other, ..)| *other == method).map_or("", |(_, name, _)| name)
}
