//! A selection as what makes it: recipe, seed and numbers.

use super::problem::Problem;
use super::site::Site;
use crate::Query;
use adatom_archive::Depth;
use std::fmt::Write;

/// Ranges of numbers that are written out.
const MAX_RANGES: usize = 200;

/// The command that makes samples again, in a folder; `None` for an imported library.
pub(crate) fn command(site: &Site, first: u64, last: u64, folder: &str) -> Option<String> {
    let manifest = site.manifest();
    manifest.recipe.as_ref()?;
    let recipe = site.built_in.unwrap_or("recipe.toml");
    let seed = manifest.seed.unwrap_or(1);
    let depth = match manifest.depth {
        Depth::Eight => "",
        Depth::Sixteen => " --depth 16",
        Depth::Float => " --depth float",
    };
    Some(format!("adatom library build {recipe} -o {folder} --seed {seed} --range {first}..{last}{depth}"))
}

/// The recipe as TOML, with the commands for a selection as comments before it.
pub(crate) fn text(site: &Site, query: &Query) -> Result<String, Problem> {
    let manifest = site.manifest();
    let recipe = manifest.recipe.as_ref().ok_or_else(|| {
        Problem::not_found("The library was imported: nobody knows a recipe. Download the files instead.")
    })?;
    let body =
        toml::to_string(recipe).map_err(|error| Problem::busy(format!("no TOML can be written: {error}")))?;
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
    text.push_str("# The same samples come of these commands, run where this file is:\n#\n");
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
