use crate::encode::hash;
use crate::import::PARAMS;
use crate::journal::{digest, records};
use crate::library::members;
use crate::store::{all_files, member_name, member_of_record, shard_path};
use crate::text::parse_rows;
use crate::zarr;
use crate::{ArchiveError, Depth, Label, Layout, Library, Record};
use ndarray::{Array2, s};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Samples that are checked together.
const BATCH: usize = 64;
/// Grey levels of 255 by which a value that was rounded twice may differ.
const ROUNDING: f32 = 1.6;
/// Slope of a background at most, in its height a width of the image.
const STEEPEST: f32 = 30.0;
/// Grey levels of 255 by which a pixel differs from the mean of its four in a 2× image at most: peaks are round.
const ROUNDEST: f32 = 8.0;

/// What is wrong with a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Issue {
    /// The file or folder.
    pub path: PathBuf,
    /// What was found and what would be right.
    pub message: String,
}

type Files = BTreeMap<Label, Vec<u8>>;

/// Checks a library: descriptions, count, hashes, files that don't belong to it, and that the labels of a sample
/// agree with each other. Of an imported library, whose labels were made elsewhere, only files and positions.
///
/// # Errors
/// When the library's descriptions can't be read; what is wrong with samples is returned.
pub fn verify(
    library: &Library,
    jobs: usize,
    progress: &mut dyn FnMut(f64),
) -> Result<Vec<Issue>, ArchiveError> {
    let manifest = library.manifest();
    let mut issues = Vec::new();
    if manifest.samples_sha256.as_ref() != Some(&digest(library.folder())?) {
        let message = "its SHA-256 is not the one in library.json".to_owned();
        issues.push(Issue { path: library.folder().join("samples.jsonl"), message });
    }
    let mut records = records(library.folder())?.peekable();
    let mut shard: Option<(PathBuf, Box<dyn Iterator<Item = _>>)> = None;
    let mut done: u64 = 0;
    while records.peek().is_some() {
        let mut batch = Vec::new();
        for record in records.by_ref().take(BATCH) {
            let record = record?;
            let files = match manifest.format {
                Layout::Temimagenet | Layout::Zarr => None,
                Layout::Webdataset => {
                    let path = shard_path(library.folder(), record.id);
                    if shard.as_ref().is_none_or(|(open, _)| *open != path) {
                        shard = match members(&path) {
                            Ok(members) => Some((path.clone(), Box::new(members))),
                            Err(error) => {
                                issues.push(Issue { path: path.clone(), message: error.to_string() });
                                Some((path.clone(), Box::new(std::iter::empty())))
                            }
                        };
                    }
                    let members = shard.as_mut().map(|(_, members)| members);
                    Some(members.map_or_else(Files::new, |members| take(members, library, &record)))
                }
            };
            batch.push((record, files));
        }
        let each = batch.len().div_ceil(jobs.max(1));
        let found: Vec<Vec<Issue>> = std::thread::scope(|scope| {
            let work = |part: Vec<(Record, Option<Files>)>| {
                part.into_iter().flat_map(|(record, files)| Sample::check(library, &record, files)).collect()
            };
            let mut handles = Vec::new();
            while !batch.is_empty() {
                let part: Vec<_> = batch.drain(..each.min(batch.len())).collect();
                done += part.len() as u64;
                handles.push(scope.spawn(move || work(part)));
            }
            handles.into_iter().map(|handle| handle.join().unwrap_or_default()).collect()
        });
        issues.extend(found.into_iter().flatten());
        progress(done as f64 / manifest.count() as f64);
    }
    if manifest.recipe.is_some() && done != manifest.count() {
        let message = format!("{done} lines; the library has {} samples", manifest.count());
        issues.push(Issue { path: library.folder().join("samples.jsonl"), message });
    }
    strangers(library, &mut issues)?;
    Ok(issues)
}

/// A sample's members of a shard.
fn take(
    members: &mut dyn Iterator<Item = Result<(String, Vec<u8>), ArchiveError>>,
    library: &Library,
    record: &Record,
) -> Files {
    let mut files = Files::new();
    let last = member_of_record(record.id);
    for (name, bytes) in members.map_while(Result::ok) {
        if name == last {
            break;
        }
        let known =
            record.files.keys().find(|label| name == member_name(library.manifest(), **label, record.id));
        if let Some(label) = known {
            files.insert(*label, bytes);
        }
    }
    files
}

