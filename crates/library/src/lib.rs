//! Recipes and the labelled training samples they make: sample `i` of recipe `R` under seed `s`
//! is a pure function of (R, s, i).
//!
//! A [`Recipe`] is a small TOML file; [`Generator`] resolves its crystals and optics once and then
//! renders any [`Sample`] on any thread in any order.

mod check;
mod composition;
mod disorder;
mod draw;
mod error;
mod generate;
mod materials;
mod motif;
mod multislice;
mod recipe;
mod sample;
mod single;
mod specimen;
mod text;

pub use adatom_crystal::Element;
pub use composition::{BlockRecipe, Composition, CompositionRecipe, Place};
pub use disorder::DisorderRecipe;
pub use draw::Draw;
pub use error::LibraryError;
pub use generate::Generator;
pub use materials::{Material, material_names};
pub use multislice::Simulated;
pub use recipe::{
    BackgroundRecipe, DetectorRecipe, DoseRecipe, Form, ImageRecipe, ImagingRecipe, LabelRecipe,
    MultisliceMethod, MultisliceRecipe, OpticsRecipe, Recipe, ScanRecipe, StructureRecipe, hexadecimal,
    recipe_names,
};
pub use sample::{FullSample, Labels, Sample, SampleSettings, TruthColumn, UnlabelledColumn, psnr_db};
