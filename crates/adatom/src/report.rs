use crate::atoms::atom_rows;
use crate::canvas::{BLACK, Canvas, Colour, WHITE};
use crate::{Error, JitterSpectrum, JitterStep, LoadedModel, LocateSettings, Located, LocatedColumn};
use adatom_formats::{Image, OutputFolder, PixelSize, write_atomically, write_png_rgb8, write_tiff};
use adatom_locate::Flag;
use ndarray::Array2;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Overlays are enlarged to at least this side \[px\].
const OVERLAY_SIDE: usize = 800;
const FOUND: Colour = [255, 70, 40];
const AT_BORDER: Colour = [255, 200, 0];

/// What a face tells the user after a run.
pub struct Summary {
    /// The result folder.
    pub folder: PathBuf,
    /// `report.json`.
    pub report: Value,
}

/// Writes a result folder: `atoms.csv`, `overlay.png`, the maps as 32-bit TIFF and `report.json`.
/// The folder, made beforehand so that a bad one is found before the work is done, appears
/// complete or not at all.
///
/// # Errors
/// When the folder can't be written.
pub fn write_results(
    output: OutputFolder,
    input: &Path,
    image: &Image,
    pixel_size: Option<PixelSize>,
    model: &LoadedModel,
    settings: &LocateSettings,
    located: &Located,
) -> Result<Summary, Error> {
    let csv = columns_csv(&located.columns, pixel_size, &|_| "");
    write_atomically(&output.path().join("atoms.csv"), |file| file.write_all(csv.as_bytes()))?;
    write_png_rgb8(&output.path().join("overlay.png"), &overlay(&image.data, pixel_size, located))?;
    for (task, map) in &located.maps {
        write_tiff(&output.path().join(format!("{}.tif", task.name())), map, pixel_size)?;
    }
    if let Some(rows) = located.fit.as_ref().and_then(|fit| fit.rows.as_ref()) {
        let text = rows_csv(rows, pixel_size);
        write_atomically(&output.path().join("rows.csv"), |file| file.write_all(text.as_bytes()))?;
    }
    if let Some(jitter) = located.fit.as_ref().and_then(|fit| fit.jitter.as_ref()) {
        let text = spectrum_csv(jitter, pixel_size);
        write_atomically(&output.path().join("spectrum.csv"), |file| file.write_all(text.as_bytes()))?;
    }
    let report = report(input, image, pixel_size, model, settings, located);
    let text = serde_json::to_string_pretty(&report).unwrap_or_default();
    write_atomically(&output.path().join("report.json"), |file| writeln!(file, "{text}"))?;
    Ok(Summary { folder: output.commit()?, report })
}

/// Columns by the contract of `atoms.csv`: positions in pixels of the file, unknown values empty. `more` gives
/// further flags of the column of an index, which may be empty.
pub fn columns_csv(
    columns: &[LocatedColumn],
    pixel_size: Option<PixelSize>,
    more: &dyn Fn(usize) -> &'static str,
) -> String {
    let mut csv =
        String::from("id,x_px,y_px,x_angstrom,y_angstrom,intensity,background,radius_px,score,flags,");
    csv += "x_std_px,y_std_px,x_std_angstrom,y_std_angstrom,sigma_major_px,sigma_minor_px,angle_deg,height\n";
    let number = |value: f64, digits: usize| {
        if value.is_finite() { format!("{value:.digits$}") } else { String::new() }
    };
    let significant = |value: f64| if value.is_finite() { format!("{value:.6e}") } else { String::new() };
    for (index, row) in atom_rows(columns, pixel_size).iter().enumerate() {
        // Writing to a string can't fail.
        let _ = writeln!(
            csv,
            "{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}",
            row.id,
            number(row.x_px, 4),
            number(row.y_px, 4),
            number(row.x_angstrom, 5),
            number(row.y_angstrom, 5),
            significant(row.intensity),
            significant(row.background),
            number(row.radius_px, 3),
            number(row.score, 4),
            [&row.flags, more(index)].join(" ").trim(),
            number(row.x_std_px, 4),
            number(row.y_std_px, 4),
            number(row.x_std_angstrom, 5),
            number(row.y_std_angstrom, 5),
            number(row.sigma_major_px, 3),
            number(row.sigma_minor_px, 3),
            number(row.angle_deg, 1),
            significant(row.height),
        );
    }
    csv
}