/// Files in the library's folders that no sample has.
fn strangers(library: &Library, issues: &mut Vec<Issue>) -> Result<(), ArchiveError> {
    let manifest = library.manifest();
    let folder = library.folder();
    let mut known: BTreeSet<PathBuf> = if manifest.recipe.is_some() {
        all_files(manifest, manifest).into_iter().map(|(path, _)| folder.join(path)).collect()
    } else {
        let mut known = BTreeSet::new();
        for record in records(folder)? {
            let record = record?;
            known.extend(record.files.keys().map(|label| library.path(*label, record.id)));
        }
        known
    };
    let folders: Vec<PathBuf> = match manifest.format {
        Layout::Temimagenet => manifest.labels.iter().map(|label| folder.join(label.name())).collect(),
        Layout::Webdataset => vec![folder.to_owned()],
        Layout::Zarr => {
            for (path, wrong) in zarr::check(folder, manifest)? {
                issues.extend(wrong.map(|wrong| Issue { path: path.clone(), message: wrong.to_owned() }));
                known.insert(path);
            }
            zarr::folders(folder, manifest)
        }
    };
    for folder in folders {
        let Ok(entries) = fs::read_dir(&folder) else {
            issues.push(Issue { path: folder, message: "the folder can't be read".to_owned() });
            continue;
        };
        for path in entries.filter_map(|entry| entry.ok().map(|entry| entry.path())) {
            let shard = path.extension().is_some_and(|extension| extension == "tar");
            let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
            if !known.contains(&path) && !hidden && (manifest.format != Layout::Webdataset || shard) {
                issues.push(Issue { path, message: "belongs to no sample of the library".to_owned() });
            }
        }
    }
    Ok(())
}

/// A sample's decoded files while it is checked.
struct Sample<'a> {
    library: &'a Library,
    record: &'a Record,
    images: BTreeMap<Label, Array2<f32>>,
    texts: BTreeMap<Label, Vec<Vec<f64>>>,
    issues: Vec<Issue>,
}

impl<'a> Sample<'a> {
    fn check(library: &'a Library, record: &'a Record, files: Option<Files>) -> Vec<Issue> {
        let (images, texts) = (BTreeMap::new(), BTreeMap::new());
        let mut sample = Self { library, record, images, texts, issues: Vec::new() };
        sample.read(files);
        sample.check_sizes();
        sample.check_positions();
        if library.manifest().recipe.is_some() {
            sample.check_masks();
            sample.check_images();
        }
        sample.issues
    }

    fn wrong(&mut self, label: Label, message: impl Into<String>) {
        let path = self.library.path(label, self.record.id);
        self.issues.push(Issue { path, message: message.into() });
    }

    fn read(&mut self, mut files: Option<Files>) {
        for (&label, expected) in &self.record.files {
            let path = self.library.path(label, self.record.id);
            let bytes = match &mut files {
                Some(files) => files.remove(&label).ok_or_else(|| "is missing".to_owned()),
                None => fs::read(&path).map_err(|error| match error.kind() {
                    std::io::ErrorKind::NotFound => "is missing".to_owned(),
                    _ => error.to_string(),
                }),
            };
            let bytes = match bytes {
                Ok(bytes) => bytes,
                Err(message) => {
                    self.wrong(label, message);
                    continue;
                }
            };
            if hash(&bytes) != *expected {
                self.wrong(label, "its SHA-256 is not the one in samples.jsonl");
            }
            if label.is_image() {
                match self.library.decode(label, &path, bytes) {
                    Ok(image) => drop(self.images.insert(label, image)),
                    Err(error) => self.wrong(label, error.to_string()),
                }
            } else {
                match parse_rows(&String::from_utf8_lossy(&bytes)) {
                    Ok(rows) => drop(self.texts.insert(label, rows)),
                    Err(message) => self.wrong(label, message),
                }
            }
        }
    }

    fn check_sizes(&mut self) {
        let Some((rows, columns)) = self.images.get(&Label::Image).map(Array2::dim) else { return };
        let wrong: Vec<_> = (self.images.iter())
            .map(|(label, image)| (*label, image.dim(), (rows * label.factor(), columns * label.factor())))
            .filter(|(_, found, wanted)| found != wanted)
            .collect();
        for (label, (rows, columns), wanted) in wrong {
            let message =
                format!("{columns} × {rows} px; with its image it must be {} × {}", wanted.1, wanted.0);
            self.wrong(label, message);
            self.images.remove(&label);
        }
    }

