//! An image with all that was found in it and done to it.

use crate::edit::{Edit, EditedColumn, History, Place};
use crate::settings::RunSettings;
use adatom::{FitReport, Localiser, LocatedColumn, Restored, measure_column};
use adatom_formats::{Image, PixelSize};
use adatom_locate::{median, median_nearest_distance};
use adatom_network::{Maps, Task};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// An edited column is the found one within this part of the distance to the nearest neighbour.
const REACH: f64 = 0.45;
/// The same without neighbours \[px\].
const REACH_PX: f64 = 6.0;

/// What a run found.
pub struct Found {
    /// Columns, by a fit those of the run's threshold, otherwise all candidates.
    pub columns: Vec<LocatedColumn>,
    /// The tasks' maps in the file's pixels.
    pub maps: Arc<Maps>,
    /// Factor from the file's pixels to the network's.
    pub scale: f64,
    /// The settings that it was found with.
    pub settings: RunSettings,
    /// What the user should know.
    pub warnings: Vec<String>,
    /// What a fit found out.
    pub fit: Option<FitReport>,
}

/// A picture of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Picture {
    /// The image as it was recorded.
    Input,
    /// A map of the network.
    Map(Task),
}

impl Picture {
    /// All of them with what they are called on the screen.
    pub const ALL: [(Self, &'static str); 6] = [
        (Self::Input, "Input"),
        (Self::Map(Task::NoNoise), "Denoised"),
        (Self::Map(Task::NoBackgroundNoNoise), "Background-free"),
        (Self::Map(Task::Superresolution), "Super-resolved"),
        (Self::Map(Task::GaussianMask), "Gaussian map"),
        (Self::Map(Task::CircularMask), "Circular mask"),
    ];

    /// What it is called on the screen.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(other, _)| *other == self).map_or("", |(_, name)| name)
    }
}

/// An image, what was found in it, and the user's edits.
pub struct Document {
    /// The image.
    pub image: Arc<Image>,
    /// Size of a pixel, by the file or by the user.
    pub pixel_size: Option<PixelSize>,
    /// Settings of the next run.
    pub settings: RunSettings,
    /// What the last run found.
    pub found: Option<Arc<Found>>,
    /// The maps at the network's scale, if the network ran since the document was opened.
    pub restored: Option<Arc<Restored>>,
    /// The user's edits.
    pub history: History,
    /// The session file.
    pub session: Option<PathBuf>,
    columns: Arc<Vec<EditedColumn>>,
    spacing_px: Option<f64>,
    revision: u64,
    saved: u64,
}

impl Document {
    /// An image that nothing is known of.
    pub fn new(image: Image) -> Self {
        Self {
            pixel_size: image.pixel_size,
            image: Arc::new(image),
            settings: RunSettings::default(),
            found: None,
            restored: None,
            history: History::default(),
            session: None,
            columns: Arc::default(),
            spacing_px: None,
            revision: 0,
            saved: 0,
        }
    }

    /// It as it is now, without the network's own maps, for a job to write.
    pub fn snapshot(&self) -> Self {
        Self {
            image: Arc::clone(&self.image),
            pixel_size: self.pixel_size,
            settings: self.settings,
            found: self.found.clone(),
            restored: None,
            history: self.history.clone(),
            session: self.session.clone(),
            columns: Arc::clone(&self.columns),
            spacing_px: self.spacing_px,
            revision: self.revision,
            saved: self.saved,
        }
    }

    /// The columns with all edits.
    pub fn columns(&self) -> &Arc<Vec<EditedColumn>> {
        &self.columns
    }

    /// The columns without saying where they come from.
    pub fn located(&self) -> Vec<LocatedColumn> {
        self.columns.iter().map(|edited| edited.column.clone()).collect()
    }

    /// Median distance of the columns to their nearest neighbours \[px\].
    pub fn spacing_px(&self) -> Option<f64> {
        self.spacing_px
    }

    /// A picture's pixels, if there are any.
    pub fn pixels(&self, picture: Picture) -> Option<&ndarray::Array2<f32>> {
        match picture {
            Picture::Input => Some(&self.image.data),
            Picture::Map(task) => self.found.as_ref()?.maps.get(&task),
        }
    }

    /// Counts the changes of what is shown.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// Whether something would be lost without saving.
    pub fn is_dirty(&self) -> bool {
        self.revision != self.saved
    }

    /// Nothing would be lost any more.
    pub fn saved(&mut self) {
        self.saved = self.revision;
    }

