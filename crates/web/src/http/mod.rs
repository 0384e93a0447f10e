//! The server: addresses, pages, the API, downloads, limits.

mod api;
mod archive;
mod assets;
mod content;
mod guard;
mod limits;
mod log;
mod openapi;
mod origin;
mod pages;
mod picture;
mod problem;
mod recent;
mod recipe;
mod routes;
mod server;
mod site;
mod snippet;
mod view;

pub use limits::{Limits, MAX_COMPARED, MAX_PAGE};
pub use log::start_log;
pub use server::{Server, serve};
pub use site::Site;
