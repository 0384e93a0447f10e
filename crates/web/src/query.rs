//! What is searched for, as an address says it.

use crate::{Facet, Kind};
use form_urlencoded::Serializer;
use std::collections::BTreeMap;
use thiserror::Error;

/// Length of an address's query at most \[bytes\].
pub const MAX_QUERY: usize = 8192;
/// Length of a search text at most \[characters\].
pub const MAX_TEXT: usize = 200;
/// Length of a facet's word at most \[characters\].
pub const MAX_WORD: usize = 100;
/// Values and ranges of one facet at most.
pub const MAX_VALUES: usize = 64;
/// Digits of a number before and behind the point at most: as many as the smallest and the largest have.
const MAX_DIGITS: usize = 50;

/// What a form's fields of a range are called behind the facet's key: its ends, and the end that is left out. A range to
/// that very end is one below it, as a bin's is; one to another end isn't.
pub(crate) const FIELDS: [&str; 3] = [".min", ".max", ".below"];

/// Which samples, in which order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Query {
    /// What is asked of each facet.
    pub filters: BTreeMap<Facet, Filter>,
    /// Words that must be found.
    pub text: String,
    /// The order.
    pub order: Order,
}

/// What is asked of a facet.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// One of these words; of elements all of them.
    Words(Vec<String>),
    /// A number in one of these ranges.
    Ranges(Vec<Range>),
}

/// From `low` to `high`. A bin's range ends below `high`, any other with it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Range {
    /// Smallest value.
    pub low: f32,
    /// Largest value.
    pub high: f32,
    /// Whether `high` itself is left out: `15..<20`.
    pub below: bool,
}

/// What samples are ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sort {
    /// Their numbers.
    #[default]
    Id,
    /// Peak signal over noise.
    Psnr,
    /// Columns per image.
    Columns,
    /// Width of the field.
    Field,
    /// As if by chance, but always the same.
    Shuffled,
}

/// An order and its direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Order {
    /// By what.
    pub sort: Sort,
    /// The largest first.
    pub descending: bool,
}

/// A parameter that can't be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{parameter}: {message}")]
pub struct Refused {
    /// Its name.
    pub parameter: String,
    /// What was found and what would be right.
    pub message: String,
}

impl Refused {
    pub(crate) fn new(parameter: &str, message: impl Into<String>) -> Self {
        Self { parameter: parameter.to_owned(), message: message.into() }
    }
}

impl Sort {
    /// All.
    pub const ALL: [Self; 5] = [Self::Id, Self::Psnr, Self::Columns, Self::Field, Self::Shuffled];
    /// Those that an index stores; the first is the index's own.
    pub(crate) const STORED: [Self; 4] = [Self::Psnr, Self::Columns, Self::Field, Self::Shuffled];

    /// Its name in addresses.
    pub fn key(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Shuffled => "shuffled",
            _ => self.facet().map_or("", Facet::key),
        }
    }

    pub(crate) fn facet(self) -> Option<Facet> {
        match self {
            Self::Psnr => Some(Facet::Psnr),
            Self::Columns => Some(Facet::Columns),
            Self::Field => Some(Facet::Field),
            Self::Id | Self::Shuffled => None,
        }
    }
}

impl Order {
    /// Its name in addresses: `psnr_db`, `-psnr_db`.
    pub fn key(self) -> String {
        format!("{}{}", if self.descending { "-" } else { "" }, self.sort.key())
    }

    /// The order of a name.
    pub fn from_key(key: &str) -> Option<Self> {
        let (descending, name) = key.strip_prefix('-').map_or((false, key), |name| (true, name));
        let sort = Sort::ALL.into_iter().find(|sort| sort.key() == name)?;
        Some(Self { sort, descending })
    }

