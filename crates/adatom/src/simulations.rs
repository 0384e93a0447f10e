//! The multislice simulations behind a recipe, kept on disk piece by piece.

use crate::Error;
use adatom_library::{LibraryError, Simulated};
use adatom_multislice::{MultisliceError, Plan, Unit};
use serde_json::json;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// What happens while the simulations of a recipe run.
pub enum SimulationEvent<'a> {
    /// One is about to run.
    Starting {
        /// The simulation.
        simulation: &'a Simulated,
        /// What it will cost.
        plan: &'a Plan,
        /// Its number, from 1.
        number: usize,
        /// How many there are.
        count: usize,
        /// Part of it that an earlier run has done.
        kept: f64,
    },
    /// A piece of it is done.
    Running {
        /// Part that is done, 0 to 1.
        part: f64,
        /// Time that it will take from here \[s\].
        seconds_left: f64,
    },
}

/// Runs multislice simulations of a generator's, all or those of some samples.
///
/// Each keeps what is done in a file `KEY.jsonl` of `folder`: a line of its own, then one for each finished piece, so
/// that a run that was stopped or killed goes on where it was, to the same bits. `false` when `stop` was set.
///
/// # Errors
/// When a file can't be read or written, or holds something else.
pub fn run_simulations(
    simulations: &[&Simulated],
    folder: &Path,
    stop: &AtomicBool,
    report: &mut dyn FnMut(SimulationEvent<'_>),
) -> Result<bool, Error> {
    let count = simulations.len();
    if count > 0 {
        fs::create_dir_all(folder).map_err(|e| Error::io(folder, e))?;
    }
    for (index, simulation) in simulations.iter().enumerate() {
        let path = folder.join(format!("{}.jsonl", simulation.key()));
        let (mut file, done) = open(&path, simulation)?;
        let (kept, units) = (done.len(), simulation.units());
        if kept < units {
            let plan = simulation.plan();
            let kept = kept as f64 / units as f64;
            report(SimulationEvent::Starting { simulation, plan: &plan, number: index + 1, count, kept });
        }
        let (start, mut fresh, mut failure) = (Instant::now(), 0, None);
        let run = simulation.run(done, &mut |unit| {
            let line = json!(unit).to_string() + "\n";
            if let Err(error) = file.write_all(line.as_bytes()).and_then(|()| file.sync_data()) {
                failure = Some(Error::io(&path, error));
                return false;
            }
            fresh += 1;
            let left = units - kept - fresh;
            let seconds_left = start.elapsed().as_secs_f64() / fresh as f64 * left as f64;
            report(SimulationEvent::Running { part: (units - left) as f64 / units as f64, seconds_left });
            !stop.load(Ordering::Relaxed)
        });
        if let Some(failure) = failure {
            return Err(failure);
        }
        match run {
            Err(LibraryError::Multislice { source: MultisliceError::Stopped, .. }) => return Ok(false),
            other => other?,
        }
        if stop.load(Ordering::Relaxed) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Opens a simulation's file at its end, and reads the pieces in it; half a line at the end, where a run was killed, is
/// taken away.
fn open(path: &Path, simulation: &Simulated) -> Result<(File, Vec<Unit>), Error> {
    let io = |error| Error::io(path, error);
    let mut file = OpenOptions::new().read(true).append(true).create(true).open(path).map_err(io)?;
    let bytes = fs::read(path).map_err(io)?;
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    file.set_len(whole as u64).map_err(io)?;
    if whole == 0 {
        let head =
            json!({ "simulation": simulation.title(), "key": simulation.key(), "units": simulation.units() });
        writeln!(file, "{head}").map_err(io)?;
    }
    let mut units = Vec::new();
    for (number, line) in bytes[..whole].split(|byte| *byte == b'\n').enumerate().skip(1) {
        if line.is_empty() {
            continue;
        }
        units.push(serde_json::from_slice(line).map_err(|error| Error::Input {
            path: path.to_owned(),
            message: format!("line {}: {error}; delete the file to simulate anew", number + 1),
        })?);
    }
    Ok((file, units))
}

#[cfg(test)]
mod tests {
    use super::*;
    use adatom_library::{Generator, Recipe};

    const RECIPE: &str = r#"
        name = "test"
        image = { width = 48, height = 48, field_of_view_angstrom = 10 }
        imaging = { model = "multislice", detector_mrad = [40, 70], configurations = 2, box_angstrom = 7 }
        optics = [{ id = "a", energy_kv = 200, semiangle_mrad = 20, source_fwhm_angstrom = 0.8 }]
        structure = [{ material = "SrTiO3", thickness_angstrom = [8, 20] }]
    "#;

    fn generator(folder: &Path) -> Generator {
        let path = folder.join("recipe.toml");
        fs::write(&path, RECIPE).unwrap();
        Generator::new(Recipe::open(path.to_str().unwrap()).unwrap(), 1).unwrap()
    }

    /// Stopped after one piece and with half a line in the file, a run goes on; its samples are those of a generator
    /// that simulated by itself.
    #[test]
    fn a_killed_run_goes_on_to_the_same_samples() {
        let folder = tempfile::tempdir().unwrap();
        let made = folder.path().join("made");
        let stop = AtomicBool::new(false);
        let first = generator(folder.path());
        let mut seen = 0;
        let finished = run_simulations(&first.simulations_of([3]), &made, &stop, &mut |event| {
            if matches!(event, SimulationEvent::Running { .. }) {
                seen += 1;
                stop.store(true, Ordering::Relaxed);
            }
        });
        assert!(!finished.unwrap() && seen == 1);
        let path = fs::read_dir(&made).unwrap().next().unwrap().unwrap().path();
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"{\"configuration\": 1, \"fir").unwrap();
        stop.store(false, Ordering::Relaxed);
        let second = generator(folder.path());
        let mut kept = 0.0;
        let finished = run_simulations(&second.simulations_of([3]), &made, &stop, &mut |event| {
            if let SimulationEvent::Starting { kept: part, .. } = event {
                kept = part;
            }
        });
        assert!(finished.unwrap() && kept > 0.0 && kept < 1.0);
        let (resumed, alone) = (second.sample(3).unwrap(), generator(folder.path()).sample(3).unwrap());
        assert_eq!(resumed.image, alone.image);
        assert_eq!(resumed.columns, alone.columns);
        fs::write(&path, "{}\nnonsense\n").unwrap();
        let error =
            run_simulations(&second.simulations_of([3]), &made, &stop, &mut |_| {}).unwrap_err().to_string();
        assert!(error.contains("line 2"), "{error}");
    }
}
