//! What makes a specimen differ from a perfect crystal, and what the scan does to its shape.

use crate::Draw;
use adatom_crystal::{Column, Field};
use adatom_imaging::SampleRng;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::f64::consts::PI;

/// Waves that a smooth distortion is made of.
const WAVES: usize = 3;
/// Part of the field's width over which the beam settles after a flyback.
const FLYBACK_LENGTH: f64 = 0.08;
/// Waves that the wander of the rows is made of, and fewest and most periods of one in the field.
const WANDER_WAVES: usize = 6;
const WANDER_PERIODS: (f64, f64) = (0.7, 9.0);

/// Imperfections of the specimen. Every number is drawn once a sample, so that a list with zeros
/// in it leaves some of the samples perfect. Columns are moved before they are imaged: labels lie
/// where the columns are seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DisorderRecipe {
    /// Probability that a slab has a grain boundary or a twin: a second orientation beyond a line.
    pub boundaries: Draw,
    /// Number of steps of the thickness across the field, rounded down.
    pub steps: Draw,
    /// Thickness beyond a step over that before it.
    pub step_factor: Draw,
    /// Part of the columns that are missing.
    pub vacancies: Draw,
    /// Part of the columns that scatter by another factor.
    pub dopants: Draw,
    /// That factor, drawn for every such column.
    pub dopant_factor: Draw,
    /// Random displacement of every column, σ in each direction \[Å\].
    pub displacement_angstrom: Draw,
    /// Largest relative change of distances by a smooth distortion: strain, or drift of the specimen.
    pub strain: Draw,
    /// Displacement at the start of the rows, where the beam has not settled \[Å\].
    pub flyback_angstrom: Draw,
    /// Slow wander of the rows, root mean square in each direction \[Å\]: over a tenth of the
    /// field and more, so that whole columns move.
    pub wander_angstrom: Draw,
}

impl Default for DisorderRecipe {
    fn default() -> Self {
        let zero = || Draw::Fixed(0.0);
        Self {
            boundaries: zero(),
            steps: zero(),
            step_factor: Draw::Range { low: 0.4, high: 0.9, log: false },
            vacancies: zero(),
            dopants: zero(),
            dopant_factor: Draw::Range { low: 0.3, high: 2.0, log: true },
            displacement_angstrom: zero(),
            strain: zero(),
            flyback_angstrom: zero(),
            wander_angstrom: zero(),
        }
    }
}

/// The part of a plane on one side of a straight line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HalfPlane {
    normal: [f64; 2],
    distance: f64,
}

impl HalfPlane {
    /// Bounded by a line through the middle half of the field in any direction.
    pub(crate) fn random(field: &Field, rng: &mut SampleRng) -> Self {
        let (sin, cos) = (2.0 * PI * rng.uniform()).sin_cos();
        let (x, y) = (field.width * rng.between(0.25, 0.75), field.height * rng.between(0.25, 0.75));
        Self { normal: [cos, sin], distance: cos * x + sin * y }
    }

    pub(crate) fn contains(&self, column: &Column) -> bool {
        self.normal[0] * column.x + self.normal[1] * column.y > self.distance
    }
}

impl DisorderRecipe {
    /// Steps, vacancies, dopants and displacements.
    pub(crate) fn apply(&self, columns: &mut Vec<Column>, field: &Field, rng: &mut SampleRng) {
        for _ in 0..self.steps.value(rng) as usize {
            let beyond = HalfPlane::random(field, rng);
            let factor = self.step_factor.value(rng);
            columns.iter_mut().filter(|c| beyond.contains(c)).for_each(|c| scale(c, factor));
        }
        let vacancies = self.vacancies.value(rng);
        if vacancies > 0.0 {
            columns.retain(|_| rng.uniform() >= vacancies);
        }
        let dopants = self.dopants.value(rng);
        if dopants > 0.0 {
            for column in columns.iter_mut() {
                if rng.uniform() < dopants {
                    scale(column, self.dopant_factor.value(rng));
                }
            }
        }
        let sigma = self.displacement_angstrom.value(rng);
        if sigma > 0.0 {
            for column in columns.iter_mut() {
                column.x += sigma * rng.normal();
                column.y += sigma * rng.normal();
            }
        }
        self.distort(columns, field, rng);
    }

