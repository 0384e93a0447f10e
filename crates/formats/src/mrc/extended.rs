//! The part of the extended header that describes the first image, as microscopes of FEI and
//! ThermoFisher write it.

use super::header::{BYTES, Header};
use crate::error::ReadError;
use crate::input::{Endian, Input, Scanner};
use crate::metadata::{Metadata, scaled, stated, worded};

/// The older form has 1024 records of 128 bytes.
const OLD_BYTES: u64 = 1024 * 128;
/// Length of a record of the newer forms.
const FEI1_BYTES: u64 = 768;
const FEI2_BYTES: u64 = 888;

/// What an extended header says.
#[derive(Default)]
pub(super) struct Extended {
    pub metadata: Metadata,
    /// Side of a pixel (m).
    pub pixel_m: Option<f64>,
}

/// Reads the first record; other kinds of extended headers are passed over.
pub(super) fn read(input: &Input, header: &Header) -> Result<Extended, ReadError> {
    if BYTES + header.extended_bytes > input.len() {
        return Err(ReadError::damaged(format!(
            "its extended header has {} bytes, but the file only {}",
            header.extended_bytes,
            input.len()
        )));
    }
    let record = Record { input, endian: header.endian };
    match &header.extended_type {
        b"FEI1" if header.extended_bytes >= FEI1_BYTES => record.newer(),
        b"FEI2" if header.extended_bytes >= FEI2_BYTES => record.newer(),
        b"\0\0\0\0" | b"AGAR" if header.extended_bytes == OLD_BYTES => record.older(),
        _ => Ok(Extended::default()),
    }
}

struct Record<'a> {
    input: &'a Input,
    endian: Endian,
}

impl Record<'_> {
    fn double(&self, at: u64) -> Result<f64, ReadError> {
        Scanner::new(self.input, BYTES + at).number(self.endian)
    }

    fn single(&self, at: u64) -> Result<f64, ReadError> {
        Ok(Scanner::new(self.input, BYTES + at).number::<f32>(self.endian)?.into())
    }

    fn text(&self, at: u64) -> Result<Option<String>, ReadError> {
        let bytes = self.input.read(BYTES + at, 16)?;
        let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
        Ok(worded(&String::from_utf8_lossy(&bytes[..end])))
    }

    fn newer(&self) -> Result<Extended, ReadError> {
        let (camera, detector) = (self.text(435)?, self.text(519)?);
        let scanned = stated(self.double(571)?);
        let exposure = if scanned.is_some() { self.double(579)? } else { self.double(419)? };
        let metadata = Metadata {
            microscope: self.text(20)?,
            energy_kv: scaled(self.double(84)?, 1e-3),
            detector: if scanned.is_some() { detector.or(camera) } else { camera.or(detector) },
            dwell_us: scanned.and_then(|seconds| scaled(seconds, 1e6)),
            exposure_s: stated(exposure),
            magnification: stated(self.double(289)?),
            camera_length_mm: scaled(self.double(301)?, 1e3),
            defocus_nm: scaled(self.double(220)?, 1e9),
            stage_tilt_deg: tilt(self.double(100)?, self.double(108)?),
            ..Metadata::default()
        };
        Ok(Extended { metadata, pixel_m: stated(self.double(156)?) })
    }

    fn older(&self) -> Result<Extended, ReadError> {
        let metadata = Metadata {
            stage_tilt_deg: tilt(self.single(0)?, self.single(4)?),
            defocus_nm: scaled(self.single(28)?, 1e9),
            exposure_s: stated(self.single(32)?),
            magnification: stated(self.single(48)?),
            ..Metadata::default()
        };
        Ok(Extended { metadata, pixel_m: stated(self.single(44)?) })
    }
}

fn tilt(alpha: f64, beta: f64) -> Option<[f64; 2]> {
    (alpha.is_finite() && beta.is_finite()).then_some([alpha, beta])
}
