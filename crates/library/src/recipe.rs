use crate::text;
use crate::{CompositionRecipe, DisorderRecipe, Draw, LibraryError};
use adatom_imaging::BackgroundKind;
use adatom_multislice::Projection;
use adatom_optics::{Parametrisation, Scattering};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::path::Path;

const BUILT_IN: &[(&str, &str)] = &[
    ("paper", include_str!("../../../recipes/paper.toml")),
    ("extended", include_str!("../../../recipes/extended.toml")),
    ("figure7", include_str!("../../../recipes/figure7.toml")),
    ("multislice", include_str!("../../../recipes/multislice.toml")),
    ("temimagenet", include_str!("../../../recipes/temimagenet.toml")),
    ("temimagenet-multislice", include_str!("../../../recipes/temimagenet-multislice.toml")),
    ("unseen", include_str!("../../../recipes/unseen.toml")),
];

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
    /// How a specimen becomes an image; default the linear model.
    #[serde(default, skip_serializing_if = "ImagingRecipe::is_linear")]
    pub imaging: ImagingRecipe,
    /// Imaging conditions.
    pub optics: Vec<OpticsRecipe>,
    /// What is imaged.
    pub structure: Vec<StructureRecipe>,
    /// Samples that are enumerated; default none, structures and optics are drawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub composition: Option<CompositionRecipe>,
    /// What lies under it.
    #[serde(default)]
    pub background: BackgroundRecipe,
    /// Imperfections of the specimen; default none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disorder: Option<DisorderRecipe>,
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

/// How a specimen becomes an image.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(tag = "model", rename_all = "kebab-case")]
pub enum ImagingRecipe {
    /// The linear model: object function ⊗ probe.
    #[default]
    Linear,
    /// Multislice simulation of the crystal's period.
    Multislice(MultisliceRecipe),
}

impl ImagingRecipe {
    fn is_linear(&self) -> bool {
        *self == Self::Linear
    }
}

/// How a multislice simulation is done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MultisliceRecipe {
    /// Inner and outer collection semi-angle \[mrad\]; default 98 to 196, as in the paper.
    pub detector_mrad: [f64; 2],
    /// Distance of the wave's samples \[Å\]; default as coarse as the detector allows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sampling_angstrom: Option<f64>,
    /// Thickness of a slice at most \[Å\]; default 2.
    pub slice_thickness_angstrom: f64,
    /// Scattering factors; default Lobato and Van Dyck's.
    pub parametrisation: Parametrisation,
    /// How potentials are divided among slices; default infinite.
    pub projection: Projection,
    /// Configurations of frozen phonons; default 8, 0 leaves the atoms at rest.
    pub configurations: usize,
    /// Decides their displacements; default 1.
    pub phonon_seed: u64,
    /// Mean-square displacement of all atoms \[Å²\]; default what the crystal's file says, and none where it doesn't.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub u_iso_angstrom2: Option<f64>,
    /// Standard deviation of the focus \[Å\]; default 0.
    pub defocus_spread_angstrom: f64,
    /// Least extent of the box across the beam \[Å\]; default 16.
    pub box_angstrom: f64,
    /// Strain that may make a crystal's cell orthogonal; default 0.01.
    pub max_strain: f64,
    /// Longest side of that cell across the beam \[Å\]; default 60.
    pub max_side_angstrom: f64,
    /// Each probe by itself, or PRISM; default conventional.
    pub method: MultisliceMethod,
    /// Interpolation factor of PRISM; default 1.
    pub interpolation: usize,
    /// Memory that a simulation may use \[MB\]; default 2000.
    pub memory_mb: f64,
}

/// How probes are propagated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MultisliceMethod {
    /// Each by itself.
    #[default]
    Conventional,
    /// As sums of plane waves.
    Prism,
}

impl Default for MultisliceRecipe {
    fn default() -> Self {
        Self {
            detector_mrad: [98.0, 196.0],
            sampling_angstrom: None,
            slice_thickness_angstrom: 2.0,
            parametrisation: Parametrisation::default(),
            projection: Projection::default(),
            configurations: 8,
            phonon_seed: 1,
            u_iso_angstrom2: None,
            defocus_spread_angstrom: 0.0,
            box_angstrom: 16.0,
            max_strain: 0.01,
            max_side_angstrom: 60.0,
            method: MultisliceMethod::default(),
            interpolation: 1,
            memory_mb: 2000.0,
        }
    }
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
    /// Part of the probe's current in its broad tails; default none.
    #[serde(default = "zero", skip_serializing_if = "is_zero")]
    pub tail_fraction: Draw,
    /// Full width at half maximum of the tails \[Å\]; default 4.
    #[serde(default = "default_tail", skip_serializing_if = "is_default_tail")]
    pub tail_fwhm_angstrom: Draw,
}

impl OpticsRecipe {
    /// A perfect lens and a point source.
    pub fn perfect(id: &str, energy_kv: f64, semiangle_mrad: f64) -> Self {
        Self {
            id: id.to_owned(),
            energy_kv,
            semiangle_mrad,
            source_fwhm_angstrom: zero(),
            defocus_angstrom: zero(),
            astigmatism2_angstrom: zero(),
            coma_angstrom: zero(),
            astigmatism3_angstrom: zero(),
            c3_mm: zero(),
            c5_mm: zero(),
            tail_fraction: zero(),
            tail_fwhm_angstrom: default_tail(),
        }
    }
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
    /// Single atoms of the heaviest element at random places.
    SingleAtoms,
}

