use crate::{Grid, ImagingError, RowShift};
use adatom_crystal::{Column, Element};
use adatom_optics::{Probe, Scattering, Transfer};
use ndarray::{Array2, s};
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

    /// Sums the columns' structure factors for the field of `grid`.
    pub fn spectrum<'a>(&self, columns: impl IntoIterator<Item = &'a Column>, grid: &Grid) -> Spectrum {
        let margin = self.margin_angstrom();
        let period_x = grid.width_angstrom() + 2.0 * margin;
        let period_y = grid.height_angstrom() + 2.0 * margin;
        let nx = (self.band * period_x).floor() as usize;
        let ny = (self.band * period_y).floor() as usize;
        let mut values = Array2::<Complex32>::zeros((2 * ny + 1, nx + 1));
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
            let displacement = f64::from_bits(displacement);
            let mut along_x = Array2::<Complex32>::zeros((members.len(), nx + 1));
            let mut along_y = Array2::<Complex32>::zeros((2 * ny + 1, members.len()));
            for (member, &(column, count)) in members.iter().enumerate() {
                let turn = Complex64::cis(-2.0 * PI * (column.x + margin) / period_x);
                let mut phase = Complex64::from(count);
                for value in along_x.row_mut(member) {
                    *value = narrow(phase);
                    phase *= turn;
                }
                let angle = -2.0 * PI * (column.y + margin) / period_y;
                let mut phase = Complex64::cis(-angle * ny as f64);
                let turn = Complex64::cis(angle);
                for row in 0..=2 * ny {
                    along_y[(row, member)] = narrow(phase);
                    phase *= turn;
                }
            }
            let factor = along_y.dot(&along_x);
            for (row, (mut line, factors)) in values.rows_mut().into_iter().zip(factor.rows()).enumerate() {
                let ky = (row as f64 - ny as f64) / period_y;
                for (column, (value, factor)) in line.iter_mut().zip(factors).enumerate() {
                    let kx = column as f64 / period_x;
                    let k2 = kx * kx + ky * ky;
                    if k2 <= self.band * self.band {
                        let k = k2.sqrt();
                        let thermal =
                            if displacement > 0.0 { (-2.0 * PI * PI * displacement * k2).exp() } else { 1.0 };
                        *value += factor * (self.radial(table, k) * thermal) as f32;
                    }
                }
            }
        }
        let area = period_x * period_y;
        for (row, mut line) in values.rows_mut().into_iter().enumerate() {
            let ky = (row as f64 - ny as f64) / period_y;
            for (column, value) in line.iter_mut().enumerate() {
                let lens = if self.round {
                    Complex32::from(1.0 / area as f32)
                } else {
                    narrow(self.transfer.at(column as f64 / period_x, ky) / area)
                };
                // The image is real: frequencies with kx > 0 stand for their mirror images too.
                *value *= if column == 0 { lens } else { lens * 2.0 };
            }
        }
        Spectrum { period_x, period_y, margin, values }
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

/// The Fourier coefficients of an ideal image over a field and its margin.
#[derive(Debug, Clone)]
pub struct Spectrum {
    period_x: f64,
    period_y: f64,
    margin: f64,
    /// `[ky + ny, kx]`, kx ≥ 0 only.
    values: Array2<Complex32>,
}

impl Spectrum {
    /// The image on the pixel centres of `grid` \[object function\]. With `scan`, row i shows
    /// I₀(x − δx_i, y − δy_i), as the paper defines its scan noise; without interpolation.
    ///
    /// # Panics
    /// When `scan` has fewer rows than `grid`.
    pub fn image(&self, grid: &Grid, scan: Option<&[RowShift]>) -> Array2<f32> {
        let (ky_count, kx_count) = self.values.dim();
        let ny = (ky_count - 1) / 2;
        let shift = |row: usize| scan.map_or(RowShift::default(), |rows| rows[row]);
        let mut along_y = Array2::<Complex32>::zeros((grid.height, ky_count));
        for (row, mut line) in along_y.rows_mut().into_iter().enumerate() {
            let y = (row as f64 + 0.5) * grid.pixel_y_angstrom + self.margin - shift(row).y_angstrom;
            let angle = 2.0 * PI * y / self.period_y;
            let turn = Complex64::cis(angle);
            let mut phase = Complex64::cis(-angle * ny as f64);
            for value in &mut line {
                *value = narrow(phase);
                phase *= turn;
            }
        }
        let rows = along_y.dot(&self.values);
        // Re(a + ib)(c + is) = ac − bs, as one real product over both parts.
        let mut parts = Array2::<f32>::zeros((grid.height, 2 * kx_count));
        for (row, (mut line, values)) in parts.rows_mut().into_iter().zip(rows.rows()).enumerate() {
            let turn = Complex64::cis(-2.0 * PI * shift(row).x_angstrom / self.period_x);
            let mut phase = Complex64::from(1.0);
            for (column, value) in values.iter().enumerate() {
                let shifted = value * narrow(phase);
                line[column] = shifted.re;
                line[kx_count + column] = -shifted.im;
                phase *= turn;
            }
        }
        let mut along_x = Array2::<f32>::zeros((2 * kx_count, grid.width));
        let (mut cosines, mut sines) = along_x.multi_slice_mut((s![..kx_count, ..], s![kx_count.., ..]));
        for column in 0..grid.width {
            let x = (column as f64 + 0.5) * grid.pixel_x_angstrom + self.margin;
            let turn = Complex64::cis(2.0 * PI * x / self.period_x);
            let mut phase = Complex64::from(1.0);
            for k in 0..kx_count {
                cosines[(k, column)] = phase.re as f32;
                sines[(k, column)] = phase.im as f32;
                phase *= turn;
            }
        }
        parts.dot(&along_x)
    }
}