    /// Takes the settings' threshold and the edits into account.
    pub fn refresh(&mut self) {
        let found = self.found.as_deref().map_or(&[][..], |found| &found.columns);
        let method = self.found.as_ref().map(|found| found.settings.method);
        let threshold = if method == Some(Localiser::Otsu) { 0.0 } else { self.settings.threshold };
        let shown = || found.iter().filter(move |column| column.score >= threshold).cloned();
        let places: Vec<Place> = shown().map(|column| (column.x, column.y)).collect();
        let spacing = median_nearest_distance(&places).filter(|spacing| spacing.is_finite());
        let reach = spacing.map_or(REACH_PX, |spacing| REACH * spacing);
        self.columns = Arc::new(self.history.apply(shown(), reach));
        self.spacing_px = spacing.or_else(|| {
            let places: Vec<Place> = self.columns.iter().map(EditedColumn::place).collect();
            median_nearest_distance(&places).filter(|spacing| spacing.is_finite())
        });
        self.revision += 1;
    }

    /// Takes what a run found.
    pub fn set_found(&mut self, found: Arc<Found>) {
        self.found = Some(found);
        self.refresh();
    }

    /// Does an edit.
    pub fn edit(&mut self, edit: Edit) {
        self.history.push(edit);
        self.refresh();
    }

    /// Takes the last edit back.
    pub fn undo(&mut self) {
        if self.history.undo() {
            self.refresh();
        }
    }

    /// Does the last undone edit again.
    pub fn redo(&mut self) {
        if self.history.redo() {
            self.refresh();
        }
    }

    /// A column put at a place by hand, measured as the others are.
    pub fn measured_at(&self, place: Place) -> LocatedColumn {
        let mut radii: Vec<f64> =
            self.columns.iter().map(|c| c.column.radius_px).filter(|r| r.is_finite()).collect();
        let radius = median(&mut radii).unwrap_or(f64::NAN);
        let none = Maps::new();
        let maps = self.found.as_ref().map_or(&none, |found| &found.maps);
        measure_column(&self.image.data, maps, place, radius)
    }

    /// Adds a column: at the centre of a Gaussian fitted there, if one fits within the columns' width of the place.
    pub fn add(&mut self, place: Place) {
        let start = self.measured_at(place);
        let mut columns = self.located();
        columns.push(start.clone());
        let reach = REACH * self.spacing_px.unwrap_or(2.0 * REACH_PX);
        let fitted = adatom::inspect(&self.image.data, &columns, columns.len() - 1).map(|seen| seen.fit);
        let centre = fitted
            .filter(|fit| fit.reason.is_none())
            .map(|fit| (fit.x, fit.y))
            .filter(|(x, y)| (x - place.0).hypot(y - place.1) < reach);
        let column = centre.map_or(start, |centre| self.measured_at(centre));
        self.edit(Edit::Add { column: Box::new(column) });
    }

    /// The columns of these indices as one, in their middle.
    pub fn merge(&mut self, indices: &[usize]) {
        let at: Vec<Place> = indices.iter().map(|index| self.columns[*index].place()).collect();
        if at.len() < 2 {
            return;
        }
        let n = at.len() as f64;
        let middle = (at.iter().map(|p| p.0).sum::<f64>() / n, at.iter().map(|p| p.1).sum::<f64>() / n);
        let into = Box::new(self.measured_at(middle));
        self.edit(Edit::Merge { at, into });
    }

    /// The column of this index as two, along the direction in which it is longest.
    pub fn split(&mut self, index: usize) {
        let Some(edited) = self.columns.get(index) else { return };
        let (at, column) = (edited.place(), &edited.column);
        let width = column.fit.map_or(0.6 * column.radius_px, |fit| fit.sigma_px[0]);
        let width = if width.is_finite() { width } else { 0.15 * self.spacing_px.unwrap_or(12.0) };
        let seen = adatom::inspect(&self.image.data, &self.located(), index);
        let angle = seen.map_or(0.0, |seen| seen.fit.angle_rad);
        let half = |sign: f64| {
            self.measured_at((at.0 + sign * width * angle.cos(), at.1 + sign * width * angle.sin()))
        };
        let into = vec![half(-1.0), half(1.0)];
        self.edit(Edit::Split { at, into });
    }

    /// A new file name beside the image's: `image.dm4` and `-atoms.csv` give `image-atoms.csv`.
    pub fn beside(&self, ending: &str) -> PathBuf {
        beside(&self.image.source.path, ending)
    }

    /// The name of the image's file.
    pub fn name(&self) -> String {
        self.image.source.path.file_name().map_or("image".into(), |name| name.to_string_lossy().into_owned())
    }
}

/// A file name beside `path`, with `ending` in place of its extension.
pub fn beside(path: &Path, ending: &str) -> PathBuf {
    let stem = path.file_stem().map_or("image".into(), |stem| stem.to_string_lossy().into_owned());
    path.with_file_name(format!("{stem}{ending}"))
}
