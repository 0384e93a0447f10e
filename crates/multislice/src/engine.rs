use crate::WaveGrid;
use num_complex::Complex32;
use rustfft::{Fft, FftPlanner};
use std::sync::Arc;

/// Columns that are transformed together: as many as fill a line of the cache.
const BLOCK: usize = 8;
/// Samples after each row that keep rows of power-of-two length from sharing cache sets.
const ROW_PADDING: usize = 8;

/// The transforms of one grid, planned once.
///
/// Between two slices a wave lives half transformed: rows by kx, not yet columns. So a slice is two passes over
/// memory. In the first every row is transformed back, multiplied by the transmission function, and
/// transformed again; in the second a cache line's worth of columns is gathered, transformed, propagated,
/// transformed back and scattered. Columns beyond the band limit, a third of them, are never touched.
pub(crate) struct Engine {
    pub(crate) grid: WaveGrid,
    stride: usize,
    rows_forward: Arc<dyn Fft<f32>>,
    rows_inverse: Arc<dyn Fft<f32>>,
    columns_forward: Arc<dyn Fft<f32>>,
    columns_inverse: Arc<dyn Fft<f32>>,
    /// Columns within the band, in order: 0..=m and nx − m..nx.
    pub(crate) kept: Vec<usize>,
}

/// One thread's memory.
pub(crate) struct Workspace {
    wave: Vec<Complex32>,
    block: Vec<Complex32>,
    scratch: Vec<Complex32>,
}

impl Engine {
    pub(crate) fn new(grid: WaveGrid) -> Self {
        Self::whole(grid, grid.band_limit())
    }

    /// For waves that have nothing beyond the frequency `limit` \[1/Å\], whatever the grid could hold.
    pub(crate) fn whole(grid: WaveGrid, limit: f64) -> Self {
        let mut planner = FftPlanner::new();
        let kept = (0..grid.nx).filter(|&column| grid.kx(column).abs() <= limit).collect();
        Self {
            grid,
            stride: grid.nx + ROW_PADDING,
            rows_forward: planner.plan_fft_forward(grid.nx),
            rows_inverse: planner.plan_fft_inverse(grid.nx),
            columns_forward: planner.plan_fft_forward(grid.ny),
            columns_inverse: planner.plan_fft_inverse(grid.ny),
            kept,
        }
    }

    /// Bytes of a [`Workspace`].
    pub(crate) fn workspace_bytes(&self) -> usize {
        (self.stride * self.grid.ny + 2 * BLOCK * self.grid.ny) * size_of::<Complex32>()
    }

    pub(crate) fn workspace(&self) -> Workspace {
        let scratch = [&self.rows_forward, &self.rows_inverse, &self.columns_forward, &self.columns_inverse]
            .into_iter()
            .map(|fft| fft.get_inplace_scratch_len())
            .max()
            .unwrap_or(0);
        let zero = Complex32::default();
        Workspace {
            wave: vec![zero; self.stride * self.grid.ny],
            block: vec![zero; BLOCK * self.grid.ny],
            scratch: vec![zero; scratch],
        }
    }

    /// Starts a wave from its Fourier coefficients: `fill` writes column `kept[i]`, given `i` and zeros, and says
    /// whether it wrote anything.
    pub(crate) fn start(&self, space: &mut Workspace, mut fill: impl FnMut(usize, &mut [Complex32]) -> bool) {
        space.wave.fill(Complex32::default());
        let column = &mut space.block[..self.grid.ny];
        for (index, &at) in self.kept.iter().enumerate() {
            column.fill(Complex32::default());
            if fill(index, column) {
                self.columns_inverse.process_with_scratch(column, &mut space.scratch);
                for (value, row) in column.iter().zip(space.wave.chunks_exact_mut(self.stride)) {
                    row[at] = *value;
                }
            }
        }
    }

    /// Multiplies the wave by a transmission function `[row][column]` in real space.
    pub(crate) fn transmit(&self, space: &mut Workspace, transmission: &[Complex32]) {
        let nx = self.grid.nx;
        let edge = self.kept.len() / 2 + 1;
        let beyond = edge..nx + edge - self.kept.len();
        for (row, transmission) in space.wave.chunks_exact_mut(self.stride).zip(transmission.chunks_exact(nx))
        {
            let row = &mut row[..nx];
            self.rows_inverse.process_with_scratch(row, &mut space.scratch);
            row.iter_mut().zip(transmission).for_each(|(wave, t)| *wave *= t);
            self.rows_forward.process_with_scratch(row, &mut space.scratch);
            row[beyond.clone()].fill(Complex32::default());
        }
    }

