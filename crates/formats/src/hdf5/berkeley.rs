//! The Electron Microscopy Dataset of Berkeley: groups with an array and one small array an axis.

use std::sync::Arc;

use hdf5_pure::Group as Handle;

use crate::array::Array;
use crate::dataset::Contents;
use crate::dtype::DType;
use crate::error::ReadError;
use crate::metadata::{Metadata, scaled, stated, worded};
use crate::signal::{Axis, Kind, Signal};
use crate::tree::{Found, Group, View, number};
use crate::unit::is_energy;

type Result<T> = std::result::Result<T, ReadError>;

/// Groups of the format are looked for so deep.
pub(super) const DEPTH: usize = 4;
/// What the arrays of the format are called, or start with.
const ARRAYS: [&str; 7] =
    ["data", "counted_datacube", "datacube", "diffractionslice", "realslice", "pointlistarray", "pointlist"];
/// Positions of axes with more elements are not read.
const MOST_POSITIONS: usize = 1 << 20;
/// Prismatic numbers the groups that belong together with so many digits.
const DIGITS: usize = 4;

/// Whether a group, or one inside it, is marked as one of the format.
pub(super) fn is_inside(group: &Handle, depth: usize) -> bool {
    let marked = group.attrs().is_ok_and(|attributes| attributes.contains_key("emd_group_type"));
    marked
        || depth > 0
            && group
                .iter_groups()
                .is_ok_and(|mut groups| groups.any(|(_, child)| is_inside(&child, depth - 1)))
}

/// One signal's arrays: several if they differ by a depth.
struct Source<'a> {
    /// Path of the group, without the number where there are several.
    path: String,
    name: String,
    group: &'a Group,
    arrays: Vec<Arc<Array>>,
}

/// The arrays of the marked groups, in the order of their paths.
pub(super) fn contents(tree: &Group) -> Result<Contents> {
    let prismatic = tree.groups.contains_key("4DSTEM_simulation");
    let mut sources: Vec<Source<'_>> = Vec::new();
    tree.visit(&mut |path, group, array| {
        let (folder, name) = path.rsplit_once('/').unwrap_or_default();
        let marked = group.attributes.get("emd_group_type").is_some_and(|kind| number(kind) != Some(0.0));
        if !marked || !ARRAYS.iter().any(|prefix| name.starts_with(prefix)) {
            return;
        }
        let path = match folder.len().checked_sub(DIGITS).and_then(|at| folder.split_at_checked(at)) {
            Some((base, digits)) if prismatic && digits.bytes().all(|digit| digit.is_ascii_digit()) => base,
            _ => folder,
        };
        let like = |source: &&mut Source<'_>| {
            let first = &source.arrays[0];
            path != folder
                && source.path == path
                && source.name == name
                && first.shape() == array.shape()
                && first.dtype() == array.dtype()
        };
        match sources.iter_mut().find(like) {
            Some(source) => source.arrays.push(Arc::clone(array)),
            None => sources.push(Source {
                path: path.to_owned(),
                name: name.to_owned(),
                group,
                arrays: vec![Arc::clone(array)],
            }),
        }
    });
    let mut found = Found::default();
    for source in &sources {
        signal(tree, source, prismatic, &mut found)?;
    }
    if found.signals.is_empty() {
        return Err(ReadError::no_image("no group marked with emd_group_type has data"));
    }
    Ok(found.contents(tree.tags()))
}

fn signal(tree: &Group, source: &Source<'_>, prismatic: bool, found: &mut Found) -> Result<()> {
    let array = &source.arrays[0];
    let rank = array.shape().len();
    // Early files have the fastest axis first; py4DSTEM and patterns of Prismatic the slowest.
    let from_zero = source.group.arrays.contains_key("dim0");
    let in_order = from_zero || source.name == "datacube" || tree.groups.contains_key("4DSTEM_experiment");
    let order: Vec<_> = if in_order { (0..rank).collect() } else { (0..rank).rev().collect() };
    let path_name = source.path.rsplit('/').next().unwrap_or_default();
    let title = path_name.strip_suffix("_depth").unwrap_or(path_name);
    let mut notes = Vec::new();
    let mut axes = Vec::new();
    if source.arrays.len() > 1 {
        axes.push(depth(tree, path_name, source.arrays.len(), &mut notes));
    }
    for &axis in &order {
        let positions = source.group.arrays.get(&format!("dim{}", axis + usize::from(!from_zero)));
        axes.push(calibrated(positions, array.shape()[axis])?);
    }
    let signal = Signal {
        name: title.to_owned(),
        dtype: array.dtype(),
        kind: kind(array.dtype(), &axes, prismatic && source.name != "datacube"),
        axes,
        metadata: metadata(tree, title),
        notes,
    };
    let stacked = source.arrays.len() > 1;
    found.push(signal, View { parts: source.arrays.clone(), axes: order, stacked });
    Ok(())
}

