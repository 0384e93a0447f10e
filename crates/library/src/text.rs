//! Reading a recipe's text, with every mistake in it and the line of each.

use crate::{LibraryError, Recipe};
use serde::Deserialize;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Deserializer, Error};

/// Reads a recipe; `origin` names it in errors, of which there is at least one.
pub(crate) fn read(text: &str, origin: &str) -> Result<Recipe, Vec<LibraryError>> {
    let line = |at: usize| text[..at.min(text.len())].matches('\n').count() + 1;
    let syntax = |error: &Error| LibraryError::Syntax {
        recipe: origin.to_owned(),
        line: error.span().map_or(1, |span| line(span.start)),
        message: plain(error.message()),
    };
    let document = DeTable::parse(text).map_err(|error| vec![syntax(&error)])?;
    let mut left = document.clone();
    let mut errors = Vec::new();
    // What can't be understood is taken out, until the rest can.
    let recipe = loop {
        match Recipe::deserialize(Deserializer::from(left.clone())) {
            Ok(recipe) => break recipe,
            Err(error) => {
                errors.push(syntax(&error));
                let missing = error.message().starts_with("missing field");
                let removed = !missing && error.span().is_some_and(|span| remove(left.get_mut(), &span));
                if !removed {
                    return Err(errors);
                }
            }
        }
    };
    errors.extend(recipe.problems().into_iter().map(|problem| {
        let at = position(&document, &problem.path);
        problem.error(origin, at.map(line))
    }));
    if errors.is_empty() { Ok(recipe) } else { Err(errors) }
}

/// Removes the innermost entry around `span`; `false` if there is none.
fn remove(table: &mut DeTable<'_>, span: &Range<usize>) -> bool {
    let around = |found: Range<usize>| found.start <= span.start && span.end <= found.end;
    let mut found = None;
    for (key, value) in table.iter_mut() {
        let whole = around(key.span()) || around(value.span());
        let inside = match value.get_mut() {
            DeValue::Table(table) => remove(table, span),
            DeValue::Array(items) => items.iter_mut().any(|item| match item.get_mut() {
                DeValue::Table(table) => remove(table, span),
                _ => false,
            }),
            _ => false,
        };
        if inside {
            return true;
        }
        if whole {
            found = Some(key.clone());
        }
    }
    found.is_some_and(|key| table.remove(&key).is_some())
}

/// Where a value, or what of its path there is, starts in the text.
fn position(document: &Spanned<DeTable<'_>>, path: &str) -> Option<usize> {
    let mut table = document.get_ref();
    let mut at = None;
    let mut steps = path.split('.');
    while let Some(step) = steps.next() {
        let Some((key, value)) = table.iter().find(|(key, _)| key.get_ref() == step) else { break };
        at = Some(key.span().start);
        match value.get_ref() {
            DeValue::Table(inner) => table = inner,
            DeValue::Array(items) => {
                let item = steps.next().and_then(|index| items.get(index.parse::<usize>().ok()?));
                let Some(item) = item else { break };
                at = Some(item.span().start);
                let DeValue::Table(inner) = item.get_ref() else { break };
                table = inner;
            }
            _ => break,
        }
    }
    at
}

/// A parser's message in one line, without the names of Rust's types.
fn plain(message: &str) -> String {
    let whole = "expected a whole number that isn't negative";
    message.replace('\n', " ").replace("expected usize", whole).replace("expected u64", whole)
}
