use crate::engine::Engine;
use crate::projection::{ProjectedAtom, REACH_ANGSTROM};
use crate::{Atom, MultisliceError, Projection};
use adatom_crystal::Element;
use adatom_optics::{Parametrisation, interaction_parameter};
use ndarray::Array2;
use num_complex::{Complex32, Complex64};
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::f64::consts::PI;
use std::sync::Arc;
use std::time::Instant;

/// Samples of the radial tables of an atom's potential: an error below 1e-5 of its value at zero frequency.
const RADIAL_SAMPLES: usize = 4096;
/// Depths of atoms are told apart by this in finite projections \[Å\].
const DEPTH_STEP: f64 = 0.02;
/// Positions closer than this make equal slices \[Å\].
const SAME_ANGSTROM: f64 = 1e-5;
/// Atoms whose phases are held in memory together.
const ATOMS_AT_ONCE: usize = 1024;

/// How atoms become slices.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slicing {
    pub(crate) count: usize,
    pub(crate) thickness: f64,
    pub(crate) projection: Projection,
    pub(crate) parametrisation: Parametrisation,
}

/// The atoms that count in one slice, by element and depth of its entrance and exit below the atom, in units of
/// [`DEPTH_STEP`].
type Members = BTreeMap<(Element, i64, i64), Vec<Atom>>;

impl Slicing {
    /// The atoms of each slice.
    pub(crate) fn members(&self, atoms: &[Atom]) -> Vec<Members> {
        let mut slices = vec![Members::new(); self.count];
        let last = self.count - 1;
        let slice_of = |z: f64| ((z / self.thickness + 1e-6).floor().max(0.0) as usize).min(last);
        for atom in atoms {
            let z = atom.position[2];
            match self.projection {
                Projection::Infinite => {
                    slices[slice_of(z)].entry((atom.element, 0, 0)).or_default().push(*atom);
                }
                Projection::Finite => {
                    let reached = slice_of(z - REACH_ANGSTROM)..=slice_of(z + REACH_ANGSTROM);
                    for slice in reached {
                        let below =
                            |edge: usize| ((edge as f64 * self.thickness - z) / DEPTH_STEP).round() as i64;
                        let from = if slice == 0 { i64::MIN } else { below(slice) };
                        let to = if slice == last { i64::MAX } else { below(slice + 1) };
                        slices[slice].entry((atom.element, from, to)).or_default().push(*atom);
                    }
                }
            }
        }
        slices
    }

    /// Which slices are alike: for each its number among the different ones, and these.
    pub(crate) fn distinct(&self, atoms: &[Atom]) -> (Vec<usize>, Vec<Members>) {
        let round = |v: f64| (v / SAME_ANGSTROM).round() as i64;
        let mut known = BTreeMap::new();
        let mut different = Vec::new();
        let order = self
            .members(atoms)
            .into_iter()
            .map(|members| {
                let key: BTreeSet<_> = members
                    .iter()
                    .flat_map(|(kind, atoms)| {
                        atoms.iter().map(move |a| {
                            (*kind, round(a.position[0]), round(a.position[1]), a.occupancy.to_bits())
                        })
                    })
                    .collect();
                *known.entry(key).or_insert_with(|| {
                    different.push(members);
                    different.len() - 1
                })
            })
            .collect();
        (order, different)
    }
}

/// The projected potential of one slice \[V Å\], `[row][column]`.
pub(crate) fn slice_potential(
    engine: &Engine,
    slicing: &Slicing,
    members: &Members,
) -> Result<Vec<f32>, MultisliceError> {
    let grid = &engine.grid;
    let highest =
        (0.5 * grid.nx as f64 / grid.width_angstrom).hypot(0.5 * grid.ny as f64 / grid.height_angstrom);
    let mut total = vec![Complex32::default(); grid.samples()];
    let area = grid.width_angstrom * grid.height_angstrom;
    let kx: Vec<f64> = (0..grid.nx).map(|x| grid.kx(x)).collect();
    for (&(element, from, to), atoms) in members {
        let atom = ProjectedAtom::new(slicing.parametrisation, element.number())?;
        let depth = |steps: i64| match steps {
            i64::MIN => f64::NEG_INFINITY,
            i64::MAX => f64::INFINITY,
            steps => steps as f64 * DEPTH_STEP,
        };
        let table: Vec<f32> = (0..=RADIAL_SAMPLES + 1)
            .map(|i| highest * i as f64 / RADIAL_SAMPLES as f64)
            .map(|k| match slicing.projection {
                Projection::Infinite => atom.whole(k),
                Projection::Finite => atom.between(k, depth(from), depth(to)),
            })
            .map(|v| (v / area) as f32)
            .collect();
        let mut factors = Array2::<Complex32>::zeros((grid.ny, grid.nx));
        for atoms in atoms.chunks(ATOMS_AT_ONCE) {
            let (along_y, along_x) = phases(engine, atoms);
            factors += &along_y.dot(&along_x);
        }
        for (y, (total, factors)) in total.chunks_exact_mut(grid.nx).zip(factors.rows()).enumerate() {
            let ky2 = grid.ky(y).powi(2);
            for ((total, factor), kx) in total.iter_mut().zip(factors).zip(&kx) {
                let at = (kx * kx + ky2).sqrt() / highest * RADIAL_SAMPLES as f64;
                let index = at as usize;
                let t = (at - index as f64) as f32;
                *total += factor * (table[index] * (1.0 - t) + table[index + 1] * t);
            }
        }
    }
    engine.inverse(&mut total);
    Ok(total.into_iter().map(|v| v.re).collect())
}

