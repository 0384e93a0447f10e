use crate::engine::Engine;
use crate::{MultisliceError, WaveGrid};
use num_complex::Complex32;
use serde::{Deserialize, Serialize};
use std::f64::consts::PI;

/// What collects the scattered electrons. Angles are λ|k|; a sample of the diffraction pattern counts to a
/// detector that its centre lies on, inner edge included and outer not.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Detector {
    /// A disc or ring, one image: the fraction of the incident beam on it. A bright-field detector has an inner
    /// angle of zero.
    Annular {
        /// Inner collection semi-angle \[mrad\].
        inner_mrad: f64,
        /// Outer collection semi-angle \[mrad\].
        outer_mrad: f64,
    },
    /// A ring in equal sectors, one image each, counter-clockwise on the screen from +x.
    Segmented {
        /// Inner collection semi-angle \[mrad\].
        inner_mrad: f64,
        /// Outer collection semi-angle \[mrad\].
        outer_mrad: f64,
        /// Number of sectors.
        segments: usize,
        /// Where the first begins \[°\].
        #[serde(default)]
        rotation_deg: f64,
    },
    /// First moments Σ I α_x and Σ I α_y \[mrad\] of the diffraction pattern up to an angle, I the fraction of the
    /// incident beam; two images, x to the right and y down.
    CentreOfMass {
        /// Outer collection semi-angle \[mrad\].
        outer_mrad: f64,
    },
}

impl Detector {
    /// Images that it makes.
    pub fn channels(&self) -> usize {
        match self {
            Self::Annular { .. } => 1,
            Self::Segmented { segments, .. } => *segments,
            Self::CentreOfMass { .. } => 2,
        }
    }

    /// Their names, such as `adf-98-196`, `bf-0-12`, `segment-3-10-40`, `com-x`.
    pub fn channel_names(&self) -> Vec<String> {
        match *self {
            Self::Annular { inner_mrad, outer_mrad } => {
                let kind = if inner_mrad == 0.0 { "bf" } else { "adf" };
                vec![format!("{kind}-{inner_mrad}-{outer_mrad}")]
            }
            Self::Segmented { inner_mrad, outer_mrad, segments, .. } => {
                (1..=segments).map(|i| format!("segment-{i}-{inner_mrad}-{outer_mrad}")).collect()
            }
            Self::CentreOfMass { .. } => vec!["com-x".to_owned(), "com-y".to_owned()],
        }
    }

    fn angles(&self) -> (f64, f64) {
        match *self {
            Self::Annular { inner_mrad, outer_mrad } | Self::Segmented { inner_mrad, outer_mrad, .. } => {
                (inner_mrad, outer_mrad)
            }
            Self::CentreOfMass { outer_mrad } => (0.0, outer_mrad),
        }
    }

    /// Refuses angles that make no sense, or that waves on `grid` don't reach.
    pub(crate) fn check(&self, grid: &WaveGrid, wavelength: f64) -> Result<(), MultisliceError> {
        let (inner, outer) = self.angles();
        if !(inner >= 0.0 && outer > inner) {
            let value = format!("{inner} to {outer}");
            let remedy = "the inner angle must be at least 0 and the outer one larger";
            return Err(MultisliceError::setting("detector in mrad", value, remedy));
        }
        if let Self::Segmented { segments, .. } = self
            && !(2..=64).contains(segments)
        {
            return Err(MultisliceError::setting(
                "segments of a detector",
                segments,
                "there must be 2 to 64",
            ));
        }
        let limit = 1e3 * wavelength * grid.usable_limit();
        if outer > limit {
            let [dx, dy] = grid.sampling();
            let needed = dx.max(dy) * limit / outer;
            return Err(MultisliceError::setting(
                "outer angle of a detector in mrad",
                outer,
                format!(
                    "waves are simulated up to {limit:.1} mrad: lower it, or sample at {needed:.4} Å or finer"
                ),
            ));
        }
        Ok(())
    }
}

/// A stretch of samples in a column of the diffraction pattern that counts to a channel.
struct Run {
    channel: usize,
    from: usize,
    to: usize,
    moment: Moment,
}

#[derive(Clone, Copy, PartialEq)]
enum Moment {
    Sum,
    X,
    Y,
}

/// Detectors on the samples of a grid.
pub(crate) struct Collector {
    channels: usize,
    /// For every kept column.
    columns: Vec<Vec<Run>>,
    /// λ kx of the kept columns and λ ky of the rows \[mrad\].
    angle_x: Vec<f64>,
    angle_y: Vec<f32>,
}

impl Collector {
    pub(crate) fn new(engine: &Engine, detectors: &[Detector], wavelength: f64) -> Self {
        let grid = &engine.grid;
        let mrad = 1e3 * wavelength;
        let angle_x: Vec<f64> = engine.kept.iter().map(|&x| mrad * grid.kx(x)).collect();
        let angle_y: Vec<f64> = (0..grid.ny).map(|y| mrad * grid.ky(y)).collect();
        let mut columns: Vec<Vec<Run>> = angle_x.iter().map(|_| Vec::new()).collect();
        let mut first = 0;
        for detector in detectors {
            let (inner, outer) = detector.angles();
            for (runs, ax) in columns.iter_mut().zip(&angle_x) {
                let channel_at = |ay: f64| -> Option<usize> {
                    let angle = ax.hypot(ay);
                    if !(angle >= inner && angle < outer) {
                        return None;
                    }
                    Some(match *detector {
                        Detector::Segmented { segments, rotation_deg, .. } => {
                            let turn = ((-ay).atan2(*ax) - rotation_deg.to_radians()).rem_euclid(2.0 * PI);
                            ((turn / (2.0 * PI) * segments as f64) as usize).min(segments - 1)
                        }
                        _ => 0,
                    })
                };
                let mut from = 0;
                for to in 1..=grid.ny {
                    let here = channel_at(angle_y[from]);
                    if to < grid.ny && channel_at(angle_y[to]) == here {
                        continue;
                    }
                    match (here, detector) {
                        (None, _) => {}
                        (Some(_), Detector::CentreOfMass { .. }) => {
                            runs.push(Run { channel: first, from, to, moment: Moment::X });
                            runs.push(Run { channel: first + 1, from, to, moment: Moment::Y });
                        }
                        (Some(channel), _) => {
                            runs.push(Run { channel: first + channel, from, to, moment: Moment::Sum });
                        }
                    }
                    from = to;
                }
            }
            first += detector.channels();
        }
        let angle_y = angle_y.into_iter().map(|a| a as f32).collect();
        Self { channels: first, columns, angle_x, angle_y }
    }

    pub(crate) fn channels(&self) -> usize {
        self.channels
    }

    /// Adds what column `index` of a diffraction pattern brings to `channels`.
    pub(crate) fn collect(&self, index: usize, column: &[Complex32], channels: &mut [f64]) {
        for run in &self.columns[index] {
            let values = &column[run.from..run.to];
            channels[run.channel] += match run.moment {
                Moment::Sum => sum(values.iter().map(Complex32::norm_sqr)),
                Moment::X => self.angle_x[index] * sum(values.iter().map(Complex32::norm_sqr)),
                Moment::Y => {
                    let angles = &self.angle_y[run.from..run.to];
                    sum(values.iter().zip(angles).map(|(v, a)| v.norm_sqr() * a))
                }
            };
        }
    }
}

fn sum(values: impl Iterator<Item = f32>) -> f64 {
    values.map(f64::from).sum()
}
