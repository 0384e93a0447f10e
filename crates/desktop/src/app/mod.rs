//! The window: what it shows and what it knows.

mod canvas;
mod colours;
mod columns;
mod commands;
mod contrast;
mod dialogs;
mod events;
mod figure;
mod measure;
mod menu;
mod side;
mod status;

pub use commands::{Command, Tool};

use crate::document::{Document, Picture};
use crate::edit::Place;
use crate::jobs::{Jobs, Kind};
use crate::markers::Rings;
use crate::preferences::{Folders, Look, Preferences};
use crate::pyramid::Pyramid;
use crate::tiles::{Shown, Tiles};
use crate::view::View;
use crate::work::{LatticeResult, Models};
use crate::{batch, theme};
use adatom::{Compared, Precision, Spectrum, Spot};
use colours::{ColourBy, Coloured};
use columns::Inspected;
use dialogs::Dialog;
use egui::{Context, Rect, ThemePreference, Ui};
use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

/// How pictures are arranged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Layout {
    /// One picture.
    #[default]
    Single,
    /// Two beside each other.
    SideBySide,
    /// Two on each other, a slider between them.
    Split,
}

/// What the panel on the right shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Tab {
    #[default]
    Columns,
    Lattice,
    Compare,
    Batch,
}

/// A line about something that happened.
struct Notice {
    text: String,
    at: Instant,
}

/// Pictures while the network runs.
struct Growing {
    denoised: Option<Pyramid>,
    places: Vec<Place>,
}

/// What the pointer is doing to an image.
#[derive(Debug, Clone, Default, PartialEq)]
enum Drag {
    #[default]
    Nothing,
    Column {
        index: usize,
        to: Place,
    },
    Lasso(Vec<Place>),
}

/// The application.
pub struct App {
    /// The open document.
    pub document: Option<Document>,
    preferences: Preferences,
    saved_preferences: Preferences,
    folders: Folders,
    jobs: Jobs,
    models: Arc<Models>,
    signals: Vec<String>,
    view: View,
    spectrum_view: View,
    layout: Layout,
    panes: [Shown; 2],
    pane_rects: Vec<(Shown, Rect)>,
    canvas: Rect,
    split: f32,
    pictures: HashMap<Picture, Pyramid>,
    growing: Option<Growing>,
    tiles: Tiles,
    rings: Rings,
    tool: Tool,
    drag: Drag,
    vectors: Vec<Place>,
    hover: Option<(Shown, Place)>,
    show_columns: bool,
    colour_by: ColourBy,
    coloured: Option<Coloured>,
    selection: BTreeSet<usize>,
    inspected: Option<Inspected>,
    tab: Tab,
    lattice: Option<LatticeResult>,
    compared: Option<Vec<Compared>>,
    precise: Option<Precision>,
    spectrum: Option<(Spectrum, Pyramid)>,
    spots: Vec<Spot>,
    rows: Vec<batch::Row>,
    pixel_text: String,
    dialog: Option<Dialog>,
    queue: Vec<Command>,
    open_next: Vec<PathBuf>,
    notices: Vec<Notice>,
    autosaved: (u64, Instant),
    quitting: bool,
}

impl App {
    /// A window on a context, with files to open.
    pub fn new(ctx: &Context, folders: Folders, files: Vec<PathBuf>) -> Self {
        theme::install(ctx);
        let preferences = Preferences::load(&folders.config);
        let wake = ctx.clone();
        let left = folders.left_behind();
        let mut app = Self {
            document: None,
            saved_preferences: preferences.clone(),
            preferences,
            folders,
            jobs: Jobs::new(Arc::new(move || wake.request_repaint())),
            models: Arc::default(),
            signals: Vec::new(),
            view: View::default(),
            spectrum_view: View::default(),
            layout: Layout::default(),
            panes: [Shown::Picture(Picture::Input), Shown::Picture(Picture::ALL[1].0)],
            pane_rects: Vec::new(),
            canvas: Rect::NOTHING,
            split: 0.5,
            pictures: HashMap::new(),
            growing: None,
            tiles: Tiles::default(),
            rings: Rings::default(),
            tool: Tool::default(),
            drag: Drag::default(),
            vectors: Vec::new(),
            hover: None,
            show_columns: true,
            colour_by: ColourBy::default(),
            coloured: None,
            selection: BTreeSet::new(),
            inspected: None,
            tab: Tab::default(),
            lattice: None,
            compared: None,
            precise: None,
            spectrum: None,
            spots: Vec::new(),
            rows: Vec::new(),
            pixel_text: String::new(),
            dialog: left.into_iter().next().map(Dialog::Recover),
            queue: Vec::new(),
            open_next: files,
            notices: Vec::new(),
            autosaved: (0, Instant::now()),
            quitting: false,
        };
        app.apply_look(ctx);
        app.open_waiting();
        app
    }

