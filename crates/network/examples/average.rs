//! The mean of two trainings' weights, which is often worth more than either:
//!
//! `cargo run --release -p adatom-network --example average -- FIRST SECOND PART OUT`
//!
//! takes PART of the weights in the folder SECOND and the rest of those in FIRST, both of one shape
//! and the second trained from the first, and writes them to the folder OUT with the card of SECOND,
//! without its calibration. `adatom calibrate --model OUT` comes next.

use adatom_network::{ModelCard, ScoreCalibration, Weights};
use std::error::Error;
use std::path::{Path, PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [first, second, part, out] = arguments.as_slice() else {
        return Err("give FIRST SECOND PART OUT: three folders and a number from 0 to 1".into());
    };
    let part: f64 = part.parse()?;
    if !(0.0..=1.0).contains(&part) {
        return Err(format!("PART is {part}: give a number from 0 to 1").into());
    }
    let read = |folder: &str| -> Result<Weights, Box<dyn Error>> {
        let path = PathBuf::from(folder).join("weights.safetensors");
        let bytes = std::fs::read(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        Ok(Weights::from_bytes(&bytes, &path.display().to_string())?)
    };
    let (first, mut weights) = (read(first)?, read(second)?);
    if first.config() != weights.config() {
        return Err("the two networks differ in shape".into());
    }
    for (name, parameter) in weights.parameters_mut() {
        let others = &first.parameters()[name].values;
        for (value, other) in parameter.values.iter_mut().zip(others) {
            *value = (f64::from(*other) * (1.0 - part) + f64::from(*value) * part) as f32;
        }
    }
    let mut card: ModelCard =
        serde_json::from_str(&std::fs::read_to_string(Path::new(second).join("card.json"))?)?;
    card.weights_sha256 = weights.hash()?;
    card.calibration = ScoreCalibration::default();
    card.expected_calibration = None;
    card.trained_on =
        format!("{}; {part} of its weights and the rest of an earlier training's", card.trained_on);
    let out = Path::new(out);
    std::fs::create_dir(out).map_err(|e| format!("{}: {e}", out.display()))?;
    std::fs::write(out.join("weights.safetensors"), weights.to_bytes()?)?;
    std::fs::write(out.join("card.json"), serde_json::to_string_pretty(&card)?)?;
    Ok(())
}
