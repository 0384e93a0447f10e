//! The web site of a library of samples: an index, search with counts, pages, an HTTP API, streamed downloads.
//!
//! A [`Site`] is a library on disk with its [`Index`], which is built when it is missing or stale; [`serve`] answers
//! browsers and programs until the process is told to stop. The index can be searched without a server:
//!
//! ```
//! use adatom_web::{Facet, Query, index_library};
//! # use adatom_archive::{Build, Depth, Label, Layout, Library, build};
//! # use adatom_library::{Generator, Recipe};
//! # let parent = tempfile::tempdir()?;
//! # let folder = &parent.path().join("library");
//! # let generator = Generator::new(Recipe::open("temimagenet")?, 1)?;
//! # let request = Build {
//! #     generator: &generator, folder, range: 1..=3, labels: vec![Label::Image],
//! #     layout: Layout::Temimagenet, depth: Depth::Eight, jobs: 2, resume: false,
//! # };
//! # build(&request, &Default::default(), &mut |_| {})?;
//! let index = index_library(&Library::open(folder)?, &mut |_| {})?;
//! let selection = index.select(&Query::parse("element=Pt&field_angstrom=..10&sort=-psnr_db")?)?;
//! let best = selection.page(0, 1).places[0];
//! println!("{} samples; {} has {:?} dB", selection.count(), index.id(best), index.number(Facet::Psnr, best));
//! # assert_eq!(selection.count(), 3);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod facet;
mod http;
mod index;
mod pack;
mod query;
mod search;

pub use error::WebError;
pub use facet::{Facet, Kind};
pub use http::{Limits, MAX_COMPARED, MAX_PAGE, Server, Site, serve, start_log};
pub use index::{Builder, Entry, Index, Stamp, index_library, refresh};
pub use query::{Filter, MAX_QUERY, MAX_TEXT, MAX_VALUES, MAX_WORD, Order, Query, Range, Refused, Sort};
pub use search::{Choice, Choices, Page, Selection};
