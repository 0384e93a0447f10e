//! The threads that all work runs on.

use crate::errors::failed;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::sync::{Arc, Mutex, PoisonError};

/// Variables that say how many threads to use, the first that is set counts.
const VARIABLES: [&str; 3] = ["ADATOM_THREADS", "RAYON_NUM_THREADS", "OMP_NUM_THREADS"];

/// The pool, and the process it belongs to: a forked child has none of its parent's threads.
static POOL: Mutex<Option<(u32, Arc<ThreadPool>)>> = Mutex::new(None);

fn usual() -> usize {
    let mut set = VARIABLES.iter().filter_map(|name| std::env::var(name).ok()?.trim().parse().ok());
    set.find(|count| *count > 0)
        .unwrap_or_else(|| std::thread::available_parallelism().map_or(1, |count| count.get()))
}

/// This process's pool.
pub fn pool() -> PyResult<Arc<ThreadPool>> {
    let mut kept = POOL.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((process, pool)) = kept.as_ref()
        && *process == std::process::id()
    {
        return Ok(Arc::clone(pool));
    }
    replace(&mut kept, usual())
}

fn replace(kept: &mut Option<(u32, Arc<ThreadPool>)>, count: usize) -> PyResult<Arc<ThreadPool>> {
    let built = ThreadPoolBuilder::new().num_threads(count).thread_name(|n| format!("adatom-{n}")).build();
    let pool = Arc::new(built.map_err(|error| failed(error.to_string()))?);
    let before = kept.replace((std::process::id(), Arc::clone(&pool)));
    // Another process's threads can't be ended here.
    if let Some(stale) = before.filter(|(process, _)| *process != std::process::id()) {
        std::mem::forget(stale);
    }
    Ok(pool)
}

/// How many threads one call may use; all calls of a process share them.
#[pyfunction]
pub fn threads() -> PyResult<usize> {
    Ok(pool()?.current_num_threads())
}

/// Sets how many threads all calls of this process share.
#[pyfunction]
pub fn set_threads(count: usize) -> PyResult<()> {
    if !(1..=1024).contains(&count) {
        return Err(PyValueError::new_err(format!("count is {count}; it must be 1 to 1024")));
    }
    let mut kept = POOL.lock().unwrap_or_else(PoisonError::into_inner);
    let fits = kept
        .as_ref()
        .is_some_and(|(process, pool)| *process == std::process::id() && pool.current_num_threads() == count);
    if !fits {
        replace(&mut kept, count)?;
    }
    Ok(())
}
