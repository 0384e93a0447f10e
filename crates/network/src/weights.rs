use crate::{NetworkConfig, NetworkError, Shape};
use adatom_imaging::SampleRng;
use adatom_library::hexadecimal;
use burn::tensor::Tensor;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap};

/// A named array of a network.
#[derive(Debug, Clone, PartialEq)]
pub struct Parameter {
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its values, last axis fastest.
    pub values: Vec<f32>,
    /// Whether the optimiser changes it; running statistics are not learnt but measured.
    pub learnt: bool,
}

/// A network at rest: its shape and its named arrays.
///
/// Names of the U-Net: `down.L.K` and `up.L.K` are the K-th convolution of level L with `weight` and the batch
/// norm's `gamma`, `beta`, `running_mean` and `running_var`; `raise.L` is the up-convolution to
/// level L; `head` the final 1×1 convolution, one output channel a task.
#[derive(Debug, Clone, PartialEq)]
pub struct Weights<S = NetworkConfig> {
    config: S,
    parameters: BTreeMap<String, Parameter>,
}

impl<S: Shape> Weights<S> {
    /// Fresh weights: He-normal convolutions, unit batch norms, zero biases.
    ///
    /// # Errors
    /// When the configuration makes no network.
    pub fn new(config: S, seed: u64) -> Result<Self, NetworkError> {
        config.check()?;
        let mut rng = SampleRng::new(seed, u64::MAX);
        let parameters = config
            .arrays()
            .into_iter()
            .map(|(name, shape)| {
                let count = shape.iter().product();
                let role = name.rsplit('.').next().unwrap_or_default();
                let values = match role {
                    "weight" => {
                        let fan_in: usize = shape[1..].iter().product();
                        let deviation = (2.0 / fan_in as f64).sqrt();
                        (0..count).map(|_| (rng.normal() * deviation) as f32).collect()
                    }
                    "gamma" | "running_var" => vec![1.0; count],
                    _ => vec![0.0; count],
                };
                let learnt = !role.starts_with("running");
                (name, Parameter { shape, values, learnt })
            })
            .collect();
        Ok(Self { config, parameters })
    }

    /// The network's shape.
    pub fn config(&self) -> &S {
        &self.config
    }

    /// The arrays by name.
    pub fn parameters(&self) -> &BTreeMap<String, Parameter> {
        &self.parameters
    }

    /// The arrays by name, to be changed in value.
    pub fn parameters_mut(&mut self) -> impl Iterator<Item = (&String, &mut Parameter)> {
        self.parameters.iter_mut()
    }

    /// Number of learnt weights.
    pub fn count(&self) -> usize {
        self.parameters.values().filter(|p| p.learnt).map(|p| p.values.len()).sum()
    }

    /// Whether every weight is a finite number.
    pub fn is_finite(&self) -> bool {
        self.parameters.values().all(|p| p.values.iter().all(|v| v.is_finite()))
    }

    /// Serialised as safetensors, the shape of the network in its header.
    ///
    /// # Errors
    /// When serialisation fails.
    pub fn to_bytes(&self) -> Result<Vec<u8>, NetworkError> {
        let wrong = |message: String| NetworkError::Weights { origin: "weights".to_owned(), message };
        let config = serde_json::to_string(&self.config).map_err(|e| wrong(e.to_string()))?;
        let bytes: Vec<(&String, &Parameter, Vec<u8>)> = self
            .parameters
            .iter()
            .map(|(name, p)| (name, p, p.values.iter().flat_map(|v| v.to_le_bytes()).collect()))
            .collect();
        let views = bytes
            .iter()
            .map(|(name, p, bytes)| Ok((name.as_str(), TensorView::new(Dtype::F32, p.shape.clone(), bytes)?)))
            .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()
            .map_err(|e| wrong(e.to_string()))?;
        safetensors::serialize(views, Some(HashMap::from([(S::WEIGHTS_KEY.to_owned(), config)])))
            .map_err(|e| wrong(e.to_string()))
    }

