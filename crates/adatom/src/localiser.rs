use crate::locate::sigma_of_radius;
use crate::{JitterSpectrum, LocateSettings, LocatedColumn};
use adatom_formats::PixelSize;
use adatom_locate::{
    FitSettings, FittedColumn, Method, NoiseModel, Reason, Sampling, Shape, Start, Statistics, fit_columns,
    median,
};
use ndarray::{Array2, s};
use serde::{Deserialize, Serialize};

/// Width that columns are given at least by averaging pixels \[px\].
const ENOUGH_PX: f64 = 3.0;
/// Pixels whose sides differ by more than this part make round columns elliptical.
const OBLONG: f64 = 0.02;

/// How columns get their places. All start from the network's map; the fits then look at the image
/// itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Localiser {
    /// The paper's: Otsu's threshold, connected areas, geometric centres of the map.
    Otsu,
    /// Intensity-weighted centres of the map.
    #[default]
    Centroid,
    /// Gaussians by least squares, neighbours together.
    Gaussian,
    /// Columns of one profile, learnt from the image, by Poisson's likelihood, with the image's gain and offset and
    /// the network's places weighed in.
    Mle,
    /// As [`Self::Mle`], the rows' displacements solved for too where 20 columns tell of them.
    Auto,
}

impl Localiser {
    /// All of them, the fastest first.
    pub const ALL: [Self; 5] = [Self::Otsu, Self::Centroid, Self::Gaussian, Self::Mle, Self::Auto];

    /// The localiser of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|localiser| localiser.name() == name)
    }

    /// The name on the command line and in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Otsu => "otsu",
            Self::Centroid => "centroid",
            Self::Gaussian => "gaussian",
            Self::Mle => "mle",
            Self::Auto => "auto",
        }
    }

    /// What finds the columns in the map.
    pub(crate) fn in_map(self) -> Method {
        if self == Self::Otsu { Method::Otsu } else { Method::Weighted }
    }

    /// Whether columns are fitted to the image.
    pub fn fits(self) -> bool {
        self.statistics().is_some()
    }

    /// What is minimised, of a fit.
    fn statistics(self) -> Option<Statistics> {
        match self {
            Self::Otsu | Self::Centroid => None,
            Self::Gaussian => Some(Statistics::LeastSquares),
            Self::Mle | Self::Auto => Some(Statistics::Poisson),
        }
    }
}

/// Settings of the fits.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct FitOptions {
    /// The columns' shape; elliptical anyhow where pixels aren't square.
    pub shape: Shape,
    /// What a pixel's value is.
    pub sampling: Sampling,
    /// The image's noise; measured from the image if not given.
    pub noise: Option<NoiseModel>,
    /// Solve for the displacements of the rows too.
    pub descan: bool,
}

/// What a fit found out about the image.
#[derive(Debug, Clone, Serialize)]
pub struct FitReport {
    /// Columns with the fit's place.
    pub fitted: usize,
    /// Columns that keep the network's place, with a flag that says why.
    pub kept: usize,
    /// Pixels that were averaged along x and y before fitting.
    pub binning: usize,
    /// The noise of the image, averaged as said.
    pub noise: NoiseModel,
    /// Displacement of every row along x and y \[px\], if they were solved for.
    #[serde(skip)]
    pub rows: Option<Vec<[f64; 2]>>,
    /// Their spectrum, of enough rows.
    pub jitter: Option<JitterSpectrum>,
}

/// What the fit says of one column.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ColumnFit {
    /// Standard deviations of the position along x and y \[px\].
    pub std_px: [f64; 2],
    /// Larger and smaller width \[px\].
    pub sigma_px: [f64; 2],
    /// Direction of the larger width, from x towards y \[rad\].
    pub angle_rad: f64,
    /// Height above the background \[image unit\].
    pub height: f64,
}

/// Fits the located columns to the image, if the settings ask for a fit.
pub(crate) fn refine(
    image: &Array2<f32>,
    pixel_size: Option<PixelSize>,
    columns: &mut [LocatedColumn],
    settings: &LocateSettings,
) -> Option<FitReport> {
    let statistics = settings.method.statistics()?;
    let options = &settings.fit;
    let oblong = pixel_size.is_some_and(|size| (size.y_angstrom / size.x_angstrom - 1.0).abs() > OBLONG);
    let fit = FitSettings {
        shape: if oblong { Shape::Elliptical } else { options.shape },
        statistics,
        sampling: options.sampling,
        noise: options.noise,
        descan: options.descan || settings.method == Localiser::Auto,
    };
    let binning = binning(columns);
    let (factor, middle) = (binning as f64, 0.5 * (binning as f64 - 1.0));
    let starts: Vec<Start> = columns
        .iter()
        .map(|column| Start {
            x: (column.x - middle) / factor,
            y: (column.y - middle) / factor,
            sigma: sigma_of_radius(column.radius_px) / factor,
            background: Some(column.background).filter(|value| value.is_finite()),
        })
        .collect();
    let fit = if binning > 1 {
        fit_columns(&binned(image, binning), &starts, &fit)
    } else {
        fit_columns(image, &starts, &fit)
    };
    let mut kept = 0;
    for (column, fitted) in columns.iter_mut().zip(&fit.columns) {
        match fitted.reason {
            Some(reason) => {
                kept += 1;
                column.unfitted = Some(reason);
            }
            None => {
                (column.x, column.y) = (factor * fitted.x + middle, factor * fitted.y + middle);
                column.fit = of(fitted, factor);
            }
        }
    }
    let rows = fit.rows.map(|rows| rows.iter().map(|row| row.map(|px| factor * px)).collect::<Vec<_>>());
    let jitter = rows.as_ref().and_then(|rows| JitterSpectrum::of(rows, binning));
    let rows = rows.map(|rows| (0..image.nrows()).map(|row| rows[row / binning]).collect());
    let mut noise = fit.noise;
    noise.jitter_px = noise.jitter_px.map(|jitter| factor * jitter);
    Some(FitReport { fitted: columns.len() - kept, kept, binning, noise, rows, jitter })
}

/// How many pixels are averaged before fitting, along x and y: columns wider than needed cost time and tell
/// nothing more.
fn binning(columns: &[LocatedColumn]) -> usize {
    let mut widths: Vec<f64> =
        columns.iter().map(|c| sigma_of_radius(c.radius_px)).filter(|s| s.is_finite()).collect();
    median(&mut widths).map_or(1, |typical| ((typical / ENOUGH_PX) as usize).max(1))
}

/// Means over squares of `by` × `by` pixels; at the far borders over those that are there.
fn binned(image: &Array2<f32>, by: usize) -> Array2<f32> {
    let (rows, columns) = image.dim();
    Array2::from_shape_fn((rows.div_ceil(by), columns.div_ceil(by)), |(row, column)| {
        let (top, left) = (row * by, column * by);
        image.slice(s![top..(top + by).min(rows), left..(left + by).min(columns)]).mean().unwrap_or(f32::NAN)
    })
}

fn of(fitted: &FittedColumn, factor: f64) -> Option<ColumnFit> {
    Some(ColumnFit {
        std_px: fitted.std_px()?.map(|std| factor * std),
        sigma_px: fitted.sigma_px.map(|sigma| factor * sigma),
        angle_rad: fitted.angle_rad,
        height: fitted.height,
    })
}

/// The flags of a column in files.
pub(crate) fn flags(column: &LocatedColumn) -> String {
    let found = column.flags.iter().map(|flag| flag.name());
    found.chain(column.unfitted.map(Reason::name)).collect::<Vec<_>>().join(" ")
}