    /// All that can be asked for, with what people call them.
    pub const NAMED: [(Self, &str); 8] = [
        (Self { sort: Sort::Id, descending: false }, "number"),
        (Self { sort: Sort::Psnr, descending: true }, "PSNR, highest first"),
        (Self { sort: Sort::Psnr, descending: false }, "PSNR, lowest first"),
        (Self { sort: Sort::Columns, descending: true }, "columns, most first"),
        (Self { sort: Sort::Columns, descending: false }, "columns, fewest first"),
        (Self { sort: Sort::Field, descending: false }, "field, smallest first"),
        (Self { sort: Sort::Field, descending: true }, "field, largest first"),
        (Self { sort: Sort::Shuffled, descending: false }, "shuffled"),
    ];
}

impl Range {
    /// `20`, `15..25`, `15..`, `..25`, or `15..<20` without 20 itself. Two ends may come in either order.
    pub fn parse(text: &str) -> Option<Self> {
        let Some((low, high)) = text.split_once("..") else {
            let value = number(text)?;
            return Some(Self { low: value, high: value, below: false });
        };
        let (high, below) = high.strip_prefix('<').map_or((high, false), |high| (high, true));
        if high.is_empty() && (below || low.is_empty()) {
            return None;
        }
        let side = |text: &str, open: f32| if text.is_empty() { Some(open) } else { number(text) };
        let (low, high) = (side(low, f32::NEG_INFINITY)?, side(high, f32::INFINITY)?);
        Some(Self { low: low.min(high), high: high.max(low), below })
    }

    /// Whether a value is in it.
    pub fn contains(self, value: f32) -> bool {
        self.low <= value && if self.below { value < self.high } else { value <= self.high }
    }
}

impl std::fmt::Display for Range {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.low == self.high && !self.below {
            return write!(f, "{}", self.low);
        }
        let side = |value: f32| if value.is_finite() { value.to_string() } else { String::new() };
        write!(f, "{}..{}{}", side(self.low), if self.below { "<" } else { "" }, side(self.high))
    }
}

/// A plain decimal number: no exponent, no sign but a minus, nothing that only programs write.
fn number(text: &str) -> Option<f32> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, part) = digits.split_once('.').unwrap_or((digits, "0"));
    let plain =
        |text: &str| (1..=MAX_DIGITS).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if plain(whole) && plain(part) { any_number(text) } else { None }
}

/// A number as browsers let people write it into a field: `15`, `.5`, `1e3`.
fn any_number(text: &str) -> Option<f32> {
    let known = |byte: u8| byte.is_ascii_digit() || b"+-.eE".contains(&byte);
    let value: f64 = text.parse().ok().filter(|_| text.bytes().all(known))?;
    // Beyond all numbers that samples have is far enough.
    Some(value.clamp(f32::MIN.into(), f32::MAX.into()) as f32)
}

/// The regular expression of a facet's value of numbers, or nothing, as [`Range::parse`] reads it.
pub(crate) fn range_pattern() -> String {
    let number = format!(r"-?[0-9]{{1,{MAX_DIGITS}}}(\.[0-9]{{1,{MAX_DIGITS}}})?");
    format!(r"^({number}(\.\.(<?{number})?)?|\.\.<?{number})?$")
}

/// The facet of a form's field of a range, and which of [`FIELDS`] it is.
fn field(key: &str) -> Option<(Facet, usize)> {
    let place = FIELDS.iter().position(|name| key.ends_with(name))?;
    let facet = Facet::from_key(key.strip_suffix(FIELDS[place])?)?;
    (facet.kind() == Kind::Numbers).then_some((facet, place))
}

/// The range of a form's fields, if one of its ends is given.
fn range_of([min, max, below]: [Option<f32>; 3]) -> Option<Range> {
    min.or(max)?;
    let (low, high) = (min.unwrap_or(f32::NEG_INFINITY), max.unwrap_or(f32::INFINITY));
    let below = max.is_some() && below == max && low <= high;
    Some(Range { low: low.min(high), high: high.max(low), below })
}