    /// The smooth distortion, the flyback and the wander.
    fn distort(&self, columns: &mut [Column], field: &Field, rng: &mut SampleRng) {
        let strain = self.strain.value(rng);
        if strain > 0.0 {
            let gradient: [f64; 4] = std::array::from_fn(|_| rng.between(-strain, strain));
            let [cx, cy] = field.center();
            let size = field.width.max(field.height);
            let waves: Vec<_> = (0..WAVES)
                .map(|_| {
                    let k = 2.0 * PI * rng.between(0.3, 1.5) / size;
                    let (sin, cos) = (2.0 * PI * rng.uniform()).sin_cos();
                    let amplitude = strain * rng.uniform() / k;
                    let (towards_y, towards_x) = (2.0 * PI * rng.uniform()).sin_cos();
                    (
                        [k * cos, k * sin, 2.0 * PI * rng.uniform()],
                        [amplitude * towards_x, amplitude * towards_y],
                    )
                })
                .collect();
            for column in columns.iter_mut() {
                let (x, y) = (column.x - cx, column.y - cy);
                column.x += gradient[0] * x + gradient[1] * y;
                column.y += gradient[2] * x + gradient[3] * y;
                for ([kx, ky, phase], [ux, uy]) in &waves {
                    let wave = (kx * x + ky * y + phase).sin();
                    column.x += ux * wave;
                    column.y += uy * wave;
                }
            }
        }
        let flyback = self.flyback_angstrom.value(rng);
        if flyback > 0.0 {
            let length = FLYBACK_LENGTH * field.width;
            columns.iter_mut().for_each(|c| c.x += flyback * (-c.x.max(0.0) / length).exp());
        }
        let wander = self.wander_angstrom.value(rng);
        if wander > 0.0 {
            // Waves of equal power along the slow direction.
            let amplitude = wander * (2.0 / WANDER_WAVES as f64).sqrt();
            let waves: [[f64; 3]; WANDER_WAVES] = std::array::from_fn(|_| {
                let (few, many) = WANDER_PERIODS;
                let k = 2.0 * PI * (few * (many / few).powf(rng.uniform())) / field.height;
                [k, 2.0 * PI * rng.uniform(), 2.0 * PI * rng.uniform()]
            });
            for column in columns.iter_mut() {
                let y = column.y;
                for [k, phase_x, phase_y] in waves {
                    column.x += amplitude * (k * y + phase_x).sin();
                    column.y += amplitude * (k * y + phase_y).sin();
                }
            }
        }
    }
}

fn scale(column: &mut Column, factor: f64) {
    column.species.iter_mut().for_each(|(_, atoms)| *atoms *= factor);
}

/// Adds a grain to others, without its columns that are closer than `apart` \[Å\] to theirs.
pub(crate) fn join(columns: &mut Vec<Column>, grain: Vec<Column>, apart: f64) {
    let cell = |x: f64, y: f64| ((x / apart).floor() as i64, (y / apart).floor() as i64);
    let mut cells: HashMap<(i64, i64), Vec<usize>> = HashMap::new();
    for (index, column) in columns.iter().enumerate() {
        cells.entry(cell(column.x, column.y)).or_default().push(index);
    }
    let free = |column: &Column| {
        let (cx, cy) = cell(column.x, column.y);
        let around = (-1..=1).flat_map(|dx| (-1..=1).map(move |dy| (cx + dx, cy + dy)));
        !around.filter_map(|at| cells.get(&at)).flatten().any(|i| {
            let other = &columns[*i];
            (other.x - column.x).hypot(other.y - column.y) < apart
        })
    };
    let kept: Vec<Column> = grain.into_iter().filter(free).collect();
    columns.extend(kept);
}

