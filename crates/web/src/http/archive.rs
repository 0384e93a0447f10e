//! A selection as one download: an archive that is a library of its own.

use super::content::plain;
use super::problem::Problem;
use super::site::Site;
use crate::pack::{Pack, Spool, Tar, Zip};
use adatom_archive::{Label, Layout, Manifest};
use adatom_library::hexadecimal;
use axum::body::{Body, Bytes};
use futures_core::Stream;
use sha2::{Digest, Sha256};
use std::io::{self, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// Bytes that are sent at once.
const PIECE: usize = 64 * 1024;
/// Pieces that wait for the client.
const WAITING: usize = 4;

/// How files are put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Zip,
    Tar,
}

/// What is downloaded.
pub(crate) struct Wanted {
    /// Places in the index, in the order of the numbers.
    pub places: Vec<u32>,
    pub labels: Vec<Label>,
    /// The search's address.
    pub address: String,
}

/// A piece of a body, or its end.
type Piece = io::Result<Option<Bytes>>;

/// A body that a thread writes while it is sent.
struct Sent {
    receiver: Receiver<Piece>,
    ended: bool,
}

impl Stream for Sent {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let piece = std::task::ready!(self.receiver.poll_recv(context));
        // A thread that stops without a word has panicked.
        let piece = piece.unwrap_or_else(|| Err(io::Error::other("a download ended before its end")));
        self.ended = !matches!(piece, Ok(Some(_)));
        Poll::Ready(piece.transpose())
    }
}

/// Collects what is written into pieces and waits while the client is slow.
struct Sending {
    sender: Sender<Piece>,
    piece: Vec<u8>,
}

impl Sending {
    fn send(&mut self) -> io::Result<()> {
        let piece = std::mem::replace(&mut self.piece, Vec::with_capacity(PIECE));
        self.tell(Ok(Some(piece.into())))
    }

    fn tell(&self, piece: Piece) -> io::Result<()> {
        let gone = |_| io::Error::new(io::ErrorKind::BrokenPipe, "the client is gone");
        self.sender.blocking_send(piece).map_err(gone)
    }
}

impl Write for Sending {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(PIECE - self.piece.len());
        self.piece.extend_from_slice(&bytes[..taken]);
        if self.piece.len() == PIECE {
            self.send()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.piece.is_empty() { Ok(()) } else { self.send() }
    }
}

/// A body that `work` writes on a thread of its own; an error breaks the transfer off, so that no client takes what
/// came for the whole.
fn streamed(
    permit: OwnedSemaphorePermit,
    work: impl FnOnce(&mut dyn Write) -> io::Result<()> + Send + 'static,
) -> Result<Body, Problem> {
    let (sender, receiver) = channel(WAITING);
    let run = move || {
        let mut sending = Sending { sender, piece: Vec::with_capacity(PIECE) };
        let done = work(&mut sending).and_then(|()| sending.flush()).and_then(|()| sending.tell(Ok(None)));
        if let Err(error) = done {
            if error.kind() == io::ErrorKind::BrokenPipe {
                tracing::info!("a download was broken off by its client");
            } else {
                tracing::error!(%error, "a download can't be finished");
                // The client may be gone, too.
                let _ = sending.tell(Err(error));
            }
        }
        drop(permit);
    };
    std::thread::Builder::new()
        .name("download".to_owned())
        .spawn(run)
        .map_err(|_| Problem::busy("No thread can be started for the download now; try again later."))?;
    Ok(Body::from_stream(Sent { receiver, ended: false }))
}

impl Site {
    fn permit(self: &Arc<Self>) -> Result<OwnedSemaphorePermit, Problem> {
        Arc::clone(&self.archives).try_acquire_owned().map_err(|_| {
            let limit = self.limits.archives;
            Problem::busy(format!(
                "{limit} downloads run already, which is the most at once; try again later."
            ))
        })
    }

    /// The name of an archive and of the folder in it.
    pub(crate) fn download_name(&self) -> String {
        let name = plain(&self.manifest().name);
        format!("{}-selection", &name[..name.len().min(30)])
    }

    /// An archive of files, sums, records and a description: a library that can be opened.
    pub(crate) fn archive(self: &Arc<Self>, form: Form, wanted: Wanted) -> Result<Body, Problem> {
        let (permit, site) = (self.permit()?, Arc::clone(self));
        streamed(permit, move |out| {
            let pack: Box<dyn Pack + '_> = match form {
                Form::Zip => Box::new(Zip::new(out)),
                Form::Tar => Box::new(Tar::new(out)),
            };
            fill(&site, pack, &wanted)
        })
    }

    /// `SHA256SUMS` of what an archive holds of the samples.
    pub(crate) fn sums(self: &Arc<Self>, wanted: Wanted) -> Result<Body, Problem> {
        let (permit, site) = (self.permit()?, Arc::clone(self));
        streamed(permit, move |out| {
            each_file(&site, &wanted, &mut |file| writeln!(out, "{}  {}", file.sha256, file.path))
        })
    }

    /// The same as JSON, with addresses.
    pub(crate) fn list(self: &Arc<Self>, wanted: Wanted) -> Result<Body, Problem> {
        let (permit, site) = (self.permit()?, Arc::clone(self));
        streamed(permit, move |out| {
            let manifest = site.manifest();
            let about = serde_json::json!({
                "library": manifest.title(), "identity": manifest.identity, "program": manifest.program,
                "query": wanted.address, "labels": wanted.labels, "samples": wanted.places.len(),
            });
            let about = about.to_string();
            write!(out, "{},\"files\":[", about.trim_end_matches('}'))?;
            let mut first = true;
            each_file(&site, &wanted, &mut |file| {
                let comma = if std::mem::take(&mut first) { "\n" } else { ",\n" };
                let address = format!("/api/v1/samples/{}/files/{}", file.id, file.label);
                let line = serde_json::json!({
                    "sample": file.id, "label": file.label, "path": file.path, "sha256": file.sha256, "url": address,
                });
                write!(out, "{comma}{line}")
            })?;
            out.write_all(b"\n]}\n")
        })
    }
}

