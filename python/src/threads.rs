//! The threads that all work runs on.

use crate::errors::failed;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::sync::{Arc, Mutex, PoisonError};

/// Variables that say how many threads to use, the first that is set counts.
const VARIABLES: [&str; 3] = ["ADATOM_THREADS", "RAYON_NUM_THREADS", "OMP_NUM_THREADS"];

/// The threads of this process.
struct Threads {
    /// How many the user wants, if they said so.
    chosen: Option<usize>,
    /// The pool, and the process it belongs to: a forked child has none of its parent's threads.
    pool: Option<(u32, Arc<ThreadPool>)>,
}

static THREADS: Mutex<Threads> = Mutex::new(Threads { chosen: None, pool: None });

fn usual() -> usize {
    let mut set = VARIABLES.iter().filter_map(|name| std::env::var(name).ok()?.trim().parse().ok());
    set.find(|count| *count > 0)
        .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, |count| count.get()))
}

/// This process's pool.
pub fn pool() -> PyResult<Arc<ThreadPool>> {
    THREADS.lock().unwrap_or_else(PoisonError::into_inner).pool()
}

/// A pool of as many threads as [`pool`] has, that ends when it is dropped.
pub fn another_pool() -> PyResult<Arc<ThreadPool>> {
    build(pool()?.current_num_threads())
}

fn build(count: usize) -> PyResult<Arc<ThreadPool>> {
    let built = ThreadPoolBuilder::new().num_threads(count).thread_name(|n| format!("adatom-{n}")).build();
    built.map(Arc::new).map_err(|error| failed(error.to_string()))
}

impl Threads {
    fn pool(&mut self) -> PyResult<Arc<ThreadPool>> {
        match &self.pool {
            Some((process, pool)) if *process == std::process::id() => Ok(Arc::clone(pool)),
            _ => self.replace(self.chosen.unwrap_or_else(usual)),
        }
    }

    fn replace(&mut self, count: usize) -> PyResult<Arc<ThreadPool>> {
        let pool = build(count)?;
        let before = self.pool.replace((std::process::id(), Arc::clone(&pool)));
        // Another process's threads can't be ended here.
        if let Some(stale) = before.filter(|(process, _)| *process != std::process::id()) {
            std::mem::forget(stale);
        }
        Ok(pool)
    }

    fn resize(&mut self, count: usize) -> PyResult<()> {
        let fits = self.pool.as_ref().is_some_and(|(process, pool)| {
            *process == std::process::id() && pool.current_num_threads() == count
        });
        if !fits {
            self.replace(count)?;
        }
        Ok(())
    }
}

/// How many threads one call may use; all calls of a process share them.
#[pyfunction]
pub fn threads() -> PyResult<usize> {
    Ok(pool()?.current_num_threads())
}

/// Sets how many threads all calls of this process share.
#[pyfunction]
pub fn set_threads(count: i64) -> PyResult<()> {
    let mut threads = THREADS.lock().unwrap_or_else(PoisonError::into_inner);
    let count = checked(count)?;
    threads.resize(count)?;
    threads.chosen = Some(count);
    Ok(())
}

/// The same for a program that shares out processors: what the user has set stays.
#[pyfunction]
pub fn suggest_threads(count: i64) -> PyResult<()> {
    let mut threads = THREADS.lock().unwrap_or_else(PoisonError::into_inner);
    if threads.chosen.is_none() {
        threads.resize(checked(count)?)?;
    }
    Ok(())
}

fn checked(count: i64) -> PyResult<usize> {
    match usize::try_from(count) {
        Ok(count @ 1..=1024) => Ok(count),
        _ => Err(PyValueError::new_err(format!("count is {count}; it must be 1 to 1024"))),
    }
}
