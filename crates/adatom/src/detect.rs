//! The detector that the network is compared with.

use crate::evaluate::{Seen, evaluate_by};
use crate::locate::resampled;
use crate::watch::Unwatched;
use crate::{Error, Evaluation, LoadedModel, LocateSettings, ScaleChoice, scale};
use adatom_formats::PixelSize;
use adatom_library::Generator;
use adatom_network::{Detection, Detector, DetectorConfig, DeviceChoice, Weights};
use ndarray::Array2;

/// The columns of an image that a Faster R-CNN is at least as sure of as the settings' threshold, in
/// pixels of the file, the surest first. It sees the image at the scale that `model` would see it.
///
/// # Errors
/// When the scale makes no sense or a network can't be run.
pub fn detect(
    image: &Array2<f32>,
    pixel_size: Option<PixelSize>,
    detector: &Detector,
    model: &LoadedModel,
    settings: &LocateSettings,
) -> Result<(Vec<Detection>, ScaleChoice), Error> {
    let aspect = pixel_size.map_or(1.0, |size| size.y_angstrom / size.x_angstrom);
    let choice = scale::choose(image, aspect, model, settings, &mut Vec::new(), &Unwatched)?;
    let (resampling, seen) = resampled(image, aspect, choice.factor)?;
    let back = resampling.inverse();
    let (scale_y, scale_x) = back.scale();
    let mut found = detector.detect(&seen)?;
    found.retain(|d| d.score >= settings.threshold);
    for d in &mut found {
        (d.x, d.y) = back.forward((d.x, d.y));
        (d.half_width, d.half_height) = (d.half_width * scale_x, d.half_height * scale_y);
    }
    Ok((found, choice))
}

/// Evaluates a Faster R-CNN by the rules of [`crate::evaluate`].
///
/// # Errors
/// As [`crate::evaluate`].
pub fn evaluate_detector(
    generator: &Generator,
    count: u64,
    weights: &Weights<DetectorConfig>,
    device: DeviceChoice,
    model: &LoadedModel,
    settings: &LocateSettings,
    progress: &mut dyn FnMut(u64),
) -> Result<Evaluation, Error> {
    let detector = Detector::new(weights, &device.open()?);
    let see = |sample: &adatom_library::Sample| {
        let (found, choice) = detect(&sample.image, None, &detector, model, settings)?;
        let columns = found.iter().map(|d| (d.x, d.y, d.score)).collect();
        Ok(Seen { columns, psnr_out_db: f64::NAN, scale: choice.factor })
    };
    evaluate_by(generator, count, weights.hash()?, see, progress)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Model, read_detector};
    use adatom_library::Recipe;

    #[test]
    fn the_detector_that_comes_along_belongs_to_its_card_and_finds_columns() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../weights/faster-rcnn.safetensors");
        let weights = read_detector(path.as_ref()).unwrap().weights;
        let model = Model::built_in().unwrap().open(DeviceChoice::Cpu).unwrap();
        let generator = Generator::new(Recipe::open("paper").unwrap(), 2).unwrap();
        let settings = LocateSettings { threshold: 0.5, ..LocateSettings::default() };
        let cpu = DeviceChoice::Cpu;
        let result = evaluate_detector(&generator, 2, &weights, cpu, &model, &settings, &mut |_| {}).unwrap();
        assert!(result.overall.f1 > 0.9, "{}", result.overall.f1);
        assert!(std::fs::metadata(path).unwrap().len() < 3_000_000);
    }
}
