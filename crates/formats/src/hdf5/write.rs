//! Writes images as HDF5: for HyperSpy with markers, and in Berkeley's form.

use std::io;
use std::path::Path;

use hdf5_pure::{AttrValue, FileBuilder, GroupBuilder};
use ndarray::{Array2, ArrayView2};

use crate::atomic::write_atomically;
use crate::error::{FormatError, Result};
use crate::pixel_size::PixelSize;

/// Compressed blocks have about so many elements.
const BLOCK: usize = 1 << 18;

/// Writes an image `[row, column]` as HyperSpy's `.hspy`, which HyperSpy 2 opens as a
/// `Signal2D` with axes in nm, or in pixels if `pixel_size` is `None`.
///
/// `markers` are positions `[x, y]` in pixels from the middle of the first one; HyperSpy
/// shows them as `metadata.Markers.Points`, in the unit of the axes.
///
/// # Errors
/// [`FormatError::Unwritable`] if the file cannot be written or the image is empty.
pub fn write_hspy(
    path: &Path,
    image: &Array2<f32>,
    pixel_size: Option<PixelSize>,
    title: &str,
    markers: &[[f64; 2]],
) -> Result<()> {
    let (scales, is_calibrated) = calibration(pixel_size);
    let mut file = FileBuilder::new();
    file.set_attr("file_format", text("HyperSpy"));
    file.set_attr("file_format_version", text("3.1"));
    let mut experiments = file.create_group("Experiments");
    let mut signal = experiments.create_group(&group_name(title));
    signal.set_attr("package", text("hyperspy"));
    signal.set_attr("package_version", text("2.0"));
    put_data(&mut signal, path, image.view())?;
    let axes = [("y", image.nrows(), scales[0]), ("x", image.ncols(), scales[1])];
    for (number, (name, size, scale)) in axes.into_iter().enumerate() {
        add(&mut signal, &format!("axis-{number}"), |axis| {
            axis.set_attr("_type", text("UniformDataAxis"));
            axis.set_attr("name", text(name));
            axis.set_attr("units", text(if is_calibrated { "nm" } else { "px" }));
            axis.set_attr("size", AttrValue::I64(size as i64));
            axis.set_attr("scale", AttrValue::F64(scale));
            axis.set_attr("offset", AttrValue::F64(0.0));
        });
    }
    add(&mut signal, "metadata", |metadata| {
        add(metadata, "General", |general| general.set_attr("title", text(title)));
        add(metadata, "Signal", |signal| signal.set_attr("signal_type", text("")));
        if !markers.is_empty() {
            add(metadata, "Markers", |all| add(all, "Points", |points| put_markers(points, markers, scales)));
        }
    });
    add(&mut signal, "original_metadata", |_| ());
    experiments.add_group(signal.finish());
    file.add_group(experiments.finish());
    write(path, file)
}

/// Writes an image `[row, column]` as an EMD file of Berkeley's form, version 0.2: the group
/// `data/<title>` with the image as `[x, y]`, as HyperSpy and Prismatic write it, and the
/// positions along x and y in nm, or in pixels if `pixel_size` is `None`.
///
/// # Errors
/// [`FormatError::Unwritable`] if the file cannot be written or the image is empty.
pub fn write_emd(path: &Path, image: &Array2<f32>, pixel_size: Option<PixelSize>, title: &str) -> Result<()> {
    let (scales, is_calibrated) = calibration(pixel_size);
    let mut file = FileBuilder::new();
    file.set_attr("version_major", AttrValue::I64(0));
    file.set_attr("version_minor", AttrValue::I64(2));
    let mut data = file.create_group("data");
    let mut signal = data.create_group(&group_name(title));
    signal.set_attr("emd_group_type", AttrValue::I64(1));
    put_data(&mut signal, path, image.t())?;
    for (name, axis, size, scale) in
        [("dim1", "x", image.ncols(), scales[1]), ("dim2", "y", image.nrows(), scales[0])]
    {
        // One position is too few to tell the step.
        let positions: Vec<_> = (0..size.max(2)).map(|i| i as f64 * scale).collect();
        let dimension = signal.create_dataset(name).with_f64_data(&positions);
        dimension.set_attr("name", text(axis));
        dimension.set_attr("units", text(if is_calibrated { "[n_m]" } else { "px" }));
    }
    data.add_group(signal.finish());
    file.add_group(data.finish());
    for (group, names) in
        [("microscope", &["name"][..]), ("user", &["name"]), ("sample", &[]), ("comments", &[])]
    {
        let mut group = file.create_group(group);
        names.iter().for_each(|name| group.set_attr(name, text("")));
        file.add_group(group.finish());
    }
    write(path, file)
}

/// Steps along y and x, and whether they are in nm; otherwise they count pixels.
fn calibration(pixel_size: Option<PixelSize>) -> ([f64; 2], bool) {
    match pixel_size {
        Some(size) => ([size.y_angstrom / 10.0, size.x_angstrom / 10.0], true),
        None => ([1.0, 1.0], false),
    }
}

fn text(text: &str) -> AttrValue {
    AttrValue::VarLenString(text.to_owned())
}

/// A name that a group can have.
fn group_name(title: &str) -> String {
    match title.replace('/', "-").replace('\0', "") {
        name if name.is_empty() || name == "." => "__unnamed__".to_owned(),
        name => name,
    }
}

fn add(parent: &mut GroupBuilder, name: &str, fill: impl FnOnce(&mut GroupBuilder)) {
    let mut group = parent.create_group(name);
    fill(&mut group);
    parent.add_group(group.finish());
}

fn put_data(group: &mut GroupBuilder, path: &Path, data: ArrayView2<'_, f32>) -> Result<()> {
    let (rows, columns) = data.dim();
    if data.is_empty() {
        let reason = format!("{columns} × {rows} pixels are no image");
        return Err(FormatError::unwritable(path, io::Error::new(io::ErrorKind::InvalidInput, reason)));
    }
    let elements: Vec<_> = data.iter().copied().collect();
    group
        .create_dataset("data")
        .with_f32_data(&elements)
        .with_shape(&[rows as u64, columns as u64])
        .with_chunks(&[(BLOCK / columns).clamp(1, rows) as u64, columns as u64])
        .with_shuffle()
        .with_deflate(4);
    Ok(())
}

fn put_markers(points: &mut GroupBuilder, markers: &[[f64; 2]], [y_scale, x_scale]: [f64; 2]) {
    points.set_attr("class", text("Points"));
    points.set_attr("name", text("Points"));
    points.set_attr("plot_on_signal", AttrValue::I64(1));
    points.set_attr("offset_transform", text("data"));
    points.set_attr("transform", text("display"));
    add(points, "kwargs", |settings| {
        settings.set_attr("units", text("points"));
        let offsets: Vec<_> = markers.iter().flat_map(|[x, y]| [x * x_scale, y * y_scale]).collect();
        let shape = [markers.len() as u64, 2];
        // HyperSpy opens lazily only what is in chunks.
        settings.create_dataset("offsets").with_f64_data(&offsets).with_shape(&shape).with_chunks(&shape);
        settings.create_dataset("_tuple_sizes").with_f64_data(&[6.0]).with_chunks(&[1]);
        settings.create_dataset("_tuple_color").with_vlen_strings(&["red"]);
    });
}

fn write(path: &Path, file: FileBuilder) -> Result<()> {
    let bytes = file.finish().map_err(|error| FormatError::unwritable(path, io::Error::other(error)))?;
    write_atomically(path, |out| out.write_all(&bytes))
}