/// exp(−2πi kx x) for atoms × columns, and the same in y, times occupancy, for rows × atoms.
fn phases(engine: &Engine, atoms: &[Atom]) -> (Array2<Complex32>, Array2<Complex32>) {
    let grid = &engine.grid;
    let narrow = |v: Complex64| Complex32::new(v.re as f32, v.im as f32);
    let series =
        |at: f64, period: f64, count: usize, weight: f64, store: &mut dyn FnMut(usize, Complex32)| {
            let turn = Complex64::cis(-2.0 * PI * at / period);
            let mut phase = Complex64::from(weight);
            for index in 0..count.div_ceil(2) {
                store(index, narrow(phase));
                if index > 0 {
                    store(count - index, narrow(phase.conj()));
                }
                phase *= turn;
            }
            if count.is_multiple_of(2) {
                store(count / 2, narrow(phase.conj()));
            }
        };
    let mut along_x = Array2::zeros((atoms.len(), grid.nx));
    let mut along_y = Array2::zeros((grid.ny, atoms.len()));
    for (index, atom) in atoms.iter().enumerate() {
        series(atom.position[0], grid.width_angstrom, grid.nx, 1.0, &mut |k, v| along_x[(index, k)] = v);
        let weight = atom.occupancy;
        series(atom.position[1], grid.height_angstrom, grid.ny, weight, &mut |k, v| along_y[(k, index)] = v);
    }
    (along_y, along_x)
}

/// What slices do to a wave that passes them, one after the other.
pub(crate) struct Transmissions {
    different: Vec<Arc<Vec<Complex32>>>,
    order: Vec<usize>,
}

impl Transmissions {
    /// exp(iσV) of every slice, limited to the band.
    pub(crate) fn new(
        engine: &Engine,
        slicing: &Slicing,
        atoms: &[Atom],
        energy_kv: f64,
    ) -> Result<Self, MultisliceError> {
        let (order, different) = slicing.distinct(atoms);
        let band = band(engine);
        let different = different
            .par_iter()
            .map(|members| transmission(engine, slicing, members, energy_kv, &band).map(Arc::new))
            .collect::<Result<_, MultisliceError>>()?;
        Ok(Self { different, order })
    }

    /// Time that one thread needs for a slice \[s\], the one with the most atoms. Zero where it can't be made.
    pub(crate) fn slice_seconds(engine: &Engine, slicing: &Slicing, atoms: &[Atom], energy_kv: f64) -> f64 {
        let (_, different) = slicing.distinct(atoms);
        let size = |members: &Members| members.values().map(Vec::len).sum::<usize>();
        let Some(largest) = different.iter().max_by_key(|members| size(members)) else { return 0.0 };
        let band = band(engine);
        let start = Instant::now();
        let made = transmission(engine, slicing, largest, energy_kv, &band);
        made.map_or(0.0, |_| start.elapsed().as_secs_f64())
    }

    /// The slices in the order in which the beam passes them.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = &[Complex32]> {
        self.order.iter().map(|&slice| self.different[slice].as_slice())
    }
}

/// What of each sample of a Fourier transform is kept.
fn band(engine: &Engine) -> Vec<f32> {
    let grid = &engine.grid;
    (0..grid.samples()).map(|i| grid.kept(grid.kx(i % grid.nx).hypot(grid.ky(i / grid.nx))) as f32).collect()
}

/// exp(iσV) of one slice.
fn transmission(
    engine: &Engine,
    slicing: &Slicing,
    members: &Members,
    energy_kv: f64,
    band: &[f32],
) -> Result<Vec<Complex32>, MultisliceError> {
    let sigma = interaction_parameter(energy_kv) as f32;
    let potential = slice_potential(engine, slicing, members)?;
    let mut wave: Vec<Complex32> = potential.iter().map(|v| Complex32::cis(sigma * v)).collect();
    engine.filter(&mut wave, |x, y| band[y * engine.grid.nx + x]);
    Ok(wave)
}