    /// Multiplies the wave's Fourier coefficients by `propagator` (column `kept[i]` at `i * ny`), lets `see`
    /// look at each column of the result, and with `last` leaves the wave unusable.
    pub(crate) fn propagate(
        &self,
        space: &mut Workspace,
        propagator: &[Complex32],
        last: bool,
        mut see: impl FnMut(usize, &[Complex32]),
    ) {
        let ny = self.grid.ny;
        let mut first = 0;
        while first < self.kept.len() {
            let at = self.kept[first];
            // Columns next to each other, up to the gap in the middle.
            let count = (1..BLOCK)
                .take_while(|&i| self.kept.get(first + i) == Some(&(at + i)))
                .last()
                .map_or(1, |last| last + 1);
            let block = &mut space.block[..count * ny];
            for (y, row) in space.wave.chunks_exact(self.stride).enumerate() {
                for (i, value) in row[at..at + count].iter().enumerate() {
                    block[i * ny + y] = *value;
                }
            }
            self.columns_forward.process_with_scratch(block, &mut space.scratch);
            let factors = propagator[first * ny..].chunks_exact(ny);
            for (i, (column, factors)) in block.chunks_exact_mut(ny).zip(factors).enumerate() {
                column.iter_mut().zip(factors).for_each(|(wave, factor)| *wave *= factor);
                see(first + i, column);
            }
            if !last {
                self.columns_inverse.process_with_scratch(block, &mut space.scratch);
                for (y, row) in space.wave.chunks_exact_mut(self.stride).enumerate() {
                    for (i, value) in row[at..at + count].iter_mut().enumerate() {
                        *value = block[i * ny + y];
                    }
                }
            }
            first += count;
        }
    }

    /// Transforms a wave `[row][column]` and shows each kept column of the result, divided by the number of samples.
    pub(crate) fn each_column(&self, field: &mut [Complex32], mut see: impl FnMut(usize, &[Complex32])) {
        let (nx, ny) = (self.grid.nx, self.grid.ny);
        self.rows_forward.process(field);
        let scale = 1.0 / self.grid.samples() as f32;
        let mut block = vec![Complex32::default(); BLOCK * ny];
        for (part, columns) in self.kept.chunks(BLOCK).enumerate() {
            let block = &mut block[..columns.len() * ny];
            for (y, row) in field.chunks_exact(nx).enumerate() {
                for (i, &column) in columns.iter().enumerate() {
                    block[i * ny + y] = row[column] * scale;
                }
            }
            self.columns_forward.process(block);
            block.chunks_exact(ny).enumerate().for_each(|(i, column)| see(part * BLOCK + i, column));
        }
    }

    /// Multiplies the Fourier transform of a function `[row][column]` by `factor(kx, ky)`, without a band limit
    /// of its own.
    pub(crate) fn filter(&self, field: &mut [Complex32], factor: impl Fn(usize, usize) -> f32) {
        let (nx, ny) = (self.grid.nx, self.grid.ny);
        self.rows_forward.process(field);
        let scale = 1.0 / self.grid.samples() as f32;
        let mut column = vec![Complex32::default(); ny];
        for x in 0..nx {
            (0..ny).for_each(|y| column[y] = field[y * nx + x]);
            self.columns_forward.process(&mut column);
            for (y, value) in column.iter_mut().enumerate() {
                *value *= factor(x, y) * scale;
            }
            self.columns_inverse.process(&mut column);
            (0..ny).for_each(|y| field[y * nx + x] = column[y]);
        }
        self.rows_inverse.process(field);
    }

    /// The inverse Fourier transform, without a factor.
    pub(crate) fn inverse(&self, field: &mut [Complex32]) {
        let (nx, ny) = (self.grid.nx, self.grid.ny);
        let mut column = vec![Complex32::default(); ny];
        for x in 0..nx {
            (0..ny).for_each(|y| column[y] = field[y * nx + x]);
            self.columns_inverse.process(&mut column);
            (0..ny).for_each(|y| field[y * nx + x] = column[y]);
        }
        self.rows_inverse.process(field);
    }
}
