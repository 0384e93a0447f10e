//! Runs one simulation that a JSON file describes and writes what it gives as 32-bit floats: our side of
//! `benches/peers/multislice.py`.
//!
//!     peer JOB.json OUT.raw

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use adatom_crystal::Element;
use adatom_multislice::{
    Atom, Detector, Method, Phonons, Projection, Sampling, Scan, Settings, Simulation, Specimen,
};
use adatom_optics::{Aberrations, Parametrisation, Probe};
use serde::Deserialize;
use std::time::Instant;

#[derive(Deserialize)]
struct Job {
    /// Z, x, y, z.
    atoms: Vec<[f64; 4]>,
    size: [f64; 3],
    samples: [usize; 2],
    slice: f64,
    energy: f64,
    semiangle: f64,
    #[serde(default)]
    aberrations: Aberrations,
    parametrisation: Parametrisation,
    projection: Projection,
    #[serde(default)]
    tilt: [f64; 2],
    #[serde(default)]
    detectors: Vec<Detector>,
    #[serde(default)]
    thicknesses: Vec<f64>,
    /// Interpolation of PRISM; zero for the conventional method.
    #[serde(default)]
    prism: usize,
    /// Mean-square displacement and configurations.
    #[serde(default)]
    phonons: Option<(f64, usize)>,
    #[serde(default)]
    scan: Option<Scan>,
    /// Gives the exit wave of this position and its Fourier transform instead of images.
    #[serde(default)]
    wave: Option<[f64; 2]>,
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let job: Job = serde_json::from_str(&std::fs::read_to_string(&arguments[1]).unwrap()).unwrap();
    let u = job.phonons.map_or(0.0, |(u, _)| u);
    let atom = |[z, x, y, depth]: [f64; 4]| Atom {
        element: Element::from_number(z as u8).unwrap(),
        position: [x, y, depth],
        occupancy: 1.0,
        u_iso_angstrom2: u,
    };
    let specimen = Specimen { atoms: job.atoms.into_iter().map(atom).collect(), size_angstrom: job.size };
    let probe = Probe::new(job.energy, job.semiangle, job.aberrations, 0.0).unwrap();
    let mut settings = Settings::new(probe, 0.1, job.scan.unwrap_or(Scan::point([0.0, 0.0])));
    settings.sampling = Sampling::Samples(job.samples);
    settings.slice_thickness_angstrom = job.slice;
    settings.parametrisation = job.parametrisation;
    settings.projection = job.projection;
    settings.tilt_mrad = job.tilt;
    settings.thicknesses_angstrom = job.thicknesses;
    settings.phonons = job.phonons.map(|(_, configurations)| Phonons { configurations, seed: 1 });
    settings.memory_bytes = 16_000_000_000;
    settings.detectors = if job.detectors.is_empty() {
        vec![Detector::CentreOfMass { outer_mrad: 10.0 }]
    } else {
        job.detectors
    };
    if job.prism > 0 {
        settings.method = Method::Prism { interpolation: job.prism };
    }
    let start = Instant::now();
    let simulation = Simulation::new(specimen, settings).unwrap();
    let mut values: Vec<f32> = Vec::new();
    if let Some(position) = job.wave {
        for field in [simulation.exit_wave(position, 0), simulation.diffraction_wave(position, 0)] {
            values.extend(field.unwrap().iter().flat_map(|v| [v.re, v.im]));
        }
    } else {
        let recording = simulation.run(&mut |_| true).unwrap();
        for exit in 0..recording.thicknesses_angstrom.len() {
            for channel in 0..recording.channels.len() {
                values.extend(recording.image(exit, channel).iter().map(|v| *v as f32));
            }
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    let bytes: Vec<u8> = values.into_iter().flat_map(f32::to_le_bytes).collect();
    std::fs::write(&arguments[2], bytes).unwrap();
    let plan = simulation.plan();
    println!("{}", serde_json::json!({ "seconds": seconds, "peak_mb": peak_mb(), "planned": plan }));
}

/// Most memory that this process has held \[MB\]; Linux only.
fn peak_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok()).unwrap_or(f64::NAN) / 1000.0
}
