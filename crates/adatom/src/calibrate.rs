use crate::evaluate::score_sample;
use crate::{Error, LoadedModel, LocateSettings, Scale, WORKING_SPACING_PX, locate};
use adatom_formats::write_atomically;
use adatom_library::Generator;
use adatom_locate::{Calibration, Flag};
use adatom_network::{ModelCard, ScoreCalibration, Shape};
use std::path::Path;

/// Measures on `count` samples of each generator how a peak of the map goes with the chance that it
/// is a column, and makes that the model's score from now on. `progress` is told of each of
/// two steps a sample.
///
/// # Errors
/// When a sample can't be made or the network can't be run.
pub fn calibrate(
    model: &mut LoadedModel,
    generators: &[&Generator],
    count: u64,
    progress: &mut dyn FnMut(u64),
) -> Result<(), Error> {
    let samples = generators
        .iter()
        .flat_map(|generator| (0..count).map(|index| generator.sample(index)))
        .collect::<Result<Vec<_>, _>>()?;
    let mut done = 0;
    // The trials that choose a scale need a calibration themselves: the first is made without them.
    for scale in [Scale::Spacing(WORKING_SPACING_PX), Scale::Auto] {
        let settings = LocateSettings { scale, threshold: 0.0, ..LocateSettings::default() };
        let (mut peaks, mut expected) = (Vec::new(), Vec::new());
        for sample in &samples {
            let located = locate(&sample.image, None, model, &settings, &mut |_| {})?;
            let rights = score_sample(sample, located.columns.iter().map(|c| (c.x, c.y))).1;
            for (column, right) in located.columns.iter().zip(rights) {
                let kind = if column.flags.contains(&Flag::Expected) { &mut expected } else { &mut peaks };
                kind.extend(right.map(|right| (column.features, right)));
            }
            done += 1;
            progress(done);
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
