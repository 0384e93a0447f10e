use crate::{Grid, ImagingError, RowShift};
use adatom_crystal::{Column, Element};
use adatom_optics::{Probe, Scattering, Transfer};
use ndarray::{Array2, azip, s};
use num_complex::{Complex32, Complex64};
use std::collections::BTreeMap;
use std::f64::consts::PI;

/// Part of the zero-frequency transfer below which a spatial frequency is left out.
const NEGLIGIBLE: f64 = 2e-6;
/// Samples of the radial tables, from zero frequency to the cutoff.
const RADIAL_SAMPLES: usize = 2048;

/// Columns whose phases are held in memory together.
const COLUMNS_AT_ONCE: usize = 4096;

/// The paper's linear model: object function ⊗ |probe|² ⊗ source.
///
/// Everything is computed in reciprocal space: the columns' structure factor is summed exactly
/// at every frequency the probe transfers, so that positions are not tied to pixels; the period
/// is longer than the field by a margin on each side, so that nothing wraps around; and the image
/// is evaluated at whatever positions the scan visited. The three steps are matrix products.
#[derive(Debug, Clone)]
pub struct LinearModel {
    probe: Probe,
    transfer: Transfer,
    /// Largest frequency with more than a negligible transfer \[1/Å\].
    band: f64,
    /// Per element, object function times source (and lens, if round) over |k|; see `radial`.
    atoms: BTreeMap<Element, Vec<f64>>,
    round: bool,
}

impl LinearModel {
    /// A model for columns made of `elements`.
    ///
    /// # Errors
    /// When an element's scattering or the aberrated probe can't be computed.
    pub fn new(
        probe: Probe,
        scattering: &Scattering,
        elements: impl IntoIterator<Item = Element>,
    ) -> Result<Self, ImagingError> {
        let transfer = probe.transfer()?;
        let cutoff = transfer.cutoff();
        let envelope = |k: f64| if k == 0.0 { 1.0 } else { perfect_envelope(&probe, k) };
        let band =
            (0..=1000).rev().map(|i| cutoff * f64::from(i) / 1000.0).find(|&k| envelope(k) > NEGLIGIBLE);
        let band = (band.unwrap_or(cutoff) + cutoff / 1000.0).min(cutoff);
        let round = probe.aberrations().is_none();
        let mut atoms = BTreeMap::new();
        for element in elements {
            let atom = scattering.atom(element.number(), probe.energy_kv())?;
            let table = (0..=RADIAL_SAMPLES)
                .map(|i| {
                    let k = cutoff * i as f64 / RADIAL_SAMPLES as f64;
                    let lens = if round { transfer.at(k, 0.0).re } else { 1.0 };
                    atom.at(k) * lens
                })
                .collect();
            atoms.insert(element, table);
        }
        Ok(Self { probe, transfer, band, atoms, round })
    }

    /// The probe that images.
    pub fn probe(&self) -> &Probe {
        &self.probe
    }

    /// How far outside the field columns still matter \[Å\]: three Airy radii, the aberrations'
    /// spread, the source and an atom's own extent.
    pub fn margin_angstrom(&self) -> f64 {
        let diffraction = 3.0 * 0.61 / self.probe.aperture();
        diffraction + self.transfer.spread_angstrom() + 2.0 * self.probe.widest_source_angstrom() + 2.0
    }

    /// Integral over the plane of a column's image, in units of the object function times Å²
    /// (V Å² for the projected potential). Elements unknown to the model count as nothing.
    pub fn column_intensity(&self, column: &Column) -> f64 {
        column
            .species
            .iter()
            .map(|(element, n)| n * self.atoms.get(element).map_or(0.0, |table| table[0]))
            .sum()
    }

