//! The multislice simulations behind a recipe: their plan, their progress, and where they are kept.

use crate::commands::{Bar, Failure, say};
use crate::library::{SILENCE, duration};
use adatom::{SimulationEvent, run_simulations};
use adatom_library::Simulated;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Instant;

/// Runs simulations, in `folder` or beside `output`. `false` when stopped.
pub fn simulate(
    simulations: &[&Simulated],
    folder: Option<&Path>,
    output: &Path,
    stop: &AtomicBool,
) -> Result<bool, Failure> {
    let beside = || {
        let mut name = output.as_os_str().to_owned();
        name.push(".multislice");
        PathBuf::from(name)
    };
    let folder = folder.map_or_else(beside, Path::to_owned);
    let mut bar = Bar::new("simulating");
    let mut said = Instant::now();
    let finished = run_simulations(simulations, &folder, stop, &mut |event| match event {
        SimulationEvent::Starting { simulation, plan, number, count, kept } => {
            bar.clear();
            say(&format!(
                "simulation {number} of {count}: {}{}",
                simulation.title(),
                strain(simulation.strain())
            ));
            say(&plan.to_string());
            if kept > 0.0 {
                say(&format!("going on:  {:.0} % were done before", 100.0 * kept));
            }
        }
        SimulationEvent::Running { part, seconds_left } => {
            let text = || format!("{} left", duration(seconds_left));
            if bar.is_visible() {
                bar.show_with(part, text);
            } else if said.elapsed() >= SILENCE {
                said = Instant::now();
                say(&format!("{:.0} %  {}", 100.0 * part, text()));
            }
        }
    })?;
    bar.clear();
    if !finished {
        say(&format!("stopped: what is done is in {}; the same command goes on", folder.display()));
    }
    Ok(finished)
}

/// Says what simulations will cost.
pub fn print_plan(simulations: &[&Simulated]) {
    let (mut seconds, mut memory) = (0.0, 0);
    for simulation in simulations {
        let plan = simulation.plan();
        say(&format!("{}{}\n{plan}", simulation.title(), strain(simulation.strain())));
        seconds += plan.seconds;
        memory = memory.max(plan.memory_bytes);
    }
    let count = simulations.len();
    let megabytes = memory as f64 / 1e6;
    let simulations = if count == 1 { "simulation" } else { "simulations" };
    say(&format!("{count} {simulations}: about {}, at most {megabytes:.0} MB", duration(seconds)));
}

fn strain(strain: f64) -> String {
    if strain < 1e-6 {
        String::new()
    } else {
        format!(", strained by up to {:.2} % to be orthogonal", 100.0 * strain)
    }
}
