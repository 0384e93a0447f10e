//! The syntax of a CIF: data blocks of single values and loops.

use std::borrow::Cow;
use std::collections::HashMap;

use super::{error, quoted};
use crate::CrystalError;

/// A value and where it stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Entry<'t> {
    pub(super) line: usize,
    pub(super) text: &'t str,
    pub(super) is_quoted: bool,
}

impl Entry<'_> {
    /// Whether the value is `?` (unknown) or `.` (does not apply).
    pub(super) fn is_unknown(&self) -> bool {
        !self.is_quoted && matches!(self.text, "?" | ".") || self.text.trim().is_empty()
    }
}

/// A table: tags as column heads, and the values row by row.
#[derive(Debug)]
pub(super) struct Loop<'t> {
    pub(super) line: usize,
    pub(super) tags: Vec<String>,
    pub(super) values: Vec<Entry<'t>>,
}

impl<'t> Loop<'t> {
    /// The column with one of these heads.
    pub(super) fn column(&self, names: &[&str]) -> Option<usize> {
        names.iter().find_map(|name| self.tags.iter().position(|tag| tag == name))
    }

    /// The rows; an error if the last is not complete.
    pub(super) fn rows(&self) -> Result<std::slice::ChunksExact<'_, Entry<'t>>, CrystalError> {
        let width = self.tags.len().max(1);
        let rows = self.values.chunks_exact(width);
        match rows.remainder() {
            [] => Ok(rows),
            rest => Err(error(
                rest[0].line,
                self.tags.first().map_or("loop_", String::as_str),
                format!("a last row of {} values that begins with {}", rest.len(), quoted(rest[0].text)),
                format!("rows of {width} values, as the loop on line {} has {width} tags", self.line),
            )),
        }
    }
}

/// A data block.
#[derive(Debug)]
pub(super) struct Block<'t> {
    pub(super) name: &'t str,
    pub(super) line: usize,
    items: HashMap<String, Entry<'t>>,
    pub(super) loops: Vec<Loop<'t>>,
}

impl<'t> Block<'t> {
    fn new(name: &'t str, line: usize) -> Self {
        Self { name, line, items: HashMap::new(), loops: Vec::new() }
    }

    /// The single value of a tag.
    pub(super) fn get(&self, tag: &str) -> Option<Entry<'t>> {
        self.items.get(tag).copied()
    }

    /// The single value of a tag, or its first in a loop.
    pub(super) fn first(&self, tag: &str) -> Option<Entry<'t>> {
        self.get(tag).or_else(|| {
            let table = self.loop_with(&[tag])?;
            table.values.get(table.column(&[tag])?).copied()
        })
    }

    /// The loop that has a column with one of these heads.
    pub(super) fn loop_with(&self, names: &[&str]) -> Option<&Loop<'t>> {
        self.loops.iter().find(|table| table.column(names).is_some())
    }
}

/// The text without byte-order mark and with `\n` at the end of each line.
pub(super) fn normalise(text: &str) -> Cow<'_, str> {
    let text = text.trim_start_matches('\u{feff}');
    if text.contains('\r') {
        Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n"))
    } else {
        Cow::Borrowed(text)
    }
}

/// Splits a text into its data blocks.
pub(super) fn blocks(text: &str) -> Result<Vec<Block<'_>>, CrystalError> {
    let mut reader = Reader { text, position: 0, line: 1 };
    let mut blocks: Vec<Block<'_>> = Vec::new();
    let mut context = Context::Open;
    while let Some(token) = reader.next(&context)? {
        if let (Context::Item(tag, line), false) = (&context, matches!(token, Token::Value(_))) {
            return Err(error(*line, tag, "no value before the next tag, loop or block", "a value, or `?`"));
        }
        match token {
            Token::Block(name, line) => {
                blocks.push(Block::new(name, line));
                context = Context::Open;
            }
            // A save frame holds definitions: what is in it is kept away from the block.
            Token::Save(name, line) => {
                context = Context::Open;
                if !name.is_empty() {
                    blocks.push(Block::new(name, line));
                }
            }
            Token::Loop(line) => {
                if let Some(block) = blocks.last_mut() {
                    block.loops.push(Loop { line, tags: Vec::new(), values: Vec::new() });
                    context = Context::Head;
                }
            }
            Token::Stop => context = Context::Open,
            Token::Tag(tag, line) => {
                let Some(block) = blocks.last_mut() else { continue };
                match (&context, block.loops.last_mut()) {
                    (Context::Head, Some(table)) => table.tags.push(tag),
                    _ => context = Context::Item(tag, line),
                }
            }
            Token::Value(entry) => {
                let Some(block) = blocks.last_mut() else { continue };
                match std::mem::replace(&mut context, Context::Open) {
                    Context::Item(tag, _) => {
                        block.items.entry(tag).or_insert(entry);
                    }
                    Context::Head | Context::Body => {
                        let Some(table) = block.loops.last_mut().filter(|table| !table.tags.is_empty())
                        else {
                            return Err(error(entry.line, "loop_", quoted(entry.text), "tags, then values"));
                        };
                        table.values.push(entry);
                        context = Context::Body;
                    }
                    Context::Open => {
                        return Err(error(
                            entry.line,
                            "value",
                            format!("{} without a tag", quoted(entry.text)),
                            "a tag before it; a text with spaces needs quotes",
                        ));
                    }
                }
            }
        }
    }
    if let Context::Item(tag, line) = context {
        return Err(error(line, &tag, "the end of the file", "a value, or `?`"));
    }
    Ok(blocks)
}

