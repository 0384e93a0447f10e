//! The desktop face: a window in which images are seen, columns found, edited, measured and exported.
//!
//! Nothing here is science: that is crate `adatom`'s. What a window knows is a [`Document`] (an image, what was
//! found in it, the user's edits), which sessions keep; what takes time runs in [`Jobs`]. [`App`] draws both with egui
//! and can be driven without a screen.
//!
//! ```no_run
//! adatom_desktop::run(vec!["image.dm4".into()])?;
//! # Ok::<(), String>(())
//! ```

mod app;
mod batch;
mod colour;
mod document;
mod edit;
mod export;
mod jobs;
mod markers;
mod memory;
mod preferences;
mod pyramid;
mod raster;
mod scene;
mod session;
mod settings;
mod theme;
mod tiles;
mod view;
mod work;

pub use app::{App, Command, Layout, Tool};
pub use document::{Document, Found, Picture};
pub use edit::{Edit, EditedColumn, History, Origin};
pub use export::{Export, Figure, FigureImage, encode_png};
pub use jobs::{Event, Jobs, Kind, Monitor};
pub use preferences::{Folders, Look, Preferences};
pub use raster::Raster;
pub use session::{SessionError, is_session, load, save};
pub use settings::RunSettings;
pub use theme::install as install_theme;
pub use work::Outcome;

use egui::{IconData, ViewportBuilder};
use std::path::PathBuf;

/// Name by which desktops know the program.
const APP_ID: &str = "adatom";

/// Opens the window, with files if any are given, and returns when it is closed.
///
/// # Errors
/// When there is no screen or no way to draw on it.
pub fn run(files: Vec<PathBuf>) -> Result<(), String> {
    let folders = Folders::of_platform();
    run_app(move |ctx| App::new(ctx, folders, files))
}

/// Opens a window with an application on it.
///
/// # Errors
/// As [`run`].
pub fn run_app<A: eframe::App + 'static>(
    app: impl FnOnce(&egui::Context) -> A + 'static,
) -> Result<(), String> {
    let viewport = ViewportBuilder::default()
        .with_title("Adatom")
        .with_app_id(APP_ID)
        .with_icon(icon())
        .with_inner_size([1280.0, 800.0])
        .with_min_inner_size([720.0, 480.0])
        .with_drag_and_drop(true);
    let options = eframe::NativeOptions { viewport, ..Default::default() };
    eframe::run_native("Adatom", options, Box::new(move |context| Ok(Box::new(app(&context.egui_ctx)))))
        .map_err(|e| format!("no window can be opened ({e}); a display and OpenGL 2 or newer are needed"))
}

/// The icon: four columns and a ring around a fifth.
fn icon() -> IconData {
    const SIDE: usize = 64;
    let spot = |x: f32, y: f32, cx: f32, cy: f32, r: f32| (r + 0.5 - (x - cx).hypot(y - cy)).clamp(0.0, 1.0);
    let mut rgba = Vec::with_capacity(4 * SIDE * SIDE);
    for index in 0..SIDE * SIDE {
        let (x, y) = ((index % SIDE) as f32 + 0.5, (index / SIDE) as f32 + 0.5);
        let corner = (x - x.clamp(13.0, 51.0)).hypot(y - y.clamp(13.0, 51.0));
        let inside = (13.5 - corner).clamp(0.0, 1.0);
        let columns: f32 = [(16.0, 16.0), (48.0, 16.0), (16.0, 48.0), (48.0, 48.0)]
            .iter()
            .map(|(a, b)| spot(x, y, *a, *b, 6.5))
            .sum();
        let ring = (2.0 - ((x - 32.0).hypot(y - 32.0) - 8.5).abs()).clamp(0.0, 1.0);
        let dim = spot(x, y, 32.0, 32.0, 4.0);
        let mix = |under: f32, white: f32, grey: f32, red: f32| {
            let value = under + (white - under) * columns.min(1.0);
            let value = value + (grey - value) * dim;
            (value + (red - value) * ring) as u8
        };
        rgba.extend([
            mix(18.0, 232.0, 159.0, 255.0),
            mix(22.0, 237.0, 176.0, 82.0),
            mix(31.0, 247.0, 204.0, 54.0),
            (255.0 * inside) as u8,
        ]);
    }
    IconData { rgba, width: SIDE as u32, height: SIDE as u32 }
}