    /// Sums the columns' structure factors for the field of `grid`. Columns farther outside it than
    /// [`Self::margin_angstrom`] must be left out: they would be seen as if they were a period nearer.
    pub fn spectrum<'a>(&self, columns: impl IntoIterator<Item = &'a Column>, grid: &Grid) -> Spectrum {
        let margin = self.margin_angstrom();
        let field = [grid.width_angstrom(), grid.height_angstrom()];
        let period = field.map(|side| side + 2.0 * margin);
        let [nx, ny] = period.map(|period| (self.band * period).floor() as usize + 1);
        let mut parts = Array2::<f32>::zeros((2 * ny, 2 * nx));
        // One structure factor for each element and displacement.
        let mut groups: BTreeMap<(Element, u64), Vec<(&Column, f64)>> = BTreeMap::new();
        for column in columns {
            let displacement = column.u_iso_angstrom2.unwrap_or(0.0).max(0.0);
            for &(element, count) in &column.species {
                groups.entry((element, displacement.to_bits())).or_default().push((column, count));
            }
        }
        let pieces =
            groups.iter().flat_map(|(key, members)| members.chunks(COLUMNS_AT_ONCE).map(move |m| (*key, m)));
        for ((element, displacement), members) in pieces {
            let Some(table) = self.atoms.get(&element) else { continue };
            let angles = |axis: usize, of: fn(&Column) -> f64| -> Vec<f64> {
                let angle = |(column, _): &(&Column, f64)| of(column) - 0.5 * field[axis];
                members.iter().map(|member| 2.0 * PI * angle(member) / period[axis]).collect()
            };
            let along_x = waves(&angles(0, |c| c.x), nx);
            let mut along_y = waves(&angles(1, |c| c.y), ny);
            let counts: Vec<f32> = members.iter().map(|(_, count)| *count as f32).collect();
            for mut line in along_y.rows_mut() {
                line.iter_mut().zip(&counts).for_each(|(wave, count)| *wave *= count);
            }
            let sums = along_y.dot(&along_x.t());
            let weights = self.weights(table, f64::from_bits(displacement), period, [nx, ny]);
            for (row, (mut line, sums)) in parts.rows_mut().into_iter().zip(sums.rows()).enumerate() {
                let weights = weights.row(row % ny);
                let (mut cosines, mut sines) = line.multi_slice_mut((s![..nx], s![nx..]));
                azip!((value in &mut cosines, sum in sums.slice(s![..nx]), weight in weights) *value += sum * weight);
                azip!((value in &mut sines, sum in sums.slice(s![nx..]), weight in weights) *value -= sum * weight);
            }
        }
        if !self.round {
            self.pass_lens(&mut parts, period);
        }
        // The image is real: frequencies stand for their mirror images too.
        let area = period[0] * period[1];
        for ((row, column), value) in parts.indexed_iter_mut() {
            let mirrors = [row % ny, column % nx].map(|k| if k == 0 { 1.0 } else { 2.0 });
            *value *= (mirrors[0] * mirrors[1] / area) as f32;
        }
        Spectrum { period, field, parts }
    }

    /// What a column of an element contributes at every frequency, `[ky, kx]`, none of them negative: the object
    /// function, the source, a round lens and the thermal displacement.
    fn weights(
        &self,
        table: &[f64],
        displacement: f64,
        period: [f64; 2],
        [nx, ny]: [usize; 2],
    ) -> Array2<f32> {
        let axis = |period: f64, count: usize| -> Vec<(f64, f64)> {
            let squares = (0..count).map(|k| (k as f64 / period).powi(2));
            squares.map(|k2| (k2, (-2.0 * PI * PI * displacement * k2).exp())).collect()
        };
        let (along_x, along_y) = (axis(period[0], nx), axis(period[1], ny));
        let band2 = self.band * self.band;
        Array2::from_shape_fn((ny, nx), |(row, column)| {
            let ((kx2, thermal_x), (ky2, thermal_y)) = (along_x[column], along_y[row]);
            let k2 = kx2 + ky2;
            if k2 > band2 { 0.0 } else { (self.radial(table, k2.sqrt()) * thermal_x * thermal_y) as f32 }
        })
    }

    /// Multiplies with the transfer of a lens that isn't round.
    fn pass_lens(&self, parts: &mut Array2<f32>, period: [f64; 2]) {
        let (ny, nx) = (parts.nrows() / 2, parts.ncols() / 2);
        for ky in 0..ny {
            for kx in 0..nx {
                let at = [(ky, kx), (ky, nx + kx), (ny + ky, kx), (ny + ky, nx + kx)];
                // Even and odd in y: c + is, as `Spectrum::parts` says.
                let even = Complex32::new(parts[at[0]], parts[at[1]]);
                let odd = Complex32::new(parts[at[2]], parts[at[3]]);
                // With e^{±iky y} = cos ± i sin the coefficients of ±ky are (even ∓ i odd) / 2.
                let turned = Complex32::i() * odd;
                let (x, y) = (kx as f64 / period[0], ky as f64 / period[1]);
                let above = narrow(self.transfer.at(x, y)) * (even - turned) * 0.5;
                let below = narrow(self.transfer.at(x, -y)) * (even + turned) * 0.5;
                let (even, odd) = (above + below, Complex32::i() * (above - below));
                for (at, value) in at.into_iter().zip([even.re, even.im, odd.re, odd.im]) {
                    parts[at] = value;
                }
            }
        }
    }

    /// Linear interpolation in a radial table: error below 1e-6 of its first value.
    fn radial(&self, table: &[f64], k: f64) -> f64 {
        let at = k / self.transfer.cutoff() * RADIAL_SAMPLES as f64;
        let index = (at as usize).min(RADIAL_SAMPLES - 1);
        let t = at - index as f64;
        table[index] * (1.0 - t) + table[index + 1] * t
    }
}

