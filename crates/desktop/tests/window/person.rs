//! One who sees the window and uses it.

use adatom_desktop::{App, Folders};
use adatom_formats::{PixelSize, write_tiff};
use egui::accesskit::Role;
use egui::{Event, Key, Modifiers, PointerButton, Pos2, vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use ndarray::Array2;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Longest time that a job may take.
const PATIENCE: Duration = Duration::from_secs(300);

/// Columns of a lattice on a field, `(x, y)` \[px\], not nearer to the border than half a spacing.
pub fn lattice((rows, columns): (usize, usize), spacing: f64) -> Vec<(f64, f64)> {
    let count = |side: usize| (side as f64 / spacing - 1.5) as usize;
    let at = |i: usize| spacing * (i as f64 + 0.9) + 0.37;
    (0..=count(rows)).flat_map(|j| (0..=count(columns)).map(move |i| (at(i), at(j) + 0.21))).collect()
}

/// An image of columns in a 16-bit range.
pub fn image((rows, columns): (usize, usize), places: &[(f64, f64)], sigma: f64) -> Array2<f32> {
    let mut image = Array2::from_elem((rows, columns), 2000.0_f32);
    let reach = (5.0 * sigma).ceil() as i64;
    for &(x, y) in places {
        for row in (y as i64 - reach).max(0)..(y as i64 + reach).min(rows as i64) {
            for column in (x as i64 - reach).max(0)..(x as i64 + reach).min(columns as i64) {
                let squared = (column as f64 - x).powi(2) + (row as f64 - y).powi(2);
                image[(row as usize, column as usize)] +=
                    (50_000.0 * (-squared / (2.0 * sigma * sigma)).exp()) as f32;
            }
        }
    }
    image
}

/// A window with folders of its own.
pub struct Person {
    pub harness: Harness<'static, Option<App>>,
    pub folder: TempDir,
}

impl Person {
    /// Starts the program with files.
    pub fn start(files: &[&Path]) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), files)
    }

    /// Starts the program again where it ran before.
    pub fn start_in(folder: TempDir, files: &[&Path]) -> Self {
        let folders = Folders::within(folder.path());
        let files: Vec<PathBuf> = files.iter().map(|path| path.to_path_buf()).collect();
        let harness = Harness::builder()
            .with_size(vec2(1280.0, 800.0))
            .with_context_setup(adatom_desktop::install_theme)
            .build_ui_state(
                move |ui, app: &mut Option<App>| {
                    app.get_or_insert_with(|| App::new(ui.ctx(), folders.clone(), files.clone())).ui(ui);
                },
                None,
            );
        let mut person = Self { harness, folder };
        person.wait();
        person
    }

    /// A file with a lattice of columns, and where they are.
    pub fn lattice_file(folder: &Path, size: (usize, usize), spacing: f64) -> (PathBuf, Vec<(f64, f64)>) {
        let places = lattice(size, spacing);
        let path = folder.join("lattice.tif");
        let pixel = PixelSize::square(0.2).unwrap();
        write_tiff(&path, &image(size, &places, 0.17 * spacing), Some(pixel)).unwrap();
        (path, places)
    }

    pub fn app(&mut self) -> &mut App {
        self.harness.state_mut().as_mut().unwrap()
    }

    /// Looks until nothing happens any more.
    pub fn wait(&mut self) {
        let begun = Instant::now();
        self.harness.run_steps(4);
        while self.app().is_busy() {
            assert!(begun.elapsed() < PATIENCE, "it takes too long");
            std::thread::sleep(Duration::from_millis(10));
            self.harness.step();
        }
        self.harness.run_steps(4);
        self.harness.check_accessibility();
    }

    /// Clicks what has this written on it.
    pub fn click(&mut self, words: &str) {
        self.harness.get_by_label(words).click();
        self.wait();
    }

    /// Clicks the button that has this written on it.
    pub fn press(&mut self, words: &str) {
        self.harness.get_by_role_and_label(Role::Button, words).click();
        self.wait();
    }

    /// Goes through menus.
    pub fn menu(&mut self, path: &[&str]) {
        for words in path {
            let found = self.harness.get_all_by_role(Role::Button).find(|node| {
                egui_kittest::kittest::NodeT::accesskit_node(node)
                    .label()
                    .is_some_and(|l| l.starts_with(words))
            });
            found.unwrap_or_else(|| panic!("no {words} in the menu")).click();
            self.harness.run_steps(6);
        }
        self.wait();
    }

    /// Writes into a field in place of what is in it.
    pub fn write(&mut self, field: &str, text: &str) {
        self.harness.get_by_role_and_label(Role::TextInput, field).focus();
        self.harness.run_steps(2);
        self.harness.key_press_modifiers(Modifiers::COMMAND, Key::A);
        self.harness.run_steps(2);
        self.harness.get_by_role_and_label(Role::TextInput, field).type_text(text);
        self.harness.run_steps(3);
    }

    /// What is in a field.
    pub fn written(&self, field: &str) -> String {
        self.harness.get_by_role_and_label(Role::TextInput, field).value().unwrap_or_default()
    }

    pub fn key(&mut self, modifiers: Modifiers, key: Key) {
        self.harness.key_press_modifiers(modifiers, key);
        self.wait();
    }

    /// Whether this is written somewhere.
    pub fn sees(&self, words: &str) -> bool {
        self.harness.query_all_by_label_contains(words).next().is_some()
    }

    fn point(&mut self, place: (f64, f64)) -> Pos2 {
        self.app().point_of(place).expect("the image is shown")
    }

    fn button(&mut self, pos: Pos2, pressed: bool) {
        let button = PointerButton::Primary;
        self.harness.event(Event::PointerButton { pos, button, pressed, modifiers: Modifiers::NONE });
        self.harness.run_steps(2);
    }

    /// Clicks a place of the image.
    pub fn click_at(&mut self, place: (f64, f64)) {
        let pos = self.point(place);
        self.harness.hover_at(pos);
        self.harness.run_steps(2);
        self.button(pos, true);
        self.button(pos, false);
        self.wait();
    }

    /// Drags through places of the image.
    pub fn drag(&mut self, places: &[(f64, f64)]) {
        let points: Vec<Pos2> = places.iter().map(|place| self.point(*place)).collect();
        self.harness.hover_at(points[0]);
        self.harness.run_steps(2);
        self.button(points[0], true);
        for point in &points[1..] {
            self.harness.hover_at(*point);
            self.harness.run_steps(2);
        }
        self.button(points[points.len() - 1], false);
        self.wait();
    }

    /// Where the columns are, in their order.
    pub fn columns(&mut self) -> Vec<(f64, f64)> {
        let document = self.app().document.as_ref().expect("a file is open");
        document.columns().iter().map(adatom_desktop::EditedColumn::place).collect()
    }
}
