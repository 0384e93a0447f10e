//! A selection as what makes it: recipe, seed and numbers.

use super::problem::Problem;
use super::site::Site;
use crate::Query;
use crate::index::file_name;
use adatom_archive::{Depth, Label, Layout, Manifest};
use adatom_library::{Recipe, material_names};
use std::collections::{BTreeMap, BTreeSet};
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

/// What the crystals' files of a recipe are called without their folders, by what the recipe calls them. Two files of
/// the same name get two, and none that of a part of the program, which would be another crystal.
pub(crate) fn crystals(recipe: &Recipe) -> BTreeMap<String, String> {
    let materials = recipe.structure.iter().map(|structure| structure.material.as_str());
    let files: BTreeSet<&str> = materials.filter(|material| is_file(material)).collect();
    let (mut names, mut taken) = (BTreeMap::new(), BTreeSet::new());
    for file in files {
        let own = file_name(file).to_owned();
        let stem = own.strip_suffix(".cif").unwrap_or(&own).to_owned();
        let others = (2_u64..).map(|number| format!("{stem}-{number}.cif"));
        let mut free = [own, format!("{stem}.cif")].into_iter().chain(others);
        // Some file systems don't tell capital letters from small ones.
        if let Some(name) = free.find(|name| is_file(name) && taken.insert(name.to_lowercase())) {
            names.insert(file.to_owned(), name);
        }
    }
    names
}

/// The crystals' names, as text has them. One that is not its file's says which it stands for.
pub(crate) fn listed(crystals: &BTreeMap<String, String>) -> String {
    let mut names: Vec<String> = crystals
        .iter()
        .map(|(file, name)| match file_name(file) {
            own if own == name => own.to_owned(),
            own => format!("{name} (there called {own})"),
        })
        .collect();
    names.sort_unstable();
    names.join(", ")
}

/// The recipe as TOML, with the commands for a selection as comments before it.
pub(crate) fn text(site: &Site, query: &Query) -> Result<String, Problem> {
    let manifest = site.manifest();
    let mut recipe = manifest.recipe.clone().ok_or_else(|| {
        Problem::not_found("The library was imported: nobody knows a recipe. Download the files instead.")
    })?;
    for structure in &mut recipe.structure {
        if let Some(name) = site.crystals.get(&structure.material) {
            structure.material.clone_from(name);
        }
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
    if site.crystals.is_empty() {
        text.push_str("# The same samples come of these commands, run where this file is:\n#\n");
    } else {
        let _ = writeln!(
            text,
            "# These commands make the samples, run where this file is and with it the crystals, which are not part of\n\
             # the program: {}. Without the folders that they were in, the recipe has another SHA-256.\n#",
            listed(&site.crystals).replace(['\n', '\r'], " ")
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
    fn crystals_of_one_name_get_two_and_none_that_of_a_part_of_the_program() {
        let recipe = include_str!("../../tests/common/small.toml");
        let mut recipe = Recipe::from_toml(recipe, "small").unwrap();
        let structure = recipe.structure[0].clone();
        recipe.structure.clear();
        for file in ["/a/Fe.cif", "/b/Fe.cif", "/b/fe.CIF", "/c/Pt", "/d/Pt.cif", "SrTiO3", "/a/Fe.cif"] {
            let mut structure = structure.clone();
            structure.material = file.to_owned();
            recipe.structure.push(structure);
        }
        let crystals = crystals(&recipe);
        let named: Vec<(&str, &str)> = crystals.iter().map(|(file, name)| (&**file, &**name)).collect();
        let expected = [
            ("/a/Fe.cif", "Fe.cif"),
            ("/b/Fe.cif", "Fe-2.cif"),
            ("/b/fe.CIF", "fe.CIF.cif"),
            ("/c/Pt", "Pt.cif"),
            ("/d/Pt.cif", "Pt-2.cif"),
        ];
        assert_eq!(named, expected);
        let listed = listed(&crystals);
        assert!(listed.starts_with("Fe-2.cif (there called Fe.cif), Fe.cif, Pt-2.cif"), "{listed}");
    }

    #[test]
    fn numbers_that_follow_each_other_are_a_range() {
        assert_eq!(ranges([1, 2, 3, 7, 9, 10].into_iter()), [(1, 3), (7, 7), (9, 10)]);
        assert_eq!(ranges(std::iter::empty()), []);
    }
}
