//! An opened file: its signals at once, their pixels when asked for.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use ndarray::Array2;
use serde_json::Value;

use crate::dtype::DType;
use crate::error::{FormatError, ReadError, Result};
use crate::grey::{ALPHA_NOTE, COLOUR_NOTE, MAX_PIXELS};
use crate::image::{Image, ImageInfo};
use crate::signal::{Kind, Signal};

/// Reads the pixels of an opened file.
pub(crate) trait Pixels: Send + Sync {
    /// The little-endian elements of one plane of one signal, in C order: of the last two axes, or
    /// of the only one. `plane` counts along the axes before them, slowest first.
    fn plane(&self, signal: usize, plane: usize) -> std::result::Result<Vec<u8>, ReadError>;
}

/// What a format's reader finds in a file.
pub(crate) struct Contents {
    pub signals: Vec<Signal>,
    pub pixels: Box<dyn Pixels>,
    /// The file's own tags.
    pub original: Value,
    pub warnings: Vec<String>,
}

/// An opened file. Opening reads what describes the signals; pixels are read a plane at a time.
pub struct Dataset {
    path: PathBuf,
    format: &'static str,
    contents: Contents,
}

impl fmt::Debug for Dataset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dataset")
            .field("path", &self.path)
            .field("format", &self.format)
            .field("signals", &self.contents.signals)
            .finish_non_exhaustive()
    }
}

/// What to sum over to get an image from spectra or patterns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Virtual {
    /// Everything.
    Sum,
    /// A part: from and to on the spectrum's axis, or the inner and outer radius on the pattern's
    /// (around its middle), in the unit of that axis.
    Band {
        /// Lower end, included.
        from: f64,
        /// Upper end, included.
        to: f64,
    },
}

/// Which image of a file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Selection {
    /// Name of a signal, or its number from 0; by default [`Dataset::default_signal`].
    pub signal: Option<String>,
    /// Number of the frame, from 0; by default the first.
    pub frame: Option<usize>,
    /// What to make an image of spectra or patterns from.
    pub virtual_image: Option<Virtual>,
}

impl Selection {
    /// Frame `frame` of the default signal.
    #[must_use]
    pub fn frame(frame: usize) -> Self {
        Self { frame: Some(frame), ..Self::default() }
    }
}

/// Figures over all elements of a signal.
#[derive(Clone, Debug, PartialEq)]
pub enum Stats {
    /// Of real numbers.
    Real {
        /// Sum.
        sum: f64,
        /// Smallest.
        min: f64,
        /// Largest.
        max: f64,
        /// The first eight elements in C order, or fewer.
        first: Vec<f64>,
        /// The last four elements in C order, or fewer.
        last: Vec<f64>,
    },
    /// Of complex numbers.
    Complex {
        /// Sum of the real parts.
        sum_re: f64,
        /// Sum of the imaginary parts.
        sum_im: f64,
        /// Largest modulus.
        max_abs: f64,
    },
    /// Sum, smallest and largest of each channel: R, G, B and perhaps A.
    Colour(Vec<(char, [f64; 3])>),
}

impl Dataset {
    pub(crate) fn new(path: &Path, format: &'static str, contents: Contents) -> Self {
        Self { path: path.to_owned(), format, contents }
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Name of the file's format, such as `Gatan DM4`.
    #[must_use]
    pub fn format(&self) -> &'static str {
        self.format
    }

    /// What is in the file.
    #[must_use]
    pub fn signals(&self) -> &[Signal] {
        &self.contents.signals
    }

    /// The file's own tags as a tree.
    #[must_use]
    pub fn original(&self) -> &Value {
        &self.contents.original
    }

