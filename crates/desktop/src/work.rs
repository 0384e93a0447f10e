//! What jobs do: the `adatom` crate's work, its results as the window wants them.

use crate::document::{Document, Found};
use crate::jobs::{Monitor, Report};
use crate::memory;
use crate::pyramid::Pyramid;
use crate::session;
use crate::settings::RunSettings;
use adatom::{
    Compared, LoadedModel, Localiser, LocatedColumn, Model, Precision, Restored, Spectrum, Watch,
    column_lattice,
};
use adatom_analysis::{Bootstrap, Lattice, SpacingSettings, Spacings, Vector, spacings};
use adatom_formats::{Image, PixelSize, Selection, open};
use adatom_network::DeviceChoice;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// How far a lattice may be off a shape.
const SHAPE: f64 = 0.03;

/// What a job brings back.
pub enum Outcome {
    /// Nothing to see.
    Nothing,
    /// A file is open.
    Opened(Box<Opened>),
    /// Columns were found.
    Found(Arc<Found>, Arc<Restored>),
    /// Localisers were compared.
    Compared(Vec<Compared>),
    /// The precision was measured.
    Precise(Box<Precision>),
    /// A lattice was found.
    Lattice(Box<LatticeResult>),
    /// The power spectrum.
    Spectrum(Box<Spectrum>, Pyramid),
    /// Files were written; what to tell the user.
    Written(Written),
    /// A batch is done: files that worked, files that didn't.
    Batch(usize, usize),
}

/// What was written.
pub enum Written {
    /// The session of the document at this revision.
    Session(PathBuf, u64),
    /// Something else.
    Export(PathBuf),
}

/// An opened file.
pub struct Opened {
    /// The document.
    pub document: Document,
    /// The image, ready to be shown.
    pub pyramid: Pyramid,
    /// The names of the file's signals that are images.
    pub signals: Vec<String>,
    /// Whether it was opened to recover from a crash.
    pub recovered: bool,
}

/// A lattice and the spacings along its vectors.
pub struct LatticeResult {
    /// The lattice, in ångström or, without pixel size, in pixels.
    pub lattice: Lattice,
    /// Whether lengths are in ångström.
    pub calibrated: bool,
    /// Spacings along both axes, where there are enough.
    pub spacings: [Option<Spacings>; 2],
    /// The revision of the columns that it was found in.
    pub revision: u64,
}

/// The networks that were loaded, by the path of their weights.
#[derive(Default)]
pub struct Models(Mutex<HashMap<Option<PathBuf>, Arc<LoadedModel>>>);

impl Models {
    /// The network at a path, or the built-in one.
    ///
    /// # Errors
    /// When it can't be loaded.
    pub fn get(&self, path: Option<&Path>) -> Result<Arc<LoadedModel>, String> {
        let mut loaded = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(model) = loaded.get(&path.map(Path::to_owned)) {
            return Ok(Arc::clone(model));
        }
        let model = path.map_or_else(Model::built_in, Model::from_path).map_err(|e| e.to_string())?;
        let model = Arc::new(model.open(DeviceChoice::Auto).map_err(|e| e.to_string())?);
        loaded.insert(path.map(Path::to_owned), Arc::clone(&model));
        Ok(model)
    }
}

/// What columns are looked for in.
pub struct Run {
    /// The image.
    pub image: Arc<Image>,
    /// Its pixel size.
    pub pixel_size: Option<PixelSize>,
    /// The settings.
    pub settings: RunSettings,
    /// The networks.
    pub models: Arc<Models>,
    /// Weights other than the built-in ones.
    pub model: Option<PathBuf>,
}

impl Run {
    /// Runs the network and locates the columns.
    ///
    /// # Errors
    /// A message for the user, empty when they ended it.
    pub fn find(&self, monitor: &mut Monitor) -> Result<Outcome, String> {
        let restored = Arc::new(self.restore(monitor)?);
        Ok(self.locate(restored, monitor)?.0)
    }

    fn restore(&self, monitor: &mut Monitor) -> Result<Restored, String> {
        memory::enough_for_network(self.image.data.len(), self.settings.scale)?;
        let model = self.models.get(self.model.as_deref())?;
        Restored::new(&self.image.data, self.pixel_size, &model, &self.settings.locate(), monitor)
            .map_err(said)
    }

    /// Locates the columns again in what the network made of the image.
    ///
    /// # Errors
    /// A message for the user.
    pub fn locate(
        &self,
        restored: Arc<Restored>,
        monitor: &mut Monitor,
    ) -> Result<(Outcome, Vec<LocatedColumn>), String> {
        let model = self.models.get(self.model.as_deref())?;
        let mut settings = self.settings.locate();
        if !settings.method.fits() {
            // All candidates: the threshold is applied to what is shown.
            settings.threshold = 0.0;
        }
        let located = restored.locate(&self.image.data, self.pixel_size, &model, &settings, monitor);
        let columns = located.columns.clone();
        let found = Found {
            columns: located.columns,
            maps: Arc::new(restored.maps.clone()),
            scale: restored.scale.factor,
            settings: self.settings,
            warnings: restored.warnings.clone(),
            fit: located.fit,
        };
        Ok((Outcome::Found(Arc::new(found), restored), columns))
    }

