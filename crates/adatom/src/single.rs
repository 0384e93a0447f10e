//! Single atoms on a support, far from each other and in no order: the network's scores, calibrated on crystals, are far too
//! sure of them, as carbon is as rough as atoms are bright. How far each stands out from what is around it tells.

use crate::locate::Found;
use crate::scale::{TRIAL_PX, middle};
use adatom_locate::{FEATURES_OF_ORDER, Flag, Resampling, median, spot_sigma, standing_out};
use ndarray::Array2;
use std::f64::consts::PI;

/// Columns of a score from here on, and how many of them tell whether they stand singly.
const POSSIBLE: f64 = 0.3;
const ENOUGH: usize = 6;
/// The medians of the features of order where atoms stand singly, at most: those of a crystal are near one, or a half in noise; of atoms at random
/// places none and a fifth.
const ORDERED: [f64; 2] = [0.2, 0.25];
/// Part of the image that is within two widths of a column, at most.
const COVERED: f64 = 0.12;
/// The logit of the chance of an atom that stands out by z standard deviations: a constant and a slope, of 32 images with
/// 2,174 atoms that people have marked.
const LOGIT: (f64, f64) = (-6.9, 1.42);

/// Gives columns that stand singly a chance by how far they stand out from the image, and a flag.
pub(crate) fn judge(image: &Array2<f32>, to_network: &Resampling, found: &mut [Found]) {
    let possible: Vec<&Found> = found.iter().filter(|f| f.score >= POSSIBLE).collect();
    let ordered = |(feature, most): (usize, f64)| {
        median(&mut possible.iter().map(|f| f.features[feature]).collect::<Vec<_>>()).unwrap_or(0.0) > most
    };
    if possible.len() < ENOUGH || FEATURES_OF_ORDER.into_iter().zip(ORDERED).any(ordered) {
        return;
    }
    let Some(sigma) = spot_sigma(&middle(image, TRIAL_PX.1)) else { return };
    if possible.len() as f64 * PI * (2.0 * sigma).powi(2) > COVERED * image.len() as f64 {
        return;
    }
    let back = to_network.inverse();
    let places: Vec<(f64, f64)> = found.iter().map(|f| back.forward((f.column.x, f.column.y))).collect();
    for (found, z) in found.iter_mut().zip(standing_out(image, &places, sigma)) {
        found.score = 1.0 / (1.0 + (-(LOGIT.0 + LOGIT.1 * z)).exp());
        found.column.flags.push(Flag::Single);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use adatom_locate::Column;

    /// A number from 0 to 1 that looks random.
    fn draw(index: usize) -> f64 {
        let hash = |i: u64| (i ^ (i >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (hash(hash(hash(index as u64 + 1))) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Atoms of 2.2 px at random places in noise, and what a network that is sure of everything might say: columns there and
    /// as many where nothing is; `part` of their surroundings are in order.
    fn scene(part: [f64; 2]) -> (Array2<f32>, Vec<Found>) {
        let atoms: Vec<(f64, f64)> =
            (0..20).map(|k| (15.0 + 226.0 * draw(2 * k), 15.0 + 226.0 * draw(2 * k + 1))).collect();
        let image = Array2::from_shape_fn((256, 256), |(r, c)| {
            let atom = |(x, y): &(f64, f64)| {
                (-((c as f64 - x).powi(2) + (r as f64 - y).powi(2)) / (2.0 * 2.2 * 2.2)).exp()
            };
            let noise = (0..12).map(|k| draw(1000 + 12 * (256 * r + c) + k)).sum::<f64>() - 6.0;
            (50.0 + 2.5 * atoms.iter().map(atom).sum::<f64>() + noise) as f32
        });
        let elsewhere = (0..).map(|k| (256.0 * draw(500 + 2 * k), 256.0 * draw(501 + 2 * k)));
        let far = |p: &(f64, f64)| atoms.iter().all(|a| (a.0 - p.0).hypot(a.1 - p.1) > 12.0);
        let places = atoms.iter().copied().chain(elsewhere.filter(far).take(20));
        let found = places.map(|(x, y)| {
            let mut features = adatom_locate::Features::default();
            FEATURES_OF_ORDER.into_iter().zip(part).for_each(|(feature, part)| features[feature] = part);
            Found { column: Column { x, y, height: 0.9, flags: Vec::new() }, score: 0.95, features }
        });
        (image, found.collect())
    }

    #[test]
    fn single_atoms_are_told_from_noise_by_how_far_they_stand_out() {
        let (image, mut found) = scene([0.0, 0.1]);
        judge(&image, &Resampling::new(image.dim(), 1.0, 1.0), &mut found);
        assert!(found.iter().all(|f| f.column.flags == [Flag::Single]));
        let right = |found: &[Found]| found.iter().filter(|f| f.score > 0.5).count();
        assert!(right(&found[..20]) >= 19 && right(&found[20..]) == 0);
    }

    /// With neighbours opposite, or with surroundings that repeat.
    #[test]
    fn columns_of_a_crystal_keep_their_scores() {
        for part in [[0.9, 0.0], [0.1, 0.9]] {
            let (image, mut found) = scene(part);
            judge(&image, &Resampling::new(image.dim(), 1.0, 1.0), &mut found);
            assert!(found.iter().all(|f| f.score == 0.95 && f.column.flags.is_empty()));
        }
    }
}