    /// What a user should know about the file, one sentence each.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.contents.warnings
    }

    /// Number of the signal that is used if none is asked for: images that are real numbers before
    /// any others, then what a virtual image could be made of. Of several, those of a STEM detector
    /// go first, HAADF before all; otherwise the first in the file counts.
    #[must_use]
    pub fn default_signal(&self) -> Option<usize> {
        let signals = self.signals();
        let first = |good: &dyn Fn(&Signal) -> bool| {
            let good = signals.iter().enumerate().filter(|(_, signal)| good(signal));
            good.min_by_key(|(_, signal)| signal.preference()).map(|(number, _)| number)
        };
        first(&|s| s.frames() > 0 && !s.dtype.is_complex() && !s.dtype.is_colour() && s.pixel_size().is_ok())
            .or_else(|| first(&|s| s.frames() > 0 && !s.dtype.is_complex() && !s.dtype.is_colour()))
            .or_else(|| first(&|s| s.frames() > 0))
            .or_else(|| first(&Signal::has_virtual_image))
    }

    /// The number of the signal with this name or number.
    ///
    /// # Errors
    /// [`FormatError::NoSuchSignal`] that lists what there is.
    pub fn find(&self, name: &str) -> Result<usize> {
        let signals = self.signals();
        let numbered = name.parse::<usize>().ok().filter(|&number| number < signals.len());
        signals.iter().position(|signal| signal.name == name).or(numbered).ok_or_else(|| {
            FormatError::NoSuchSignal {
                path: self.path.clone(),
                asked: name.to_owned(),
                listed: self.listed(),
            }
        })
    }

    fn listed(&self) -> String {
        let one = |(number, signal): (usize, &Signal)| {
            let shape: Vec<_> = signal.axes.iter().map(|axis| axis.size.to_string()).collect();
            format!("{number} {:?} ({})", signal.name, shape.join(" × "))
        };
        let listed: Vec<_> = self.signals().iter().enumerate().map(one).collect();
        if listed.is_empty() { "no signal".to_owned() } else { listed.join(", ") }
    }

    /// Reads one plane, checked to be whole.
    fn plane(&self, index: usize, plane: usize) -> Result<Vec<u8>> {
        let signal = &self.contents.signals[index];
        let (elements, size) = (signal.plane_len(), signal.dtype.size());
        let read = || {
            if elements as u64 > MAX_PIXELS {
                let sides: Vec<_> = signal.axes.iter().rev().map(|axis| axis.size as u64).collect();
                return Err(ReadError::TooManyPixels {
                    width: sides.first().copied().unwrap_or(1),
                    height: sides.get(1).copied().unwrap_or(1),
                    limit: MAX_PIXELS,
                });
            }
            if signal.dtype == DType::Object {
                return Err(ReadError::no_image("this signal holds texts or lists, not numbers"));
            }
            let bytes = self.contents.pixels.plane(index, plane)?;
            if bytes.len() != elements * size {
                return Err(ReadError::damaged(format!(
                    "signal {:?} needs {} bytes a frame, but {} were found",
                    signal.name,
                    elements * size,
                    bytes.len()
                )));
            }
            Ok(bytes)
        };
        guarded(read).map_err(|error| error.at(&self.path, self.format))
    }

    /// Figures over a signal, read a plane at a time.
    ///
    /// # Errors
    /// [`FormatError`] if a plane can't be read.
    pub fn stats(&self, signal: usize) -> Result<Stats> {
        let shape = &self.contents.signals[signal];
        let samples = shape.dtype.samples();
        let mut channels = vec![(0.0, f64::INFINITY, f64::NEG_INFINITY); samples];
        let (mut max_abs, mut first, mut last) = (0.0_f64, Vec::new(), Vec::new());
        for plane in 0..shape.planes() {
            let numbers = shape.dtype.numbers(&self.plane(signal, plane)?);
            for element in numbers.chunks_exact(samples.max(1)) {
                for ((sum, min, max), value) in channels.iter_mut().zip(element) {
                    *sum += value;
                    *min = value.min(*min);
                    *max = value.max(*max);
                }
                if let [re, im] = element {
                    max_abs = max_abs.max(re.hypot(*im));
                }
            }
            first.extend(numbers.iter().take(8_usize.saturating_sub(first.len())));
            last.extend(&numbers[numbers.len().saturating_sub(4)..]);
            last.drain(..last.len().saturating_sub(4));
        }
        Ok(match channels[..] {
            [(sum, min, max)] => Stats::Real { sum, min, max, first, last },
            [(sum_re, ..), (sum_im, ..)] => Stats::Complex { sum_re, sum_im, max_abs },
            _ => Stats::Colour("RGBA".chars().zip(channels.iter().map(|&(s, l, h)| [s, l, h])).collect()),
        })
    }

    /// Reads one image. Complex numbers become their modulus, colours their luminance, and both are
    /// said in the notes. Pixels that are NaN or infinite are kept and counted there.
    ///
    /// # Errors
    /// [`FormatError`] if the selection doesn't fit the file, or the image is damaged or larger
    /// than 2²⁸ pixels.
    pub fn image(&self, selection: &Selection) -> Result<Image> {
        let index = match &selection.signal {
            Some(name) => self.find(name)?,
            None => {
                let summed = || self.signals().iter().position(Signal::has_virtual_image);
                let first = selection.virtual_image.and_then(|_| summed());
                first.or_else(|| self.default_signal()).ok_or_else(|| self.no_image(None))?
            }
        };
        let signal = &self.contents.signals[index];
        let mut notes: Vec<String> = self.contents.warnings.clone();
        notes.extend(signal.notes.iter().cloned());
        let frames = signal.frames();
        let frame = selection.frame.unwrap_or(0);
        let data = match selection.virtual_image {
            None if frames == 0 => return Err(self.no_image(Some(signal))),
            None if frame >= frames => {
                return Err(FormatError::NoSuchFrame { path: self.path.clone(), frame, frames });
            }
            None => self.frame(index, frame)?,
            Some(band) if signal.has_virtual_image() => {
                notes.push("virtual image: the sum over its spectra or patterns".to_owned());
                self.virtual_image(index, band)?
            }
            Some(_) => return Err(self.no_image(Some(signal))),
        };
        if signal.dtype.is_complex() {
            notes.push("complex values: their modulus is used".to_owned());
        }
        if signal.dtype.is_colour() {
            notes.push(COLOUR_NOTE.to_owned());
        }
        if matches!(signal.dtype, DType::Rgba8 | DType::Rgba16) {
            notes.push(ALPHA_NOTE.to_owned());
        }
        if !signal.dtype.fits_f32() && data.iter().any(|value| value.abs() > 16_777_216.0) {
            notes.push(format!("{} values are rounded to 24 significant bits", signal.dtype.describe()));
        }
        match data.iter().filter(|value| !value.is_finite()).count() {
            0 => {}
            count => notes.push(format!("{count} of {} pixels are NaN or infinite", data.len())),
        }
        let pixel_size = signal.pixel_size().unwrap_or_else(|reason| {
            notes.push(reason);
            None
        });
        let source = ImageInfo {
            path: self.path.clone(),
            format: self.format,
            signal: signal.name.clone(),
            sample_type: signal.dtype.describe(),
            frames: frames.max(1),
            frame,
            metadata: signal.metadata.clone(),
            notes,
        };
        Ok(Image { data, pixel_size, source })
    }

    fn frame(&self, index: usize, frame: usize) -> Result<Array2<f32>> {
        let signal = &self.contents.signals[index];
        let values = signal.dtype.grey32(&self.plane(index, frame)?);
        let sides: Vec<_> = signal.axes.iter().rev().take(2).map(|axis| axis.size).collect();
        self.array([sides[1], sides[0]], values)
    }

    fn array(&self, [height, width]: [usize; 2], values: Vec<f32>) -> Result<Array2<f32>> {
        if width == 0 || height == 0 {
            let error = ReadError::damaged(format!("an image of {width} × {height} pixels"));
            return Err(error.at(&self.path, self.format));
        }
        Array2::from_shape_vec((height, width), values)
            .map_err(|error| ReadError::damaged(error).at(&self.path, self.format))
    }

    /// Sums over spectra or patterns, a plane at a time.
    fn virtual_image(&self, index: usize, band: Virtual) -> Result<Array2<f32>> {
        let signal = &self.contents.signals[index];
        let sizes = signal.shape();
        let counted = self.weights(signal, band)?;
        let sides = match signal.image_axes() {
            Some((rows, columns)) => [rows.size, columns.size],
            None => return Err(self.no_image(Some(signal))),
        };
        let too_large = sides.iter().map(|&side| side as u64).product::<u64>() > MAX_PIXELS;
        if too_large {
            let [height, width] = sides.map(|side| side as u64);
            let error = ReadError::TooManyPixels { width, height, limit: MAX_PIXELS };
            return Err(error.at(&self.path, self.format));
        }
        let mut sums = vec![0.0; sides[0] * sides[1]];
        for plane in 0..signal.planes() {
            let values = signal.dtype.grey(&self.plane(index, plane)?);
            match signal.kind {
                Kind::Spectrum { axis: 0 } if counted[plane] => {
                    sums.iter_mut().zip(&values).for_each(|(sum, value)| *sum += value);
                }
                Kind::Spectrum { axis: 0 } => {}
                // The plane is [spectrum, column]: one row of the image.
                Kind::Spectrum { axis: 1 } => {
                    let row = &mut sums[plane * sizes[2]..(plane + 1) * sizes[2]];
                    for (_, line) in values.chunks_exact(sizes[2]).enumerate().filter(|(i, _)| counted[*i]) {
                        row.iter_mut().zip(line).for_each(|(sum, value)| *sum += value);
                    }
                }
                // The plane is [column, spectrum].
                Kind::Spectrum { .. } => {
                    let row = &mut sums[plane * sizes[1]..(plane + 1) * sizes[1]];
                    for (sum, spectrum) in row.iter_mut().zip(values.chunks_exact(sizes[2].max(1))) {
                        *sum +=
                            spectrum.iter().zip(&counted).filter(|(_, c)| **c).map(|(v, _)| v).sum::<f64>();
                    }
                }
                _ => sums[plane] = values.iter().zip(&counted).filter(|(_, c)| **c).map(|(v, _)| v).sum(),
            }
        }
        self.array(sides, sums.into_iter().map(|sum| sum as f32).collect())
    }

    /// Which elements of a spectrum or a pattern are summed.
    fn weights(&self, signal: &Signal, band: Virtual) -> Result<Vec<bool>> {
        let inside = |value: f64| match band {
            Virtual::Sum => true,
            Virtual::Band { from, to } => (from..=to).contains(&value),
        };
        let counted: Vec<bool> = match (signal.kind, &signal.axes[..]) {
            (Kind::Spectrum { axis }, axes) => {
                let axis = &axes[axis];
                (0..axis.size).map(|i| inside(axis.offset + i as f64 * axis.scale)).collect()
            }
            (_, [.., rows, columns]) => {
                let radius = |axis: &crate::Axis, i: usize| {
                    (i as f64 - (axis.size as f64 - 1.0) / 2.0) * axis.scale.abs()
                };
                (0..rows.size)
                    .flat_map(|y| (0..columns.size).map(move |x| radius(rows, y).hypot(radius(columns, x))))
                    .map(inside)
                    .collect()
            }
            _ => Vec::new(),
        };
        if counted.contains(&true) {
            return Ok(counted);
        }
        let reason = "the band of the virtual image has no part of its axis".to_owned();
        Err(FormatError::NoImage { path: self.path.clone(), reason })
    }

    fn no_image(&self, signal: Option<&Signal>) -> FormatError {
        let reason = match signal {
            Some(signal) if signal.has_virtual_image() => format!(
                "signal {:?} holds spectra or patterns, not images; ask for the sum over them (a virtual image)",
                signal.name
            ),
            Some(signal) if signal.frames() > 0 => {
                format!(
                    "signal {:?} is an image already; only spectra and patterns have virtual images",
                    signal.name
                )
            }
            Some(signal) => {
                format!("signal {:?} is no image; the file has {}", signal.name, self.listed())
            }
            None => format!("there is no image in it; it has {}", self.listed()),
        };
        FormatError::NoImage { path: self.path.clone(), reason }
    }
}

/// Runs a reader; one that gives up by panicking has met a broken file, and some are other people's.
pub(crate) fn guarded<T>(
    read: impl FnOnce() -> std::result::Result<T, ReadError>,
) -> std::result::Result<T, ReadError> {
    catch_unwind(AssertUnwindSafe(read))
        .unwrap_or_else(|_| Err(ReadError::damaged("the decoder stopped at an impossible value")))
}
