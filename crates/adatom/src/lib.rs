//! One pipeline for every face: open → scale → restore → locate → report; and the training and
//! the evaluation of the network behind it.
//!
//! ```no_run
//! use adatom::{LocateSettings, Model, locate};
//! let image = adatom_formats::read_image("image.dm4".as_ref(), &Default::default())?;
//! let model = Model::built_in()?.open(adatom_network::DeviceChoice::Auto)?;
//! let located = locate(&image.data, image.pixel_size, &model, &LocateSettings::default(), &mut |_| {})?;
//! println!("{} columns", located.columns.len());
//! # Ok::<(), adatom::Error>(())
//! ```

mod adapt;
mod audit;
mod bound;
mod calibrate;
mod canvas;
mod compare;
mod conditions;
mod curve;
mod describe;
mod detect;
mod edges;
mod error;
mod evaluate;
mod figure;
mod folder;
mod histogram;
mod inspect;
mod jitter;
mod labelled;
mod labels;
mod localisation;
mod localiser;
mod locate;
mod model;
mod number;
mod picture;
mod plot;
mod precision;
mod report;
mod restored;
mod run;
mod scale;
mod simulate;
mod simulations;
mod spectrum;
mod spinel;
mod statistics;
mod table;
mod watch;

pub use adapt::{AdaptRequest, Adaptation, Judgement, adapt};
pub use audit::{Added, Audit, AuditRow, Phase, audit_image, audit_recipe};
pub use bound::{Experiment, ExperimentBound, KindBound, bound};
pub use calibrate::{calibrate, write_card};
pub use compare::{Compared, compare};
pub use conditions::{Conditions, measure_conditions};
pub use describe::describe;
pub use detect::{detect, evaluate_detector};
pub use edges::{EdgeGroup, EdgeThickness, Edges, edges};
pub use error::Error;
pub use evaluate::{Evaluation, Group, Reliability, SampleResult, evaluate};
pub use figure::Figure;
pub use folder::LibraryFolder;
pub use histogram::Histogram;
pub use inspect::{Inspection, inspect};
pub use jitter::{JitterLine, JitterSpectrum, JitterStep};
pub use labelled::{LabelScore, Labelled};
pub use labels::column_labels;
pub use localisation::{Localisation, LocalisationRow, LocalisationSettings, LocalisedSample, localisation};
pub use localiser::{ColumnFit, FitOptions, FitReport, Localiser};
pub use locate::{LocateSettings, Located, LocatedColumn, locate, measure_column};
pub use model::{LoadedModel, Model, read_detector};
pub use picture::{library_figure, library_sheet};
pub use plot::reliability_plot;
pub use precision::{AxisPrecision, Precision, column_lattice, precision};
pub use report::{Summary, columns_csv, figure, overlay, write_results};
pub use restored::{LocatedColumns, Restored};
pub use run::{Initial, Progress, TrainRequest, TrainSource, checkpoint_seed, train, train_detector};
pub use scale::{Scale, ScaleChoice, WORKING_SPACING_PX};
pub use simulate::{contact_sheet, example};
pub use simulations::{SimulationEvent, run_simulations};
pub use spectrum::{Spectrum, Spot};
pub use spinel::{Spinel, SpinelRow, spinel};
pub use statistics::{LibraryStatistics, OpticsWidths, draw_library_statistics, library_statistics};
pub use table::{ColumnTable, TableRow};
pub use watch::{Partial, Stage, Watch};
