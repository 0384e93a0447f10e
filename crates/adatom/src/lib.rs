//! One pipeline for every face: open → scale → restore → locate → report; and the training and
//! the evaluation of the network behind it.
//!
//! ```no_run
//! use adatom::{LocateSettings, Model, locate};
//! let image = adatom_formats::open("image.tif".as_ref(), None)?;
//! let model = Model::built_in()?.open(adatom_network::DeviceChoice::Auto)?;
//! let located = locate(&image.data, image.pixel_size, &model, &LocateSettings::default(), &mut |_| {})?;
//! println!("{} columns", located.columns.len());
//! # Ok::<(), adatom::Error>(())
//! ```

mod canvas;
mod error;
mod evaluate;
mod folder;
mod locate;
mod model;
mod plot;
mod report;
mod run;
mod simulate;

pub use error::Error;
pub use evaluate::{Evaluation, Group, evaluate, score_sample};
pub use folder::LibraryFolder;
pub use locate::{LocateSettings, Located, LocatedColumn, Scale, ScaleChoice, WORKING_SPACING_PX, locate};
pub use model::{LoadedModel, Model};
pub use report::{Summary, overlay, write_results};
pub use run::{Progress, TrainRequest, TrainSource, checkpoint_seed, train};
pub use simulate::{contact_sheet, example, write_library};