/// What the reader is in the middle of.
enum Context {
    Open,
    /// After a tag, whose value must follow.
    Item(String, usize),
    Head,
    Body,
}

enum Token<'t> {
    Block(&'t str, usize),
    Save(&'t str, usize),
    Loop(usize),
    Stop,
    Tag(String, usize),
    Value(Entry<'t>),
}

struct Reader<'t> {
    text: &'t str,
    position: usize,
    line: usize,
}

impl<'t> Reader<'t> {
    fn rest(&self) -> &'t str {
        self.text.get(self.position..).unwrap_or_default()
    }

    /// Takes the next `length` bytes.
    fn take(&mut self, length: usize) -> &'t str {
        let taken = self.rest().get(..length).unwrap_or_default();
        self.line += taken.bytes().filter(|&b| b == b'\n').count();
        self.position += length;
        taken
    }

    fn at_line_start(&self) -> bool {
        self.position == 0 || self.text.as_bytes().get(self.position - 1) == Some(&b'\n')
    }

    fn next(&mut self, context: &Context) -> Result<Option<Token<'t>>, CrystalError> {
        self.skip_blank();
        let (rest, line) = (self.rest(), self.line);
        let tag = match context {
            Context::Item(tag, _) => tag.as_str(),
            Context::Head | Context::Body => "loop_",
            Context::Open => "value",
        };
        let Some(first) = rest.chars().next() else { return Ok(None) };
        if first == ';' && self.at_line_start() {
            let Some(end) = rest.find("\n;") else {
                let fault = "a text that begins with `;` and has no end";
                return Err(error(line, tag, fault, "a line that begins with `;` after it"));
            };
            let text = self.take(end).get(1..).unwrap_or_default().trim();
            self.take(2);
            return Ok(Some(Token::Value(Entry { line, text, is_quoted: true })));
        }
        if matches!(first, '\'' | '"') {
            // A quote ends a text only before a blank, so that names such as 'O'Keeffe' stay whole.
            let in_line = rest.split('\n').next().unwrap_or_default();
            let end = in_line
                .char_indices()
                .skip(1)
                .find(|&(at, c)| {
                    c == first && in_line[at + 1..].chars().next().is_none_or(char::is_whitespace)
                })
                .map(|(at, _)| at);
            let Some(end) = end else {
                return Err(error(
                    line,
                    tag,
                    format!("{} without its closing quote", quoted(in_line)),
                    "a closing quote",
                ));
            };
            let text = self.take(end).get(1..).unwrap_or_default();
            self.take(1);
            return Ok(Some(Token::Value(Entry { line, text, is_quoted: true })));
        }
        let length = rest.find(char::is_whitespace).unwrap_or(rest.len());
        let word = self.take(length);
        Ok(Some(classify(word, line)))
    }

    /// Skips blanks and comments.
    fn skip_blank(&mut self) {
        loop {
            let rest = self.rest();
            let blank = rest.len() - rest.trim_start().len();
            self.take(blank);
            if !self.rest().starts_with('#') {
                return;
            }
            let comment = self.rest().find('\n').unwrap_or(self.rest().len());
            self.take(comment);
        }
    }
}

fn classify(word: &str, line: usize) -> Token<'_> {
    let after = |prefix: &str| {
        let head = word.get(..prefix.len())?;
        head.eq_ignore_ascii_case(prefix).then(|| &word[prefix.len()..])
    };
    if word.starts_with('_') {
        // Newer dictionaries write `_cell.length_a` for `_cell_length_a`.
        Token::Tag(word.to_lowercase().replace('.', "_"), line)
    } else if let Some(name) = after("data_") {
        Token::Block(name, line)
    } else if let Some(name) = after("save_") {
        Token::Save(name, line)
    } else if word.eq_ignore_ascii_case("loop_") {
        Token::Loop(line)
    } else if word.eq_ignore_ascii_case("stop_") || word.eq_ignore_ascii_case("global_") {
        Token::Stop
    } else {
        Token::Value(Entry { line, text: word, is_quoted: false })
    }
}
