use crate::{Error, Initial};
use adatom_library::hexadecimal;
use adatom_locate::Calibration;
use adatom_network::{DetectorConfig, DeviceChoice, Inference, ModelCard, ScoreCalibration, Shape, Weights};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

/// Weights that come with the program, and their card.
const WEIGHTS: &[u8] = include_bytes!("../../../weights/adatom.safetensors");
const CARD: &str = include_str!("../../../weights/adatom.json");

/// Reads the Faster R-CNN in a training's folder, or a weights file with its card beside it, to go on
/// from.
///
/// # Errors
/// When the files can't be read or don't belong together.
pub fn read_detector(path: &Path) -> Result<Initial<DetectorConfig>, Error> {
    let (bytes, card, origin) = files(path)?;
    let (weights, card) = parse(&bytes, &card, &origin)?;
    Ok(Initial::new(weights, &card))
}

/// The weights and the card of the model at `path`, and its name in errors.
fn files(path: &Path) -> Result<(Vec<u8>, String, String), Error> {
    let weights = if path.is_dir() { path.join("weights.safetensors") } else { path.to_owned() };
    let card = Model::card_path(path);
    let bytes = std::fs::read(&weights).map_err(|e| Error::io(&weights, e))?;
    let text = std::fs::read_to_string(&card).map_err(|e| Error::io(&card, e))?;
    Ok((bytes, text, weights.display().to_string()))
}

/// Weights and card, of whose belonging together this makes sure.
fn parse<S: Shape>(bytes: &[u8], card: &str, origin: &str) -> Result<(Weights<S>, ModelCard<S>), Error> {
    let weights = Weights::from_bytes(bytes, origin)?;
    let wrong = |message: String| Error::Input { path: origin.into(), message };
    let card: ModelCard<S> = serde_json::from_str(card).map_err(|e| wrong(format!("model card: {e}")))?;
    let sha256 = hexadecimal(&Sha256::digest(bytes));
    if sha256 != card.weights_sha256 {
        return Err(wrong(format!(
            "the weights' SHA-256 is {sha256}, the model card says {}: they don't belong together",
            card.weights_sha256
        )));
    }
    Ok((weights, card))
}

/// A trained network with what is known about it.
#[derive(Debug, Clone)]
pub struct Model {
    weights: Weights,
    card: ModelCard,
    sha256: String,
    calibration: Calibration,
    expected_calibration: Option<Calibration>,
}

impl Model {
    /// The one that comes with the program.
    ///
    /// # Errors
    /// When the program was built with broken weights.
    pub fn built_in() -> Result<Self, Error> {
        Self::read(WEIGHTS, CARD, "built-in weights")
    }

    /// The one in a training's folder, or the weights file with its card beside it.
    ///
    /// # Errors
    /// When the files can't be read or don't belong together.
    pub fn from_path(path: &Path) -> Result<Self, Error> {
        let (bytes, card, origin) = files(path)?;
        Self::read(&bytes, &card, &origin)
    }

    /// Where the card of the model at `path` is kept.
    pub fn card_path(path: &Path) -> PathBuf {
        if path.is_dir() { path.join("card.json") } else { path.with_extension("json") }
    }

    fn read(bytes: &[u8], card: &str, origin: &str) -> Result<Self, Error> {
        let (weights, card) = parse(bytes, card, origin)?;
        let wrong = |message: String| Error::Input { path: origin.into(), message };
        let sha256 = card.weights_sha256.clone();
        let read = |name: &str, kept: &ScoreCalibration| {
            Calibration::from_parts(kept.weights.as_deref(), kept.points.clone()).ok_or_else(|| {
                let expected = "expected 1 to 9 weights, and pairs of numbers from 0 to 1 that rise";
                wrong(format!("model card: {name}: {expected}"))
            })
        };
        let calibration = read("calibration", &card.calibration)?;
        let expected = card.expected_calibration.as_ref();
        let expected_calibration = expected.map(|kept| read("expected_calibration", kept)).transpose()?;
        Ok(Self { weights, card, sha256, calibration, expected_calibration })
    }

    /// The network's weights.
    pub fn weights(&self) -> &Weights {
        &self.weights
    }

    /// The model card.
    pub fn card(&self) -> &ModelCard {
        &self.card
    }

    /// SHA-256 of the weights.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// The network as an ONNX model with its normalisation inside, see [`Weights::to_onnx`].
    pub fn to_onnx(&self) -> Vec<u8> {
        self.weights.to_onnx(&[
            ("name", self.card.name.clone()),
            ("weights_sha256", self.sha256.clone()),
            ("licence", self.card.licence.clone()),
            ("working_spacing_px", self.card.working_spacing_px.to_string()),
        ])
    }

    /// Puts the network on a device.
    ///
    /// # Errors
    /// When there is no such device.
    pub fn open(self, device: DeviceChoice) -> Result<LoadedModel, Error> {
        let device = device.open()?;
        Ok(LoadedModel {
            inference: Inference::new(self.weights, &device),
            card: self.card,
            sha256: self.sha256,
            calibration: self.calibration,
            expected_calibration: self.expected_calibration,
        })
    }
}

/// A model on a device.
pub struct LoadedModel {
    pub(crate) inference: Inference,
    pub(crate) card: ModelCard,
    pub(crate) sha256: String,
    pub(crate) calibration: Calibration,
    pub(crate) expected_calibration: Option<Calibration>,
}

impl LoadedModel {
    /// The model card.
    pub fn card(&self) -> &ModelCard {
        &self.card
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_weights_belong_to_their_card() {
        let model = Model::built_in().unwrap();
        assert_eq!(model.card().network, *model.weights.config());
        assert!(WEIGHTS.len() < 8_000_000);
    }
}
