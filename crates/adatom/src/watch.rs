//! Long work that somebody looks at, and may end.

use crate::locate::LOWEST_PEAK;
use adatom_locate::{Method, Resampling, Settings, locate as locate_in_map};
use adatom_network::{Maps, Task};
use ndarray::Array2;

/// Stages of finding columns, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The scale for the network is chosen.
    Scale,
    /// The network runs, tile by tile.
    Network,
    /// Columns are located in the map and measured in the image.
    Measure,
    /// Columns are fitted to the image.
    Fit,
}

/// What is told while columns are found. Everything may be ignored; a closure hears the part that is done.
pub trait Watch {
    /// A stage begins.
    fn stage(&mut self, _stage: Stage) {}
    /// This part of the network's work is done, 0 to 1.
    fn progress(&mut self, _part: f64) {}
    /// The network has done another tile, not its last one.
    fn partial(&mut self, _partial: &Partial<'_>) {}
    /// Whether to end with [`crate::Error::Stopped`]; asked between tiles and trials of the scale.
    fn stopped(&self) -> bool {
        false
    }
}

/// Nobody looks.
pub(crate) struct Unwatched;

impl Watch for Unwatched {}

impl<F: FnMut(f64)> Watch for F {
    fn progress(&mut self, part: f64) {
        self(part);
    }
}

/// Work beside the stages: nobody is told of it, but it can be stopped.
pub(crate) struct Aside<'a>(pub(crate) &'a dyn Watch);

impl Watch for Aside<'_> {
    fn stopped(&self) -> bool {
        self.0.stopped()
    }
}

/// The maps as far as the network's tiles are done.
pub struct Partial<'a> {
    pub(crate) maps: &'a Maps,
    pub(crate) resampling: &'a Resampling,
}

impl Partial<'_> {
    /// A task's map in the file's pixels, zero where nothing is done.
    pub fn map(&self, task: Task) -> Option<Array2<f32>> {
        Some(self.resampling.inverse().apply(self.maps.get(&task)?))
    }

    /// Where columns are seen so far, `(x, y)` in the file's pixels.
    pub fn positions(&self) -> Vec<(f64, f64)> {
        let Some(map) = self.maps.get(&Task::GaussianMask) else { return Vec::new() };
        let settings = Settings { method: Method::Weighted, threshold: 2.0 * LOWEST_PEAK };
        let back = self.resampling.inverse();
        locate_in_map(map, &settings).iter().map(|column| back.forward((column.x, column.y))).collect()
    }
}
