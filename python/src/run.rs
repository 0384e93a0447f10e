//! Long work without the interpreter's lock, that Ctrl-C ends.

use crate::errors::{exception, failed};
use crate::threads::{another_pool, pool};
use adatom::{Error, Watch};
use pyo3::prelude::*;
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

/// How often it is asked whether the user pressed Ctrl-C.
pub const PATIENCE: Duration = Duration::from_millis(50);

thread_local! {
    /// Whether this thread is in a `progress` function or a signal's handler, for which the pool's work may wait.
    static TELLING: Cell<bool> = const { Cell::new(false) };
}

/// What work has to do with its caller.
pub struct Caller {
    /// Set when the work should end.
    pub stop: Arc<AtomicBool>,
    reports: SyncSender<String>,
}

impl Caller {
    /// Tells the caller's `progress` how far the work is, as JSON.
    pub fn report(&self, json: String) {
        // The caller listens until the work has ended.
        let _ = self.reports.send(json);
    }

    /// Whether the work should end.
    pub fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Tells which part of the work is done.
    pub fn part(&self, part: f64) {
        self.report(part.to_string());
    }
}

/// A caller as one who watches an image being looked at.
pub struct Watcher<'a>(pub &'a Caller);

impl Watch for Watcher<'_> {
    fn progress(&mut self, part: f64) {
        self.0.part(part);
    }

    fn stopped(&self) -> bool {
        self.0.stopped()
    }
}

/// Runs `work` on the threads of this package. `progress` is called with its reports; an exception in it, or a signal
/// such as Ctrl-C, ends the work and is what the call ends with. A call from within `progress` or a signal's handler has
/// threads of its own: those of the pool may all be waiting for it to return.
pub fn run<T: Send>(
    py: Python<'_>,
    progress: Option<&Bound<'_, PyAny>>,
    work: impl FnOnce(&Caller) -> Result<T, Error> + Send,
) -> PyResult<T> {
    let progress = progress.map(|function| function.clone().unbind());
    let pool = if TELLING.get() { another_pool()? } else { pool()? };
    let stop = Arc::new(AtomicBool::new(false));
    // Without room for reports that wait: work doesn't run ahead of a caller that wants it to end.
    let (reports, heard) = sync_channel(0);
    let caller = Caller { stop: Arc::clone(&stop), reports };
    py.detach(move || {
        let (outcome, done) = thread::scope(|scope| {
            // The caller's end of the reports goes with the worker, and ends the loop.
            let worker = scope.spawn(move || pool.install(move || work(&caller)));
            let (mut outcome, mut asked) = (Ok(()), Instant::now());
            loop {
                let mut told = match heard.recv_timeout(PATIENCE) {
                    Ok(json) => progress.as_ref().map_or(Ok(()), |function| tell(function, json)),
                    Err(RecvTimeoutError::Timeout) => Ok(()),
                    Err(RecvTimeoutError::Disconnected) => break,
                };
                if asked.elapsed() >= PATIENCE {
                    asked = Instant::now();
                    told = told.and_then(|()| with_the_user(|py| py.check_signals()));
                }
                if let Err(error) = told
                    && outcome.is_ok()
                {
                    outcome = Err(error);
                    stop.store(true, Ordering::Relaxed);
                }
            }
            (outcome, worker.join())
        });
        outcome?;
        match done {
            Ok(done) => done.map_err(exception),
            Err(_) => Err(failed("the computation broke off; please report how")),
        }
    })
}

fn tell(function: &Py<PyAny>, json: String) -> PyResult<()> {
    with_the_user(|py| function.call1(py, (json,)).map(drop))
}

/// Runs what may run the user's Python while the pool's work waits.
fn with_the_user(call: impl FnOnce(Python<'_>) -> PyResult<()>) -> PyResult<()> {
    let before = TELLING.replace(true);
    let outcome = Python::attach(call);
    TELLING.set(before);
    outcome
}
