//! Sub-commands that look into files and turn one format into another.

use crate::arguments as args;
use crate::commands::{Done, Failure, parse_pixel_size, say, say_json};
use adatom::{ColumnTable, Error};
use adatom_formats::{
    Image, Selection, Virtual, open, read_image, write_emd, write_hspy, write_npy, write_png_rgb8, write_tiff,
};
use adatom_library::{material_names, recipe_names};
use serde_json::{Value, json};
use std::path::Path;

/// Which image of a file the arguments ask for.
fn selection(choice: &args::Choice) -> Result<Selection, Failure> {
    let virtual_image = match choice.virtual_image.as_deref() {
        None => None,
        Some("sum") => Some(Virtual::Sum),
        Some(text) => {
            let wrong = || Failure::usage(format!("--virtual {text}: give sum, or FROM:TO such as 200:300"));
            let (from, to) = text.split_once(':').ok_or_else(wrong)?;
            let ends = (from.trim().parse(), to.trim().parse());
            let (Ok(from), Ok(to)) = ends else { return Err(wrong()) };
            Some(Virtual::Band { from, to })
        }
    };
    Ok(Selection { signal: choice.signal.clone(), frame: choice.frame, virtual_image })
}

fn read(path: &Path, choice: &args::Choice) -> Result<Image, Failure> {
    let image = read_image(path, &selection(choice)?)?;
    image.check_finite()?;
    Ok(image)
}

/// An image that columns can be looked for in.
pub fn open_usable(path: &Path, choice: &args::Choice) -> Result<Image, Failure> {
    let image = read(path, choice)?;
    image.check_usable(8)?;
    Ok(image)
}

pub fn info(options: &args::Info) -> Done {
    let value = match &options.file {
        Some(path) => {
            let value = adatom::describe(&open(path)?, options.stats, options.tags)?;
            if !options.json {
                return say_file(&value);
            }
            value
        }
        None => {
            let model = adatom::Model::built_in()?;
            json!({
                "program": concat!("adatom ", env!("CARGO_PKG_VERSION")),
                "gpu": cfg!(feature = "gpu"),
                "recipes": recipe_names().collect::<Vec<_>>(),
                "materials": material_names().collect::<Vec<_>>(),
                "model": model.card(),
            })
        }
    };
    if options.json {
        say_json(&value);
        return Ok(());
    }
    for (key, value) in value.as_object().into_iter().flatten() {
        say(&format!("{key}: {}", plain(value)));
    }
    Ok(())
}

/// A value as people read it.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        Value::Object(_) => serde_json::to_string_pretty(value).unwrap_or_default(),
        other => other.to_string(),
    }
}

/// A file's description, a line a signal.
fn say_file(value: &Value) -> Done {
    say(&format!("{}: {}", plain(&value["file"]), plain(&value["format"])));
    for (number, signal) in value["signals"].as_array().into_iter().flatten().enumerate() {
        let chosen = if value["default_signal"] == number { " *" } else { "" };
        let shape: Vec<String> = signal["shape"].as_array().into_iter().flatten().map(plain).collect();
        let size = &signal["pixel_size_angstrom"];
        let pixel = match (size["x"].as_f64(), size["y"].as_f64()) {
            (Some(x), Some(y)) => match adatom_formats::PixelSize::new(x, y) {
                Ok(size) => format!(", pixel {size}"),
                Err(_) => String::new(),
            },
            _ => String::new(),
        };
        say(&format!(
            "  {number} {:?}  {}  {}  {}{pixel}{chosen}",
            plain(&signal["name"]),
            shape.join(" × "),
            plain(&signal["dtype"]),
            plain(&signal["kind"]),
        ));
        for axis in signal["axes"].as_array().into_iter().flatten() {
            say(&format!(
                "      {:<12} {:>6}  step {} {}  from {}",
                plain(&axis["name"]),
                plain(&axis["size"]),
                plain(&axis["scale"]),
                plain(&axis["unit"]),
                plain(&axis["offset"]),
            ));
        }
        for (name, figure) in signal["stats"].as_object().into_iter().flatten() {
            say(&format!("      {name}: {}", plain(figure)));
        }
    }
    for (key, value) in value["metadata"].as_object().into_iter().flatten() {
        say(&format!("  {key}: {}", plain(value)));
    }
    for warning in value["warnings"].as_array().into_iter().flatten() {
        say(&format!("  note: {}", plain(warning)));
    }
    Ok(())
}

pub fn convert(options: &args::Convert) -> Done {
    let output = &options.output;
    let extension = output.extension().map(|text| text.to_string_lossy().to_lowercase()).unwrap_or_default();
    let table = options.columns.as_deref().map(ColumnTable::read).transpose()?;
    if matches!(extension.as_str(), "xyz" | "cif") {
        let table = match table {
            Some(table) => table,
            None => ColumnTable::read(&options.input)?,
        };
        if extension == "xyz" {
            table.write_xyz(output, &options.element)?;
        } else {
            table.write_cif(output, &options.element)?;
        }
        say(&format!("{}: {} columns", output.display(), table.rows.len()));
        return Ok(());
    }
    let given = parse_pixel_size(options.pixel_size.as_deref())?;
    let image = read(&options.input, &options.choice)?;
    let pixel_size = given.or(image.pixel_size).or(table.as_ref().and_then(|table| table.pixel_size));
    let positions: Vec<[f64; 2]> =
        table.iter().flat_map(|table| &table.rows).map(|row| row.position_px).collect();
    let title = &image.source.signal;
    if !positions.is_empty() && !matches!(extension.as_str(), "hspy" | "png") {
        return Err(Failure::usage(format!(
            "--columns: .{extension} has no place for columns; give .hspy, .png, .xyz or .cif"
        )));
    }
    match extension.as_str() {
        "tif" | "tiff" => write_tiff(output, &image.data, pixel_size)?,
        "npy" => write_npy(output, &image.data)?,
        "emd" => write_emd(output, &image.data, pixel_size, title)?,
        "hspy" => write_hspy(output, &image.data, pixel_size, title, &positions)?,
        "png" => write_png_rgb8(output, &adatom::figure(&image.data, pixel_size, &positions))?,
        _ => {
            let message = format!(
                "the extension {extension:?} is no format that is written; give .tif, .png, .npy, .emd, .hspy, .xyz or .cif"
            );
            return Err(Error::Input { path: output.clone(), message }.into());
        }
    }
    let size = pixel_size.map_or("pixel size unknown".to_owned(), |size| format!("pixel {size}"));
    say(&format!("{}: {} × {} px, {size}", output.display(), image.width(), image.height()));
    for note in &image.source.notes {
        say(&format!("note:    {note}"));
    }
    Ok(())
}
