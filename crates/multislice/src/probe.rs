use crate::WaveGrid;
use crate::engine::{Engine, Workspace};
use adatom_optics::{Aberrations, Probe};
use num_complex::{Complex32, Complex64};
use std::f64::consts::PI;

/// Gauss–Hermite nodes \[σ\] and weights of a normal distribution of focus: exact for polynomials to degree 9.
const FOCI: [(f64, f64); 5] = [
    (-2.856_970_013_872_806, 0.011_257_411_327_720_7),
    (-1.355_626_179_974_266, 0.222_075_922_005_612_6),
    (0.0, 0.533_333_333_333_333_3),
    (1.355_626_179_974_266, 0.222_075_922_005_612_6),
    (2.856_970_013_872_806, 0.011_257_411_327_720_7),
];

/// A plane wave of the probe.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Beam {
    /// Its column among the kept ones.
    pub(crate) column: usize,
    /// Its row.
    pub(crate) row: usize,
    pub(crate) kx: f64,
    pub(crate) ky: f64,
    /// Amplitude and phase with the probe at the origin; the squares add up to one.
    pub(crate) amplitude: Complex64,
}

/// The probes of the focal distribution, each with its weight.
pub(crate) fn foci(probe: &Probe, spread_angstrom: f64) -> Vec<(Aberrations, f64)> {
    if spread_angstrom == 0.0 {
        return vec![(*probe.aberrations(), 1.0)];
    }
    let focus = |(node, weight): (f64, f64)| {
        let lens = *probe.aberrations();
        (Aberrations { defocus_angstrom: lens.defocus_angstrom + node * spread_angstrom, ..lens }, weight)
    };
    FOCI.into_iter().map(focus).collect()
}

/// The beams of a probe that lie on every `step`-th sample of reciprocal space, in both directions. The aperture's
/// edge is one of these samples wide.
pub(crate) fn beams(engine: &Engine, probe: &Probe, lens: &Aberrations, step: usize) -> Vec<Beam> {
    let grid = &engine.grid;
    let wavelength = probe.wavelength_angstrom();
    let (dkx, dky) = (step as f64 / grid.width_angstrom, step as f64 / grid.height_angstrom);
    let mut beams = Vec::new();
    for (column, &x) in engine.kept.iter().enumerate() {
        for row in 0..grid.ny {
            let (kx, ky) = (grid.kx(x), grid.ky(row));
            let on_step = |k: f64, period: f64| ((k * period).round() as i64) % step as i64 == 0;
            if !on_step(kx, grid.width_angstrom) || !on_step(ky, grid.height_angstrom) {
                continue;
            }
            let k = kx.hypot(ky);
            let inside = if k == 0.0 {
                1.0
            } else {
                let sample = (kx / k * dkx).hypot(ky / k * dky);
                ((probe.aperture() - k) / sample + 0.5).clamp(0.0, 1.0)
            };
            if inside > 0.0 {
                let phase = -lens.phase(wavelength * kx, wavelength * ky, wavelength);
                beams.push(Beam { column, row, kx, ky, amplitude: Complex64::from_polar(inside, phase) });
            }
        }
    }
    let norm = beams.iter().map(|beam| beam.amplitude.norm_sqr()).sum::<f64>().sqrt();
    beams.iter_mut().for_each(|beam| beam.amplitude /= norm);
    beams
}

impl Beam {
    /// Its amplitude with the probe at a position \[Å\].
    pub(crate) fn at(&self, [x, y]: [f64; 2]) -> Complex64 {
        self.amplitude * Complex64::cis(-2.0 * PI * (self.kx * x + self.ky * y))
    }
}

/// Starts the wave of a probe at `position` \[Å\]. `beams` are in order of their columns.
pub(crate) fn start(engine: &Engine, space: &mut Workspace, beams: &[Beam], position: [f64; 2]) {
    let mut left = beams;
    engine.start(space, |index, column| {
        let count = left.iter().take_while(|beam| beam.column == index).count();
        let (here, rest) = left.split_at(count);
        left = rest;
        for beam in here {
            let value = beam.at(position);
            column[beam.row] = Complex32::new(value.re as f32, value.im as f32);
        }
        count > 0
    });
}

/// Fresnel's propagator over `distance` \[Å\] for the kept columns, with the band limit and the scale of a forward
/// and an inverse transform: exp(−iπλz k²), and exp(−2πi z k·tan θ) for a specimen tilted by θ.
pub(crate) fn propagator(
    engine: &Engine,
    wavelength: f64,
    distance: f64,
    tilt_mrad: [f64; 2],
) -> Vec<Complex32> {
    let grid: &WaveGrid = &engine.grid;
    let scale = 1.0 / grid.samples() as f64;
    let [slope_x, slope_y] = tilt_mrad.map(|tilt| (1e-3 * tilt).tan());
    let mut values = Vec::with_capacity(engine.kept.len() * grid.ny);
    for &x in &engine.kept {
        for y in 0..grid.ny {
            let (kx, ky) = (grid.kx(x), grid.ky(y));
            let phase =
                -PI * distance * (wavelength * (kx * kx + ky * ky) + 2.0 * (kx * slope_x + ky * slope_y));
            let value = Complex64::from_polar(scale * grid.kept(kx.hypot(ky)), phase);
            values.push(Complex32::new(value.re as f32, value.im as f32));
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foci_have_mean_zero_and_unit_variance() {
        let moment = |power| FOCI.iter().map(|(node, weight)| weight * node.powi(power)).sum::<f64>();
        for (power, normal) in [(0, 1.0), (1, 0.0), (2, 1.0), (4, 3.0), (6, 15.0), (8, 105.0)] {
            assert!((moment(power) - normal).abs() < 1e-9 * normal.max(1.0), "{power}: {}", moment(power));
        }
    }
}