    /// Compares all localisers with the columns that are shown.
    ///
    /// # Errors
    /// A message for the user, empty when they ended it.
    pub fn compare(
        &self,
        restored: Option<Arc<Restored>>,
        shown: &[LocatedColumn],
        monitor: &mut Monitor,
    ) -> Result<Outcome, String> {
        let restored = match restored {
            Some(restored) => restored,
            None => Arc::new(self.restore(monitor)?),
        };
        let model = self.models.get(self.model.as_deref())?;
        let (image, settings) = (&self.image.data, self.settings.locate());
        let compared = adatom::compare(image, self.pixel_size, &restored, &model, &settings, shown, monitor);
        compared.map(Outcome::Compared).map_err(said)
    }

    /// Measures the precision by every localiser.
    ///
    /// # Errors
    /// A message for the user.
    pub fn precision(&self, monitor: &mut Monitor) -> Result<Outcome, String> {
        let size = self.pixel_size.ok_or("The pixel size must be known to measure the precision.")?;
        let model = self.models.get(self.model.as_deref())?;
        let settings = self.settings.locate();
        let precise = adatom::precision(&self.image.data, size, &model, &settings, &mut Measuring(monitor));
        precise.map(|precise| Outcome::Precise(Box::new(precise))).map_err(said)
    }
}

/// Tells how far a measurement of the precision is.
struct Measuring<'a>(&'a mut Monitor);

impl Watch for Measuring<'_> {
    fn progress(&mut self, part: f64) {
        self.0.report(Report::Progress("Measuring the precision".to_owned(), Some(part)));
    }

    fn stopped(&self) -> bool {
        self.0.stopped()
    }
}

/// An error as the user reads it; empty if it is their own wish.
fn said(error: adatom::Error) -> String {
    match error {
        adatom::Error::Stopped => String::new(),
        other => other.to_string(),
    }
}

/// Opens an image or a session.
///
/// # Errors
/// A message for the user.
pub fn open_file(path: &Path, selection: &Selection) -> Result<Opened, String> {
    if session::is_session(path) {
        let document = session::load(path).map_err(|e| e.to_string())?;
        let pyramid = Pyramid::new(Arc::clone(&document.image));
        return Ok(Opened { document, pyramid, signals: Vec::new(), recovered: false });
    }
    let dataset = open(path).map_err(|e| e.to_string())?;
    let images = dataset.signals().iter().filter(|signal| signal.frames() > 0);
    let signals = images.map(|signal| signal.name.clone()).collect();
    let pixels = dataset.default_signal().and_then(|number| dataset.signals().get(number));
    memory::enough(
        pixels.map_or(0, |signal| signal.axes.iter().rev().take(2).map(|a| a.size).product()),
        16,
    )?;
    let image = dataset.image(selection).map_err(|e| e.to_string())?;
    image.check_finite().and_then(|()| image.check_usable(8)).map_err(|e| e.to_string())?;
    let document = Document::new(image);
    let pyramid = Pyramid::new(Arc::clone(&document.image));
    Ok(Opened { document, pyramid, signals, recovered: false })
}

/// Finds the lattice of columns, near vectors \[px\] where they are given.
///
/// # Errors
/// A message for the user.
pub fn find_lattice(
    columns: &[LocatedColumn],
    pixel_size: Option<PixelSize>,
    guess: Option<[(f64, f64); 2]>,
    revision: u64,
) -> Result<Outcome, String> {
    let unit = pixel_size.map_or([1.0; 2], |size| [size.x_angstrom, size.y_angstrom]);
    let scaled = |(x, y): (f64, f64)| (x * unit[0], y * unit[1]);
    let guess = guess.map(|[a, b]| (Vector::from(scaled(a)), Vector::from(scaled(b))));
    let lattice = column_lattice(columns, pixel_size, guess).map_err(said)?;
    let places: Vec<(f64, f64)> = columns.iter().map(|c| scaled((c.x, c.y))).collect();
    let steps = lattice.axes(SHAPE);
    let settings =
        SpacingSettings { bootstrap: Bootstrap { draws: 200, ..Bootstrap::default() }, ..Default::default() };
    let spacings = steps.map(|step| spacings(&places, &lattice, None, step, &settings).ok());
    let calibrated = pixel_size.is_some();
    Ok(Outcome::Lattice(Box::new(LatticeResult { lattice, calibrated, spacings, revision })))
}

/// The power spectrum of an image.
pub fn spectrum(image: &Image, pixel_size: Option<PixelSize>) -> Outcome {
    let spectrum = Spectrum::new(&image.data, pixel_size);
    let pyramid = Pyramid::of(spectrum.log_power.clone());
    Outcome::Spectrum(Box::new(spectrum), pyramid)
}

/// Whether columns by a localiser are candidates whose threshold is free, or a fit's.
pub fn is_free(method: Localiser) -> bool {
    !method.fits()
}
