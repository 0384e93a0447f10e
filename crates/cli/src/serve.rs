//! `adatom serve`, and the index that it needs.

use crate::arguments as args;
use crate::commands::{Bar, Done, Failure, say};
use adatom_archive::Library;
use adatom_web::{Limits, Site, WebError, refresh, start_log};
use std::path::Path;

/// Archives at once at most: each has a thread.
const MAX_ARCHIVES: usize = 1000;

pub fn serve(options: &args::Serve) -> Done {
    if !(1..=MAX_ARCHIVES).contains(&options.archives) {
        return Err(Failure::usage(format!("--archives {}: give 1 to {MAX_ARCHIVES}", options.archives)));
    }
    start_log();
    let limits = Limits { archives: options.archives, ..Limits::default() };
    let mut bar = Bar::new("indexing");
    let mut site = Site::open(&options.folder, limits, &mut |part| bar.show(part)).map_err(failure)?;
    bar.clear();
    if let Some(origin) = &options.origin {
        site = site.known_as(origin).map_err(failure)?;
    }
    let ready = |address: std::net::SocketAddr| {
        say(&format!("http://{address}"));
        if !address.ip().is_loopback() {
            say("everybody who reaches this computer can read the library");
        }
    };
    adatom_web::serve(site, options.listen, ready).map_err(failure)
}

fn failure(error: WebError) -> Failure {
    match error {
        WebError::Archive(error) => error.into(),
        other => Failure::usage(other.to_string()),
    }
}

/// Builds the index of a library that has just been made. Without one everything but the web site works, and that makes
/// its own.
pub fn index(folder: &Path) {
    let Ok(library) = Library::open(folder) else { return };
    let mut bar = Bar::new("indexing");
    let indexed = refresh(&library, &mut |part| bar.show(part));
    bar.clear();
    if let Err(error) = indexed {
        say(&format!("no index yet: {error}"));
    }
}
