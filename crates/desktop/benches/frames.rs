//! Time from frame to frame while panning over 4096² pixels with 50,000 columns, in a real window:
//!
//! ```sh
//! LIBGL_ALWAYS_SOFTWARE=1 xvfb-run -a -s "-screen 0 1920x1080x24" cargo bench -p adatom-desktop --bench frames
//! ```

#![allow(clippy::print_stdout, clippy::unwrap_used)]

use adatom::LocatedColumn;
use adatom_desktop::{App, Document, Folders, Found, RunSettings};
use adatom_formats::{Image, ImageInfo, PixelSize};
use ndarray::Array2;
use std::sync::Arc;
use std::time::Instant;

const SIDE: usize = 4096;
const COLUMNS: usize = 50_000;
/// Frames that are left out and those that count, of every zoom.
const FRAMES: (usize, usize) = (20, 120);
/// Points a pixel: the whole image, half, one to one, and close.
const ZOOMS: [f64; 4] = [0.19, 0.5, 1.0, 4.0];

struct Bench {
    app: App,
    zoom: usize,
    frame: usize,
    last: Instant,
    times: Vec<f64>,
}

impl eframe::App for Bench {
    fn ui(&mut self, ui: &mut egui::Ui, _: &mut eframe::Frame) {
        let now = Instant::now();
        if self.frame > FRAMES.0 {
            self.times.push((now - self.last).as_secs_f64() * 1000.0);
        }
        self.last = now;
        let turn = self.frame as f64 * 0.05;
        let middle = SIDE as f64 / 2.0;
        // Half a window's way around: new tiles come into view all the time.
        let reach = 300.0 / ZOOMS[self.zoom];
        let reach = reach.min(middle / 2.0);
        self.app.look_at((middle + reach * turn.cos(), middle + reach * turn.sin()), ZOOMS[self.zoom]);
        self.app.ui(ui);
        self.frame += 1;
        if self.frame > FRAMES.0 + FRAMES.1 {
            self.times.sort_by(f64::total_cmp);
            let at = |part: f64| self.times[((self.times.len() - 1) as f64 * part) as usize];
            println!(
                "zoom {:5.2}: median {:5.1} ms ({:4.0} frames a second), 95 % below {:5.1} ms",
                ZOOMS[self.zoom],
                at(0.5),
                1000.0 / at(0.5),
                at(0.95)
            );
            self.times.clear();
            self.frame = 0;
            self.zoom += 1;
            if self.zoom == ZOOMS.len() {
                ui.ctx().send_viewport_cmd(egui::ViewportCommand::Close);
                self.zoom = 0;
            }
        }
        ui.ctx().request_repaint();
    }
}

fn document() -> Document {
    let data = Array2::from_shape_fn((SIDE, SIDE), |(row, column)| {
        let wave = |v: usize| (std::f32::consts::TAU * v as f32 / 18.3).cos();
        let noise = ((row * 7919 + column * 104_729) % 997) as f32 / 997.0;
        wave(row) * wave(column) + noise
    });
    let size = PixelSize::square(0.1).unwrap();
    let image = Image { data, pixel_size: Some(size), source: ImageInfo::default() };
    let side = (COLUMNS as f64).sqrt().ceil() as usize;
    let step = SIDE as f64 / side as f64;
    let place = |i: usize| ((i % side) as f64 * step, (i / side) as f64 * step);
    let columns = (0..COLUMNS).map(|i| LocatedColumn::at(place(i).0, place(i).1)).collect();
    let mut document = Document::new(image);
    document.set_found(Arc::new(Found {
        columns,
        maps: Arc::default(),
        scale: 1.0,
        settings: RunSettings::default(),
        warnings: Vec::new(),
        fit: None,
    }));
    document.saved();
    document
}

fn main() {
    let folder = std::env::temp_dir().join(format!("adatom-frames-{}", std::process::id()));
    let folders = Folders::within(&folder);
    let ran = adatom_desktop::run_app(move |ctx| {
        let mut app = App::new(ctx, folders, Vec::new());
        app.document = Some(document());
        Bench { app, zoom: 0, frame: 0, last: Instant::now(), times: Vec::new() }
    });
    let _ = std::fs::remove_dir_all(folder);
    if let Err(message) = ran {
        println!("{message}");
        std::process::exit(1);
    }
}