/// Counts a value or range of a facet.
fn count(counts: &mut BTreeMap<Facet, usize>, facet: Facet) -> Result<(), Refused> {
    let count = counts.entry(facet).or_insert(0);
    *count += 1;
    if *count > MAX_VALUES {
        let message = format!("more than {MAX_VALUES} values; give fewer, or a range");
        return Err(Refused::new(facet.key(), message));
    }
    Ok(())
}

/// The parameters of an address, decoded.
pub(crate) type Parameters = Vec<(String, String)>;

/// Splits an address's query.
///
/// # Errors
/// When it is too long.
pub(crate) fn parameters(query: &str) -> Result<Parameters, Refused> {
    if query.len() > MAX_QUERY {
        let message = format!("{} bytes; at most {MAX_QUERY} can be searched for", query.len());
        return Err(Refused::new("query", message));
    }
    Ok(form_urlencoded::parse(query.as_bytes()).into_owned().collect())
}

impl Query {
    /// The search of an address's query, such as `material=Pt&psnr_db=15..25&sort=-psnr_db`.
    ///
    /// # Errors
    /// When a parameter is unknown, or its value can't be used.
    pub fn parse(address: &str) -> Result<Self, Refused> {
        let mut parameters = parameters(address)?;
        let query = Self::take(&mut parameters)?;
        match parameters.first() {
            Some((key, _)) => Err(Refused::new(key, "is no parameter of a search")),
            None => Ok(query),
        }
    }

    /// Takes what belongs to a search out of `parameters`; what is left belongs to somebody else.
    ///
    /// # Errors
    /// When a value can't be used.
    pub(crate) fn take(parameters: &mut Parameters) -> Result<Self, Refused> {
        let mut query = Self::default();
        let mut left = Parameters::new();
        let mut counts = BTreeMap::new();
        let mut fields: BTreeMap<Facet, [Option<f32>; 3]> = BTreeMap::new();
        for (key, value) in parameters.drain(..) {
            if key == "q" {
                query.text = text(&value)?;
            } else if key == "sort" {
                query.order = order(&value)?;
            } else if let Some(facet) = Facet::from_key(&key) {
                count(&mut counts, facet)?;
                // An empty field of a form asks for nothing.
                if !value.is_empty() {
                    query.add(facet, &value)?;
                }
            } else if let Some((facet, place)) = field(&key) {
                if !value.is_empty() {
                    let wrong = || format!("{value:?} is no number; give one, as 15");
                    let number =
                        any_number(value.trim()).ok_or_else(|| Refused::new(facet.key(), wrong()))?;
                    fields.entry(facet).or_default()[place] = Some(number);
                }
            } else {
                left.push((key, value));
            }
        }
        for (facet, fields) in fields {
            if let Some(range) = range_of(fields) {
                count(&mut counts, facet)?;
                query.add_first(facet, range);
            }
        }
        *parameters = left;
        Ok(query)
    }

    fn add(&mut self, facet: Facet, value: &str) -> Result<(), Refused> {
        match facet.kind() {
            Kind::Words => {
                if value.chars().count() > MAX_WORD {
                    return Err(Refused::new(
                        facet.key(),
                        format!("longer than the {MAX_WORD} characters that any has"),
                    ));
                }
                let filter = self.filters.entry(facet).or_insert_with(|| Filter::Words(Vec::new()));
                if let Filter::Words(words) = filter
                    && !words.iter().any(|word| word == value)
                {
                    words.push(value.to_owned());
                }
            }
            Kind::Numbers => {
                let range = Range::parse(value).ok_or_else(|| {
                    let message = format!("{value:?} is no number or range; give 20, 15..25, 15.. or ..25");
                    Refused::new(facet.key(), message)
                })?;
                self.add_range(facet, range);
            }
        }
        Ok(())
    }

    fn add_range(&mut self, facet: Facet, range: Range) {
        let filter = self.filters.entry(facet).or_insert_with(|| Filter::Ranges(Vec::new()));
        if let Filter::Ranges(ranges) = filter
            && !ranges.contains(&range)
        {
            ranges.push(range);
        }
    }