    /// Draws a frame and does what the user asks for.
    pub fn ui(&mut self, ui: &mut Ui) {
        let ctx = ui.ctx().clone();
        self.tiles.begin_frame();
        self.take_events();
        self.take_dropped(&ctx);
        self.shortcuts(&ctx);
        self.menu(ui);
        self.status(ui);
        self.side(ui);
        self.right(ui);
        self.canvas(ui);
        self.dialogs(&ctx);
        for command in std::mem::take(&mut self.queue) {
            self.run(&ctx, command);
        }
        self.watch_close(&ctx);
        self.keep(&ctx);
    }

    /// Where a place of the image is on the screen, in the first pane.
    pub fn point_of(&self, place: Place) -> Option<egui::Pos2> {
        let (shown, rect) = self.pane_rects.first()?;
        let view = if *shown == Shown::Spectrum { &self.spectrum_view } else { &self.view };
        Some(view.screen_of(*rect, place))
    }

    /// Asks for something, as a menu does.
    pub fn ask(&mut self, command: Command) {
        self.queue.push(command);
    }

    /// Keeps the session against crashes now rather than when it is time.
    pub fn keep_now(&mut self) {
        self.autosave();
    }

    /// Whether a job runs.
    pub fn is_busy(&self) -> bool {
        self.jobs.all().next().is_some()
    }

    /// Shows all columns of the document at a view, for measurements of speed.
    pub fn look_at(&mut self, centre: Place, zoom: f64) {
        self.view = View { centre, zoom, fit: false, ..self.view };
    }

    /// The view: what is in the middle, and points of the screen a pixel.
    pub fn looks_at(&self) -> (Place, f64) {
        (self.view.centre, self.view.zoom)
    }

    fn apply_look(&self, ctx: &Context) {
        ctx.set_theme(match self.preferences.look {
            Look::System => ThemePreference::System,
            Look::Light => ThemePreference::Light,
            Look::Dark => ThemePreference::Dark,
        });
    }

    fn notice(&mut self, text: impl Into<String>) {
        self.notices.push(Notice { text: text.into(), at: Instant::now() });
    }

    fn fail(&mut self, text: impl Into<String>) {
        self.dialog = Some(Dialog::Message(text.into()));
    }

    /// A picture ready to be shown.
    fn picture(&mut self, picture: Picture) -> Option<Pyramid> {
        if let Some(Growing { denoised, .. }) = &self.growing
            && picture == Picture::ALL[1].0
        {
            return denoised.clone();
        }
        if let Some(pyramid) = self.pictures.get(&picture) {
            return Some(pyramid.clone());
        }
        let pyramid = Pyramid::of(self.document.as_ref()?.pixels(picture)?.clone());
        self.pictures.insert(picture, pyramid.clone());
        Some(pyramid)
    }

    /// Forgets what was shown of the columns before.
    fn columns_changed(&mut self) {
        self.selection.clear();
        self.coloured = None;
        self.inspected = None;
        self.drag = Drag::Nothing;
    }

    /// Forgets pictures other than the input.
    fn maps_changed(&mut self) {
        self.growing = None;
        self.pictures.retain(|picture, _| *picture == Picture::Input);
        self.tiles.clear();
    }

    /// Keeps the session and the preferences.
    fn keep(&mut self, ctx: &Context) {
        if self.preferences != self.saved_preferences && !ctx.input(|i| i.pointer.any_down()) {
            self.saved_preferences = self.preferences.clone();
            if let Err(message) = self.preferences.save(&self.folders.config) {
                self.notice(format!("Settings can't be kept: {message}"));
            }
        }
        let Some(document) = &self.document else { return };
        let (revision, at) = self.autosaved;
        let due = document.is_dirty() && document.revision() != revision;
        if due && at.elapsed() > AUTOSAVE && self.jobs.running(Kind::Autosave).is_none() {
            self.autosave();
        } else if due {
            ctx.request_repaint_after(AUTOSAVE);
        }
        if self.notices.iter().any(|notice| notice.at.elapsed() < NOTICE) {
            ctx.request_repaint_after(NOTICE);
        }
    }
}

/// Time between two autosaves, and that a notice is shown.
const AUTOSAVE: std::time::Duration = std::time::Duration::from_secs(20);
const NOTICE: std::time::Duration = std::time::Duration::from_secs(8);

impl eframe::App for App {
    fn ui(&mut self, ui: &mut Ui, _frame: &mut eframe::Frame) {
        self.ui(ui);
    }
}
