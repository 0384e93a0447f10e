//! JPEG: baseline and progressive, grey and colour, 8 bits a sample.

use std::sync::Arc;

use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use crate::dataset::Contents;
use crate::dtype::DType;
use crate::error::ReadError;
use crate::grey::check_size;
use crate::input::Input;
use crate::raster::single_image;
use crate::reader::Reader;

/// Two bits can code an 8 × 8 block, and a run of empty blocks takes less; this is generous.
const PIXELS_PER_BYTE: u64 = 1024;

/// The JPEG format.
pub(crate) struct Jpeg;

impl Reader for Jpeg {
    fn name(&self) -> &'static str {
        "JPEG"
    }

    fn recognises(&self, input: &Arc<Input>) -> bool {
        input.head().starts_with(b"\xff\xd8\xff")
    }

    fn open(&self, input: Arc<Input>) -> Result<Contents, ReadError> {
        let bytes = input.whole()?;
        let outline = Outline::of(&bytes)?;
        check_size(outline.width.into(), outline.height.into(), bytes.len() as u64, PIXELS_PER_BYTE)?;
        if !outline.ended {
            return Err(ReadError::damaged("the end-of-image marker is missing"));
        }
        let dtype = if outline.components == 1 { DType::U8 } else { DType::Rgb8 };
        let sides = [outline.height.into(), outline.width.into()];
        let notes = ["JPEG is lossy: fine contrast may be altered"];
        Ok(single_image(&input, dtype, sides, &notes, pixels))
    }
}

/// Elements in the order of the rows: grey, or red, green and blue.
fn pixels(bytes: &[u8]) -> Result<Vec<u8>, ReadError> {
    let outline = Outline::of(bytes)?;
    let (width, height) = (usize::from(outline.width), usize::from(outline.height));
    let wanted = if outline.components == 1 { ColorSpace::Luma } else { ColorSpace::RGB };
    let options =
        DecoderOptions::default().set_max_width(width).set_max_height(height).jpeg_set_out_colorspace(wanted);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    let samples = decoder.decode().map_err(|error| ReadError::damaged(format!("{error:?}")))?;
    if decoder.dimensions() != Some((width, height)) {
        return Err(ReadError::damaged("it states its size twice, differently"));
    }
    match decoder.output_colorspace() {
        Some(space) if space == wanted => Ok(samples),
        other => Err(ReadError::unsupported(format!("its colours come out as {other:?}"))),
    }
}

/// What the markers of a JPEG stream say, without decoding it.
pub(crate) struct Outline {
    pub width: u16,
    pub height: u16,
    components: u8,
    /// Whether the picture's data end as they should.
    ended: bool,
}

impl Outline {
    /// Follows the segments up to the first scan.
    pub(crate) fn of(bytes: &[u8]) -> Result<Self, ReadError> {
        let cut = || ReadError::damaged("the file ends before the picture starts");
        let mut frame = None;
        let mut at = 2;
        loop {
            let marker = match bytes.get(at..at + 2).ok_or_else(cut)? {
                [0xff, 0xff] => {
                    at += 1;
                    continue;
                }
                &[0xff, marker] => marker,
                _ => return Err(ReadError::damaged("a marker is missing")),
            };
            if matches!(marker, 0x01 | 0xd0..=0xd8) {
                at += 2;
                continue;
            }
            let length = bytes
                .get(at + 2..at + 4)
                .map(|l| usize::from(u16::from_be_bytes([l[0], l[1]])))
                .ok_or_else(cut)?;
            let segment = bytes.get(at + 4..at + 2 + length).ok_or_else(cut)?;
            match (marker, segment) {
                // Start of frame; 0xc4, 0xc8 and 0xcc in this range mean other things.
                (0xc0..=0xcf, &[_, h1, h0, w1, w0, components, ..])
                    if !matches!(marker, 0xc4 | 0xc8 | 0xcc) =>
                {
                    let size = (u16::from_be_bytes([w1, w0]), u16::from_be_bytes([h1, h0]));
                    if frame.replace((size, components)).is_some() {
                        return Err(ReadError::damaged("it has two frame headers"));
                    }
                }
                (0xda, _) => {
                    let ((width, height), components) =
                        frame.ok_or_else(|| ReadError::damaged("it has no frame header"))?;
                    let ended = bytes[at + 2 + length..].windows(2).any(|pair| pair == [0xff, 0xd9]);
                    return Ok(Self { width, height, components, ended });
                }
                (0xd9, _) => return Err(cut()),
                _ => {}
            }
            at += 2 + length;
        }
    }
}
