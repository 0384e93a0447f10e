//! The window as a person uses it: by what is written on it, with pointer and keys. No screen is needed.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod failures;
mod person;
mod positions;
mod way;
