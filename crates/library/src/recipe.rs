use crate::{Draw, LibraryError};
use adatom_imaging::BackgroundKind;
use adatom_optics::{Scattering, wavelength_angstrom};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::path::Path;

const BUILT_IN: &[(&str, &str)] = &[
    ("paper", include_str!("../../../recipes/paper.toml")),
    ("training", include_str!("../../../recipes/training.toml")),
];

/// Spatial frequencies along an axis of an image at most: a spectrum of 150 MB.
const MAX_FREQUENCIES: f64 = 3000.0;

/// Names of the recipes that come with the program.
pub fn recipe_names() -> impl Iterator<Item = &'static str> {
    BUILT_IN.iter().map(|(name, _)| *name)
}

/// Everything that decides what samples look like. Read from TOML; keys left out take the
/// defaults given at each field, and the resolved form (all keys) has a hash that identifies it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// Short name.
    pub name: String,
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// Size, field of view and orientation.
    pub image: ImageRecipe,
    /// Object functions, each equally likely; default the projected potential.
    #[serde(default = "default_scattering")]
    pub scattering: Vec<Scattering>,
    /// Imaging conditions.
    pub optics: Vec<OpticsRecipe>,
    /// What is imaged.
    pub structure: Vec<StructureRecipe>,
    /// What lies under it.
    #[serde(default)]
    pub background: BackgroundRecipe,
    /// Scan noise.
    #[serde(default)]
    pub scan: ScanRecipe,
    /// Shot noise.
    #[serde(default)]
    pub dose: DoseRecipe,
    /// Imperfections of the detector.
    #[serde(default)]
    pub detector: DetectorRecipe,
    /// How truth is drawn.
    #[serde(default)]
    pub labels: LabelRecipe,
}

/// Size, field of view and orientation of the images.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageRecipe {
    /// Pixels in a row.
    #[serde(default = "default_side")]
    pub width: usize,
    /// Rows.
    #[serde(default = "default_side")]
    pub height: usize,
    /// Width of the field \[Å\]; give this or `nearest_distance_px`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field_of_view_angstrom: Option<Draw>,
    /// Distance between nearest columns \[px\], from which the pixel size follows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nearest_distance_px: Option<Draw>,
    /// In-plane rotation, counter-clockwise on the screen \[°\]; default any.
    #[serde(default = "default_rotation")]
    pub rotation_deg: Draw,
}

/// One imaging condition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpticsRecipe {
    /// Name by which structures choose it.
    pub id: String,
    /// Beam energy \[kV\].
    pub energy_kv: f64,
    /// Convergence semi-angle \[mrad\].
    pub semiangle_mrad: f64,
    /// Full width at half maximum of the source's image \[Å\].
    pub source_fwhm_angstrom: Draw,
    /// Defocus, positive for underfocus \[Å\].
    #[serde(default = "zero")]
    pub defocus_angstrom: Draw,
    /// Twofold astigmatism, in a random direction \[Å\].
    #[serde(default = "zero")]
    pub astigmatism2_angstrom: Draw,
    /// Coma, in a random direction \[Å\].
    #[serde(default = "zero")]
    pub coma_angstrom: Draw,
    /// Threefold astigmatism, in a random direction \[Å\].
    #[serde(default = "zero")]
    pub astigmatism3_angstrom: Draw,
    /// C₃ \[mm\].
    #[serde(default = "zero")]
    pub c3_mm: Draw,
    /// C₅ \[mm\].
    #[serde(default = "zero")]
    pub c5_mm: Draw,
}

/// The shape of the specimen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// Fills the field with constant thickness.
    Slab,
    /// One repeat along the beam: a two-dimensional material.
    Monolayer,
    /// A faceted particle bounded by {111}, {100} and {110} planes.
    Particle,
    /// A cluster whose thickness falls to nothing at an irregular edge.
    Cluster,
}

/// A crystal, its orientation and its shape.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StructureRecipe {
    /// A built-in material or the path of a CIF file.
    pub material: String,
    /// Zone axis, `"110"` or `"1 -1 0"`; default `"001"`.
    #[serde(default = "default_zone")]
    pub zone: String,
    /// Shape; default a slab.
    #[serde(default = "default_form")]
    pub form: Form,
    /// Thickness along the beam, of a cluster its largest \[Å\]; default 50 to 200.
    #[serde(default = "default_thickness")]
    pub thickness_angstrom: Draw,
    /// Distance of the {111} facets from the centre, in parts of the field's width; default 0.2 to 0.5.
    #[serde(default = "default_facet")]
    pub d111_of_field: Draw,
    /// Distance of the {100} facets over that of the {111} facets; default 0.9 to 1.5.
    #[serde(default = "default_d100")]
    pub d100_over_d111: Draw,
    /// Distance of the {110} facets over that of the {111} facets; default 1.0 to 1.6.
    #[serde(default = "default_d110")]
    pub d110_over_d111: Draw,
    /// Radius of a cluster in parts of the field's width; default 0.25 to 0.6.
    #[serde(default = "default_radius")]
    pub radius_of_field: Draw,
    /// Imaging conditions by `id`; default all.
    #[serde(default)]
    pub optics: Vec<String>,
    /// Relative number of samples; default 1.
    #[serde(default = "one")]
    pub weight: f64,
}