/// The displacement of every row, as a fit with them found it.
fn rows_csv(rows: &[[f64; 2]], pixel_size: Option<PixelSize>) -> String {
    let mut csv = String::from("row,x_px,y_px,x_angstrom,y_angstrom\n");
    for (row, [x, y]) in rows.iter().enumerate() {
        let angstrom = pixel_size
            .map_or(",".to_owned(), |size| format!("{:.5},{:.5}", x * size.x_angstrom, y * size.y_angstrom));
        // Writing to a string can't fail.
        let _ = writeln!(csv, "{row},{x:.4},{y:.4},{angstrom}");
    }
    csv
}

/// How the rows' displacements divide over frequencies.
fn spectrum_csv(jitter: &JitterSpectrum, pixel_size: Option<PixelSize>) -> String {
    let mut csv = String::from("cycles_per_row,x_px,y_px,x_angstrom,y_angstrom\n");
    for JitterStep { cycles_per_row, amplitude_px: [x, y] } in &jitter.steps {
        let angstrom = pixel_size
            .map_or(",".to_owned(), |size| format!("{:.5},{:.5}", x * size.x_angstrom, y * size.y_angstrom));
        // Writing to a string can't fail.
        let _ = writeln!(csv, "{cycles_per_row:.6},{x:.4},{y:.4},{angstrom}");
    }
    csv
}

fn report(
    input: &Path,
    image: &Image,
    pixel_size: Option<PixelSize>,
    model: &LoadedModel,
    settings: &LocateSettings,
    located: &Located,
) -> Value {
    let flagged = |flag: Flag| located.columns.iter().filter(|c| c.flags.contains(&flag)).count();
    let seconds: serde_json::Map<String, Value> =
        located.seconds.iter().map(|(name, s)| ((*name).to_owned(), json!(s))).collect();
    json!({
        "program": concat!("adatom ", env!("CARGO_PKG_VERSION")),
        "input": {
            "path": input.display().to_string(),
            "format": image.source.format,
            "signal": image.source.signal,
            "metadata": image.source.metadata.known(),
            "sample_type": image.source.sample_type,
            "width_px": image.data.ncols(),
            "height_px": image.data.nrows(),
            "frame": image.source.frame,
            "frames": image.source.frames,
            "notes": image.source.notes,
        },
        "pixel_size_angstrom": pixel_size.map(|size| json!({ "x": size.x_angstrom, "y": size.y_angstrom })),
        "scale": located.scale,
        "model": { "name": model.card.name, "weights_sha256": model.sha256 },
        "settings": {
            "method": settings.method.name(),
            "fit": located.fit.as_ref().map(|_| settings.fit),
            "threshold": settings.threshold,
        },
        "columns": located.columns.len(),
        "columns_border": flagged(Flag::Border),
        "columns_split": flagged(Flag::Split),
        "columns_expected": flagged(Flag::Expected),
        "fit": located.fit,
        "warnings": located.warnings,
        "seconds": seconds,
    })
}

/// The image with a ring on every column, yellow at the border, and a scale bar when the pixel
/// size is known: `[row, column, rgb]`.
pub fn overlay(image: &Array2<f32>, pixel_size: Option<PixelSize>, located: &Located) -> ndarray::Array3<u8> {
    let rings: Vec<_> = located
        .columns
        .iter()
        .map(|column| {
            let colour = if column.flags.contains(&Flag::Border) { AT_BORDER } else { FOUND };
            ((column.x, column.y), colour)
        })
        .collect();
    picture(image, pixel_size, &rings)
}

/// The image as a figure, with a ring at every one of `positions` \[px\] and a scale bar when the
/// pixel size is known: `[row, column, rgb]`.
pub fn figure(
    image: &Array2<f32>,
    pixel_size: Option<PixelSize>,
    positions: &[[f64; 2]],
) -> ndarray::Array3<u8> {
    let rings: Vec<_> = positions.iter().map(|&[x, y]| ((x, y), FOUND)).collect();
    picture(image, pixel_size, &rings)
}

fn picture(
    image: &Array2<f32>,
    pixel_size: Option<PixelSize>,
    rings: &[((f64, f64), Colour)],
) -> ndarray::Array3<u8> {
    let side = image.nrows().min(image.ncols()).max(1);
    let zoom = OVERLAY_SIDE.div_ceil(side).clamp(1, 8);
    let mut canvas = Canvas::of_image(image, zoom);
    let positions: Vec<(f64, f64)> = rings.iter().map(|(position, _)| *position).collect();
    let apart = adatom_locate::median_nearest_distance(&positions).unwrap_or(12.0);
    let radius = (0.22 * apart * zoom as f64).clamp(2.5, 14.0);
    for &((x, y), colour) in rings {
        let place = |v: f64| (v + 0.5) * zoom as f64 - 0.5;
        canvas.ring(place(x), place(y), radius, 1.3, colour);
    }
    if let Some(size) = pixel_size {
        scale_bar(&mut canvas, size.x_angstrom / zoom as f64);
    }
    canvas.pixels
}

