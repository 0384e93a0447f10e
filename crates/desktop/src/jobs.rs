//! Work on threads of its own, with progress and cancel.
//!
//! Of each kind of job one runs at most: a second one takes the first one's place. Results come back as
//! events that the window asks for on every frame. A job that panics becomes a message.

use crate::work::Outcome;
use adatom::{Partial, Stage, Watch};
use adatom_network::Task;
use ndarray::Array2;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Partial results come this far apart at least.
const APART: Duration = Duration::from_millis(400);

/// Kinds of jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A file is opened.
    Open,
    /// Columns are found.
    Run,
    /// A lattice is looked for, or the power spectrum computed.
    Look,
    /// Localisers are compared, or the precision measured.
    Measure,
    /// Many files are worked on.
    Batch,
    /// Files are written; not ended when the window closes.
    Write,
    /// The session is kept against crashes.
    Autosave,
}

/// What a job says while it runs.
pub enum Report {
    /// What it does now, and how much of that is done.
    Progress(String, Option<f64>),
    /// Results as far as they are known.
    Partial(Box<PartialResult>),
    /// A line of a batch.
    Row(crate::batch::Row),
}

/// Maps and places as far as the network's tiles are done.
pub struct PartialResult {
    /// The denoised image, zero where nothing is done.
    pub denoised: Option<Array2<f32>>,
    /// Where columns are seen so far.
    pub places: Vec<(f64, f64)>,
}

enum Message {
    Report(Report),
    Done(Result<Outcome, String>),
}

/// What reaches the window.
pub enum Event {
    /// Results so far.
    Partial(Box<PartialResult>),
    /// A line of a batch.
    Row(crate::batch::Row),
    /// A job ended; `Err` has a message, empty when the user ended it.
    Done(Kind, Result<Outcome, String>),
}

/// A running job.
pub struct Running {
    /// What it does.
    pub title: String,
    /// How much of that is done, 0 to 1.
    pub part: Option<f64>,
    id: u64,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// All jobs of a window.
pub struct Jobs {
    running: BTreeMap<Kind, Running>,
    sender: Sender<(Kind, u64, Message)>,
    receiver: Receiver<(Kind, u64, Message)>,
    wake: Arc<dyn Fn() + Send + Sync>,
    count: u64,
}

impl Jobs {
    /// No jobs; `wake` is called from their threads when there is something to see.
    pub fn new(wake: Arc<dyn Fn() + Send + Sync>) -> Self {
        let (sender, receiver) = channel();
        Self { running: BTreeMap::new(), sender, receiver, wake, count: 0 }
    }

    /// Starts a job in place of one of its kind.
    pub fn start(
        &mut self,
        kind: Kind,
        title: &str,
        work: impl FnOnce(&mut Monitor) -> Result<Outcome, String> + Send + 'static,
    ) {
        self.cancel(kind);
        self.count += 1;
        let stop = Arc::new(AtomicBool::new(false));
        let mut monitor = Monitor {
            kind,
            id: self.count,
            stop: Arc::clone(&stop),
            sender: self.sender.clone(),
            wake: Arc::clone(&self.wake),
            shown: None,
        };
        let thread = std::thread::Builder::new().name(format!("{kind:?}")).spawn(move || {
            let done = catch_unwind(AssertUnwindSafe(|| work(&mut monitor))).unwrap_or_else(|panic| {
                let text = panic.downcast_ref::<String>().map(String::as_str);
                let text = text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("no reason given");
                Err(format!("This is a bug of adatom, please report it: {text}"))
            });
            monitor.send(Message::Done(done));
        });
        match thread {
            Ok(thread) => {
                let title = title.to_owned();
                let running = Running { title, part: None, id: self.count, stop, thread: Some(thread) };
                self.running.insert(kind, running);
            }
            Err(e) => {
                let failed = Message::Done(Err(format!("no thread can be started: {e}")));
                self.running.insert(
                    kind,
                    Running { title: title.to_owned(), part: None, id: self.count, stop, thread: None },
                );
                let _ = self.sender.send((kind, self.count, failed));
            }
        }
    }

    /// Asks a job to end and forgets it.
    pub fn cancel(&mut self, kind: Kind) {
        if let Some(running) = self.running.remove(&kind) {
            running.stop.store(true, Ordering::Relaxed);
        }
    }

    /// The job of a kind.
    pub fn running(&self, kind: Kind) -> Option<&Running> {
        self.running.get(&kind)
    }

    /// All jobs.
    pub fn all(&self) -> impl Iterator<Item = (Kind, &Running)> {
        self.running.iter().map(|(kind, running)| (*kind, running))
    }

