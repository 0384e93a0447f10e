use std::io::{self, IsTerminal};
use tracing::Level;

/// Starts the log on standard error: lines for people on a terminal, else JSON, an object a line. Does nothing if a log
/// is there already.
pub fn start_log() {
    let log =
        tracing_subscriber::fmt().with_max_level(Level::INFO).with_writer(io::stderr).with_target(false);
    // Whoever has a log of their own keeps it.
    let _ = if io::stderr().is_terminal() {
        tracing::subscriber::set_global_default(log.with_ansi(false).finish())
    } else {
        tracing::subscriber::set_global_default(log.json().flatten_event(true).finish())
    };
}
