use crate::evaluate::score_sample;
use crate::{Error, LoadedModel, LocateSettings, Scale, WORKING_SPACING_PX, locate};
use adatom_formats::write_atomically;
use adatom_library::Generator;
use adatom_locate::{Calibration, Flag};
use adatom_network::{ModelCard, ScoreCalibration, Shape};
use std::path::Path;

/// The trials that choose a scale need a calibration themselves: it is made without them, of many samples on one in so many.
const FIRST: usize = 4;
const MANY: u64 = 400;

/// Measures on `count` samples of each generator how a peak of the map goes with the chance that it
/// is a column, and makes that the model's score from now on. `progress` is told which part is done.
///
/// # Errors
/// When a sample can't be made or the network can't be run.
pub fn calibrate(
    model: &mut LoadedModel,
    generators: &[&Generator],
    count: u64,
    progress: &mut dyn FnMut(f64),
) -> Result<(), Error> {
    let first = if count < MANY { 1 } else { FIRST };
    let all = generators.len() as u64 * (count.div_ceil(first as u64) + count);
    let mut done = 0;
    for (scale, step) in [(Scale::Spacing(WORKING_SPACING_PX), first), (Scale::Auto, 1)] {
        let settings = LocateSettings { scale, threshold: 0.0, ..LocateSettings::default() };
        let (mut peaks, mut expected) = (Vec::new(), Vec::new());
        let samples = generators.iter().flat_map(|g| (0..count).step_by(step).map(|index| g.sample(index)));
        for sample in samples {
            let sample = sample?;
            let located = locate(&sample.image, None, model, &settings, &mut |_| {})?;
            let rights = score_sample(&sample, located.columns.iter().map(|c| (c.x, c.y))).1;
            for (column, right) in located.columns.iter().zip(rights) {
                let kind = if column.flags.contains(&Flag::Expected) { &mut expected } else { &mut peaks };
                kind.extend(right.map(|right| (column.features, right)));
            }
            done += 1;
            progress(done as f64 / all as f64);
        }
        model.calibration = Calibration::fit(&peaks);
        model.expected_calibration = Some(Calibration::fit(&expected));
    }
    model.card.calibration = kept(&model.calibration);
    model.card.expected_calibration = model.expected_calibration.as_ref().map(kept);
    Ok(())
}

fn kept(calibration: &Calibration) -> ScoreCalibration {
    ScoreCalibration {
        weights: calibration.weights().map(<[f64]>::to_vec),
        points: calibration.points().to_vec(),
    }
}

/// Writes a model card as JSON.
///
/// # Errors
/// When the file can't be written.
pub fn write_card<S: Shape>(card: &ModelCard<S>, path: &Path) -> Result<(), Error> {
    let text = serde_json::to_string_pretty(card).unwrap_or_default();
    write_atomically(path, |file| writeln!(file, "{text}"))?;
    Ok(())
}