/// Upper bound of the transfer at `k`: aberrations only ever lower it.
fn perfect_envelope(probe: &Probe, k: f64) -> f64 {
    let u = k / (2.0 * probe.aperture());
    if u >= 1.0 {
        return 0.0;
    }
    let lens = 2.0 / PI * (u.acos() - u * (1.0 - u * u).sqrt());
    lens * probe.source_transfer(k * k)
}

fn narrow(value: Complex64) -> Complex32 {
    Complex32::new(value.re as f32, value.im as f32)
}

/// Cosines (the first `count` rows) and sines (the next) of 0, 1, 2 … times every angle, `[2 × count, angle]`.
fn waves(angles: &[f64], count: usize) -> Array2<f32> {
    let turns: Vec<(f64, f64)> = angles.iter().map(|angle| angle.sin_cos()).collect();
    let mut phases = vec![(0.0, 1.0); angles.len()];
    let mut table = vec![0.0; 2 * count * angles.len()];
    let (cosines, sines) = table.split_at_mut(count * angles.len());
    let width = angles.len().max(1);
    for (cosines, sines) in cosines.chunks_exact_mut(width).zip(sines.chunks_exact_mut(width)) {
        for (((cosine, sine), (im, re)), (turn_im, turn_re)) in
            cosines.iter_mut().zip(sines).zip(&mut phases).zip(&turns)
        {
            (*cosine, *sine) = (*re as f32, *im as f32);
            (*re, *im) = (*re * turn_re - *im * turn_im, *re * turn_im + *im * turn_re);
        }
    }
    Array2::from_shape_vec((2 * count, angles.len()), table).unwrap_or_default()
}

/// The Fourier coefficients of an ideal image over a field and its margin.
#[derive(Debug, Clone)]
pub struct Spectrum {
    /// Along x and y \[Å\].
    period: [f64; 2],
    /// Width and height of the field \[Å\]; phases are counted from its middle.
    field: [f64; 2],
    /// The image is Σ Re[(cos(ky y) E + sin(ky y) O) e^{ikx x}] over frequencies that aren't negative: the real
    /// and the imaginary parts of E beside each other, and those of O below.
    parts: Array2<f32>,
}

impl Spectrum {
    /// Frequencies along y and x that it holds, zero and positive ones.
    pub fn frequencies(&self) -> [usize; 2] {
        [self.parts.nrows() / 2, self.parts.ncols() / 2]
    }

