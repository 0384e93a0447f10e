use crate::localiser::refine;
use crate::locate::{Seen, measure};
use crate::{
    Error, FitReport, LoadedModel, LocateSettings, Located, LocatedColumn, Scale, ScaleChoice, Stage, Watch,
    scale,
};
use adatom_formats::PixelSize;
use adatom_network::{Maps, Task};
use ndarray::Array2;
use std::time::Instant;

/// An image that the network has seen: its maps, in which columns can be located again by another
/// localiser or threshold without running the network again.
pub struct Restored {
    /// The tasks' maps in the file's pixels and unit.
    pub maps: Maps,
    /// The scale.
    pub scale: ScaleChoice,
    /// Things the user should know.
    pub warnings: Vec<String>,
    /// Seconds spent on each stage.
    pub seconds: Vec<(&'static str, f64)>,
    seen: Seen,
    resampling: f64,
}

/// Restores an image without looking for its columns: the maps of `tasks` as the network gives them. The masks of
/// [`crate::locate`] are means over mirrored images where columns are in doubt.
///
/// # Errors
/// When the scale makes no sense, the model has not learnt a task, the network can't be run, or [`Error::Stopped`].
pub fn restore(
    image: &Array2<f32>,
    pixel_size: Option<PixelSize>,
    model: &LoadedModel,
    scale: Scale,
    tasks: &[Task],
    watch: &mut dyn Watch,
) -> Result<Restored, Error> {
    if let Some(task) = tasks.iter().find(|task| !model.card.network.tasks.contains(task)) {
        let expected = "a task that the model has learnt";
        return Err(Error::Setting { name: "task", value: task.name().to_owned(), expected });
    }
    let settings = LocateSettings { scale, ..LocateSettings::default() };
    let mut restored = Restored::looked(image, pixel_size, model, &settings, Seen::new, watch)?;
    restored.maps.retain(|task, _| tasks.contains(task));
    Ok(restored)
}

/// How the network looks at an image: [`Seen::new`] or [`Seen::twice`].
type Look = fn(&Array2<f32>, f64, f64, &LoadedModel, &mut dyn Watch) -> Result<Seen, Error>;

/// Columns by one localiser.
pub struct LocatedColumns {
    /// From top to bottom and left to right.
    pub columns: Vec<LocatedColumn>,
    /// What a fit found out about the image.
    pub fit: Option<FitReport>,
    /// Seconds spent on each stage.
    pub seconds: Vec<(&'static str, f64)>,
}

impl Restored {
    /// Chooses the scale and runs the network.
    ///
    /// # Errors
    /// When the scale makes no sense, the network can't be run, or [`Error::Stopped`].
    pub fn new(
        image: &Array2<f32>,
        pixel_size: Option<PixelSize>,
        model: &LoadedModel,
        settings: &LocateSettings,
        watch: &mut dyn Watch,
    ) -> Result<Self, Error> {
        Self::looked(image, pixel_size, model, settings, Seen::twice, watch)
    }

    /// As [`Self::new`], by the `look` of [`Seen`].
    fn looked(
        image: &Array2<f32>,
        pixel_size: Option<PixelSize>,
        model: &LoadedModel,
        settings: &LocateSettings,
        look: Look,
        watch: &mut dyn Watch,
    ) -> Result<Self, Error> {
        let mut warnings = Vec::new();
        let aspect = pixel_size.map_or(1.0, |size| size.y_angstrom / size.x_angstrom);
        let begun = Instant::now();
        watch.stage(Stage::Scale);
        let scale = scale::choose(image, aspect, model, settings, &mut warnings, watch)?;
        let scaled = Instant::now();
        watch.stage(Stage::Network);
        let seen = look(image, aspect, scale.factor, model, watch)?;
        let run = Instant::now();
        let back = seen.resampling.inverse();
        let maps: Maps = seen.maps.iter().map(|(task, map)| (*task, back.apply(map))).collect();
        let seconds =
            vec![("scale", (scaled - begun).as_secs_f64()), ("network", (run - scaled).as_secs_f64())];
        Ok(Self { maps, scale, warnings, seconds, seen, resampling: run.elapsed().as_secs_f64() })
    }

    /// Locates the columns in the maps and measures them in the image, which must be the same; the
    /// settings' scale is not looked at.
    pub fn locate(
        &self,
        image: &Array2<f32>,
        pixel_size: Option<PixelSize>,
        model: &LoadedModel,
        settings: &LocateSettings,
        watch: &mut dyn Watch,
    ) -> LocatedColumns {
        let begun = Instant::now();
        watch.stage(Stage::Measure);
        let mut columns = measure(image, &self.maps, &self.seen, &self.seen.find(image, model, settings));
        let mut seconds = vec![("measure", begun.elapsed().as_secs_f64())];
        let measured = Instant::now();
        if settings.method.fits() {
            watch.stage(Stage::Fit);
        }
        let fit = refine(image, pixel_size, &mut columns, settings);
        if fit.is_some() {
            seconds.push(("fit", measured.elapsed().as_secs_f64()));
        }
        LocatedColumns { columns, fit, seconds }
    }

    /// The columns with all that is known.
    pub fn into_located(
        self,
        image: &Array2<f32>,
        pixel_size: Option<PixelSize>,
        model: &LoadedModel,
        settings: &LocateSettings,
    ) -> Located {
        let mut found = self.locate(image, pixel_size, model, settings, &mut crate::watch::Unwatched);
        found.seconds[0].1 += self.resampling;
        let seconds = self.seconds.into_iter().chain(found.seconds).collect();
        Located {
            columns: found.columns,
            maps: self.maps,
            scale: self.scale,
            fit: found.fit,
            warnings: self.warnings,
            seconds,
        }
    }
}
