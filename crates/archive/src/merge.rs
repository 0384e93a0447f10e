use crate::build::{check_parts, complete};
use crate::journal::Journal;
use crate::store::all_files;
use crate::{ArchiveError, Library, Manifest};
use adatom_formats::OutputFolder;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

/// Joins parts of a library, given in any order, into one in a new folder; it is the library that one build
/// would have made. Files are linked where the file system can, else copied.
///
/// # Errors
/// When the parts don't belong together, overlap, leave a gap or are unfinished, or a file can't be written.
pub fn merge(
    parts: &[PathBuf],
    folder: &Path,
    progress: &mut dyn FnMut(f64),
) -> Result<Manifest, ArchiveError> {
    let mut parts = parts.iter().map(|part| Library::open(part)).collect::<Result<Vec<_>, _>>()?;
    parts.sort_by_key(|part| part.manifest().first);
    let Some((first, rest)) = parts.split_first() else {
        return Err(ArchiveError::content(folder, "no parts to merge; give at least one"));
    };
    let mut manifest = Manifest { samples_sha256: None, ..first.manifest().clone() };
    for part in rest {
        check_parts(part.folder(), first.manifest(), part.manifest())?;
        let (found, wanted) = (part.manifest().first, manifest.last + 1);
        if found != wanted {
            let what = if found > wanted { "are missing before it" } else { "are in two parts" };
            let (from, to) = (found.min(wanted), found.max(wanted) - 1);
            let message = format!("begins with sample {found}; the samples {from} to {to} {what}");
            return Err(ArchiveError::content(part.folder(), message));
        }
        manifest.last = part.manifest().last;
    }
    let output = OutputFolder::create(folder)?;
    let inside = output.path();
    let journal_path = Journal::path(inside);
    let io = ArchiveError::io;
    let mut journal =
        OpenOptions::new().create_new(true).append(true).open(&journal_path).map_err(io(&journal_path))?;
    for (at, part) in parts.iter().enumerate() {
        for (from, to) in all_files(part.manifest(), &manifest) {
            let (from, to) = (part.folder().join(from), inside.join(to));
            if let Some(parent) = to.parent() {
                fs::create_dir_all(parent).map_err(io(parent))?;
            }
            fs::hard_link(&from, &to).or_else(|_| fs::copy(&from, &to).map(drop)).map_err(io(&from))?;
        }
        let path = Journal::path(part.folder());
        let mut lines = File::open(&path).map_err(io(&path))?;
        io::copy(&mut lines, &mut journal).map_err(io(&journal_path))?;
        progress((at + 1) as f64 / parts.len() as f64);
    }
    journal.sync_all().map_err(io(&journal_path))?;
    complete(inside, &mut manifest)?;
    output.commit()?;
    Ok(manifest)
}