/// What lies under the columns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BackgroundRecipe {
    /// Shapes, each equally likely.
    pub kinds: Vec<BackgroundKind>,
    /// Largest value in units of the ideal image's peak.
    pub level: Draw,
    /// A constant added beneath it, in the same units.
    pub offset: Draw,
}

/// Row-wise scan noise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScanRecipe {
    /// σ_jitter \[Å\].
    pub sigma_jitter_angstrom: Draw,
    /// Mains frequency \[Hz\].
    pub mains_hz: Draw,
    /// Flyback time after each row \[µs\].
    pub flyback_us: Draw,
}

/// Electrons a pixel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DoseRecipe {
    /// Beam current \[pA\].
    pub current_pa: Draw,
    /// Dwell time \[µs\].
    pub dwell_us: Draw,
    /// Part of the beam that the brightest point of the ideal image scatters into the detector.
    pub peak_fraction: Draw,
}

/// Imperfections of the detector.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DetectorRecipe {
    /// Additive noise in parts of the brightest point's shot noise.
    pub read_noise: Draw,
    /// Response time along the row \[px\].
    pub response_px: Draw,
    /// Gaussian blur of the recorded image, as resampling leaves it: σ \[px\].
    pub blur_px: Draw,
}

/// How truth is drawn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LabelRecipe {
    /// Full width at half maximum of `gaussianMask` and of the superresolution image \[Å\].
    pub gaussian_fwhm_angstrom: f64,
    /// σ of both in pixels; when given it is used instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gaussian_sigma_px: Option<f64>,
    /// Columns of these elements alone get no label, as in the published library.
    pub unlabelled_elements: Vec<String>,
    /// Columns fainter than this part of the brightest get no label.
    pub min_contrast: f64,
    /// Atoms closer than this in projection make one column \[Å\].
    pub merge_angstrom: f64,
}

/// Bytes in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn default_scattering() -> Vec<Scattering> {
    vec![Scattering::default()]
}
fn default_side() -> usize {
    256
}
fn default_rotation() -> Draw {
    Draw::Range { low: 0.0, high: 360.0, log: false }
}
fn default_zone() -> String {
    "001".to_owned()
}
fn default_form() -> Form {
    Form::Slab
}
fn default_thickness() -> Draw {
    Draw::Range { low: 50.0, high: 200.0, log: false }
}
fn default_facet() -> Draw {
    Draw::Range { low: 0.2, high: 0.5, log: false }
}
fn default_d100() -> Draw {
    Draw::Range { low: 0.9, high: 1.5, log: false }
}
fn default_d110() -> Draw {
    Draw::Range { low: 1.0, high: 1.6, log: false }
}
fn default_radius() -> Draw {
    Draw::Range { low: 0.25, high: 0.6, log: false }
}
fn zero() -> Draw {
    Draw::Fixed(0.0)
}
fn one() -> f64 {
    1.0
}

impl Default for BackgroundRecipe {
    fn default() -> Self {
        Self {
            kinds: vec![BackgroundKind::Constant, BackgroundKind::Linear, BackgroundKind::Nonlinear],
            level: Draw::Range { low: 0.0, high: 0.5, log: false },
            offset: zero(),
        }
    }
}

impl Default for ScanRecipe {
    fn default() -> Self {
        Self {
            sigma_jitter_angstrom: Draw::Fixed(0.2),
            mains_hz: Draw::OneOf(vec![50.0, 60.0]),
            flyback_us: Draw::Range { low: 60.0, high: 1000.0, log: true },
        }
    }
}

impl Default for DoseRecipe {
    fn default() -> Self {
        Self {
            current_pa: Draw::Range { low: 10.0, high: 60.0, log: true },
            dwell_us: Draw::Range { low: 4.0, high: 40.0, log: true },
            peak_fraction: Draw::Range { low: 0.03, high: 0.1, log: true },
        }
    }
}

impl Default for DetectorRecipe {
    fn default() -> Self {
        Self { read_noise: zero(), response_px: zero(), blur_px: zero() }
    }
}