/// A crystal, its orientation and its shape.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StructureRecipe {
    /// Name by which a composition chooses it; default none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
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
    /// Particles or clusters in the field, rounded down; default 1.
    #[serde(default = "fixed_one", skip_serializing_if = "is_one")]
    pub count: Draw,
    /// Number of single atoms \[1/nm²\]; default 0.5 to 4.
    #[serde(default = "default_atoms", skip_serializing_if = "is_default_atoms")]
    pub atoms_per_nm2: Draw,
    /// Thickness of a film of amorphous carbon beneath \[Å\]; default none.
    #[serde(default = "zero", skip_serializing_if = "is_zero")]
    pub support_angstrom: Draw,
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
    /// Correlation of a row's displacement with the row before, 0 to 1; default none, as in the paper.
    #[serde(skip_serializing_if = "is_zero")]
    pub correlation: Draw,
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
    /// Exponent of the recorded values; default 1, linear.
    #[serde(skip_serializing_if = "is_one")]
    pub gamma: Draw,
    /// Part of the noiseless image's largest value above which all is as bright; default 1, none.
    #[serde(skip_serializing_if = "is_one")]
    pub saturation: Draw,
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

/// The first of several errors, of which there is at least one.
fn first(mut errors: Vec<LibraryError>) -> LibraryError {
    errors.swap_remove(0)
}

/// Bytes in hexadecimal.
/// Bytes in hexadecimal, as hashes are written.
pub fn hexadecimal(bytes: &[u8]) -> String {
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
fn default_atoms() -> Draw {
    Draw::Range { low: 0.5, high: 4.0, log: true }
}
fn default_tail() -> Draw {
    Draw::Fixed(4.0)
}
fn fixed_one() -> Draw {
    Draw::Fixed(1.0)
}
fn zero() -> Draw {
    Draw::Fixed(0.0)
}
// Keys that came later are left out of the resolved form at their defaults: a recipe that does not
// use them keeps its hash.
fn is_zero(draw: &Draw) -> bool {
    *draw == zero()
}
fn is_one(draw: &Draw) -> bool {
    *draw == fixed_one()
}
fn is_default_atoms(draw: &Draw) -> bool {
    *draw == default_atoms()
}
fn is_default_tail(draw: &Draw) -> bool {
    *draw == default_tail()
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
            correlation: zero(),
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
        Self {
            read_noise: zero(),
            response_px: zero(),
            blur_px: zero(),
            gamma: fixed_one(),
            saturation: fixed_one(),
        }
    }
}

impl LabelRecipe {
    /// σ of `gaussianMask` and of the superresolution image \[px\], for a pixel's side \[Å\].
    pub fn sigma_px(&self, pixel_angstrom: f64) -> f64 {
        self.gaussian_sigma_px
            .unwrap_or_else(|| self.gaussian_fwhm_angstrom / (8.0 * 2.0_f64.ln()).sqrt() / pixel_angstrom)
    }
}

impl StructureRecipe {
    /// Material and zone axis.
    pub(crate) fn title(&self) -> String {
        format!("{} [{}]", self.material, self.zone)
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
        Self::open_checking_all(name).map_err(first)
    }

    /// The same recipe with another way to make images.
    ///
    /// # Errors
    /// When it can't be used for what the recipe images.
    pub fn with_imaging(mut self, imaging: ImagingRecipe) -> Result<Self, LibraryError> {
        self.imaging = imaging;
        match self.problems().into_iter().next() {
            None => Ok(self),
            Some(problem) => Err(problem.error(&self.name, None)),
        }
    }

    /// As [`Recipe::open`], with everything that is wrong: every unknown key and every value that can't
    /// be used.
    ///
    /// # Errors
    /// At least one.
    pub fn open_checking_all(name: &str) -> Result<Self, Vec<LibraryError>> {
        // Model cards name the recipe as it was called before.
        let built_in = if name == "training" { "extended" } else { name };
        if let Some((_, text)) = BUILT_IN.iter().find(|(known, _)| *known == built_in) {
            return text::read(text, name);
        }
        let path = Path::new(name);
        if !path.is_file() {
            return Err(vec![LibraryError::UnknownRecipe {
                name: name.to_owned(),
                known: recipe_names().collect(),
            }]);
        }
        let text = std::fs::read_to_string(path)
            .map_err(|source| vec![LibraryError::Io { path: path.to_owned(), source }])?;
        text::read(&text, name)
    }

    /// Reads a recipe from its text; `origin` names it in errors.
    ///
    /// # Errors
    /// [`LibraryError::Syntax`] with the line, or [`LibraryError::Value`] with line and key.
    pub fn from_toml(text: &str, origin: &str) -> Result<Self, LibraryError> {
        text::read(text, origin).map_err(first)
    }

    /// The recipe if all its numbers can be used; `origin` names it in errors.
    ///
    /// # Errors
    /// [`LibraryError::Value`] with the key of the first that can't.
    pub fn checked(self, origin: &str) -> Result<Self, LibraryError> {
        match self.problems().into_iter().next() {
            None => Ok(self),
            Some(problem) => Err(problem.error(origin, None)),
        }
    }

    /// SHA-256 of the resolved recipe: its identity.
    pub fn hash(&self) -> String {
        let resolved = serde_json::to_vec(self).unwrap_or_default();
        hexadecimal(&Sha256::digest(&resolved))
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
