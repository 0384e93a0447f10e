//! Search over an index: which samples, how many of each option, which page.

use crate::index::bits::Bits;
use crate::index::{Column, Options, plain_digits};
use crate::query::{Filter, Order, Query, Sort};
use crate::{Facet, Index, WebError};

/// The samples that a query selects.
pub struct Selection<'a> {
    index: &'a Index,
    order: Order,
    bits: Bits,
    /// The text's part alone, and each filter's.
    text: Option<Bits>,
    filters: Vec<(Facet, Bits)>,
}

/// One thing to choose of a facet.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// As addresses have it: a word, a number, or a bin's range such as `15..<20`.
    pub value: String,
    /// Samples that would be selected with it, everything else asked for being as it is.
    pub count: usize,
}

/// What a facet's choices are.
#[derive(Debug, Clone, PartialEq)]
pub struct Choices {
    /// The facet.
    pub facet: Facet,
    /// Words and numbers that no sample has are left out; of bins, which are in order, none is.
    pub choices: Vec<Choice>,
    /// Whether the choices are bins of a histogram.
    pub binned: bool,
    /// Smallest and largest number in the whole library.
    pub bounds: Option<(f32, f32)>,
}

/// A part of a selection in its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Places in the index.
    pub places: Vec<usize>,
    /// Where to go on in the order; `None` at the end.
    pub next: Option<usize>,
}

impl Index {
    /// The samples that a query selects.
    ///
    /// # Errors
    /// When the index's file can't be read any more.
    pub fn select(&self, query: &Query) -> Result<Selection<'_>, WebError> {
        let text = if query.text.is_empty() { None } else { Some(self.find_text(&query.text)?) };
        let filters: Vec<(Facet, Bits)> =
            query.filters.iter().map(|(facet, filter)| (*facet, self.filter(*facet, filter))).collect();
        let mut bits = text.clone().unwrap_or_else(|| Bits::all(self.len()));
        filters.iter().for_each(|(_, filter)| bits.and(filter));
        Ok(Selection { index: self, order: query.order, bits, text, filters })
    }

    /// A sample's number finds it, and numbers after # find all of theirs; words find samples of which they begin a
    /// word each.
    fn find_text(&self, text: &str) -> Result<Bits, WebError> {
        let numbers: Option<Vec<u64>> =
            text.split_whitespace().map(|word| word.strip_prefix('#')?.parse().ok()).collect();
        if let Some(numbers) = numbers {
            let mut bits = Bits::none(self.len());
            numbers.into_iter().filter_map(|id| self.find(id)).for_each(|at| bits.insert(at));
            return Ok(bits);
        }
        let mut bits = match fts_query(text) {
            Some(search) => self.matching(&search)?,
            None => Bits::none(self.len()),
        };
        if let Some(at) = text.parse().ok().and_then(|id| self.find(id)) {
            bits.insert(at);
        }
        Ok(bits)
    }

    fn filter(&self, facet: Facet, filter: &Filter) -> Bits {
        let column = self.column(facet);
        match filter {
            Filter::Words(words) => {
                let Options::Words(options) = &column.options else { return Bits::none(self.len()) };
                let wanted: Vec<Option<u16>> =
                    words.iter().map(|word| options.binary_search(word).ok().map(|at| at as u16)).collect();
                let has = |code: &Vec<u16>, word: &Option<u16>| word.is_some_and(|word| code.contains(&word));
                let allowed: Vec<bool> = (column.stands_for.iter())
                    .map(|code| {
                        if facet == Facet::Elements {
                            wanted.iter().all(|word| has(code, word))
                        } else {
                            wanted.iter().any(|word| has(code, word))
                        }
                    })
                    .collect();
                Bits::of(&column.codes, |code| allowed[code as usize])
            }
            Filter::Ranges(ranges) => {
                if let Options::Numbers(numbers) = &column.options {
                    let inside = |value: &f32| ranges.iter().any(|range| range.contains(*value));
                    let allowed: Vec<bool> =
                        std::iter::once(false).chain(numbers.iter().map(inside)).collect();
                    return Bits::of(&column.codes, |code| allowed[code as usize]);
                }
                let mut bits = Bits::none(self.len());
                for range in ranges {
                    let (low, high) =
                        (range.low, if range.below { range.high.next_down() } else { range.high });
                    bits.or(&Bits::of(&column.numbers, |value| (low <= value) & (value <= high)));
                }
                bits
            }
        }
    }
}

