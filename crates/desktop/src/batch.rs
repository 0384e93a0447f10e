//! Many images with the same settings: a folder of files, or the frames of a stack.

use crate::jobs::{Monitor, Report};
use crate::settings::RunSettings;
use crate::work::{Models, Outcome};
use adatom::{Restored, Watch, write_results};
use adatom_formats::{OutputFolder, PixelSize, Selection, open, write_atomically};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// One image of a batch.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// Its file.
    pub path: PathBuf,
    /// The frame, of a stack.
    pub frame: Option<usize>,
}

impl Item {
    /// Name of its result folder and in the table.
    pub fn name(&self) -> String {
        let file = self.path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        match self.frame {
            Some(frame) => format!("{file}-{frame:04}"),
            None => file,
        }
    }
}

/// A line of the table.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The image.
    pub name: String,
    /// What became of it.
    pub result: Result<Done, String>,
}

/// What was found in one image.
#[derive(Debug, Clone, PartialEq)]
pub struct Done {
    /// Columns.
    pub columns: usize,
    /// The scale.
    pub scale: f64,
    /// Seconds that it took.
    pub seconds: f64,
}

/// The images of a folder, or the frames of a stack, by name.
///
/// # Errors
/// A message when there are none.
pub fn items(path: &Path) -> Result<Vec<Item>, String> {
    if path.is_dir() && open(path).is_err() {
        let entries = std::fs::read_dir(path).map_err(|e| format!("{}: {e}", path.display()))?;
        let paths = entries.flatten().map(|entry| entry.path());
        let mut files: Vec<PathBuf> = paths.filter(|path| wanted(path)).collect();
        files.sort();
        if files.is_empty() {
            return Err(format!("{}: there are no files in this folder", path.display()));
        }
        return Ok(files.into_iter().map(|path| Item { path, frame: None }).collect());
    }
    let dataset = open(path).map_err(|e| e.to_string())?;
    let signal = dataset.default_signal().and_then(|number| dataset.signals().get(number));
    let frames = signal.map_or(1, |signal| signal.frames().max(1));
    let item = |frame| Item { path: path.to_owned(), frame };
    Ok(if frames > 1 { (0..frames).map(|frame| item(Some(frame))).collect() } else { vec![item(None)] })
}

/// Files that may be images: not hidden, no sessions, tables or texts that this program wrote.
fn wanted(path: &Path) -> bool {
    let extension = path.extension().map(|e| e.to_string_lossy().to_lowercase()).unwrap_or_default();
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let known = ["adatom", "csv", "json", "txt", "md", "html", "pdf", "svg", "toml"];
    path.is_file() && !name.starts_with('.') && !known.contains(&extension.as_str())
}

/// A batch.
pub struct Batch {
    /// The images.
    pub items: Vec<Item>,
    /// Where each image's results go, in a folder of its own, with the table `batch.csv`.
    pub folder: PathBuf,
    /// The pixel size of all, if files shall not say it.
    pub pixel_size: Option<PixelSize>,
    /// The settings.
    pub settings: RunSettings,
    /// The networks.
    pub models: Arc<Models>,
    /// Weights other than the built-in ones.
    pub model: Option<PathBuf>,
}

impl Batch {
    /// Works on one image after the other. One that fails is a line of the table, and the rest are done.
    ///
    /// # Errors
    /// A message when nothing can be written or the network is missing.
    pub fn run(&self, monitor: &mut Monitor) -> Result<Outcome, String> {
        std::fs::create_dir_all(&self.folder).map_err(|e| format!("{}: {e}", self.folder.display()))?;
        let mut rows = Vec::new();
        for (number, item) in self.items.iter().enumerate() {
            if monitor.stopped() {
                break;
            }
            let part = number as f64 / self.items.len() as f64;
            let title = format!("Batch: {} ({} of {})", item.name(), number + 1, self.items.len());
            monitor.report(Report::Progress(title, Some(part)));
            let row = Row { name: item.name(), result: self.one(item, monitor) };
            rows.push(row.clone());
            monitor.report(Report::Row(row));
            let table = table(&rows);
            let write = |file: &mut dyn std::io::Write| file.write_all(table.as_bytes());
            write_atomically(&self.folder.join("batch.csv"), write).map_err(|e| e.to_string())?;
        }
        let failed = rows.iter().filter(|row| row.result.is_err()).count();
        Ok(Outcome::Batch(rows.len() - failed, failed))
    }

    fn one(&self, item: &Item, monitor: &Monitor) -> Result<Done, String> {
        let model = self.models.get(self.model.as_deref())?;
        let selection = Selection { frame: item.frame, ..Selection::default() };
        let image = open(&item.path).and_then(|data| data.image(&selection)).map_err(|e| e.to_string())?;
        image.check_finite().and_then(|()| image.check_usable(8)).map_err(|e| e.to_string())?;
        crate::memory::enough_for_network(image.data.len(), self.settings.scale)?;
        let output = OutputFolder::create(&self.folder.join(format!("{}.adatom", item.name())))
            .map_err(|e| e.to_string())?;
        let size = image.pixel_size.or(self.pixel_size);
        let settings = self.settings.locate();
        let restored = Restored::new(&image.data, size, &model, &settings, &mut Quiet(monitor))
            .map_err(|e| e.to_string())?;
        let located = restored.into_located(&image.data, size, &model, &settings);
        write_results(output, &item.path, &image, size, &model, &settings, &located)
            .map_err(|e| e.to_string())?;
        Ok(Done {
            columns: located.columns.len(),
            scale: located.scale.factor,
            seconds: located.seconds.iter().map(|(_, seconds)| seconds).sum(),
        })
    }
}

/// Only whether to stop.
struct Quiet<'a>(&'a Monitor);

impl Watch for Quiet<'_> {
    fn stopped(&self) -> bool {
        self.0.stopped()
    }
}

/// The table as CSV.
fn table(rows: &[Row]) -> String {
    let mut csv = String::from("image,columns,scale,seconds,error\n");
    for row in rows {
        let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
        // Writing to a string can't fail.
        let _ = match &row.result {
            Ok(done) => {
                writeln!(csv, "{},{},{:.4},{:.2},", quoted(&row.name), done.columns, done.scale, done.seconds)
            }
            Err(message) => writeln!(csv, "{},,,,{}", quoted(&row.name), quoted(message)),
        };
    }
    csv
}
