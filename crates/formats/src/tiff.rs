//! Tagged Image File Format: what microscopes and ImageJ write, and what ImageJ reads.

mod directory;
mod encode;
mod fraction;
mod imagej;
mod page;
mod patched;
mod vendor;

use std::sync::Arc;

use serde_json::{Value, json};

use crate::dataset::{Contents, Pixels};
use crate::error::ReadError;
use crate::input::Input;
use crate::raster::file_stem;
use crate::reader::Reader;
use crate::signal::{Axis, Kind, Signal};
use directory::{Directory, Form};
pub use encode::{encode_tiff, write_tiff, write_tiff_u16};
use page::Page;

/// The TIFF format, BigTIFF included.
pub(crate) struct Tiff;

impl Reader for Tiff {
    fn name(&self) -> &'static str {
        "TIFF"
    }

    fn recognises(&self, input: &Arc<Input>) -> bool {
        Form::of(input.head()).is_some()
    }

    fn open(&self, input: Arc<Input>) -> Result<Contents, ReadError> {
        let form = Form::of(input.head()).ok_or_else(|| ReadError::damaged("it has no header"))?;
        let layout = form.layout(&input)?;
        let mut warnings: Vec<String> = layout.broken.into_iter().collect();
        let mut groups: Vec<Group> = Vec::new();
        for (number, &position) in layout.directories.iter().enumerate() {
            match Page::of(&form.directory(&input, position), &input) {
                // Pages alike are the frames of one signal.
                Ok(page) => match groups.iter_mut().find(|group| group.page == page) {
                    Some(group) => group.positions.push(position),
                    None => groups.push(Group { page, positions: vec![position], follow: 1 }),
                },
                Err(error) if layout.directories.len() == 1 => return Err(error),
                Err(error) => warnings.push(format!("page {number} of the file is left out: {error}")),
            }
        }
        // Small versions of a page are of no use beside it.
        if groups.iter().any(|group| !group.page.reduced) {
            groups.retain(|group| !group.page.reduced);
        }
        let mut signals = Vec::new();
        for (number, group) in groups.iter_mut().enumerate() {
            let directory = form.directory(&input, group.positions[0]);
            let name = match number {
                0 => file_stem(&input),
                _ => format!("{} {}", file_stem(&input), number + 1),
            };
            signals.push(signal(name, group, &directory, &input, &mut warnings));
        }
        let Some(first) = groups.first() else {
            return Err(ReadError::damaged(warnings.pop().unwrap_or_else(|| "it has no page".to_owned())));
        };
        let directory = form.directory(&input, first.positions[0]);
        let mut original = json!({ "tags": directory.to_json() });
        if let (Some(texts), Value::Object(all)) = (vendor::original(&directory, &input), &mut original) {
            all.extend(texts);
        }
        Ok(Contents { signals, pixels: Box::new(Pages { input, form, groups }), original, warnings })
    }
}

/// Pages of one kind.
struct Group {
    page: Page,
    positions: Vec<u64>,
    /// Frames behind each directory: 1, or more where ImageJ has left directories out.
    follow: usize,
}

struct Pages {
    input: Arc<Input>,
    form: Form,
    groups: Vec<Group>,
}

impl Pixels for Pages {
    fn plane(&self, signal: usize, plane: usize) -> Result<Vec<u8>, ReadError> {
        let group = &self.groups[signal];
        let (number, follows) = (plane / group.follow, plane % group.follow);
        let position = group.positions.get(number);
        let &position = position.ok_or_else(|| ReadError::damaged(format!("it has no page {plane}")))?;
        group.page.read(self.form, &self.input, position, follows as u64)
    }
}

fn signal(
    name: String,
    group: &mut Group,
    directory: &Directory<'_>,
    input: &Input,
    warnings: &mut Vec<String>,
) -> Signal {
    let page = &group.page;
    let mut rows = Axis::counting("height", page.height as usize);
    let mut columns = Axis::counting("width", page.width as usize);
    let calibration = vendor::calibration(directory, input, page.width);
    for (axis, found) in [(&mut rows, &calibration.rows), (&mut columns, &calibration.columns)] {
        if let Some(found) = found {
            (axis.scale, axis.offset, axis.unit) = (found.scale, found.offset, found.unit.clone());
        }
    }
    warnings.extend(calibration.warning);
    let mut leading = Vec::new();
    let pages = group.positions.len();
    let stack = imagej::stack(directory);
    match stack {
        Some(stack) if stack.images > 1 && pages == 1 && page.is_plain(directory) => {
            let (images, whole) = (stack.images, stack.images_inside(directory, page, input));
            if whole < images {
                warnings.push(format!("the file is incomplete: {whole} of {images} frames are whole"));
            }
            group.follow = whole.max(1);
            leading = stack.axes(group.follow);
        }
        Some(stack) if pages > 1 => leading = stack.axes(pages),
        _ if pages > 1 => leading.push(Axis::counting("image series", pages)),
        _ => {}
    }
    if let (Some(found), [series]) = (&calibration.series, &mut leading[..]) {
        (series.scale, series.offset, series.unit) = (found.scale, found.offset, found.unit.clone());
    }
    leading.extend([rows, columns]);
    Signal {
        name,
        dtype: page.dtype,
        axes: leading,
        kind: Kind::Image,
        metadata: vendor::metadata(directory, input),
        notes: page.notes(),
    }
}