impl Selection<'_> {
    /// How many samples there are.
    pub fn count(&self) -> usize {
        self.bits.count()
    }

    /// The choices of every facet with their counts. Those of a facet that is asked for are counted as if it
    /// weren't, so that one sees what another choice would give; of elements, of which all are asked for, as it is.
    pub fn choices(&self) -> Vec<Choices> {
        let totals = || Facet::ALL.map(|facet| everywhere(self.index.column(facet))).to_vec();
        let totals = self.index.totals.get_or_init(totals);
        let everything = self.bits.is_all();
        let selected = if everything { Picked::default() } else { Picked::of(&self.bits) };
        let of = |facet: Facet| {
            let (column, totals) = (self.index.column(facet), &totals[facet.at()]);
            let own = self.filters.iter().any(|(filtered, _)| *filtered == facet);
            let counts = if own && facet != Facet::Elements {
                let mut bits = self.text.clone().unwrap_or_else(|| Bits::all(self.index.len()));
                let others = self.filters.iter().filter(|(filtered, _)| *filtered != facet);
                others.for_each(|(_, filter)| bits.and(filter));
                Picked::of(&bits).count(column, totals)
            } else if everything {
                totals.clone()
            } else {
                selected.count(column, totals)
            };
            named(facet, column, &counts, totals)
        };
        if self.index.len() < PARALLEL || everything {
            return Facet::ALL.map(of).to_vec();
        }
        let (first, second) = Facet::ALL.split_at(Facet::ALL.len() / 2);
        let all = |facets: &[Facet]| facets.iter().map(|facet| of(*facet)).collect::<Vec<_>>();
        std::thread::scope(|scope| {
            let other = std::thread::Builder::new().spawn_scoped(scope, || all(second));
            let mut choices = all(first);
            // A thread that could not run is one's own work.
            choices.extend(other.ok().and_then(|other| other.join().ok()).unwrap_or_else(|| all(second)));
            choices
        })
    }

    /// `size` samples from place `from` of the order on.
    pub fn page(&self, from: usize, size: usize) -> Page {
        let mut places = Vec::new();
        for (at, place) in self.ordered(from) {
            if places.len() == size {
                return Page { places, next: Some(at) };
            }
            places.push(place);
        }
        Page { places, next: None }
    }

    /// `size` samples after the first `skip`.
    pub fn page_after(&self, skip: usize, size: usize) -> Page {
        let mut ordered = self.ordered(0).skip(skip);
        let places: Vec<usize> = ordered.by_ref().take(size).map(|(_, place)| place).collect();
        Page { places, next: ordered.next().map(|(at, _)| at) }
    }

    /// The samples before and after one in the order.
    pub fn around(&self, place: usize) -> (Option<usize>, Option<usize>) {
        let mut before = None;
        let mut ordered = self.ordered(0).map(|(_, at)| at);
        for at in ordered.by_ref() {
            if at == place {
                return (before, ordered.next());
            }
            before = Some(at);
        }
        (None, None)
    }

    /// All places in the index in the order of the numbers.
    pub fn places(&self) -> Vec<u32> {
        self.bits.places()
    }

    /// Positions in the order and places in the index, from a position on.
    fn ordered(&self, from: usize) -> Box<dyn Iterator<Item = (usize, usize)> + '_> {
        let len = self.index.len();
        let order = self.index.order(self.order.sort);
        let known = match (self.order.sort, order) {
            // Samples of which nothing is known come last in either direction.
            (Sort::Psnr | Sort::Columns | Sort::Field, Some(order)) => {
                let facet = self.order.sort.facet().unwrap_or(Facet::Psnr);
                order.partition_point(|at| self.index.number(facet, *at as usize).is_some())
            }
            _ => len,
        };
        let descending = self.order.descending;
        let at = move |position: usize| {
            if descending && position < known { known - 1 - position } else { position }
        };
        let place = move |position| order.map_or(at(position), |order| order[at(position)] as usize);
        let places = (from.min(len)..len).map(move |position| (position, place(position)));
        Box::new(places.filter(|(_, place)| self.bits.contains(*place)))
    }
}