impl Default for LabelRecipe {
    fn default() -> Self {
        Self {
            gaussian_fwhm_angstrom: 0.2,
            gaussian_sigma_px: None,
            unlabelled_elements: ["H", "Li", "O"].map(str::to_owned).to_vec(),
            min_contrast: 0.08,
            merge_angstrom: 0.4,
        }
    }
}

impl Recipe {
    /// A built-in recipe by name, or the file at the path `name`.
    ///
    /// # Errors
    /// When there is neither or its text is wrong: with the line.
    pub fn open(name: &str) -> Result<Self, LibraryError> {
        if let Some((_, text)) = BUILT_IN.iter().find(|(known, _)| *known == name) {
            return Self::from_toml(text, name);
        }
        let path = Path::new(name);
        if !path.is_file() {
            return Err(LibraryError::UnknownRecipe {
                name: name.to_owned(),
                known: recipe_names().collect(),
            });
        }
        let text = std::fs::read_to_string(path)
            .map_err(|source| LibraryError::Io { path: path.to_owned(), source })?;
        Self::from_toml(&text, name)
    }

    /// Reads a recipe from its text; `origin` names it in errors.
    ///
    /// # Errors
    /// [`LibraryError::Syntax`] with the line, or [`LibraryError::Value`] with the key.
    pub fn from_toml(text: &str, origin: &str) -> Result<Self, LibraryError> {
        let recipe: Self = toml::from_str(text).map_err(|error| LibraryError::Syntax {
            recipe: origin.to_owned(),
            line: error.span().map_or(1, |span| text[..span.start.min(text.len())].lines().count().max(1)),
            message: error.message().replace('\n', " "),
        })?;
        recipe.check(origin)?;
        Ok(recipe)
    }

    /// SHA-256 of the resolved recipe: its identity.
    pub fn hash(&self) -> String {
        let resolved = serde_json::to_vec(self).unwrap_or_default();
        hex(&Sha256::digest(&resolved))
    }