    /// The image on the pixel centres of `grid` \[object function\]. With `scan`, row i shows
    /// I₀(x − δx_i, y − δy_i), as the paper defines its scan noise; without interpolation.
    ///
    /// # Panics
    /// When `grid` doesn't cover the field that the spectrum was made for, or `scan` has fewer rows.
    pub fn image(&self, grid: &Grid, scan: Option<&[RowShift]>) -> Array2<f32> {
        let field = [grid.width_angstrom(), grid.height_angstrom()];
        let same = |axis: usize| (field[axis] / self.field[axis] - 1.0).abs() < 1e-9;
        assert!(same(0) && same(1), "a grid over {field:?} Å for a spectrum over {:?} Å", self.field);
        let rows = match scan {
            Some(scan) => self.scanned_rows(grid, scan),
            None => self.rows(grid),
        };
        // Columns at both sides of the middle: cosines are even and sines are odd.
        let [_, nx] = self.frequencies();
        let half = grid.width.div_ceil(2);
        let along_x = waves(&self.angles(0, grid.width, half), nx);
        let even = rows.slice(s![.., ..nx]).dot(&along_x.slice(s![..nx, ..]));
        let odd = rows.slice(s![.., nx..]).dot(&along_x.slice(s![nx.., ..]));
        let mut image = Array2::<f32>::zeros((grid.height, grid.width));
        for ((mut line, even), odd) in image.rows_mut().into_iter().zip(even.rows()).zip(odd.rows()) {
            azip!((value in line.slice_mut(s![..half]), even in even, odd in odd) *value = even - odd);
            let mut beyond = line.slice_mut(s![grid.width - half..;-1]);
            azip!((value in &mut beyond, even in even, odd in odd) *value = even + odd);
        }
        image
    }

    /// Phases of the first period at the first `some` of `count` pixels' centres along an axis.
    fn angles(&self, axis: usize, count: usize, some: usize) -> Vec<f64> {
        let pixel = self.field[axis] / count as f64;
        let place = |i: usize| (i as f64 + 0.5 - 0.5 * count as f64) * pixel;
        (0..some).map(|i| 2.0 * PI * place(i) / self.period[axis]).collect()
    }

    /// Coefficients along x of every row, their real and their imaginary parts beside each other.
    fn rows(&self, grid: &Grid) -> Array2<f32> {
        let [ny, _] = self.frequencies();
        let half = grid.height.div_ceil(2);
        let along_y = waves(&self.angles(1, grid.height, half), ny);
        let even = along_y.slice(s![..ny, ..]).t().dot(&self.parts.slice(s![..ny, ..]));
        let odd = along_y.slice(s![ny.., ..]).t().dot(&self.parts.slice(s![ny.., ..]));
        let mut rows = Array2::<f32>::zeros((grid.height, self.parts.ncols()));
        azip!((value in rows.slice_mut(s![..half, ..]), even in &even, odd in &odd) *value = even + odd);
        let mut beyond = rows.slice_mut(s![grid.height - half..;-1, ..]);
        azip!((value in &mut beyond, even in &even, odd in &odd) *value = even - odd);
        rows
    }

    /// The same where the scan displaced them.
    fn scanned_rows(&self, grid: &Grid, scan: &[RowShift]) -> Array2<f32> {
        let [ny, nx] = self.frequencies();
        let scan = &scan[..grid.height];
        let turn = |axis: usize, shift: f64| 2.0 * PI * shift / self.period[axis];
        let places = self.angles(1, grid.height, grid.height).into_iter().zip(scan);
        let along_y: Vec<f64> = places.map(|(angle, row)| angle - turn(1, row.y_angstrom)).collect();
        let mut rows = waves(&along_y, ny).t().dot(&self.parts);
        let along_x: Vec<f64> = scan.iter().map(|row| -turn(0, row.x_angstrom)).collect();
        let shifts = waves(&along_x, nx);
        for (mut line, shift) in rows.rows_mut().into_iter().zip(shifts.columns()) {
            let (mut re, mut im) = line.multi_slice_mut((s![..nx], s![nx..]));
            azip!((re in &mut re, im in &mut im, cos in shift.slice(s![..nx]), sin in shift.slice(s![nx..])) {
                (*re, *im) = (*re * cos - *im * sin, *re * sin + *im * cos);
            });
        }
        rows
    }
}