/// Samples from which on two threads count.
const PARALLEL: usize = 100_000;
/// Tables that are counted into in turn: an addition needn't wait for the last one to the same number.
const TABLES: usize = 4;

/// Samples of a set, or those outside it if they are fewer.
#[derive(Default)]
struct Picked {
    places: Vec<u32>,
    outside: bool,
}

impl Picked {
    fn of(bits: &Bits) -> Self {
        let outside = 2 * bits.count() > bits.len();
        Self { places: if outside { bits.places_outside() } else { bits.places() }, outside }
    }

    /// How many samples of the set each option has; `totals` is that of all samples.
    fn count(&self, column: &Column, totals: &[usize]) -> Vec<usize> {
        let mut counts = vec![0; column.stands_for.len() * TABLES];
        let tables = counts.as_chunks_mut::<TABLES>().0;
        let (fours, rest) = self.places.as_chunks::<TABLES>();
        for four in fours {
            for (table, place) in four.iter().enumerate() {
                tables[usize::from(column.codes[*place as usize])][table] += 1;
            }
        }
        rest.iter().for_each(|place| tables[usize::from(column.codes[*place as usize])][0] += 1);
        let counts = by_option(column, tables);
        if self.outside { totals.iter().zip(counts).map(|(all, out)| all - out).collect() } else { counts }
    }
}

/// How many of all samples each option has.
fn everywhere(column: &Column) -> Vec<usize> {
    let mut counts = vec![0; column.stands_for.len() * TABLES];
    let tables = counts.as_chunks_mut::<TABLES>().0;
    for (at, code) in column.codes.iter().enumerate() {
        tables[usize::from(*code)][at % TABLES] += 1;
    }
    by_option(column, tables)
}

fn by_option(column: &Column, tables: &[[u32; TABLES]]) -> Vec<usize> {
    let mut counts = vec![0; column.options.len()];
    for (table, options) in tables.iter().zip(&column.stands_for) {
        let sum = table.iter().sum::<u32>() as usize;
        options.iter().for_each(|option| counts[usize::from(*option)] += sum);
    }
    counts
}

fn named(facet: Facet, column: &Column, counts: &[usize], totals: &[usize]) -> Choices {
    let choice = |(value, count): (String, &usize)| Choice { value, count: *count };
    let choices = match &column.options {
        Options::Words(words) => {
            let mut all: Vec<(Choice, usize)> =
                words.iter().cloned().zip(counts).map(choice).zip(totals.iter().copied()).collect();
            // The most frequent of the whole library first, so that nothing moves while one chooses.
            all.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.value.cmp(&b.0.value)));
            all.into_iter().map(|(choice, _)| choice).collect()
        }
        Options::Numbers(numbers) => numbers.iter().map(f32::to_string).zip(counts).map(choice).collect(),
        Options::Bins(edges) => {
            let bins = edges.windows(2).map(|edge| format!("{}..<{}", edge[0], edge[1]));
            bins.zip(counts).map(choice).collect()
        }
    };
    Choices { facet, choices, binned: matches!(column.options, Options::Bins(_)), bounds: column.bounds }
}

/// A search in FTS5's language: every word of the text as the beginning of a word. `None` without a word.
fn fts_query(text: &str) -> Option<String> {
    let words: Vec<String> = plain_digits(text)
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(|word| format!("\"{word}\"*"))
        .collect();
    (!words.is_empty()).then(|| words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_words_and_never_a_command() {
        assert_eq!(fts_query("SrTiO₃ [110]").as_deref(), Some("\"SrTiO3\"* \"110\"*"));
        assert_eq!(fts_query("\"; DROP TABLE x --").as_deref(), Some("\"DROP\"* \"TABLE\"* \"x\"*"));
        assert_eq!(fts_query("body:* NEAR(").as_deref(), Some("\"body\"* \"NEAR\"*"));
        assert_eq!(fts_query(" \"' *- "), None);
    }
}