    fn check(&self, origin: &str) -> Result<(), LibraryError> {
        let wrong = |key: &str, message: String| LibraryError::Value {
            recipe: origin.to_owned(),
            key: key.to_owned(),
            message,
        };
        let within = |key: &str, draw: &Draw, low: f64, high: f64| {
            let (from, to) = draw.bounds();
            if from >= low && to <= high {
                Ok(())
            } else {
                Err(wrong(key, format!("{from} to {to}; it must lie between {low} and {high}")))
            }
        };
        for (key, side) in [("image.width", self.image.width), ("image.height", self.image.height)] {
            within(key, &Draw::Fixed(side as f64), 16.0, 8192.0)?;
        }
        match (&self.image.field_of_view_angstrom, &self.image.nearest_distance_px) {
            (Some(field), None) => within("image.field_of_view_angstrom", field, 1.0, 2000.0)?,
            (None, Some(distance)) => within("image.nearest_distance_px", distance, 2.0, 200.0)?,
            _ => {
                return Err(wrong(
                    "image",
                    "give either field_of_view_angstrom or nearest_distance_px, and not both".to_owned(),
                ));
            }
        }
        for optics in &self.optics {
            // Longest field and most frequencies: what has to be held in memory.
            let field = match (&self.image.field_of_view_angstrom, &self.image.nearest_distance_px) {
                (Some(field), _) => field.bounds().1,
                (_, Some(distance)) => 6.0 * self.image.width as f64 / distance.bounds().0,
                _ => 0.0,
            };
            let aspect = (self.image.height as f64 / self.image.width as f64).max(1.0);
            let frequencies =
                2e-3 * optics.semiangle_mrad / wavelength_angstrom(optics.energy_kv) * field * aspect;
            if frequencies > MAX_FREQUENCIES {
                let message = format!(
                    "a field of {field:.0} Å has {frequencies:.0} spatial frequencies along an axis under optics {}; \
                     at most {MAX_FREQUENCIES} can be held",
                    optics.id
                );
                return Err(wrong("image", message));
            }
        }
        within("image.rotation_deg", &self.image.rotation_deg, -360.0, 360.0)?;
        for (key, empty) in [
            ("optics", self.optics.is_empty()),
            ("structure", self.structure.is_empty()),
            ("scattering", self.scattering.is_empty()),
            ("background.kinds", self.background.kinds.is_empty()),
        ] {
            if empty {
                return Err(wrong(key, "empty; give at least one".to_owned()));
            }
        }
        for optics in &self.optics {
            within(&format!("optics {}.energy_kv", optics.id), &Draw::Fixed(optics.energy_kv), 10.0, 3000.0)?;
            within(
                &format!("optics {}.semiangle_mrad", optics.id),
                &Draw::Fixed(optics.semiangle_mrad),
                0.5,
                150.0,
            )?;
            within(
                &format!("optics {}.source_fwhm_angstrom", optics.id),
                &optics.source_fwhm_angstrom,
                0.0,
                20.0,
            )?;
        }
        for structure in &self.structure {
            let key = |field: &str| format!("structure {} [{}].{field}", structure.material, structure.zone);
            within(&key("weight"), &Draw::Fixed(structure.weight), 0.0, 1e6)?;
            within(&key("thickness_angstrom"), &structure.thickness_angstrom, 0.1, 1e4)?;
            within(&key("d111_of_field"), &structure.d111_of_field, 0.01, 2.0)?;
            within(&key("d100_over_d111"), &structure.d100_over_d111, 0.3, 3.0)?;
            within(&key("d110_over_d111"), &structure.d110_over_d111, 0.3, 3.0)?;
            within(&key("radius_of_field"), &structure.radius_of_field, 0.01, 2.0)?;
            for id in &structure.optics {
                if !self.optics.iter().any(|optics| &optics.id == id) {
                    let known: Vec<_> = self.optics.iter().map(|o| o.id.as_str()).collect();
                    return Err(wrong(
                        &key("optics"),
                        format!("no optics {id}; there are {}", known.join(", ")),
                    ));
                }
            }
        }
        if self.structure.iter().map(|s| s.weight).sum::<f64>() <= 0.0 {
            return Err(wrong("structure", "all weights are zero".to_owned()));
        }
        within("background.level", &self.background.level, 0.0, 100.0)?;
        within("background.offset", &self.background.offset, 0.0, 100.0)?;
        within("scan.sigma_jitter_angstrom", &self.scan.sigma_jitter_angstrom, 0.0, 10.0)?;
        within("scan.mains_hz", &self.scan.mains_hz, 0.0, 1e4)?;
        within("scan.flyback_us", &self.scan.flyback_us, 0.0, 1e7)?;
        within("dose.current_pa", &self.dose.current_pa, 1e-3, 1e6)?;
        within("dose.dwell_us", &self.dose.dwell_us, 1e-3, 1e6)?;
        within("dose.peak_fraction", &self.dose.peak_fraction, 1e-6, 1.0)?;
        within("detector.read_noise", &self.detector.read_noise, 0.0, 100.0)?;
        within("detector.response_px", &self.detector.response_px, 0.0, 20.0)?;
        within("detector.blur_px", &self.detector.blur_px, 0.0, 20.0)?;
        within(
            "labels.gaussian_fwhm_angstrom",
            &Draw::Fixed(self.labels.gaussian_fwhm_angstrom),
            0.01,
            10.0,
        )?;
        if let Some(sigma) = self.labels.gaussian_sigma_px {
            within("labels.gaussian_sigma_px", &Draw::Fixed(sigma), 0.2, 50.0)?;
        }
        within("labels.min_contrast", &Draw::Fixed(self.labels.min_contrast), 0.0, 1.0)?;
        within("labels.merge_angstrom", &Draw::Fixed(self.labels.merge_angstrom), 0.0, 5.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_recipes_are_valid_and_differ() {
        let hashes: std::collections::BTreeSet<_> =
            recipe_names().map(|name| Recipe::open(name).unwrap().hash()).collect();
        assert_eq!(hashes.len(), recipe_names().count());
    }

    #[test]
    fn errors_name_line_or_key() {
        let good = include_str!("../../../recipes/paper.toml");
        let unknown = format!("colour = 1\n{good}");
        let message = Recipe::from_toml(&unknown, "x.toml").unwrap_err().to_string();
        assert!(message.contains("line 1") && message.contains("colour"), "{message}");
        let negative = good.replace("field_of_view_angstrom = [8,", "field_of_view_angstrom = [-8,");
        assert_ne!(negative, good);
        let message = Recipe::from_toml(&negative, "x.toml").unwrap_err().to_string();
        assert!(message.contains("image.field_of_view_angstrom") && message.contains("-8"), "{message}");
        assert!(Recipe::open("no-such-recipe").unwrap_err().to_string().contains("paper"));
    }

    /// The hash is of the resolved form: comments and layout don't count, values do.
    #[test]
    fn hash_identifies_the_resolved_form() {
        let text = include_str!("../../../recipes/paper.toml");
        let base = Recipe::from_toml(text, "a").unwrap();
        assert_eq!(base.hash(), Recipe::from_toml(&format!("# note\n{text}"), "b").unwrap().hash());
        let mut other = base.clone();
        other.labels.min_contrast = 0.09;
        assert_ne!(base.hash(), other.hash());
    }
}
