use crate::{Shape, TrainConfig, Weights};
use std::collections::BTreeMap;

/// Decay of the first and second moment, and the guard of the division.
const BETA1: f32 = 0.9;
const BETA2: f32 = 0.999;
const EPSILON: f32 = 1e-8;
/// Part of a batch's statistics in the running ones.
pub(crate) const MOMENTUM: f32 = 0.03;

/// AdamW (Loshchilov and Hutter 2019) on plain arrays, with a limit on the norm of the whole
/// gradient and a moving average of the weights in the same pass. Its state is arrays by name,
/// so that a checkpoint is exact.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Optimiser {
    pub(crate) first: BTreeMap<String, Vec<f32>>,
    pub(crate) second: BTreeMap<String, Vec<f32>>,
}

impl Optimiser {
    /// Applies the gradients of step `step` (from zero) to `weights` and updates their moving
    /// average; returns the gradient's norm before it was limited.
    pub(crate) fn step<S: Shape>(
        &mut self,
        weights: &mut Weights<S>,
        average: &mut Weights<S>,
        gradients: &BTreeMap<String, Vec<f32>>,
        step: u64,
        config: &TrainConfig<S>,
    ) -> f64 {
        let norm = gradients.values().flatten().map(|g| f64::from(*g).powi(2)).sum::<f64>().sqrt();
        let limit = if config.clip_norm > 0.0 && norm > config.clip_norm {
            (config.clip_norm / norm) as f32
        } else {
            1.0
        };
        let rate = config.schedule.rate(step) as f32;
        let time = (step + 1).min(1 << 30) as i32;
        let (correct1, correct2) = (1.0 - BETA1.powi(time), 1.0 - BETA2.powi(time));
        for (name, parameter) in weights.parameters_mut() {
            let Some(gradient) = gradients.get(name) else { continue };
            // Biases and batch norms are not decayed: nothing is gained by making them small.
            let decay = if parameter.shape.len() > 1 { rate * config.weight_decay as f32 } else { 0.0 };
            let zeros = || vec![0.0; gradient.len()];
            let first = self.first.entry(name.clone()).or_insert_with(zeros);
            let second = self.second.entry(name.clone()).or_insert_with(zeros);
            for (((w, g), m), v) in parameter.values.iter_mut().zip(gradient).zip(first).zip(second) {
                let g = g * limit;
                *m = BETA1 * *m + (1.0 - BETA1) * g;
                *v = BETA2 * *v + (1.0 - BETA2) * g * g;
                *w -= decay * *w + rate * (*m / correct1) / ((*v / correct2).sqrt() + EPSILON);
            }
        }
        let keep = 1.0 - renewal(step, config);
        let both = average.parameters_mut().zip(weights.parameters());
        for ((_, kept), (_, now)) in both.filter(|(_, (_, now))| now.learnt || !config.fixed_statistics) {
            for (kept, now) in kept.values.iter_mut().zip(&now.values) {
                *kept = keep * *kept + (1.0 - keep) * now;
            }
        }
        norm
    }
}

/// Part of the weights, and of a batch's statistics, that enters their moving average in a step.
/// Early on the average would remember the random start: its memory grows with time.
pub(crate) fn renewal<S>(step: u64, config: &TrainConfig<S>) -> f32 {
    1.0 - (config.average_decay as f32).min((1.0 + step as f32) / (10.0 + step as f32))
}

/// Moves the running statistics of block `name` by the part `momentum` towards a batch's.
pub(crate) fn update_statistics<S: Shape>(
    weights: &mut Weights<S>,
    name: &str,
    mean: &[f32],
    variance: &[f32],
    momentum: f32,
) {
    for (part, batch) in [("running_mean", mean), ("running_var", variance)] {
        let wanted = format!("{name}.{part}");
        if let Some((_, parameter)) = weights.parameters_mut().find(|(name, _)| **name == wanted) {
            for (running, batch) in parameter.values.iter_mut().zip(batch) {
                *running += momentum * (batch - *running);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NetworkConfig;

    fn one() -> (Weights, TrainConfig) {
        let weights = Weights::new(NetworkConfig { widths: vec![1], ..Default::default() }, 1).unwrap();
        let mut config = TrainConfig { clip_norm: 0.0, weight_decay: 0.0, ..Default::default() };
        config.schedule.warmup_steps = 0;
        (weights, config)
    }

    /// Adam's first step is the learning rate against the gradient's sign, whatever its size.
    #[test]
    fn first_step_moves_by_the_rate() {
        let (mut weights, config) = one();
        let mut average = weights.clone();
        let before = weights.parameters()["head.bias"].values.clone();
        let gradients = BTreeMap::from([("head.bias".to_owned(), vec![1e-3, -5.0, 2.0, 1.0, 1.0])]);
        Optimiser::default().step(&mut weights, &mut average, &gradients, 0, &config);
        let after = &weights.parameters()["head.bias"].values;
        for ((a, b), sign) in after.iter().zip(&before).zip([-1.0, 1.0, -1.0, -1.0, -1.0]) {
            assert!((a - b - sign * 2e-3).abs() < 1e-6);
        }
    }

    /// Minimises (w − 3)² from 0.
    #[test]
    fn a_parabola_is_descended() {
        let (mut weights, mut config) = one();
        config.schedule = crate::Schedule { peak_rate: 0.05, warmup_steps: 0, total_steps: 2000 };
        let mut average = weights.clone();
        let mut optimiser = Optimiser::default();
        for step in 0..2000 {
            let w = weights.parameters()["head.bias"].values.clone();
            let gradients =
                BTreeMap::from([("head.bias".to_owned(), w.iter().map(|w| 2.0 * (w - 3.0)).collect())]);
            optimiser.step(&mut weights, &mut average, &gradients, step, &config);
        }
        assert!(weights.parameters()["head.bias"].values.iter().all(|w| (w - 3.0).abs() < 1e-2));
        assert!(average.parameters()["head.bias"].values.iter().all(|w| (w - 3.0).abs() < 1e-2));
    }

    #[test]
    fn the_gradients_norm_is_limited() {
        let (weights, mut config) = one();
        config.clip_norm = 1.0;
        let gradients = BTreeMap::from([("head.bias".to_owned(), vec![3.0, 4.0, 0.0, 0.0, 0.0])]);
        let mut optimiser = Optimiser::default();
        let norm = optimiser.step(&mut weights.clone(), &mut weights.clone(), &gradients, 0, &config);
        assert!((norm - 5.0).abs() < 1e-9);
        assert!((optimiser.first["head.bias"][1] - 0.1 * 0.8).abs() < 1e-6);
    }
}
