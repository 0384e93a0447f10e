//! One signal of a file: what it is, how large, and where its axes lie.

use crate::dtype::DType;
use crate::metadata::Metadata;
use crate::pixel_size::PixelSize;
use crate::unit::{angstrom_per, is_reciprocal};

/// One axis, calibrated as its file says: element `i` lies at `offset + i × scale`.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// Its name; empty if the file gives none.
    pub name: String,
    /// Number of elements.
    pub size: usize,
    /// Step from one element to the next (`unit`).
    pub scale: f64,
    /// Where the first element lies (`unit`).
    pub offset: f64,
    /// Unit as the file spells it; empty if there is none.
    pub unit: String,
}

impl Axis {
    /// An axis with everything that a file may say.
    pub(crate) fn new(name: &str, size: usize, scale: f64, offset: f64, unit: &str) -> Self {
        Self { name: name.to_owned(), size, scale, offset, unit: unit.to_owned() }
    }

    /// An axis that only counts.
    pub(crate) fn counting(name: &str, size: usize) -> Self {
        Self::new(name, size, 1.0, 0.0, "")
    }
}

/// What the axes of a signal mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The last two axes are an image (rows, then columns); those before count frames.
    Image,
    /// One axis is a spectrum, the others are where it was taken.
    Spectrum {
        /// Index of the spectrum's axis.
        axis: usize,
    },
    /// The last two axes are a diffraction pattern, those before are where it was taken.
    Pattern,
    /// Something else: a curve, a list, texts.
    Other,
}

impl Kind {
    /// What an array with so many axes is taken for if the file says nothing about them.
    pub(crate) fn of_bare_array(axes: usize) -> Self {
        match axes {
            2 | 3 => Self::Image,
            4 => Self::Pattern,
            _ => Self::Other,
        }
    }
}

/// Detectors of a STEM, those whose images show columns best first.
const STEM_DETECTORS: [&str; 7] = ["HAADF", "ADF", "MAADF", "LAADF", "DF", "ABF", "BF"];

/// A signal of a file, as it is listed before any pixel is read.
#[derive(Clone, Debug)]
pub struct Signal {
    /// Its name in the file, or one made from its detector.
    pub name: String,
    /// Type of the elements.
    pub dtype: DType,
    /// Slowest first, as in NumPy's C order.
    pub axes: Vec<Axis>,
    /// What the axes mean.
    pub kind: Kind,
    /// How it was taken.
    pub metadata: Metadata,
    /// What a user should know about it, one sentence each.
    pub notes: Vec<String>,
}

impl Signal {
    /// Sizes of the axes, slowest first.
    #[must_use]
    pub fn shape(&self) -> Vec<usize> {
        self.axes.iter().map(|axis| axis.size).collect()
    }

    /// Elements of a plane: of the last two axes, or of the only one.
    #[must_use]
    pub fn plane_len(&self) -> usize {
        self.axes.iter().rev().take(2).map(|axis| axis.size).product()
    }

    /// Number of planes that the axes before the last two count.
    #[must_use]
    pub fn planes(&self) -> usize {
        self.axes.iter().rev().skip(2).map(|axis| axis.size).product()
    }

    /// Number of images that can be chosen by a frame; 0 if it takes a virtual image to get any.
    #[must_use]
    pub fn frames(&self) -> usize {
        if self.dtype == DType::Object || self.axes.len() < 2 || self.kind != Kind::Image {
            return 0;
        }
        self.planes()
    }

    /// Whether summing over its spectra or patterns gives an image.
    #[must_use]
    pub fn has_virtual_image(&self) -> bool {
        match self.kind {
            Kind::Spectrum { .. } => self.axes.len() == 3,
            Kind::Pattern => self.axes.len() == 4,
            Kind::Image | Kind::Other => false,
        }
    }

    /// How late its images are chosen where nobody says which: by the detector in its name, otherwise
    /// by the one that recorded it.
    pub(crate) fn preference(&self) -> (usize, bool) {
        let rank = |text: &str| {
            // Segments are numbered: DF4, BF-S.
            let words = text.split(|c: char| !c.is_alphabetic());
            words.filter_map(|word| STEM_DETECTORS.iter().position(|known| *known == word)).min()
        };
        let named = rank(&self.name);
        let recorded = || self.metadata.detector.as_deref().and_then(rank);
        (named.or_else(recorded).unwrap_or(STEM_DETECTORS.len()), named.is_none())
    }

    /// Rows and columns of its images, virtual ones included.
    pub(crate) fn image_axes(&self) -> Option<(&Axis, &Axis)> {
        let left: Vec<_> = match self.kind {
            Kind::Image => self.axes.iter().rev().take(2).rev().collect(),
            Kind::Spectrum { axis } => {
                self.axes.iter().enumerate().filter(|(i, _)| *i != axis).map(|(_, axis)| axis).collect()
            }
            Kind::Pattern => self.axes.iter().rev().skip(2).rev().collect(),
            Kind::Other => return None,
        };
        match left[..] {
            [rows, columns] => Some((rows, columns)),
            _ => None,
        }
    }

    /// Size of a pixel of its images, or why what the file says is not used. Neither if the file
    /// says nothing.
    ///
    /// Rows may run upwards (a negative step); columns never run to the left.
    pub fn pixel_size(&self) -> std::result::Result<Option<PixelSize>, String> {
        let Some((rows, columns)) = self.image_axes() else { return Ok(None) };
        if let Some(axis) = [rows, columns].into_iter().find(|axis| is_reciprocal(&axis.unit)) {
            return Err(format!(
                "the axes are in {}: a diffraction pattern or a Fourier transform, without a pixel size in space",
                axis.unit.trim()
            ));
        }
        let (Some(y), Some(x)) = (angstrom_per(&rows.unit), angstrom_per(&columns.unit)) else {
            return Ok(None);
        };
        PixelSize::new(columns.scale * x, rows.scale.abs() * y)
            .map(Some)
            .map_err(|error| format!("the file's calibration is not used: {error}"))
    }
}
