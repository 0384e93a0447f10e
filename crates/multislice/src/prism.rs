use crate::detector::Collector;
use crate::engine::Engine;
use crate::potential::Transmissions;
use crate::probe::Beam;
use crate::{Detector, MultisliceError, Settings, Simulation, WaveGrid};
use ndarray::linalg::general_mat_mul;
use ndarray::{Array2, ArrayView2, ArrayViewMut2, s};
use num_complex::Complex32;
use rayon::prelude::*;
use std::time::Instant;

/// Probes that are put together in one matrix product where they share their window.
const PROBES_AT_ONCE: usize = 16;

/// The geometry of PRISM: waves are kept on a coarser grid that just holds the band, and a probe takes a window
/// 1/f as wide from it.
pub(crate) struct Windows {
    interpolation: usize,
    /// The whole box, on the coarse grid.
    coarse: Engine,
    /// One window.
    window: Engine,
    collector: Collector,
}

/// Plane waves behind the specimen, `[beam][row × column]` on the coarse grid.
pub(crate) struct PlaneWaves {
    waves: Array2<Complex32>,
}

impl Windows {
    pub(crate) fn new(
        engine: &Engine,
        settings: &Settings,
        interpolation: usize,
    ) -> Result<Self, MultisliceError> {
        let grid = &engine.grid;
        if !(1..=32).contains(&interpolation) {
            let remedy = "it must lie between 1 and 32";
            return Err(MultisliceError::setting("interpolation factor of PRISM", interpolation, remedy));
        }
        let part = [grid.width_angstrom, grid.height_angstrom].map(|size| size / interpolation as f64);
        // Every sample of the band, and windows of a length that is transformed fast.
        let finest = 0.5 / grid.band_limit();
        let inner = WaveGrid::new(part, finest)?;
        let (nx, ny) = (inner.nx * interpolation, inner.ny * interpolation);
        let outer = WaveGrid::with_samples([grid.width_angstrom, grid.height_angstrom], nx, ny)?;
        let window = Engine::whole(inner, grid.band_limit());
        let wavelength = settings.probe.wavelength_angstrom();
        let collector = Collector::new(&window, &settings.detectors, wavelength);
        let windows =
            Self { interpolation, coarse: Engine::whole(outer, grid.band_limit()), window, collector };
        windows.check_samples(settings)?;
        Ok(windows)
    }

    /// A detector needs samples of the diffraction pattern, which are as far apart as the window is narrow.
    fn check_samples(&self, settings: &Settings) -> Result<(), MultisliceError> {
        let grid = &self.window.grid;
        let step = 1e3 * settings.probe.wavelength_angstrom() / grid.width_angstrom.min(grid.height_angstrom);
        let ring = settings.detectors.iter().filter_map(|detector| match *detector {
            Detector::Annular { inner_mrad, outer_mrad }
            | Detector::Segmented { inner_mrad, outer_mrad, .. } => Some(outer_mrad - inner_mrad),
            Detector::CentreOfMass { .. } => None,
        });
        let narrowest = ring.chain([settings.probe.semiangle_mrad()]).fold(f64::INFINITY, f64::min);
        if narrowest < 2.0 * step {
            let largest = (self.interpolation as f64 * narrowest / (2.0 * step)).floor().max(1.0);
            return Err(MultisliceError::setting(
                "interpolation factor of PRISM",
                self.interpolation,
                format!(
                    "samples of the diffraction pattern would be {step:.2} mrad apart, too few for {narrowest} mrad: at \
                     most {largest}, or make the box larger"
                ),
            ));
        }
        Ok(())
    }

    /// Memory of the plane waves and of putting probes together \[bytes\].
    pub(crate) fn bytes(&self, beams: usize, threads: usize) -> usize {
        let probes = threads * PROBES_AT_ONCE * self.window.grid.samples();
        (beams * self.coarse.grid.samples() + probes) * size_of::<Complex32>()
    }

    /// Time of putting one probe together on one thread \[s\], if its neighbours are half as far away as they may be to
    /// share their windows.
    pub(crate) fn seconds(&self, beams: usize) -> f64 {
        let few = beams.min(64);
        let factor = Complex32::from(0.01);
        let coefficients = Array2::from_elem((PROBES_AT_ONCE, few), factor);
        let waves = Array2::from_elem((few, self.window.grid.samples()), factor);
        let start = Instant::now();
        let sum = coefficients.dot(&waves);
        let seconds = start.elapsed().as_secs_f64() / sum.nrows() as f64;
        1.25 * seconds * beams as f64 / few as f64
    }

    /// Passes every beam of the probe through the specimen.
    pub(crate) fn propagate(
        &self,
        simulation: &Simulation,
        beams: &[Beam],
        slices: &Transmissions,
    ) -> PlaneWaves {
        let engine = &simulation.engine;
        let (fine, coarse) = (&engine.grid, &self.coarse.grid);
        let mut waves = Array2::<Complex32>::zeros((beams.len(), coarse.samples()));
        let last = slices.iter().len();
        // Where a frequency of the fine grid is on the coarse one.
        let moved = |index: usize, from: usize, to: usize| {
            if 2 * index < from { index } else { (index + to).wrapping_sub(from) }
        };
        let samples = coarse.samples();
        let all = waves.as_slice_mut().unwrap_or_default();
        all.par_chunks_exact_mut(samples).zip(beams).for_each(|(wave, beam)| {
            simulation.with_space(|space| {
                engine.start(space, |index, column| {
                    if index == beam.column {
                        column[beam.row] = Complex32::from(1.0);
                    }
                    index == beam.column
                });
                simulation.pass(space, slices, |passed, index, column| {
                    if passed < last {
                        return;
                    }
                    let x = moved(engine.kept[index], fine.nx, coarse.nx);
                    for (y, value) in column.iter().enumerate() {
                        if fine.ky(y).abs() <= fine.band_limit() {
                            wave[moved(y, fine.ny, coarse.ny) * coarse.nx + x] = *value;
                        }
                    }
                });
            });
            self.coarse.inverse(wave);
        });
        PlaneWaves { waves }
    }

