use crate::MultisliceError;

/// Part of the Nyquist frequency up to which waves are kept: products of two functions limited to it do not
/// alias into it (Kirkland 2010, section 6.8).
const BAND_LIMIT: f64 = 2.0 / 3.0;
/// Width of the band limit's cosine edge, in parts of the sampling frequency.
const TAPER: f64 = 0.01;
/// Samples along a side at most.
pub(crate) const MAX_SIDE: usize = 8192;

/// The samples of a wave in a periodic box, indexed `[row, column]`: the first lies at (0, 0).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WaveGrid {
    /// Samples along x.
    pub nx: usize,
    /// Samples along y.
    pub ny: usize,
    /// Extent in x \[Å\].
    pub width_angstrom: f64,
    /// Extent in y \[Å\].
    pub height_angstrom: f64,
}

impl WaveGrid {
    /// The next larger grid on which Fourier transforms are fast, with samples at most `sampling` \[Å\] apart.
    ///
    /// # Errors
    /// When the sampling is not positive or asks for more than 8192 samples on a side.
    pub fn new(size_angstrom: [f64; 2], sampling_angstrom: f64) -> Result<Self, MultisliceError> {
        let valid = sampling_angstrom > 0.0 && sampling_angstrom <= 1.0;
        let sides = size_angstrom.map(|size| (size / sampling_angstrom - 1e-6).ceil());
        if !valid || sides.iter().any(|n| n.is_nan() || *n > MAX_SIDE as f64) {
            let finest = size_angstrom[0].max(size_angstrom[1]) / MAX_SIDE as f64;
            return Err(MultisliceError::setting(
                "sampling in Å",
                sampling_angstrom,
                format!("it must lie between {finest:.4} (8192 samples on a side) and 1 Å"),
            ));
        }
        let [nx, ny] = sides.map(|n| fast_length(n as usize));
        Self::with_samples(size_angstrom, nx, ny)
    }

    /// A grid of `nx` × `ny` samples.
    ///
    /// # Errors
    /// For fewer than 16 or more than 8192 samples on a side, or a box without extent.
    pub fn with_samples(
        [width_angstrom, height_angstrom]: [f64; 2],
        nx: usize,
        ny: usize,
    ) -> Result<Self, MultisliceError> {
        for (name, length) in
            [("width of the box in Å", width_angstrom), ("height of the box in Å", height_angstrom)]
        {
            if !(0.5..=2000.0).contains(&length) {
                return Err(MultisliceError::setting(name, length, "it must lie between 0.5 and 2000 Å"));
            }
        }
        for (name, side) in [("samples along x", nx), ("samples along y", ny)] {
            if !(16..=MAX_SIDE).contains(&side) {
                return Err(MultisliceError::setting(name, side, "there must be 16 to 8192"));
            }
        }
        Ok(Self { nx, ny, width_angstrom, height_angstrom })
    }

    /// Distance of samples along x and y \[Å\].
    pub fn sampling(&self) -> [f64; 2] {
        [self.width_angstrom / self.nx as f64, self.height_angstrom / self.ny as f64]
    }

    /// Samples in all.
    pub fn samples(&self) -> usize {
        self.nx * self.ny
    }

    /// Spatial frequency of column `index` of a Fourier transform \[1/Å\].
    pub(crate) fn kx(&self, index: usize) -> f64 {
        signed(index, self.nx) / self.width_angstrom
    }

    /// Spatial frequency of row `index` of a Fourier transform \[1/Å\].
    pub(crate) fn ky(&self, index: usize) -> f64 {
        signed(index, self.ny) / self.height_angstrom
    }

    fn coarsest(&self) -> f64 {
        let [dx, dy] = self.sampling();
        dx.max(dy)
    }

    /// The frequency beyond which waves are zero \[1/Å\].
    pub fn band_limit(&self) -> f64 {
        0.5 * BAND_LIMIT / self.coarsest()
    }

    /// The frequency up to which waves are kept whole \[1/Å\]: detectors have to end here.
    pub fn usable_limit(&self) -> f64 {
        self.band_limit() - TAPER / self.coarsest()
    }

    /// Part of an amplitude at frequency `k` that is kept: one, with a cosine edge of 0.01 sampling frequencies
    /// down to zero at the band limit.
    pub(crate) fn kept(&self, k: f64) -> f64 {
        let (edge, taper) = (self.band_limit(), TAPER / self.coarsest());
        if k > edge {
            0.0
        } else if k <= edge - taper {
            1.0
        } else {
            0.5 * (1.0 + (std::f64::consts::PI * (k - edge + taper) / taper).cos())
        }
    }
}

/// Frequencies of a Fourier transform in its own order: 0, 1 … −2, −1.
pub(crate) fn signed(index: usize, count: usize) -> f64 {
    if 2 * index < count { index as f64 } else { index as f64 - count as f64 }
}

/// The next even length with no other prime factors than 2, 3 and one 5.
fn fast_length(least: usize) -> usize {
    (least.max(16)..)
        .find(|n| {
            let mut rest = *n;
            while rest % 2 == 0 {
                rest /= 2;
            }
            if rest % 5 == 0 {
                rest /= 5;
            }
            while rest % 3 == 0 {
                rest /= 3;
            }
            n % 2 == 0 && rest == 1
        })
        .unwrap_or(least)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grids_are_fine_enough_and_fast() {
        let grid = WaveGrid::new([31.24, 27.0], 0.07).unwrap();
        assert_eq!((grid.nx, grid.ny), (480, 432));
        assert!(grid.sampling().iter().all(|d| *d <= 0.07));
        assert!(WaveGrid::new([10.0, 10.0], 0.0).is_err());
        assert!(WaveGrid::new([1000.0, 10.0], 0.01).unwrap_err().to_string().contains("0.1221"));
    }

    #[test]
    fn the_band_ends_at_two_thirds_of_nyquist() {
        let grid = WaveGrid::with_samples([10.0, 10.0], 100, 100).unwrap();
        assert!((grid.band_limit() - 10.0 / 3.0).abs() < 1e-12);
        assert_eq!(grid.kept(grid.usable_limit()), 1.0);
        assert!(grid.kept(grid.band_limit()) < 1e-12);
    }
}