    fn check_positions(&mut self) {
        let size = self.images.get(&Label::Image).map(Array2::dim);
        let columns = &self.record.columns;
        let mut wrong = Vec::new();
        for (label, width) in [(Label::Position, 2), (Label::PositionRadius, 3)] {
            let Some(rows) = self.texts.get(&label) else { continue };
            if rows.len() != columns.len() {
                wrong
                    .push((label, format!("{} lines; the sample has {} columns", rows.len(), columns.len())));
                continue;
            }
            for (line, (row, column)) in rows.iter().zip(columns).enumerate() {
                let inside = |value: f64, side: usize| (0.5..side as f64 + 0.5).contains(&value);
                let message = if row.len() != width {
                    format!("{} numbers; there must be {width}", row.len())
                } else if (row[0] - 1.0 - column.y).hypot(row[1] - 1.0 - column.x) > 1e-9 {
                    "not the position in samples.jsonl".to_owned()
                } else if self.library.manifest().recipe.is_some()
                    && size.is_some_and(|(rows, columns)| !inside(row[0], rows) || !inside(row[1], columns))
                {
                    "outside the image".to_owned()
                } else if width == 3 && row[2] != self.record.radius_px {
                    format!("radius {}; the sample's is {}", row[2], self.record.radius_px)
                } else {
                    continue;
                };
                wrong.push((label, format!("line {}: {message}", line + 1)));
            }
        }
        for (label, radius) in
            [(Label::Radius, self.record.radius_px), (Label::SmallRadius, self.record.small_radius_px)]
        {
            if self.texts.get(&label).is_some_and(|rows| *rows != [[radius]]) {
                wrong.push((label, format!("not the radius in samples.jsonl, {radius}")));
            }
        }
        if self
            .texts
            .get(&Label::Params)
            .is_some_and(|rows| rows.len() != PARAMS || rows.iter().any(|r| r.len() != 1))
        {
            wrong.push((Label::Params, format!("must be {PARAMS} lines of one number")));
        }
        wrong.into_iter().for_each(|(label, message)| self.wrong(label, message));
    }

    /// Discs and Gaussians stand where the positions are, and nowhere else but at the border, where those of
    /// columns outside the image reach in.
    fn check_masks(&mut self) {
        let (record, mut wrong) = (self.record, Vec::new());
        for (label, radius) in
            [(Label::CircularMask, record.radius_px), (Label::SmallCircularMask, record.small_radius_px)]
        {
            let Some(mask) = self.images.get(&label) else { continue };
            let (rows, columns) = mask.dim();
            let discs = discs(record, radius, mask.dim());
            let off = mask.indexed_iter().find(|((row, column), value)| {
                let (x, y) = (*column as f64, *row as f64);
                let within = discs[(*row, *column)];
                let edge = x.min(y).min((columns - 1 - column) as f64).min((rows - 1 - row) as f64) + 0.5;
                if **value > 0.0 { !within && edge > radius } else { within }
            });
            if let Some(((row, column), value)) = off {
                let found = if *value > 0.0 { "without a column" } else { "not set" };
                wrong.push((label, format!("pixel ({column}, {row}) is {found} within {radius:.2} px")));
            }
        }
        let white = self.white();
        if let Some(mask) = self.images.get(&Label::GaussianMask) {
            let (rows, columns) = mask.dim();
            for column in &record.columns {
                let at = |v: f64, side: usize| (v.round().max(0.0) as usize).min(side - 1);
                let (row, col) = (at(column.y, rows), at(column.x, columns));
                let sigma = self.gaussian_sigma();
                let off = (row as f64 - column.y).hypot(col as f64 - column.x) / sigma;
                let lowest = (-0.5 * off * off).exp() as f32 - ROUNDING / 255.0;
                if mask[(row, col)] / white < lowest {
                    wrong.push((
                        Label::GaussianMask,
                        format!("no Gaussian at ({:.2}, {:.2})", column.x, column.y),
                    ));
                }
            }
        }
        wrong.into_iter().for_each(|(label, message)| self.wrong(label, message));
    }