struct Listed<'a> {
    id: u64,
    label: Label,
    path: &'a str,
    sha256: &'a str,
}

/// Every file with its sum, from the records; of a zarr store, where they are made when asked for, from its bytes.
fn each_file(
    site: &Site,
    wanted: &Wanted,
    take: &mut dyn FnMut(&Listed<'_>) -> io::Result<()>,
) -> io::Result<()> {
    for at in &wanted.places {
        let record = site.record(*at as usize).map_err(failed)?;
        for &label in &wanted.labels {
            let extension = site.manifest().depth.extension_of(label);
            let path = format!("{label}/{}.{extension}", adatom_archive::Record::stem(record.id));
            let sha256 = match record.files.get(&label) {
                Some(sum) if site.manifest().format != Layout::Zarr => sum.clone(),
                _ => site.file(label, &record).map_err(failed)?.sha256(),
            };
            take(&Listed { id: record.id, label, path: &path, sha256: &sha256 })?;
        }
    }
    Ok(())
}

fn failed(problem: Problem) -> io::Error {
    io::Error::other(problem.detail)
}

fn fill(site: &Site, mut pack: Box<dyn Pack + '_>, wanted: &Wanted) -> io::Result<()> {
    let folder = site.download_name();
    let (mut records, mut sums) = (Spool::default(), Spool::default());
    let mut hash = Sha256::new();
    for at in &wanted.places {
        let mut record = site.record(*at as usize).map_err(failed)?;
        let mut files = std::collections::BTreeMap::new();
        for &label in &wanted.labels {
            let file = site.file(label, &record).map_err(failed)?;
            let sum = file.sha256();
            let path = format!("{label}/{}", file.name);
            pack.add(&format!("{folder}/{path}"), &file.bytes)?;
            writeln!(sums, "{sum}  {path}")?;
            files.insert(label, sum);
        }
        record.files = files;
        let line = serde_json::to_string(&record)? + "\n";
        hash.update(&line);
        records.write_all(line.as_bytes())?;
    }
    let sum = hexadecimal(&hash.finalize());
    writeln!(sums, "{sum}  samples.jsonl")?;
    pack.add_spool(&format!("{folder}/samples.jsonl"), &mut records)?;
    let manifest = serde_json::to_string_pretty(&described(site, wanted, sum))? + "\n";
    for (name, text) in [
        ("library.json", manifest),
        ("README.txt", readme(site, wanted)),
        ("load.py", super::snippet::LOAD.to_owned()),
    ] {
        writeln!(sums, "{}  {name}", hexadecimal(&Sha256::digest(&text)))?;
        pack.add(&format!("{folder}/{name}"), text.as_bytes())?;
    }
    pack.add_spool(&format!("{folder}/SHA256SUMS"), &mut sums)?;
    pack.finish()
}

/// A selection isn't what its recipe makes: it has gaps, as an imported library may have.
fn described(site: &Site, wanted: &Wanted, samples_sha256: String) -> Manifest {
    let id = |at: Option<&u32>| at.map_or(1, |at| site.index().id(*at as usize));
    let own = site.manifest();
    Manifest {
        program: own.program.clone(),
        name: site.download_name(),
        recipe: None,
        identity: None,
        seed: None,
        format: Layout::Temimagenet,
        depth: own.depth,
        labels: wanted.labels.clone(),
        first: id(wanted.places.first()),
        last: id(wanted.places.last()),
        samples_sha256: Some(samples_sha256),
    }
}

fn readme(site: &Site, wanted: &Wanted) -> String {
    let manifest = site.manifest();
    let labels = wanted.labels.iter().map(|label| label.name()).collect::<Vec<_>>().join(", ");
    let search = if wanted.address.is_empty() { "everything" } else { &wanted.address };
    let identity = manifest.identity.as_deref().unwrap_or("unknown");
    format!(
        "A selection of the library {}.\n\n\
         Samples:   {}\n\
         Search:    {search}\n\
         Labels:    {labels}\n\
         Recipe:    {identity} (SHA-256 of the recipe and its crystals)\n\
         Made with: {}\n\n\
         Check it:  sha256sum -c SHA256SUMS\n\
         Look in:   python3 load.py, adatom library info ., adatom serve .\n\
         Train:     adatom train --library . --out my-model\n\n\
         Every label is a folder with a file a sample. Positions count from 1, the row first; samples.jsonl has them \
         as x, y from 0, with all settings.\n",
        manifest.title(),
        wanted.places.len(),
        manifest.program,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::Semaphore;

    #[tokio::test]
    async fn a_download_whose_thread_panics_does_not_look_whole() {
        let permits = Arc::new(Semaphore::new(1));
        let permit = || Arc::clone(&permits).try_acquire_owned().unwrap();
        let whole = streamed(permit(), |out| out.write_all(b"all")).unwrap();
        assert_eq!(axum::body::to_bytes(whole, 1000).await.unwrap(), "all");
        let broken = streamed(permits.clone().acquire_owned().await.unwrap(), |out| {
            out.write_all(&vec![0; PIECE + 1])?;
            panic!("a mistake of the program");
        });
        assert!(axum::body::to_bytes(broken.unwrap(), 1 << 20).await.is_err());
        assert!(permits.acquire().await.is_ok(), "its place is free again");
    }
}