    /// What happened since.
    pub fn events(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        while let Ok((kind, id, message)) = self.receiver.try_recv() {
            let Some(running) = self.running.get_mut(&kind).filter(|running| running.id == id) else {
                continue;
            };
            match message {
                Message::Report(Report::Progress(title, part)) => {
                    (running.title, running.part) = (title, part)
                }
                Message::Report(Report::Partial(partial)) => events.push(Event::Partial(partial)),
                Message::Report(Report::Row(row)) => events.push(Event::Row(row)),
                Message::Done(done) => {
                    self.running.remove(&kind);
                    events.push(Event::Done(kind, done));
                }
            }
        }
        events
    }
}

impl Drop for Jobs {
    /// Ends all jobs; what is being written is finished first.
    fn drop(&mut self) {
        for (kind, mut running) in std::mem::take(&mut self.running) {
            running.stop.store(true, Ordering::Relaxed);
            if let (Kind::Write | Kind::Autosave, Some(thread)) = (kind, running.thread.take()) {
                let _ = thread.join();
            }
        }
    }
}

/// A job's line to the window.
pub struct Monitor {
    kind: Kind,
    id: u64,
    stop: Arc<AtomicBool>,
    sender: Sender<(Kind, u64, Message)>,
    wake: Arc<dyn Fn() + Send + Sync>,
    shown: Option<Instant>,
}

impl Monitor {
    fn send(&self, message: Message) {
        // Nobody listens any more when the window is gone.
        let _ = self.sender.send((self.kind, self.id, message));
        (self.wake)();
    }

    /// Tells the window.
    pub fn report(&self, report: Report) {
        self.send(Message::Report(report));
    }

    /// The flag that is set when the job shall end.
    pub fn stop(&self) -> &AtomicBool {
        &self.stop
    }
}

impl Watch for Monitor {
    fn stage(&mut self, stage: Stage) {
        let title = match stage {
            Stage::Scale => "Choosing the scale",
            Stage::Network => "Running the network",
            Stage::Measure => "Locating columns",
            Stage::Fit => "Fitting columns",
        };
        self.report(Report::Progress(title.to_owned(), None));
    }

    fn progress(&mut self, part: f64) {
        self.report(Report::Progress("Running the network".to_owned(), Some(part)));
    }

    fn partial(&mut self, partial: &Partial<'_>) {
        if self.shown.is_none_or(|at| at.elapsed() > APART) {
            let (denoised, places) = (partial.map(Task::NoNoise), partial.positions());
            self.report(Report::Partial(Box::new(PartialResult { denoised, places })));
            self.shown = Some(Instant::now());
        }
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(jobs: &mut Jobs) -> Vec<Event> {
        let begun = Instant::now();
        loop {
            let events = jobs.events();
            if events.iter().any(|event| matches!(event, Event::Done(..))) || begun.elapsed().as_secs() > 20 {
                return events;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn jobs() -> Jobs {
        Jobs::new(Arc::new(|| {}))
    }

    #[test]
    fn a_panic_is_a_message() {
        let mut jobs = jobs();
        jobs.start(Kind::Run, "runs", |_| panic!("seven"));
        let events = wait(&mut jobs);
        let Some(Event::Done(Kind::Run, Err(message))) = events.last() else { panic!("no message") };
        assert!(message.contains("seven"), "{message}");
        assert!(jobs.running(Kind::Run).is_none());
    }

    #[test]
    fn a_cancelled_job_sees_it_and_is_not_heard_again() {
        let mut jobs = jobs();
        let (sender, seen) = channel();
        jobs.start(Kind::Run, "runs", move |monitor| {
            while !monitor.stopped() {
                std::thread::yield_now();
            }
            sender.send(()).unwrap();
            Ok(Outcome::Nothing)
        });
        jobs.cancel(Kind::Run);
        seen.recv_timeout(Duration::from_secs(20)).unwrap();
        jobs.start(Kind::Look, "looks", |_| Ok(Outcome::Nothing));
        let events = wait(&mut jobs);
        assert!(matches!(events[..], [Event::Done(Kind::Look, Ok(_))]));
    }

    #[test]
    fn what_is_being_written_is_finished_when_the_window_closes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("written");
        let mut jobs = jobs();
        let file = path.clone();
        jobs.start(Kind::Write, "writes", move |_| {
            std::thread::sleep(Duration::from_millis(30));
            std::fs::write(file, "all").map_err(|e| e.to_string())?;
            Ok(Outcome::Nothing)
        });
        drop(jobs);
        assert_eq!(std::fs::read_to_string(path).unwrap(), "all");
    }
}
