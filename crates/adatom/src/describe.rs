use crate::Error;
use adatom_formats::{Dataset, Kind, Signal, Stats};
use serde_json::{Map, Value, json};

/// What `adatom info` says about a file, as one JSON object: `file`, `format`, `signals` (each with
/// `name`, `shape` slowest first, `dtype` by NumPy's name, `kind`, `frames`, `axes`, `pixel_size_angstrom`
/// and, where asked for, `stats`), `default_signal`, `metadata` of that signal, and `warnings`.
///
/// Axes are as the file has them; `pixel_size_angstrom` is what is used, `null` where there is none
/// or it can't be true. With `tags`, `metadata.original` has the file's own tags.
///
/// # Errors
/// When pixels that figures were asked of can't be read.
pub fn describe(dataset: &Dataset, stats: bool, tags: bool) -> Result<Value, Error> {
    let mut warnings = dataset.warnings().to_vec();
    let mut signals = Vec::new();
    for (number, signal) in dataset.signals().iter().enumerate() {
        let mut described = describe_signal(signal);
        match signal.pixel_size() {
            Ok(size) => {
                described.insert(
                    "pixel_size_angstrom".to_owned(),
                    size.map_or(Value::Null, |size| json!({ "x": size.x_angstrom, "y": size.y_angstrom })),
                );
            }
            Err(reason) => {
                described.insert("pixel_size_angstrom".to_owned(), Value::Null);
                warnings.push(format!("signal {number} {:?}: {reason}", signal.name));
            }
        }
        warnings.extend(signal.notes.iter().map(|note| format!("signal {number} {:?}: {note}", signal.name)));
        if stats && signal.dtype != adatom_formats::DType::Object {
            described.insert("stats".to_owned(), describe_stats(&dataset.stats(number)?));
        }
        signals.push(Value::Object(described));
    }
    let chosen = dataset.default_signal();
    let mut metadata = match chosen.or((!dataset.signals().is_empty()).then_some(0)) {
        Some(number) => dataset.signals()[number].metadata.known(),
        None => Map::new(),
    };
    if tags {
        metadata.insert("original".to_owned(), dataset.original().clone());
    }
    Ok(json!({
        "file": dataset.path().display().to_string(),
        "format": dataset.format(),
        "signals": signals,
        "default_signal": chosen,
        "metadata": metadata,
        "warnings": warnings,
    }))
}

fn describe_signal(signal: &Signal) -> Map<String, Value> {
    let axes: Vec<Value> = signal
        .axes
        .iter()
        .map(|axis| {
            json!({
                "name": axis.name,
                "size": axis.size,
                "scale": axis.scale,
                "offset": axis.offset,
                "unit": axis.unit,
            })
        })
        .collect();
    let kind = match signal.kind {
        Kind::Image => "image",
        Kind::Spectrum { .. } => "spectrum",
        Kind::Pattern => "pattern",
        Kind::Other => "other",
    };
    let described = json!({
        "name": signal.name,
        "shape": signal.shape(),
        "dtype": signal.dtype.numpy(),
        "kind": kind,
        "frames": signal.frames(),
        "axes": axes,
    });
    match described {
        Value::Object(described) => described,
        _ => Map::new(),
    }
}

fn describe_stats(stats: &Stats) -> Value {
    match stats {
        Stats::Real { sum, min, max, first, last } => {
            json!({ "sum": sum, "min": min, "max": max, "first8": first, "last4": last })
        }
        Stats::Complex { sum_re, sum_im, max_abs } => {
            json!({ "sum_re": sum_re, "sum_im": sum_im, "max_abs": max_abs })
        }
        Stats::Colour(channels) => {
            let channels: Map<String, Value> = channels
                .iter()
                .map(|(name, [sum, min, max])| {
                    (name.to_string(), json!({ "sum": sum, "min": min, "max": max }))
                })
                .collect();
            json!({ "channels": channels })
        }
    }
}
