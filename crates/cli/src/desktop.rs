//! The desktop app, in programs that have it.

use crate::arguments as args;
use crate::commands::{Done, Failure};

#[cfg(feature = "desktop")]
pub fn desktop(options: &args::Desktop) -> Done {
    adatom_desktop::run(options.files.clone()).map_err(Failure::usage)
}

#[cfg(not(feature = "desktop"))]
pub fn desktop(_: &args::Desktop) -> Done {
    Err(Failure::usage(
        "this program was built without the desktop app; install the package, or build it with \
         cargo install --path crates/cli --features desktop",
    ))
}
