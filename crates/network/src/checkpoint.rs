use crate::optimiser::Optimiser;
use crate::{NetworkConfig, NetworkError, Shape, TrainConfig, Weights};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};

/// Everything that training needs to go on exactly as if it had not been interrupted.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint<S = NetworkConfig> {
    pub(crate) config: TrainConfig<S>,
    pub(crate) source: String,
    pub(crate) step: u64,
    pub(crate) weights: Weights<S>,
    pub(crate) average: Weights<S>,
    pub(crate) optimiser: Optimiser,
}

#[derive(Serialize, Deserialize)]
struct State<S> {
    config: TrainConfig<S>,
    source: String,
    step: u64,
}

impl<S: Shape> Checkpoint<S> {
    /// How the network is trained.
    pub fn config(&self) -> &TrainConfig<S> {
        &self.config
    }

    /// What identifies the samples: a recipe's hash or a library's folder.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Steps done.
    pub fn step(&self) -> u64 {
        self.step
    }

    /// The moving average of the weights: the network to be used.
    pub fn average(&self) -> &Weights<S> {
        &self.average
    }

    /// Serialised as safetensors.
    ///
    /// # Errors
    /// When serialisation fails.
    pub fn to_bytes(&self) -> Result<Vec<u8>, NetworkError> {
        let wrong = |message: String| NetworkError::Weights { origin: "checkpoint".to_owned(), message };
        let state = State { config: self.config.clone(), source: self.source.clone(), step: self.step };
        let state = serde_json::to_string(&state).map_err(|e| wrong(e.to_string()))?;
        let mut arrays: Vec<(String, Vec<u8>)> = Vec::new();
        let mut add = |kind: &str, name: &str, values: &[f32]| {
            arrays.push((format!("{kind}/{name}"), values.iter().flat_map(|v| v.to_le_bytes()).collect()));
        };
        for (kind, weights) in [("weights", &self.weights), ("average", &self.average)] {
            weights.parameters().iter().for_each(|(name, p)| add(kind, name, &p.values));
        }
        for (kind, moments) in [("first", &self.optimiser.first), ("second", &self.optimiser.second)] {
            moments.iter().for_each(|(name, values)| add(kind, name, values));
        }
        let views = arrays
            .iter()
            .map(|(name, bytes)| {
                Ok((name.as_str(), TensorView::new(Dtype::F32, vec![bytes.len() / 4], bytes)?))
            })
            .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()
            .map_err(|e| wrong(e.to_string()))?;
        safetensors::serialize(views, Some(HashMap::from([(S::CHECKPOINT_KEY.to_owned(), state)])))
            .map_err(|e| wrong(e.to_string()))
    }

    /// Reads what [`Checkpoint::to_bytes`] wrote; `origin` names it in errors.
    ///
    /// # Errors
    /// When the bytes are no checkpoint of this program.
    pub fn from_bytes(bytes: &[u8], origin: &str) -> Result<Self, NetworkError> {
        let wrong = |message: String| NetworkError::Weights { origin: origin.to_owned(), message };
        let (_, header) =
            SafeTensors::read_metadata(bytes).map_err(|e| wrong(format!("no safetensors file: {e}")))?;
        let state = header.metadata().as_ref().and_then(|metadata| metadata.get(S::CHECKPOINT_KEY));
        let state = state.ok_or_else(|| {
            let keys: Vec<&str> = header.metadata().iter().flatten().map(|(key, _)| key.as_str()).collect();
            wrong(format!("no checkpoint of a {}: its header has {keys:?}", S::NAME))
        })?;
        let state: State<S> = serde_json::from_str(state)
            .map_err(|e| wrong(format!("header field \"{}\": {e}", S::CHECKPOINT_KEY)))?;
        state.config.check()?;
        let tensors = SafeTensors::deserialize(bytes).map_err(|e| wrong(e.to_string()))?;
        let read = |kind: &str, name: &str, length: usize| {
            let key = format!("{kind}/{name}");
            let view = tensors.tensor(&key).map_err(|_| wrong(format!("array {key} is missing")))?;
            if view.dtype() != Dtype::F32 || view.shape() != [length] {
                return Err(wrong(format!("array {key} has another shape or type than {length} F32")));
            }
            Ok(view
                .data()
                .chunks_exact(4)
                .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
                .collect::<Vec<_>>())
        };
        let mut weights = Weights::new(state.config.network.clone(), 0)?;
        let mut average = weights.clone();
        for (kind, set) in [("weights", &mut weights), ("average", &mut average)] {
            for (name, parameter) in set.parameters_mut() {
                parameter.values = read(kind, name, parameter.values.len())?;
            }
        }
        let mut optimiser = Optimiser::default();
        if state.step > 0 {
            let moments = |kind: &str| {
                let learnt = weights.parameters().iter().filter(|(_, p)| p.learnt);
                learnt
                    .map(|(name, p)| Ok((name.clone(), read(kind, name, p.values.len())?)))
                    .collect::<Result<BTreeMap<_, _>, NetworkError>>()
            };
            optimiser = Optimiser { first: moments("first")?, second: moments("second")? };
        }
        Ok(Self { config: state.config, source: state.source, step: state.step, weights, average, optimiser })
    }
}