    /// Reads what [`Weights::to_bytes`] wrote; `origin` names it in errors.
    ///
    /// # Errors
    /// When the bytes are no safetensors, the network's shape is missing, or an array is missing,
    /// of another shape or type, or not finite.
    pub fn from_bytes(bytes: &[u8], origin: &str) -> Result<Self, NetworkError> {
        let wrong = |message: String| NetworkError::Weights { origin: origin.to_owned(), message };
        let key = S::WEIGHTS_KEY;
        let (_, header) =
            SafeTensors::read_metadata(bytes).map_err(|e| wrong(format!("no safetensors file: {e}")))?;
        let config =
            header.metadata().as_ref().and_then(|metadata| metadata.get(S::WEIGHTS_KEY)).ok_or_else(
                || wrong(format!("its header has no \"{key}\": no weights of a {} of this program", S::NAME)),
            )?;
        let config: S =
            serde_json::from_str(config).map_err(|e| wrong(format!("header field \"{key}\": {e}")))?;
        config.check()?;
        let tensors = SafeTensors::deserialize(bytes).map_err(|e| wrong(e.to_string()))?;
        let mut parameters = BTreeMap::new();
        for (name, shape) in config.arrays() {
            let view = tensors.tensor(&name).map_err(|_| wrong(format!("array {name} is missing")))?;
            if view.dtype() != Dtype::F32 || view.shape() != shape {
                let (dtype, found) = (view.dtype(), view.shape());
                return Err(wrong(format!("array {name} is {dtype:?} {found:?}; it must be F32 {shape:?}")));
            }
            let values: Vec<f32> =
                view.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
            if values.iter().any(|v| !v.is_finite()) {
                return Err(wrong(format!("array {name} holds a value that is not a finite number")));
            }
            let learnt = !name.rsplit('.').next().unwrap_or_default().starts_with("running");
            parameters.insert(name, Parameter { shape, values, learnt });
        }
        Ok(Self { config, parameters })
    }

    /// SHA-256 of the serialised weights.
    ///
    /// # Errors
    /// When serialisation fails.
    pub fn hash(&self) -> Result<String, NetworkError> {
        Ok(hexadecimal(&Sha256::digest(&self.to_bytes()?)))
    }
}

/// The values of a tensor.
pub(crate) fn numbers(tensor: Tensor<1>) -> Result<Vec<f32>, NetworkError> {
    tensor.into_data().try_to_vec::<f32>().map_err(|e| NetworkError::Compute(format!("{e:?}")))
}

/// Where weights come from and what they are worth: written beside them as JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelCard<S = NetworkConfig> {
    /// Name of the model.
    pub name: String,
    /// SHA-256 of the weights' file.
    pub weights_sha256: String,
    /// Licence of the weights.
    pub licence: String,
    /// Number of learnt weights.
    pub learnt_weights: usize,
    /// Shape of the network.
    pub network: S,
    /// The recipe's name and hash, or the library's folder.
    pub trained_on: String,
    /// Hash of the resolved recipe.
    pub recipe_sha256: String,
    /// Seed of weights and samples.
    pub seed: u64,
    /// Training steps.
    pub steps: u64,
    /// Samples a step.
    pub batch: usize,
    /// Mean training loss over the last 100 steps.
    pub final_loss: f32,
    /// Column spacing that images are resampled to \[px\].
    pub working_spacing_px: f64,
    /// What the input normalisation is.
    pub input_normalisation: String,
    /// How the chance that a column is real follows from its peak.
    #[serde(default)]
    pub calibration: ScoreCalibration,
    /// The same of columns that have no peak of their own but stand where others lead one to expect them; without it
    /// none are looked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_calibration: Option<ScoreCalibration>,
    /// Results on validation sets, filled in by whoever measured them.
    #[serde(default)]
    pub validation: serde_json::Value,
    /// What the weights are known not to do well.
    #[serde(default)]
    pub limits: Vec<String>,
}

/// The numbers of a localiser's calibration.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ScoreCalibration {
    /// Weights of a logistic regression: a constant, then one for each feature of the localiser.
    pub weights: Option<Vec<f64>>,
    /// Its logit, scaled to 0 to 1, against the chance.
    pub points: Vec<[f64; 2]>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_survive_a_round_trip() {
        let weights = Weights::new(NetworkConfig::default(), 3).unwrap();
        let back = Weights::from_bytes(&weights.to_bytes().unwrap(), "test").unwrap();
        assert_eq!(weights, back);
        assert!(weights.count() > 300_000);
    }

    #[test]
    fn hostile_bytes_are_refused_by_name() {
        let good = Weights::new(NetworkConfig { widths: vec![2, 3], ..Default::default() }, 3).unwrap();
        let bytes = good.to_bytes().unwrap();
        for bad in [&b""[..], &b"text"[..], &[0xff; 64][..], &bytes[..bytes.len() / 2]] {
            let message = <Weights>::from_bytes(bad, "w.safetensors").unwrap_err().to_string();
            assert!(message.starts_with("w.safetensors"), "{message}");
        }
        let mut nan = good.clone();
        nan.parameters_mut().next().unwrap().1.values[0] = f32::NAN;
        assert!(
            <Weights>::from_bytes(&nan.to_bytes().unwrap(), "w").unwrap_err().to_string().contains("finite")
        );
    }
}
