use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use std::f64::consts::PI;

/// Random numbers of one sample: a ChaCha8 stream chosen by (seed, index), so that a sample does
/// not depend on the samples before it or on threads.
#[derive(Debug, Clone)]
pub struct SampleRng {
    inner: ChaCha8Rng,
    spare_normal: Option<f64>,
}

impl SampleRng {
    /// The stream of sample `index` under `seed`.
    pub fn new(seed: u64, index: u64) -> Self {
        let mut inner = ChaCha8Rng::seed_from_u64(seed);
        inner.set_stream(index);
        Self { inner, spare_normal: None }
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.inner.next_u64()
    }

    /// 32 random bits.
    pub(crate) fn bits_u32(&mut self) -> u32 {
        self.inner.next_u32()
    }

    /// Uniform in [0, 1), 53 bits.
    pub fn uniform(&mut self) -> f64 {
        (self.inner.next_u64() >> 11) as f64 * (1.0 / (1_u64 << 53) as f64)
    }

    /// Uniform in (0, 1), 24 bits: fast, and never exactly zero.
    pub(crate) fn uniform_f32(&mut self) -> f32 {
        ((self.inner.next_u32() >> 8) as f32 + 0.5) * (1.0 / 16_777_216.0)
    }

    /// Uniform in [`low`, `high`).
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.uniform()
    }

    /// One of `count` equally likely indices.
    pub fn index(&mut self, count: usize) -> usize {
        // The bias of a 64-bit multiply is below 2⁻⁵⁰ for any count that fits in memory.
        ((u128::from(self.inner.next_u64()) * count as u128) >> 64) as usize
    }

    /// Normal with mean 0 and standard deviation 1 (Box–Muller).
    pub fn normal(&mut self) -> f64 {
        if let Some(spare) = self.spare_normal.take() {
            return spare;
        }
        let radius = (-2.0 * (1.0 - self.uniform()).ln()).sqrt();
        let (sin, cos) = (2.0 * PI * self.uniform()).sin_cos();
        self.spare_normal = Some(radius * sin);
        radius * cos
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_depends_on_seed_and_index_only() {
        let draw = |seed, index| SampleRng::new(seed, index).bits();
        assert_eq!(draw(1, 7), draw(1, 7));
        assert_ne!(draw(1, 7), draw(1, 8));
        assert_ne!(draw(1, 7), draw(2, 7));
    }

    #[test]
    fn normal_has_zero_mean_and_unit_variance() {
        let mut rng = SampleRng::new(3, 0);
        let n = 100_000;
        let draws: Vec<f64> = (0..n).map(|_| rng.normal()).collect();
        let mean = draws.iter().sum::<f64>() / n as f64;
        let variance = draws.iter().map(|v| v * v).sum::<f64>() / n as f64;
        // Five standard errors.
        assert!(mean.abs() < 5.0 / (n as f64).sqrt());
        assert!((variance - 1.0).abs() < 5.0 * (2.0 / n as f64).sqrt());
    }
}