fn kind(dtype: DType, axes: &[Axis], only_images: bool) -> Kind {
    let energy = axes.iter().position(|axis| is_energy(&axis.unit));
    match (axes.len(), energy) {
        _ if dtype == DType::Object => Kind::Other,
        (1..=3, Some(axis)) => Kind::Spectrum { axis },
        (1, None) => Kind::Spectrum { axis: 0 },
        (2 | 3, None) => Kind::Image,
        (4, None) if !only_images => Kind::Pattern,
        (4.., _) if only_images => Kind::Image,
        _ => Kind::Other,
    }
}

/// An axis from its array of positions; two are enough.
fn calibrated(positions: Option<&Arc<Array>>, size: usize) -> Result<Axis> {
    let Some(positions) = positions else { return Ok(Axis::counting("", size)) };
    let text = |name| positions.attributes.get(name).and_then(|value| value.as_str()).unwrap_or_default();
    let mut axis = Axis::new(text("name"), size, 1.0, 0.0, &unit(text("units")));
    if let Some(numbers) = positions.numbers(MOST_POSITIONS)? {
        axis.offset = numbers.first().copied().unwrap_or(0.0);
        if let [first, .., last] = numbers[..] {
            axis.scale = (last - first) / (numbers.len() - 1) as f64;
        }
    }
    Ok(axis)
}

/// The axis that Prismatic's depths are on (Å).
fn depth(tree: &Group, name: &str, count: usize, notes: &mut Vec<String>) -> Axis {
    let step = || {
        let settings = simulation(tree)?;
        let of = |name: &str, at: usize| match settings.attributes.get(name)? {
            serde_json::Value::Array(several) => number(several.get(at)?),
            single => number(single),
        };
        let step = of("ns", 0)? * of("s", 0)?;
        let thickness = of("t", 2)? * of("c", 0)?;
        let even = (thickness - count as f64 * step).abs() <= 1e-4 * thickness.abs();
        let start = of("zs", 0).and_then(stated).unwrap_or(step);
        even.then(|| Axis::new(name, count, step, start, "Å"))
    };
    step().unwrap_or_else(|| {
        notes.push("the depths have no even steps: they are only counted".to_owned());
        Axis::counting(name, count)
    })
}

fn simulation(tree: &Group) -> Option<&Group> {
    tree.group("4DSTEM_simulation/metadata/metadata_0/original/simulation_parameters")
}

/// Units as elsewhere: `[n_m]` is nm, `A^-1` is 1 / Å.
fn unit(text: &str) -> String {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('[').and_then(|(_, inner)| inner.split_once(']')) {
        if !before.is_empty() {
            parts.push(before.replace('_', ""));
        }
        rest = after;
    }
    let joined = if parts.is_empty() { text.to_owned() } else { parts.join(" * ") };
    let plain = |unit: &str| match unit.trim() {
        "A" | "angstrom" | "Angstrom" => "Å".to_owned(),
        "um" => "µm".to_owned(),
        "pixel" | "pixels" => "px".to_owned(),
        _ => unit.to_owned(),
    };
    match joined.strip_suffix("^-1").or_else(|| joined.strip_prefix("1/")) {
        Some(inverse) => format!("1 / {}", plain(inverse)),
        None => plain(&joined),
    }
}

fn metadata(tree: &Group, title: &str) -> Metadata {
    let empty = Group::default();
    let group = |name: &str| tree.groups.get(name).unwrap_or(&empty);
    let (microscope, simulation) = (group("microscope"), simulation(tree).unwrap_or(&empty));
    Metadata {
        title: worded(title),
        microscope: microscope.text("name").and_then(worded),
        operator: group("user").text("name").and_then(worded),
        energy_kv: kilovolt(microscope).or_else(|| simulation.number("E")).and_then(stated),
        semiangle_mrad: simulation.number("sa").and_then(stated),
        // Prismatic counts in ångström.
        defocus_nm: simulation.number("df").and_then(|defocus| scaled(defocus, 0.1)),
        ..Metadata::default()
    }
}

/// The voltage, written as `300kV`, or as a number of volt or kilovolt.
fn kilovolt(microscope: &Group) -> Option<f64> {
    let value = microscope.attributes.get("voltage")?;
    let digits = value.as_str().map(|text| text.trim_end_matches(|c: char| !c.is_ascii_digit()));
    let voltage = digits.and_then(|digits| digits.trim().parse().ok()).or_else(|| number(value))?;
    Some(if voltage >= 10_000.0 { voltage / 1000.0 } else { voltage })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_lose_their_brackets() {
        for (text, expected) in [
            ("[n_m]", "nm"),
            ("[mrad]", "mrad"),
            ("[]", "[]"),
            ("A^-1", "1 / Å"),
            ("A", "Å"),
            ("[n_m][s]", "nm * s"),
            ("pixels", "px"),
            ("", ""),
        ] {
            assert_eq!(unit(text), expected);
        }
    }
}
