use crate::{OpticsError, Probe};
use num_complex::Complex64;
use rustfft::FftPlanner;
use std::f64::consts::PI;

/// Grid points from the aperture's centre to its edge when the transfer function is tabulated.
const APERTURE_POINTS: usize = 90;
/// Side of the tabulating grid: holds the autocorrelation, twice the aperture's diameter.
const GRID: usize = 384;

/// Incoherent transfer function of a probe: the Fourier transform of |ψ|² ⊗ source, one at zero
/// frequency, zero beyond [`Transfer::cutoff`].
#[derive(Debug, Clone)]
pub struct Transfer {
    cutoff: f64,
    spread: f64,
    probe: Probe,
    lens: Lens,
}

#[derive(Debug, Clone)]
enum Lens {
    /// No aberrations: the autocorrelation of a disc in closed form.
    Perfect,
    /// Tabulated on a grid of spacing `step` \[1/Å\], zero frequency at the grid's centre.
    Tabulated { step: f64, values: Vec<Complex64> },
}

impl Transfer {
    /// See [`Probe::transfer`].
    pub(crate) fn new(probe: &Probe) -> Result<Self, OpticsError> {
        let spread = geometric_spread(probe);
        let lens = if probe.aberrations().is_none() { Lens::Perfect } else { tabulate(probe, spread)? };
        Ok(Self { cutoff: 2.0 * probe.aperture(), spread, probe: *probe, lens })
    }

    /// The frequency \[1/Å\] beyond which nothing is transferred, 2α/λ.
    pub fn cutoff(&self) -> f64 {
        self.cutoff
    }

    /// Largest distance from the axis \[Å\] at which a ray through the aperture lands.
    pub fn spread_angstrom(&self) -> f64 {
        self.spread
    }

    /// Value at the spatial frequency (`kx`, `ky`) in 1/Å.
    pub fn at(&self, kx: f64, ky: f64) -> Complex64 {
        let k2 = kx * kx + ky * ky;
        if k2 >= self.cutoff * self.cutoff {
            return Complex64::default();
        }
        let lens = match &self.lens {
            Lens::Perfect => {
                let u = k2.sqrt() / self.cutoff;
                Complex64::from(2.0 / PI * (u.acos() - u * (1.0 - u * u).sqrt()))
            }
            Lens::Tabulated { step, values } => bicubic(values, kx / step, ky / step),
        };
        lens * self.probe.source_transfer(k2)
    }
}

/// The ray through the aperture at k lands ∇χ(k)/2π from the axis: the farthest of them.
fn geometric_spread(probe: &Probe) -> f64 {
    const RINGS: u32 = 16;
    const AZIMUTHS: u32 = 48;
    let (edge, lambda) = (probe.aperture(), probe.wavelength_angstrom());
    let step = 1e-3 * edge;
    let chi = |kx: f64, ky: f64| probe.aberrations().phase(lambda * kx, lambda * ky, lambda);
    let mut farthest = 0.0_f64;
    for ring in 1..=RINGS {
        let k = edge * f64::from(ring) / f64::from(RINGS);
        for azimuth in 0..AZIMUTHS {
            let (sin, cos) = (2.0 * PI * f64::from(azimuth) / f64::from(AZIMUTHS)).sin_cos();
            let (kx, ky) = (k * cos, k * sin);
            let slope_x = (chi(kx + step, ky) - chi(kx - step, ky)) / (2.0 * step);
            let slope_y = (chi(kx, ky + step) - chi(kx, ky - step)) / (2.0 * step);
            let lands = slope_x.hypot(slope_y) / (2.0 * PI);
            if !lands.is_finite() {
                return f64::INFINITY;
            }
            farthest = farthest.max(lands);
        }
    }
    farthest
}

/// Autocorrelation of the aberrated aperture by two Fourier transforms.
fn tabulate(probe: &Probe, spread: f64) -> Result<Lens, OpticsError> {
    let lambda = probe.wavelength_angstrom();
    let edge = probe.aperture();
    let step = edge / APERTURE_POINTS as f64;
    let period = 1.0 / step;
    let aberrations = probe.aberrations();
    // A table of fewer than two points a period of its phase would alias.
    if spread > 0.3 * period {
        return Err(OpticsError::OutOfRange {
            name: "aberrations: radius of the geometric probe in Å",
            value: spread,
            expected: "small enough for columns to be seen (at most 27 resolution widths λ/α)",
        });
    }
    let half = (GRID / 2) as i64;
    let signed = |index: usize| {
        let index = index as i64;
        if index < half { index } else { index - GRID as i64 }
    };
    let mut grid = vec![Complex64::default(); GRID * GRID];
    for (row, line) in grid.chunks_exact_mut(GRID).enumerate() {
        let ky = signed(row) as f64 * step;
        for (column, value) in line.iter_mut().enumerate() {
            let kx = signed(column) as f64 * step;
            // The edge pixel counts by the part of it that lies inside the aperture.
            let inside = ((edge - kx.hypot(ky)) / step + 0.5).clamp(0.0, 1.0);
            if inside > 0.0 {
                *value = Complex64::from_polar(inside, -aberrations.phase(lambda * kx, lambda * ky, lambda));
            }
        }
    }
    let mut planner = FftPlanner::new();
    let inverse = planner.plan_fft_inverse(GRID);
    fft2(&mut grid, inverse.as_ref());
    grid.iter_mut().for_each(|v| *v = Complex64::from(v.norm_sqr()));
    let forward = planner.plan_fft_forward(GRID);
    fft2(&mut grid, forward.as_ref());
    let total = grid[0].re;
    let mut values = vec![Complex64::default(); GRID * GRID];
    for row in 0..GRID {
        for column in 0..GRID {
            let (y, x) = ((row + GRID / 2) % GRID, (column + GRID / 2) % GRID);
            values[y * GRID + x] = grid[row * GRID + column] / total;
        }
    }
    Ok(Lens::Tabulated { step, values })
}

fn fft2(grid: &mut [Complex64], fft: &dyn rustfft::Fft<f64>) {
    fft.process(grid);
    transpose(grid);
    fft.process(grid);
    transpose(grid);
}

fn transpose(grid: &mut [Complex64]) {
    for row in 0..GRID {
        for column in row + 1..GRID {
            grid.swap(row * GRID + column, column * GRID + row);
        }
    }
}

/// Catmull–Rom interpolation at (`x`, `y`) grid steps from the centre; the caller keeps well
/// inside the grid (the cutoff is at 180 of 192 steps).
fn bicubic(values: &[Complex64], x: f64, y: f64) -> Complex64 {
    let weights = |t: f64| {
        let (t2, t3) = (t * t, t * t * t);
        [
            0.5 * (-t3 + 2.0 * t2 - t),
            0.5 * (3.0 * t3 - 5.0 * t2 + 2.0),
            0.5 * (-3.0 * t3 + 4.0 * t2 + t),
            0.5 * (t3 - t2),
        ]
    };
    let centre = (GRID / 2) as f64;
    let (x, y) = (x + centre, y + centre);
    let (column, row) = (x.floor() as usize, y.floor() as usize);
    let (wx, wy) = (weights(x - x.floor()), weights(y - y.floor()));
    let mut sum = Complex64::default();
    for (dy, wy) in wy.iter().enumerate() {
        let line = &values[(row + dy - 1) * GRID + column - 1..][..4];
        sum += line.iter().zip(wx).map(|(v, w)| v * w).sum::<Complex64>() * wy;
    }
    sum
}
