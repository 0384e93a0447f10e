use crate::evaluate::evaluate_sample;
use crate::{Error, LoadedModel, LocateSettings};
use adatom_formats::write_atomically;
use adatom_library::Generator;
use adatom_locate::Calibration;
use adatom_network::ModelCard;
use std::path::Path;

/// Measures on `count` samples how the height of a peak in the map goes with the chance that it is
/// a column, and makes that the model's score from now on.
///
/// # Errors
/// When a sample can't be made or the network can't be run.
pub fn calibrate(
    model: &mut LoadedModel,
    generator: &Generator,
    count: u64,
    progress: &mut dyn FnMut(u64),
) -> Result<(), Error> {
    // Every peak, at the scale that the model chooses with the calibration it has.
    let settings = LocateSettings { threshold: 0.0, ..LocateSettings::default() };
    let mut verdicts = Vec::new();
    for index in 0..count {
        let result = evaluate_sample(&generator.sample(index)?, model, &settings)?;
        verdicts
            .extend(result.verdicts.iter().map(|(score, right)| (model.calibration.height(*score), *right)));
        progress(index + 1);
    }
    model.calibration = Calibration::fit(&verdicts);
    model.card.calibration = model.calibration.points().to_vec();
    Ok(())
}

/// Writes a model card as JSON.
///
/// # Errors
/// When the file can't be written.
pub fn write_card(card: &ModelCard, path: &Path) -> Result<(), Error> {
    let text = serde_json::to_string_pretty(card).unwrap_or_default();
    write_atomically(path, |file| writeln!(file, "{text}"))?;
    Ok(())
}