    /// Adds the range of a form's fields before the facet's other ranges: the first is the one that the fields show.
    fn add_first(&mut self, facet: Facet, range: Range) {
        let filter = self.filters.entry(facet).or_insert_with(|| Filter::Ranges(Vec::new()));
        if let Filter::Ranges(ranges) = filter {
            ranges.retain(|known| *known != range);
            ranges.insert(0, range);
        }
    }

    /// The query of an address that asks for this, without page or anything else.
    pub fn address(&self) -> String {
        self.address_with(&[])
    }

    /// The same with more parameters behind.
    pub fn address_with(&self, more: &[(&str, &str)]) -> String {
        let mut address = Serializer::new(String::new());
        if !self.text.is_empty() {
            address.append_pair("q", &self.text);
        }
        for (facet, value) in self.values() {
            address.append_pair(facet.key(), &value);
        }
        if self.order != Order::default() {
            address.append_pair("sort", &self.order.key());
        }
        address.extend_pairs(more);
        address.finish()
    }

    /// Every value that is asked for, as addresses have it.
    pub fn values(&self) -> Vec<(Facet, String)> {
        let values = self.filters.iter().flat_map(|(facet, filter)| match filter {
            Filter::Words(words) => words.iter().map(|word| (*facet, word.clone())).collect::<Vec<_>>(),
            Filter::Ranges(ranges) => ranges.iter().map(|range| (*facet, range.to_string())).collect(),
        });
        values.collect()
    }

    /// The same without one value of a facet, or without any of it.
    pub fn without(&self, facet: Facet, value: Option<&str>) -> Self {
        let mut query = self.clone();
        let empty = match query.filters.get_mut(&facet) {
            Some(Filter::Words(words)) => {
                words.retain(|word| value.is_some_and(|value| value != word));
                words.is_empty()
            }
            Some(Filter::Ranges(ranges)) => {
                ranges.retain(|range| value.is_some_and(|value| value != range.to_string()));
                ranges.is_empty()
            }
            None => false,
        };
        if empty {
            query.filters.remove(&facet);
        }
        query
    }

    /// The same with another text.
    pub fn with_text(&self, text: &str) -> Self {
        Self { text: text.to_owned(), ..self.clone() }
    }

    /// Whether everything is asked for.
    pub fn is_everything(&self) -> bool {
        self.filters.is_empty() && self.text.is_empty()
    }

    /// Whether a value of a facet is asked for.
    pub fn has(&self, facet: Facet, value: &str) -> bool {
        match self.filters.get(&facet) {
            Some(Filter::Words(words)) => words.iter().any(|word| word == value),
            Some(Filter::Ranges(ranges)) => ranges.iter().any(|range| range.to_string() == value),
            None => false,
        }
    }
}

fn text(value: &str) -> Result<String, Refused> {
    let count = value.chars().count();
    if count > MAX_TEXT {
        return Err(Refused::new("q", format!("{count} characters; give at most {MAX_TEXT}")));
    }
    Ok(value.trim().to_owned())
}

