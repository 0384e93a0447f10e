use crate::encode::Files;
use crate::journal::{Journal, digest};
use crate::manifest::PARTIAL;
use crate::store::{SHARD, Store};
use crate::{ArchiveError, Depth, Label, Layout, Manifest, truth, zarr};
use adatom_library::Generator;
use std::fs;
use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Instant;

/// Largest number of a sample.
const MAX_NUMBER: u64 = 1_000_000_000;
/// Samples that wait for being written, a thread.
const WAITING: usize = 4;

/// What is to be built, and where.
pub struct Build<'a> {
    /// Makes the samples.
    pub generator: &'a Generator,
    /// The library's folder: new, empty, or with this library's unfinished build.
    pub folder: &'a Path,
    /// Numbers of the samples, from 1.
    pub range: RangeInclusive<u64>,
    /// What is kept of each.
    pub labels: Vec<Label>,
    /// How they lie in the folder.
    pub layout: Layout,
    /// How images are kept.
    pub depth: Depth,
    /// Threads that make samples.
    pub jobs: usize,
    /// Go on with an unfinished build.
    pub resume: bool,
}

/// How far a build is.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// Samples in place, those of former builds included.
    pub done: u64,
    /// Samples in all.
    pub total: u64,
    /// Samples a second of this build.
    pub per_second: f64,
    /// Time left at this rate \[s\].
    pub seconds_left: f64,
}

/// How a build ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The library is complete.
    Finished,
    /// It was complete before.
    AlreadyComplete,
    /// It was told to stop and can be resumed.
    Stopped,
}

/// Builds a library. Any number of threads, of builds interrupted at any moment and of parts that are merged
/// gives the same bytes. A few samples a thread are held in memory, with [`Layout::Webdataset`] also the
/// descriptions of a shard's.
///
/// # Errors
/// When the settings make no sense, the folder holds something else, a sample can't be made or a file can't
/// be written; what is done stays and can be resumed.
pub fn build(
    request: &Build<'_>,
    stop: &AtomicBool,
    progress: &mut dyn FnMut(&Progress),
) -> Result<Outcome, ArchiveError> {
    let mut manifest = request.manifest()?;
    if let Some(outcome) = request.prepare(&manifest)? {
        return Ok(outcome);
    }
    let mut journal = Journal::open(request.folder, &manifest)?;
    let mut store = Store::open(request.folder, &manifest)?;
    let (already, total) = (journal.done, manifest.count());
    let started = Instant::now();
    let mut shown = already;
    let outcome = request.in_order(manifest.first + already, stop, &mut |files| {
        journal.append(&store.put(files)?)?;
        shown += 1;
        let per_second = (shown - already) as f64 / started.elapsed().as_secs_f64().max(1e-9);
        let seconds_left = (total - shown) as f64 / per_second;
        progress(&Progress { done: shown, total, per_second, seconds_left });
        Ok(())
    })?;
    store.finish()?;
    if outcome == Outcome::Finished {
        journal.sync()?;
        complete(request.folder, &mut manifest)?;
    }
    Ok(outcome)
}

/// Writes what comes when all samples are there.
pub(crate) fn complete(folder: &Path, manifest: &mut Manifest) -> Result<(), ArchiveError> {
    truth::write(folder)?;
    if manifest.format == Layout::Zarr {
        zarr::write(folder, manifest)?;
    }
    manifest.samples_sha256 = Some(digest(folder)?);
    manifest.write(folder)
}