/// A bar of a round length, about a fifth of the picture's width.
fn scale_bar(canvas: &mut Canvas, pixel_angstrom: f64) {
    let wanted = 0.2 * canvas.width() as f64 * pixel_angstrom;
    let decade = 10.0_f64.powf(wanted.log10().floor());
    let length =
        [1.0, 2.0, 5.0].map(|m| m * decade).into_iter().filter(|l| *l <= wanted).fold(decade, f64::max);
    let label = if length >= 10.0 { format!("{} nm", length / 10.0) } else { format!("{length} Å") };
    let zoom = (canvas.width() as i64 / 500).clamp(1, 4);
    let width = (length / pixel_angstrom).round() as i64;
    let (thick, margin) = (4 * zoom, 12 * zoom);
    let top = canvas.height() as i64 - margin - thick;
    canvas.rectangle(margin - 2, top - 2, width + 4, thick + 4, BLACK);
    canvas.rectangle(margin, top, width, thick, WHITE);
    let left = margin + (width - Canvas::text_width(zoom, &label)) / 2;
    let above = top - 10 * zoom - 2;
    for (dx, dy) in [(-1, 0), (1, 0), (0, -1), (0, 1)] {
        canvas.text(left.max(2) + dx * zoom, above + dy * zoom, zoom, &label, BLACK);
    }
    canvas.text(left.max(2), above, zoom, &label, WHITE);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ColumnFit, LocatedColumn, ScaleChoice};

    fn located() -> Located {
        Located {
            columns: vec![LocatedColumn {
                x: 10.5,
                y: 20.25,
                intensity: 3.0,
                background: f64::NAN,
                radius_px: 2.0,
                score: 0.9,
                features: Default::default(),
                flags: vec![Flag::Border, Flag::Split],
                fit: None,
                unfitted: Some(adatom_locate::Reason::Moved),
            }],
            maps: Default::default(),
            scale: ScaleChoice { factor: 1.0, measured: None, corrected: false },
            fit: None,
            warnings: Vec::new(),
            seconds: Vec::new(),
        }
    }

    #[test]
    fn csv_has_the_contracts_header_and_empty_unknowns() {
        let csv = columns_csv(&located().columns, None, &|_| "");
        let lines: Vec<&str> = csv.lines().collect();
        assert_eq!(
            lines[0],
            "id,x_px,y_px,x_angstrom,y_angstrom,intensity,background,radius_px,score,flags,x_std_px,y_std_px,\
             x_std_angstrom,y_std_angstrom,sigma_major_px,sigma_minor_px,angle_deg,height"
        );
        assert_eq!(lines[1], "1,10.5000,20.2500,,,3.000000e0,,2.000,0.9000,border split fit-moved,,,,,,,,");
        let mut fitted = located();
        fitted.columns[0].fit =
            Some(ColumnFit { std_px: [0.05, 0.04], sigma_px: [3.0, 2.5], angle_rad: 0.5, height: 7.0 });
        let csv = columns_csv(&fitted.columns, PixelSize::square(0.1).ok(), &|_| "");
        assert!(csv.ends_with(",0.0500,0.0400,0.00500,0.00400,3.000,2.500,28.6,7.000000e0\n"), "{csv}");
        let csv = columns_csv(&located().columns, PixelSize::square(0.1).ok(), &|_| "");
        assert!(csv.contains("1,10.5000,20.2500,1.05000,2.02500,"), "{csv}");
    }

    #[test]
    fn overlay_marks_columns_and_draws_a_bar_only_when_the_size_is_known() {
        let image = Array2::from_shape_fn((64, 64), |(r, _)| r as f32);
        let plain = overlay(&image, None, &located());
        let scaled = overlay(&image, PixelSize::square(0.1).ok(), &located());
        assert_eq!(plain.dim(), (64 * 8, 64 * 8, 3));
        assert_ne!(plain, scaled);
        assert!(plain.rows().into_iter().any(|p| p.to_vec() == AT_BORDER));
    }
}