#[cfg(test)]
mod tests {
    use super::*;
    use adatom_crystal::Element;

    fn square(side: usize, apart: f64) -> Vec<Column> {
        let at = |i: usize| (i % side) as f64 * apart;
        (0..side * side)
            .map(|i| Column {
                x: at(i),
                y: (i / side) as f64 * apart,
                species: vec![(Element::CARBON, 2.0)],
                u_iso_angstrom2: None,
            })
            .collect()
    }

    fn applied(recipe: &DisorderRecipe) -> Vec<Column> {
        let mut columns = square(60, 2.0);
        recipe.apply(&mut columns, &Field::new(120.0, 120.0), &mut SampleRng::new(1, 2));
        columns
    }

    #[test]
    fn without_numbers_nothing_changes() {
        assert_eq!(applied(&DisorderRecipe::default()), square(60, 2.0));
    }

    /// 3600 columns: five standard deviations of a binomial number.
    #[test]
    fn vacancies_and_dopants_come_in_the_stated_part() {
        let left = applied(&DisorderRecipe { vacancies: Draw::Fixed(0.1), ..Default::default() }).len();
        assert!((left as f64 - 3240.0).abs() < 5.0 * (3600.0_f64 * 0.09).sqrt(), "{left}");
        let doped = DisorderRecipe {
            dopants: Draw::Fixed(0.1),
            dopant_factor: Draw::Fixed(3.0),
            ..Default::default()
        };
        let bright = applied(&doped).iter().filter(|c| (c.atoms() - 6.0).abs() < 1e-9).count();
        assert!((bright as f64 - 360.0).abs() < 5.0 * (3600.0_f64 * 0.09).sqrt(), "{bright}");
    }

    /// Neighbours move together: four terms of the gradient and the waves each change a distance
    /// by at most the stated part.
    #[test]
    fn strain_changes_distances_by_at_most_its_number() {
        let columns = applied(&DisorderRecipe { strain: Draw::Fixed(0.02), ..Default::default() });
        for (a, b) in columns.iter().zip(&columns[1..]).filter(|(a, b)| (a.y - b.y).abs() < 1.0) {
            let distance = (a.x - b.x).hypot(a.y - b.y);
            assert!((distance / 2.0 - 1.0).abs() < 0.02 * (2.0 + WAVES as f64), "{distance}");
        }
        assert!(columns.iter().zip(square(60, 2.0)).any(|(a, b)| (a.x - b.x).abs() > 0.1));
    }

    /// Columns of a row move together; the mean square over 40 fields is the stated one to 20 %, as
    /// few waves of random phase leave.
    #[test]
    fn wander_moves_whole_rows_by_its_number() {
        let recipe = DisorderRecipe { wander_angstrom: Draw::Fixed(0.1), ..Default::default() };
        let mut sum = 0.0;
        for seed in 0..40 {
            let mut columns = square(60, 2.0);
            recipe.apply(&mut columns, &Field::new(120.0, 120.0), &mut SampleRng::new(seed, 3));
            let moved: Vec<f64> = columns.iter().zip(square(60, 2.0)).map(|(a, b)| a.x - b.x).collect();
            assert!(moved.chunks(60).all(|row| row.iter().all(|x| (x - row[0]).abs() < 1e-9)));
            sum += moved.iter().map(|x| x * x).sum::<f64>() / 3600.0;
        }
        assert!((sum / 40.0 / 0.01 - 1.0).abs() < 0.2, "{sum}");
    }

    #[test]
    fn a_joined_grain_keeps_its_distance() {
        let mut columns = square(5, 2.0);
        join(&mut columns, square(10, 1.5), 1.2);
        for (i, a) in columns.iter().enumerate().skip(25) {
            assert!(columns[..25].iter().all(|b| (a.x - b.x).hypot(a.y - b.y) >= 1.2), "{i}");
        }
        assert!(columns.len() > 60);
    }
}
