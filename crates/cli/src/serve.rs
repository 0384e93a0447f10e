//! `adatom serve`, and the index that it needs.

use crate::arguments as args;
use crate::commands::{Bar, Done, Failure, say};
use adatom_archive::Library;
use adatom_web::{Limits, Site, WebError, refresh, start_log};
use std::path::Path;

pub fn serve(options: &args::Serve) -> Done {
    if options.archives == 0 {
        return Err(Failure::usage("--archives 0: give at least one"));
    }
    start_log();
    let limits = Limits { archives: options.archives, ..Limits::default() };
    let mut bar = Bar::new("indexing");
    let site = Site::open(&options.folder, limits, &mut |part| bar.show(part)).map_err(failure)?;
    bar.clear();
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
