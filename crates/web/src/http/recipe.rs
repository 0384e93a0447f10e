//! A selection as what makes it: recipe, seed and numbers.

use super::problem::Problem;
use super::site::Site;
use crate::Query;
use crate::index::file_name;
use adatom_archive::{Depth, Label, Layout, Manifest};
use adatom_library::material_names;
use std::collections::BTreeSet;
use std::fmt::Write;

/// Ranges of numbers that are written out.
const MAX_RANGES: usize = 200;
/// The name under which a recipe that isn't the program's is downloaded.
pub(crate) const FILE: &str = "recipe.toml";

/// The command that makes samples again, in a folder; `None` for an imported library.
pub(crate) fn command(site: &Site, first: u64, last: u64, folder: &str) -> Option<String> {
    let Manifest { recipe, seed, format, depth, labels, .. } = site.manifest();
    recipe.as_ref()?;
    let (recipe, seed) = (site.built_in.unwrap_or(FILE), seed.unwrap_or(1));
    let mut command =
        format!("adatom library build {recipe} -o {folder} --seed {seed} --range {first}..{last}");
    if *format != Layout::Temimagenet {
        command.push_str(&format!(" --format {}", format.name()));
    }
    command.push_str(match depth {
        Depth::Eight => "",
        Depth::Sixteen => " --depth 16",
        Depth::Float => " --depth float",
    });
    if *labels != Label::ALL {
        let names: Vec<&str> = labels.iter().map(|label| label.name()).collect();
        command.push_str(&format!(" --labels {}", names.join(",")));
    }
    Some(command)
}

/// Whether a recipe's material is a file of its author's rather than a part of the program.
fn is_file(material: &str) -> bool {
    material_names().all(|known| known != material)
}

/// Names of the crystals' files, without their folders, that the library was made of beside what is in the program.
pub(crate) fn crystals(site: &Site) -> Vec<String> {
    let structures = site.manifest().recipe.iter().flat_map(|recipe| &recipe.structure);
    let materials = structures.map(|structure| structure.material.as_str());
    let names: BTreeSet<&str> = materials.filter(|material| is_file(material)).map(file_name).collect();
    names.into_iter().map(str::to_owned).collect()
}

/// The recipe as TOML, with the commands for a selection as comments before it.
pub(crate) fn text(site: &Site, query: &Query) -> Result<String, Problem> {
    let manifest = site.manifest();
    let mut recipe = manifest.recipe.clone().ok_or_else(|| {
        Problem::not_found("The library was imported: nobody knows a recipe. Download the files instead.")
    })?;
    for structure in recipe.structure.iter_mut().filter(|structure| is_file(&structure.material)) {
        structure.material = file_name(&structure.material).to_owned();
    }
    let body = toml::to_string(&recipe)
        .map_err(|error| Problem::busy(format!("no TOML can be written: {error}")))?;
    let index = site.index();
    let places = index.select(query)?.places();
    let ranges = ranges(places.iter().map(|at| index.id(*at as usize)));
    let mut text = format!(
        "# {} of the {} samples of {}.\n# Made by {}; SHA-256 of the recipe and its crystals:\n# {}\n",
        places.len(),
        index.len(),
        manifest.title(),
        manifest.program,
        manifest.identity.as_deref().unwrap_or("unknown"),
    );
    if !query.is_everything() {
        let _ = writeln!(text, "# Search: {}", query.address().replace(['\n', '\r'], " "));
    }
    let crystals = crystals(site);
    if crystals.is_empty() {
        text.push_str("# The same samples come of these commands, run where this file is:\n#\n");
    } else {
        let _ = writeln!(
            text,
            "# These commands make the samples, run where this file is and with it the crystals, which are not part of\n\
             # the program: {}. Without the folders that they were in, the recipe has another SHA-256.\n#",
            crystals.join(", ").replace(['\n', '\r'], " ")
        );
    }
    for (first, last) in ranges.iter().take(MAX_RANGES) {
        let command = command(site, *first, *last, &format!("samples-{first}-{last}"));
        let _ = writeln!(text, "#   {}", command.unwrap_or_default());
    }
    if let (Some(_), Some((first, _)), Some((_, last))) =
        (ranges.get(MAX_RANGES), ranges.first(), ranges.last())
    {
        let more = ranges.len() - MAX_RANGES;
        let _ = writeln!(text, "#\n# and {more} ranges more. All that lies between in one go:\n#");
        let _ = writeln!(text, "#   {}", command(site, *first, *last, "samples").unwrap_or_default());
    }
    text.push('\n');
    text.push_str(&body);
    Ok(text)
}

/// Runs of numbers that follow each other.
fn ranges(ids: impl Iterator<Item = u64>) -> Vec<(u64, u64)> {
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    for id in ids {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == id => *last = id,
            _ => ranges.push((id, id)),
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_follow_each_other_are_a_range() {
        assert_eq!(ranges([1, 2, 3, 7, 9, 10].into_iter()), [(1, 3), (7, 7), (9, 10)]);
        assert_eq!(ranges(std::iter::empty()), []);
    }
}