    /// Values of the detectors for probes at `places`.
    pub(crate) fn reduce(
        &self,
        waves: &PlaneWaves,
        foci: &[(Vec<Beam>, f64)],
        places: &[[f64; 2]],
    ) -> Vec<f64> {
        places
            .par_chunks(PROBES_AT_ONCE)
            .flat_map_iter(|places| self.reduce_batch(waves, foci, places))
            .collect()
    }

    fn reduce_batch(&self, waves: &PlaneWaves, foci: &[(Vec<Beam>, f64)], places: &[[f64; 2]]) -> Vec<f64> {
        let channels = self.collector.channels();
        let samples = self.window.grid.samples();
        let mut values = vec![0.0; places.len() * channels];
        for (beams, weight) in foci {
            let coefficients = Array2::from_shape_fn((places.len(), beams.len()), |(place, beam)| {
                let value = beams[beam].at(places[place]);
                Complex32::new(value.re as f32, value.im as f32)
            });
            let mut probes = Array2::<Complex32>::zeros((places.len(), samples));
            if self.interpolation == 1 {
                general_mat_mul(
                    Complex32::from(1.0),
                    &coefficients,
                    &waves.waves,
                    Complex32::default(),
                    &mut probes,
                );
            } else {
                self.cut(waves, coefficients.view(), places, probes.view_mut());
            }
            for (mut probe, values) in probes.rows_mut().into_iter().zip(values.chunks_exact_mut(channels)) {
                let mut found = vec![0.0; channels];
                if let Some(probe) = probe.as_slice_mut() {
                    self.window.each_column(probe, |index, column| {
                        self.collector.collect(index, column, &mut found)
                    });
                }
                values.iter_mut().zip(found).for_each(|(value, found)| *value += weight * found);
            }
        }
        values
    }

    /// Sums the beams over the window around each place: of places whose windows overlap by half at least over what their
    /// windows cover together, so that waves are read once for all of them.
    fn cut(
        &self,
        waves: &PlaneWaves,
        coefficients: ArrayView2<'_, Complex32>,
        places: &[[f64; 2]],
        mut probes: ArrayViewMut2<'_, Complex32>,
    ) {
        let (coarse, window) = (&self.coarse.grid, &self.window.grid);
        let [dx, dy] = coarse.sampling();
        let corner = |at: f64, step: f64, inner: usize, outer: usize| {
            ((at / step).round() as i64 - inner as i64 / 2).rem_euclid(outer as i64) as usize
        };
        let corners: Vec<[usize; 2]> = places
            .iter()
            .map(|[x, y]| [corner(*x, dx, window.nx, coarse.nx), corner(*y, dy, window.ny, coarse.ny)])
            .collect();
        let mut first = 0;
        while first < corners.len() {
            let [left, top] = corners[first];
            // To the right and down, around the box's edge.
            let beyond =
                |[x, y]: [usize; 2]| [(x + coarse.nx - left) % coarse.nx, (y + coarse.ny - top) % coarse.ny];
            let near: Vec<[usize; 2]> = corners[first..]
                .iter()
                .map(|corner| beyond(*corner))
                .take_while(|[x, y]| 2 * x <= window.nx && 2 * y <= window.ny)
                .collect();
            let range = first..first + near.len();
            let coefficients = coefficients.slice(s![range.clone(), ..]);
            self.cut_together(
                waves,
                coefficients,
                [left, top],
                &near,
                probes.slice_mut(s![range.clone(), ..]),
            );
            first = range.end;
        }
    }

    /// The same for windows whose corners lie `beyond` a first one, to the right and down.
    fn cut_together(
        &self,
        waves: &PlaneWaves,
        coefficients: ArrayView2<'_, Complex32>,
        [left, top]: [usize; 2],
        beyond: &[[usize; 2]],
        mut probes: ArrayViewMut2<'_, Complex32>,
    ) {
        let (coarse, window) = (&self.coarse.grid, &self.window.grid);
        let farthest = |axis: usize| beyond.iter().map(|offset| offset[axis]).max().unwrap_or(0);
        let (width, height) = (window.nx + farthest(0), window.ny + farthest(1));
        let straight = width.min(coarse.nx - left);
        let mut line = Array2::<Complex32>::zeros((beyond.len(), width));
        for row in 0..height {
            let start = (top + row) % coarse.ny * coarse.nx;
            let pieces = [(0..straight, start + left), (straight..width, start)];
            for (part, from) in pieces.into_iter().filter(|(part, _)| !part.is_empty()) {
                let to = from + part.len();
                general_mat_mul(
                    Complex32::from(1.0),
                    &coefficients,
                    &waves.waves.slice(s![.., from..to]),
                    Complex32::default(),
                    &mut line.slice_mut(s![.., part]),
                );
            }
            for ((&[x, y], line), mut probe) in beyond.iter().zip(line.rows()).zip(probes.rows_mut()) {
                if let Some(row) = row.checked_sub(y).filter(|row| *row < window.ny) {
                    let mut own = probe.slice_mut(s![row * window.nx..(row + 1) * window.nx]);
                    own.assign(&line.slice(s![x..x + window.nx]));
                }
            }
        }
    }
}