    fn gaussian_sigma(&self) -> f64 {
        let labels = self.library.manifest().recipe.as_ref().map(|recipe| &recipe.labels);
        labels.map_or(1.0, |labels| labels.sigma_px(self.record.pixel_angstrom))
    }

    /// The value of white in an integer image's file.
    fn white(&self) -> f32 {
        self.library.manifest().depth.white().unwrap_or(1.0)
    }

    /// An image in units of the image's grey levels of 255, black at the value 0.
    fn levels(&self, label: Label) -> Option<Array2<f32>> {
        let grey = self.record.grey?;
        let image = self.images.get(&label)?;
        let (low, high) = grey.range(label);
        let unit = 255.0 / (grey.high - grey.low).max(f32::MIN_POSITIVE);
        Some(match self.library.manifest().depth {
            Depth::Float => image * unit,
            _ => image.map(|v| (v / self.white() * (high - low) + low) * unit),
        })
    }

    /// The background is what the restored images differ by, smooth and nowhere negative, and 2 × 2 pixels of the
    /// large images are one of the small.
    fn check_images(&mut self) {
        let mut wrong = Vec::new();
        let (all, bare) = (self.levels(Label::NoNoise), self.levels(Label::NoBackgroundNoNoise));
        let linear = self.library.manifest().recipe.as_ref().is_some_and(|recipe| {
            recipe.detector.gamma.bounds() == (1.0, 1.0) && recipe.detector.saturation.bounds() == (1.0, 1.0)
        });
        if let (Some(all), Some(bare), true) = (&all, &bare, linear) {
            let background = all - bare;
            let lowest = background.iter().fold(f32::MAX, |a, v| a.min(*v));
            let along = &background.slice(s![.., 1..]) - &background.slice(s![.., ..-1]);
            let down = &background.slice(s![1.., ..]) - &background.slice(s![..-1, ..]);
            let steepest = along.iter().chain(&down).fold(0.0_f32, |a, v| a.max(v.abs()));
            let sides = background.dim();
            let height = background.iter().fold(0.0_f32, |a, v| a.max(*v));
            let limit = 2.0 * ROUNDING + STEEPEST * height / sides.0.min(sides.1) as f32;
            if lowest < -ROUNDING || steepest > limit {
                let message = format!(
                    "without noBackgroundnoNoise it is no background: it falls to {lowest:.1} and steps by \
                     {steepest:.1} of 255 grey levels"
                );
                wrong.push((Label::NoNoise, message));
            }
        }
        for (large, small) in [(Label::NoNoise2x, all), (Label::NoBackground2x, bare)] {
            let (Some(large_image), Some(small)) = (self.levels(large), small) else { continue };
            let off = small.indexed_iter().fold(0.0_f32, |off, ((row, column), value)| {
                let block = large_image.slice(s![2 * row..2 * row + 2, 2 * column..2 * column + 2]);
                off.max((block.sum() / 4.0 - value).abs())
            });
            if off > ROUNDEST {
                wrong.push((
                    large,
                    format!("differs by {off:.1} of 255 grey levels from the image it enlarges"),
                ));
            }
        }
        wrong.into_iter().for_each(|(label, message)| self.wrong(label, message));
    }
}

/// The pixels within `radius` of a labelled column.
fn discs(record: &Record, radius: f64, (rows, columns): (usize, usize)) -> Array2<bool> {
    let mut within = Array2::from_elem((rows, columns), false);
    let span = |centre: f64, side: usize| {
        let clip = |edge: f64| edge.clamp(0.0, side as f64) as usize;
        clip((centre - radius).ceil())..clip((centre + radius).floor() + 1.0)
    };
    for column in &record.columns {
        for row in span(column.y, rows) {
            for at in span(column.x, columns) {
                let (dx, dy) = (at as f64 - column.x, row as f64 - column.y);
                within[(row, at)] |= dx * dx + dy * dy <= radius * radius;
            }
        }
    }
    within
}

/// Whether a path's name is a sample's number, and which.
pub(crate) fn number(path: &Path) -> Option<u64> {
    let stem = path.file_stem()?.to_str()?;
    let digits = stem.len() >= 5 && stem.bytes().all(|byte| byte.is_ascii_digit());
    stem.parse().ok().filter(|number| digits && *number > 0)
}
