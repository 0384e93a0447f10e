//! The web site of a library: search, browse, look, download.

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
pub use query::{Filter, MAX_QUERY, MAX_TEXT, MAX_VALUES, Order, Query, Range, Refused, Sort};
pub use search::{Choice, Choices, Page, Selection};
