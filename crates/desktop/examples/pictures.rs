//! Makes pictures of the window for the manual, without a screen:
//!
//! ```sh
//! cargo run --release -p adatom-desktop --example pictures -- examples/srtio3.tif docs
//! ```

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

use adatom::Localiser;
use adatom_desktop::{App, Command, Folders, Layout, Look, Raster};
use egui::accesskit::Role;
use egui::{Color32, Theme, vec2};
use egui_kittest::kittest::Queryable;
use egui_kittest::{Harness, TestRenderer};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Points of a picture.
const SIZE: egui::Vec2 = vec2(1200.0, 750.0);

/// Points around the window.
const MARGIN: f32 = 8.0;

/// Draws with the processor.
struct Drawing(Arc<Mutex<Raster>>);

impl TestRenderer for Drawing {
    fn handle_delta(&mut self, delta: &mut egui::TexturesDelta) {
        self.0.lock().unwrap().take(delta);
        delta.clear();
    }
}

struct Window {
    harness: Harness<'static, Option<App>>,
    raster: Arc<Mutex<Raster>>,
    scale: f32,
}

impl Window {
    fn open(image: &Path, folder: &Path, theme: Theme, scale: f32) -> Self {
        let raster = Arc::new(Mutex::new(Raster::default()));
        let (folders, files) = (Folders::within(folder), vec![image.to_owned()]);
        let harness = Harness::builder()
            .with_size(SIZE)
            .with_pixels_per_point(scale)
            .with_theme(theme)
            .with_context_setup(adatom_desktop::install_theme)
            .renderer(Drawing(Arc::clone(&raster)))
            .build_ui_state(
                move |ui, app: &mut Option<App>| {
                    app.get_or_insert_with(|| App::new(ui.ctx(), folders.clone(), files.clone())).ui(ui);
                },
                None,
            );
        let mut window = Self { harness, raster, scale };
        window.wait();
        window
    }

    fn app(&mut self) -> &mut App {
        self.harness.state_mut().as_mut().unwrap()
    }

    fn wait(&mut self) {
        self.harness.run_steps(4);
        while self.app().is_busy() {
            std::thread::sleep(Duration::from_millis(20));
            self.harness.step();
        }
        self.harness.run_steps(6);
    }

    fn press(&mut self, words: &str) {
        self.harness.get_by_role_and_label(Role::Button, words).click();
        self.wait();
        self.harness.remove_cursor();
        self.harness.run_steps(4);
    }

    fn ask(&mut self, command: Command) {
        self.app().ask(command);
        self.wait();
    }

    /// Clicks a place of the image.
    fn click_at(&mut self, place: (f64, f64)) {
        let pos = self.app().point_of(place).unwrap();
        self.harness.hover_at(pos);
        self.harness.run_steps(2);
        self.harness.drag_at(pos);
        self.harness.run_steps(2);
        self.harness.drop_at(pos);
        self.wait();
    }

    /// Waits until notices are gone, and draws.
    fn draw(&mut self, file: &Path) {
        std::thread::sleep(Duration::from_millis(8100));
        self.harness.run_steps(6);
        let output = self.harness.output().clone();
        let triangles = self.harness.ctx.tessellate(output.shapes, self.scale);
        let size = [SIZE.x, SIZE.y].map(|side| (side * self.scale) as usize);
        let whole = self.raster.lock().unwrap().draw(&triangles, size, self.scale, Color32::BLACK);
        // Without the margin that the test harness has around the window.
        let margin = (MARGIN * self.scale) as usize;
        let picture = whole.region_by_pixels([margin; 2], size.map(|side| side - 2 * margin));
        std::fs::write(file, adatom_desktop::encode_png(&picture, None).unwrap()).unwrap();
        println!("{}", file.display());
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1).map(PathBuf::from);
    let image = arguments.next().expect("the image");
    let folder = arguments.next().expect("the folder for pictures");
    let own = std::env::temp_dir().join(format!("adatom-pictures-{}", std::process::id()));

    let mut window = Window::open(&image, &own, Theme::Dark, 1.0);
    window.press("Find columns");
    let columns = window.app().document.as_ref().unwrap().columns().len();
    window.draw(&folder.join("desktop-found.png"));

    window.app().document.as_mut().unwrap().settings.method = Localiser::Mle;
    window.ask(Command::Relocate);
    let near = |app: &App, to: (f64, f64)| {
        let places = app.document.as_ref().unwrap().columns().iter().map(|c| c.place());
        let off = |p: &(f64, f64)| (p.0 - to.0).hypot(p.1 - to.1);
        places.min_by(|a, b| off(a).total_cmp(&off(b))).unwrap()
    };
    window.app().look_at((250.0, 240.0), 3.2);
    window.harness.run_steps(3);
    let place = near(window.app(), (250.0, 240.0));
    window.click_at(place);
    window.draw(&folder.join("desktop-column.png"));

    window.ask(Command::SelectNone);
    window.ask(Command::Fit);
    window.ask(Command::Layout(Layout::Split));
    window.draw(&folder.join("desktop-split.png"));

    let mut window = Window::open(&image, &own, Theme::Light, 1.0);
    window.ask(Command::Look(Look::Light));
    window.press("Find columns");
    window.ask(Command::Spectrum);
    window.ask(Command::Lattice);
    window.draw(&folder.join("desktop-lattice.png"));
    let _ = std::fs::remove_dir_all(own);
    println!("{columns} columns");
}