impl Build<'_> {
    fn manifest(&self) -> Result<Manifest, ArchiveError> {
        let (first, last) = (*self.range.start(), *self.range.end());
        let setting =
            |name, value: String, message: String| Err(ArchiveError::Setting { name, value, message });
        let range = format!("{first}..{last}");
        if first == 0 || last < first || last > MAX_NUMBER {
            return setting(
                "range",
                range,
                format!("give numbers from 1 to {MAX_NUMBER}, the smaller one first"),
            );
        }
        let count = self.generator.recipe().composition().map(|composition| composition.count());
        let ends = last.is_multiple_of(SHARD) || count.is_none_or(|count| count == last);
        if self.layout == Layout::Webdataset && !(first % SHARD == 1 && ends) {
            let message = format!(
                "shards hold the samples 1 to {SHARD}, {} to {} and so on; a part must begin and end with one",
                SHARD + 1,
                2 * SHARD
            );
            return setting("range", range, message);
        }
        for (name, count) in [("labels", self.labels.len()), ("jobs", self.jobs)] {
            if count == 0 {
                return setting(name, "0".to_owned(), "give at least one".to_owned());
            }
        }
        let mut labels = self.labels.clone();
        labels.sort_unstable();
        labels.dedup();
        let recipe = self.generator.recipe();
        Ok(Manifest {
            program: concat!("adatom ", env!("CARGO_PKG_VERSION")).to_owned(),
            name: recipe.name.clone(),
            recipe: Some(recipe.clone()),
            identity: Some(self.generator.identity().to_owned()),
            seed: Some(self.generator.seed()),
            format: self.layout,
            depth: self.depth,
            labels,
            first,
            last,
            samples_sha256: None,
        })
    }

    /// Makes the folder a place to build in; `Some` if there is nothing to be done.
    fn prepare(&self, manifest: &Manifest) -> Result<Option<Outcome>, ArchiveError> {
        let folder = self.folder;
        let refuse = |message: String| Err(ArchiveError::content(folder, message));
        let Some(found) = Manifest::read(folder)? else {
            match fs::read_dir(folder) {
                Ok(entries) => {
                    let names = entries.filter_map(|entry| Some(entry.ok()?.file_name()));
                    if names.into_iter().any(|name| name != PARTIAL) {
                        return refuse("a folder with other files; give a new or empty one".to_owned());
                    }
                }
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                    fs::create_dir(folder).map_err(ArchiveError::io(folder))?;
                }
                Err(error) => return Err(ArchiveError::io(folder)(error)),
            }
            manifest.write(folder)?;
            return Ok(None);
        };
        let complete = found.is_complete();
        let unfinished = Manifest { samples_sha256: None, ..found };
        if unfinished != *manifest {
            return refuse(format!(
                "holds another library ({}); this one is {}{}",
                unfinished.title(),
                manifest.title(),
                difference(&unfinished, manifest)
            ));
        }
        if complete {
            return Ok(Some(Outcome::AlreadyComplete));
        }
        if !self.resume {
            return refuse(
                "holds an unfinished build of this library; resume it, or give another folder".to_owned(),
            );
        }
        Ok(None)
    }

    /// Makes the samples from number `from` on and hands their files over in order.
    fn in_order(
        &self,
        from: u64,
        stop: &AtomicBool,
        take: &mut dyn FnMut(Files) -> Result<(), ArchiveError>,
    ) -> Result<Outcome, ArchiveError> {
        let last = *self.range.end();
        let jobs = self.jobs as u64;
        std::thread::scope(|scope| {
            let queues: Vec<Receiver<_>> = (0..jobs)
                .map(|job| {
                    let (sender, receiver) = sync_channel(WAITING);
                    scope.spawn(move || {
                        for id in (from + job..=last).step_by(self.jobs) {
                            let made = self.make(id);
                            let failed = made.is_err();
                            // Nobody listens any more after a stop or an error.
                            if sender.send(made).is_err() || failed {
                                break;
                            }
                        }
                    });
                    receiver
                })
                .collect();
            for id in from..=last {
                if stop.load(Ordering::Relaxed) {
                    return Ok(Outcome::Stopped);
                }
                let made = queues[((id - from) % jobs) as usize].recv();
                take(made.map_err(|_| ArchiveError::Setting {
                    name: "sample",
                    value: id.to_string(),
                    message: "the thread that makes it has died".to_owned(),
                })??)?;
            }
            Ok(Outcome::Finished)
        })
    }

    fn make(&self, id: u64) -> Result<Files, ArchiveError> {
        Files::of(&self.generator.full_sample(id)?, &self.labels, self.layout, self.depth)
    }
}

/// In what two libraries differ, beyond their titles.
fn difference(a: &Manifest, b: &Manifest) -> String {
    let mut parts = Vec::new();
    for (name, differs) in [
        ("program", a.program != b.program),
        ("recipe or crystals", a.identity != b.identity),
        ("format", a.format != b.format),
        ("depth", a.depth != b.depth),
        ("labels", a.labels != b.labels),
    ] {
        if differs {
            parts.push(name);
        }
    }
    if parts.is_empty() { String::new() } else { format!("; they differ in {}", parts.join(", ")) }
}

/// Checks that two libraries are parts of one.
pub(crate) fn check_parts(folder: &Path, first: &Manifest, other: &Manifest) -> Result<(), ArchiveError> {
    let same = Manifest {
        first: other.first,
        last: other.last,
        samples_sha256: other.samples_sha256.clone(),
        ..first.clone()
    };
    if same == *other {
        return Ok(());
    }
    let message = format!(
        "{} is no part of the same library as {}{}",
        other.title(),
        first.title(),
        difference(first, other)
    );
    Err(ArchiveError::content(folder, message))
}