fn order(value: &str) -> Result<Order, Refused> {
    Order::from_key(value).ok_or_else(|| {
        let known = Sort::ALL.map(Sort::key).join(", ");
        let message = format!("{value:?} is no order; give {known}, or one with - before it");
        Refused::new("sort", message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(address: &str) -> Result<Query, Refused> {
        Query::parse(address)
    }

    #[test]
    fn an_address_comes_back_as_it_went_in() {
        let address =
            "q=rutile+001&material=TiO2&material=Pt&element=O&psnr_db=15..20&psnr_db=..9.5&sort=-psnr_db";
        let query = parse(address).unwrap();
        assert_eq!(query.filters[&Facet::Material], Filter::Words(vec!["TiO2".into(), "Pt".into()]));
        assert_eq!(parse(&query.address()).unwrap(), query);
        let without = query.without(Facet::Material, Some("Pt")).without(Facet::Psnr, None);
        assert_eq!(without.address(), "q=rutile+001&material=TiO2&element=O&sort=-psnr_db");
        assert!(parse("").unwrap().is_everything());
    }

    #[test]
    fn ranges_are_numbers_or_have_one_or_two_ends() {
        for (text, inside, outside) in
            [("20", 20.0, 20.5), ("15..25", 25.0, 25.5), ("15..", 1e9, 14.0), ("..25", -9.0, 26.0)]
        {
            let range = Range::parse(text).unwrap();
            assert!(range.contains(inside) && !range.contains(outside), "{text}");
            assert_eq!(range.to_string(), text);
        }
        assert_eq!(Range::parse("25..15"), Range::parse("15..25"));
        let bin = Range::parse("15..<20").unwrap();
        assert!(bin.contains(15.0) && !bin.contains(20.0));
        assert_eq!(bin.to_string(), "15..<20");
        for text in ["", "..", "x", "NaN", "inf..", "1...2", "1..<", "1e9", "+5", ".5", "5.", " 5", "1..2..3"]
        {
            assert_eq!(Range::parse(text), None, "{text}");
        }
        for value in [f32::MIN, f32::MIN_POSITIVE, 0.1, f32::MAX, f32::from_bits(1)] {
            assert_eq!(Range::parse(&value.to_string()).unwrap().low, value, "comes back");
        }
        assert_eq!(Range::parse(&format!("..{}", "9".repeat(50))).unwrap().high, f32::MAX);
    }

    #[test]
    fn a_forms_fields_are_one_range() {
        let query = parse("psnr_db.min=15&psnr_db.max=20&columns.min=&columns.max=").unwrap();
        assert_eq!(query.address(), "psnr_db=15..20");
        assert_eq!(parse("psnr_db.min=30&psnr_db.max=20").unwrap().address(), "psnr_db=20..30");
        let bin = parse("psnr_db.below=20&psnr_db.max=20&psnr_db.min=15").unwrap();
        assert_eq!(bin, parse("psnr_db=15..<20").unwrap());
        let other = parse("psnr_db.min=15&psnr_db.max=21&psnr_db.below=20").unwrap();
        assert_eq!(other, parse("psnr_db=15..21").unwrap(), "somebody has written another end");
        assert!(parse("psnr_db.below=20").unwrap().is_everything());
        let more = parse("psnr_db=10..12&psnr_db=15..20&psnr_db.min=15&psnr_db.max=20").unwrap();
        assert_eq!(more.address(), "psnr_db=15..20&psnr_db=10..12", "the fields show the first");
        let browsers = parse("columns.min=.5&columns.max=1e3").unwrap();
        assert_eq!(browsers, parse("columns=0.5..1000").unwrap());
        let error = parse("psnr_db.min=much").unwrap_err();
        assert_eq!((error.parameter.as_str(), error.message.contains("\"much\"")), ("psnr_db", true));
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        for (address, parameter, part) in [
            ("psnr_db=high", "psnr_db", "\"high\" is no number or range"),
            ("sort=beauty", "sort", "psnr_db"),
        ] {
            let error = parse(address).unwrap_err();
            assert_eq!(error.parameter, parameter);
            assert!(error.message.contains(part), "{}", error.message);
        }
        assert_eq!(parse(&format!("q={}", "x".repeat(201))).unwrap_err().parameter, "q");
        assert_eq!(parse(&format!("q={}", "x".repeat(9000))).unwrap_err().parameter, "query");
        let many: String = (0..65).map(|n| format!("columns={n}&")).collect();
        assert!(parse(&many).unwrap_err().message.contains("64"));
        let (form, most) = ("columns.min=1&columns.max=9", many.trim_end_matches("columns=64&"));
        assert!(parse(&format!("{most}columns.min=&columns.max=")).is_ok(), "empty fields ask for nothing");
        assert_eq!(parse(&format!("{most}{form}")).unwrap_err(), parse(&many).unwrap_err());
    }
}
