use super::at_scale;
use crate::{Error, LoadedModel, locate};
use adatom_formats::PixelSize;
use adatom_locate::{FitSettings, Start, Statistics, Truth, fit_columns, pairs};
use adatom_network::Task;
use ndarray::Array2;

/// A column to be found.
pub(super) struct Target {
    pub(super) x: f64,
    pub(super) y: f64,
    /// What is found within it is this column \[px\].
    pub(super) radius: f64,
    /// Whether its error counts.
    pub(super) counts: bool,
}

/// Localisers and images in the order of [`Estimates`].
pub(super) const CASES: [(&str, &str); 4] =
    [("gaussian", "raw"), ("gaussian", "denoised"), ("centroid", "raw"), ("centroid", "denoised")];

/// By case and target, the place that was found, or its error \[px\].
pub(super) struct Estimates {
    pub(super) found: [Vec<Option<[f64; 2]>>; 4],
    /// Where the targets are.
    pub(super) places: Vec<[f64; 2]>,
}

/// Finds the targets in the image and in its denoised form: by a Gaussian fit that starts at them, to the pixel,
/// and by the network.
pub(super) fn estimate(
    image: &Array2<f32>,
    aspect: f64,
    targets: &[Target],
    sigma: f64,
    factor: f64,
    model: &LoadedModel,
) -> Result<Estimates, Error> {
    // Only the ratio of the sides counts.
    let pixel = PixelSize::new(1.0, aspect).ok();
    let see = |image: &Array2<f32>| locate(image, pixel, model, &at_scale(factor), &mut |_| {});
    let raw = see(image)?;
    let Some(denoised) = raw.maps.get(&Task::NoNoise) else {
        return Err(Error::Setting {
            name: "model",
            value: "one that doesn't denoise".to_owned(),
            expected: "one with the task noNoise",
        });
    };
    let again = see(denoised)?;
    let starts: Vec<Start> =
        targets.iter().map(|t| Start { x: t.x.round(), y: t.y.round(), sigma, background: None }).collect();
    let settings = FitSettings { statistics: Statistics::LeastSquares, ..FitSettings::default() };
    let fitted = |image: &Array2<f32>| -> Vec<Option<[f64; 2]>> {
        let fit = fit_columns(image, &starts, &settings);
        let near = |(column, target): (&adatom_locate::FittedColumn, &Target)| {
            let off = (column.x - target.x).hypot(column.y - target.y);
            (column.reason.is_none() && off <= target.radius).then_some([column.x, column.y])
        };
        fit.columns.iter().zip(targets).map(near).collect()
    };
    let truth: Vec<Truth> =
        targets.iter().map(|t| Truth { x: t.x, y: t.y, radius: t.radius, required: t.counts }).collect();
    let matched = |columns: &[crate::LocatedColumn]| {
        let positions: Vec<(f64, f64)> = columns.iter().map(|c| (c.x, c.y)).collect();
        let mut found = vec![None; targets.len()];
        for (of, target) in pairs(&positions, &truth) {
            found[target] = Some([positions[of].0, positions[of].1]);
        }
        found
    };
    Ok(Estimates {
        found: [fitted(image), fitted(denoised), matched(&raw.columns), matched(&again.columns)],
        places: targets.iter().map(|t| [t.x, t.y]).collect(),
    })
}

impl Estimates {
    /// Places become errors; those that don't count go.
    pub(super) fn subtract_truth(&mut self, targets: &[Target]) {
        let truth = self.places.clone();
        self.subtract(targets, |_, target| Some(truth[target]));
    }

    /// Places become errors against those of a `reference` moved by `shift`.
    pub(super) fn subtract_reference(&mut self, reference: &Self, shift: [f64; 2], targets: &[Target]) {
        self.subtract(targets, |case, target| {
            reference.found[case][target].map(|[x, y]| [x + shift[0], y + shift[1]])
        });
    }

    fn subtract(&mut self, targets: &[Target], truth: impl Fn(usize, usize) -> Option<[f64; 2]>) {
        for (case, found) in self.found.iter_mut().enumerate() {
            for (number, (found, target)) in found.iter_mut().zip(targets).enumerate() {
                let known = truth(case, number).filter(|_| target.counts);
                *found = found.zip(known).map(|(f, t)| [f[0] - t[0], f[1] - t[1]]);
            }
        }
    }
}
