//! What pages show, as words and numbers for people.

use super::problem::Problem;
use super::site::{Site, short};
use crate::query::{Filter, Query, Range};
use crate::{Choices, Facet, Index, Kind};
use adatom_archive::{Depth, Label, Record};
use std::collections::BTreeMap;

/// Facets that are unfolded before anybody has used them.
const OPEN: usize = 4;
/// Neighbours of a kind.
const NEIGHBOURS: usize = 6;
/// Samples by which sizes are estimated.
const MEASURED: usize = 5;

/// A sample in a list.
pub(crate) struct Card {
    pub id: u64,
    pub image: String,
    pub large: String,
    pub caption: String,
    pub title: String,
    pub line: String,
    pub query: String,
}

pub(crate) fn card(site: &Site, at: usize, query: &str) -> Card {
    let index = site.index();
    let id = index.id(at);
    let word =
        |facet: Facet| index.words(facet, at).first().map(|word| facet.label(word)).unwrap_or_default();
    let title = format!("{} {}", word(Facet::Material), word(Facet::Zone)).trim().to_owned();
    let number =
        |facet: Facet, unit: &str| index.number(facet, at).map(|value| format!("{}{unit}", short(value)));
    let parts = [number(Facet::Field, " Å"), number(Facet::Energy, " kV"), number(Facet::Psnr, " dB")];
    let mut line = parts.into_iter().flatten().collect::<Vec<_>>().join(" · ");
    if line.is_empty() {
        line = number(Facet::Columns, " columns").unwrap_or_default();
    }
    let title = if title.is_empty() { format!("Sample {id}") } else { title };
    let query = query.to_owned();
    let image = |side| picture(site, id, side);
    Card { id, image: image(128), large: image(256), caption: site.caption(at), title, line, query }
}

/// The address of a picture of a sample.
pub(crate) fn picture(site: &Site, id: u64, side: usize) -> String {
    match site.pictured() {
        Some(label) => thumbnail(site, id, side, label),
        None => format!("/assets/{}?v={}", super::assets::NO_PICTURE, super::assets::version()),
    }
}

/// The address of a thumbnail, which is kept by browsers for ever.
pub(crate) fn thumbnail(site: &Site, id: u64, side: usize, label: Label) -> String {
    let label = if label == Label::Image { String::new() } else { format!("&label={label}") };
    format!("/api/v1/samples/{id}/thumbnail?size={side}{label}&v={}", site.version)
}

/// What a label is, in a few words.
pub(crate) fn title(label: Label) -> &'static str {
    match label {
        Label::Image => "Noisy image",
        Label::NoNoise => "Without noise",
        Label::NoBackgroundNoNoise => "Without noise and background",
        Label::Superresolution => "Super-resolution",
        Label::NoBackground2x => "Without noise and background, 2×",
        Label::NoNoise2x => "Without noise, 2×",
        Label::CircularMask => "Circular mask",
        Label::SmallCircularMask => "Small circular mask",
        Label::GaussianMask => "Gaussian mask",
        Label::Position => "Positions (row, column from 1) [px]",
        Label::PositionRadius => "Positions with radius [px]",
        Label::Radius => "Radius of the circular mask [px]",
        Label::SmallRadius => "Radius of the small mask [px]",
        Label::Params => "Thirteen numbers of the microscope",
    }
}

/// What the samples of a library with these labels are.
pub(crate) fn lead(labels: &[Label]) -> &'static str {
    if labels == Label::ALL {
        "Simulated ADF-STEM images, each with its denoised and background-free versions, masks and the exact position of \
         every atom column."
    } else if labels.iter().any(|label| label.is_image()) {
        "Simulated ADF-STEM images with the exact position of every atom column."
    } else {
        "Exact positions of the atom columns in simulated ADF-STEM images."
    }
}

/// A filter that is in use.
pub(crate) struct Chip {
    pub name: &'static str,
    pub value: String,
    /// The search without it.
    pub link: String,
}

pub(crate) fn chips(query: &Query) -> Vec<Chip> {
    let text = (!query.text.is_empty()).then(|| Chip {
        name: "Text",
        value: query.text.clone(),
        link: query.with_text("").address(),
    });
    let filters = query.values().into_iter().map(|(facet, value)| Chip {
        name: facet.title(),
        link: query.without(facet, Some(&value)).address(),
        value: match facet.kind() {
            Kind::Words => facet.label(&value),
            Kind::Numbers => range_label(facet, &value),
        },
    });
    text.into_iter().chain(filters).collect()
}

/// `15 to 20 dB`, `at least 15 dB`.
fn range_label(facet: Facet, value: &str) -> String {
    let Some(range) = Range::parse(value) else { return value.to_owned() };
    match (range.low.is_finite(), range.high.is_finite()) {
        (true, true) if range.low == range.high => facet.label(&range.low.to_string()),
        (true, true) => facet.label(&format!(
            "{} to {}{}",
            range.low,
            if range.below { "below " } else { "" },
            range.high
        )),
        (true, false) => format!("at least {}", facet.label(&range.low.to_string())),
        _ => format!(
            "{} {}",
            if range.below { "below" } else { "at most" },
            facet.label(&range.high.to_string())
        ),
    }
}

pub(crate) struct FacetView {
    pub key: &'static str,
    pub title: &'static str,
    /// For those who hear the page.
    pub unit: &'static str,
    pub symbol: &'static str,
    pub active: bool,
    pub open: bool,
    pub options: Vec<OptionView>,
    pub bars: Vec<Bar>,
    pub summary: String,
    pub low: String,
    pub high: String,
    pub from: String,
    pub to: String,
    /// The upper end, if it is left out.
    pub below: String,
    /// Ranges beside the one in the form's fields.
    pub extra: Vec<String>,
}

pub(crate) struct OptionView {
    pub value: String,
    pub label: String,
    pub count: String,
    pub checked: bool,
}

pub(crate) struct Bar {
    pub x: String,
    pub y: String,
    pub width: String,
    pub height: String,
    pub class: &'static str,
    pub title: String,
    pub low: String,
    pub high: String,
}

pub(crate) fn facets(query: &Query, all: &[Choices]) -> Vec<FacetView> {
    all.iter().enumerate().map(|(at, choices)| facet(query, choices, at < OPEN)).collect()
}

fn facet(query: &Query, choices: &Choices, open: bool) -> FacetView {
    let facet = choices.facet;
    let active = query.filters.contains_key(&facet);
    let ranges = match query.filters.get(&facet) {
        Some(Filter::Ranges(ranges)) => ranges.clone(),
        _ => Vec::new(),
    };
    let (mut options, mut bars) = (Vec::new(), Vec::new());
    if choices.binned {
        bars = histogram(choices, &ranges);
    } else {
        options.extend(choices.choices.iter().map(|choice| OptionView {
            value: choice.value.clone(),
            label: facet.label(&choice.value),
            count: grouped(choice.count),
            checked: query.has(facet, &choice.value),
        }));
        // What would find nothing comes last.
        options.sort_by_key(|option| option.count == "0" && !option.checked);
        // What somebody asked for by hand must not get lost.
        let known = |value: &str| choices.choices.iter().any(|choice| choice.value == value);
        let strange = query.values().into_iter().filter(|(of, value)| *of == facet && !known(value));
        options.extend(strange.map(|(_, value)| OptionView {
            label: if facet.kind() == Kind::Numbers {
                range_label(facet, &value)
            } else {
                facet.label(&value)
            },
            value,
            count: String::new(),
            checked: true,
        }));
    }
    let side = |value: f32| if value.is_finite() { value.to_string() } else { String::new() };
    let edge = |choice: Option<&crate::Choice>, at: fn(Range) -> f32| {
        choice.and_then(|choice| Range::parse(&choice.value)).map_or(String::new(), |bin| side(at(bin)))
    };
    let low = edge(choices.choices.first(), |bin| bin.low);
    let high = edge(choices.choices.last(), |bin| bin.high);
    let shown = ranges.first().filter(|_| choices.binned);
    FacetView {
        key: facet.key(),
        title: facet.title(),
        unit: match facet {
            Facet::Field => "ångström",
            Facet::Rotation => "degrees",
            Facet::Energy => "kilovolts",
            Facet::Semiangle => "milliradians",
            Facet::Psnr => "decibels",
            _ => "columns",
        },
        symbol: facet.unit(),
        active,
        open: open || active,
        options,
        summary: format!("Histogram of {} from {low} to {high} {}", facet.title(), facet.unit()),
        bars,
        from: shown.map_or(String::new(), |range| side(range.low)),
        to: shown.map_or(String::new(), |range| side(range.high)),
        below: shown.filter(|range| range.below).map_or(String::new(), |range| side(range.high)),
        low,
        high,
        extra: ranges.iter().skip(usize::from(shown.is_some())).map(Range::to_string).collect(),
    }
}

/// Bars in a field of 200 × 48.
fn histogram(choices: &Choices, ranges: &[Range]) -> Vec<Bar> {
    let most = choices.choices.iter().map(|choice| choice.count).max().unwrap_or_default().max(1) as f32;
    let width = 200.0 / choices.choices.len().max(1) as f32;
    let bar = |(at, choice): (usize, &crate::Choice)| {
        let range = Range::parse(&choice.value);
        let reaches = |asked: &Range, low| if asked.below { low < asked.high } else { low <= asked.high };
        let inside = |asked: &Range| range.is_some_and(|bin| asked.low < bin.high && reaches(asked, bin.low));
        // What there is must be seen.
        let height = if choice.count == 0 { 0.0 } else { (46.0 * choice.count as f32 / most).max(1.5) };
        let side = |value: Option<f32>| value.map_or(String::new(), |value| value.to_string());
        Bar {
            x: format!("{:.2}", at as f32 * width + 0.5),
            y: format!("{:.2}", 48.0 - height),
            width: format!("{:.2}", (width - 1.0).max(0.5)),
            height: format!("{height:.2}"),
            class: if ranges.is_empty() || ranges.iter().any(inside) { "in" } else { "out" },
            title: format!("{}: {}", range_label(choices.facet, &choice.value), grouped(choice.count)),
            low: side(range.map(|range| range.low)),
            high: side(range.map(|range| range.high)),
        }
    };
    choices.choices.iter().enumerate().map(bar).collect()
}

/// A page's number, a gap, or an arrow.
#[derive(Default)]
pub(crate) struct NumberedPage {
    pub name: String,
    pub label: String,
    pub link: String,
    pub rel: &'static str,
    pub current: bool,
    pub gap: bool,
}

pub(crate) fn pages(query: &Query, more: &[(&str, &str)], page: usize, last: usize) -> Vec<NumberedPage> {
    if last <= 1 {
        return Vec::new();
    }
    let link = |number: usize| {
        let number = number.to_string();
        let own = [("page", number.as_str())];
        let all: Vec<(&str, &str)> =
            more.iter().chain(own.iter().filter(|_| number != "1")).copied().collect();
        query.address_with(&all)
    };
    let arrow = |number: usize, name: &str, label: &str, rel| NumberedPage {
        name: name.to_owned(),
        label: label.to_owned(),
        link: link(number),
        rel,
        ..NumberedPage::default()
    };
    let mut pages = Vec::new();
    if page > 1 {
        pages.push(arrow(page - 1, "←", "Page before", "prev"));
    }
    let mut before = 0;
    for number in (1..=last).filter(|n| *n == 1 || *n == last || n.abs_diff(page) <= 2) {
        if number > before + 1 {
            pages.push(NumberedPage { gap: true, ..NumberedPage::default() });
        }
        before = number;
        let current = number == page;
        let label = format!("Page {number}");
        pages.push(NumberedPage {
            name: number.to_string(),
            label,
            link: link(number),
            current,
            ..Default::default()
        });
    }
    if page < last {
        pages.push(arrow(page + 1, "→", "Next page", "next"));
    }
    pages
}

/// A column as it is drawn.
pub(crate) struct Spot {
    pub class: &'static str,
    pub x: String,
    pub y: String,
    pub r: String,
    pub title: String,
}

/// What a column is made of: `Sr 12, O 8`.
fn atoms(atoms: &BTreeMap<String, f64>) -> String {
    atoms.iter().map(|(element, n)| format!("{element} {}", short(*n as f32))).collect::<Vec<_>>().join(", ")
}

pub(crate) fn spots(record: &Record) -> Vec<Spot> {
    let radius = format!("{:.2}", (record.radius_px * 0.5).clamp(1.5, 6.0));
    let spot = |class, x: f64, y: f64, title: String| Spot {
        class,
        x: format!("{x:.2}"),
        y: format!("{y:.2}"),
        r: radius.clone(),
        title,
    };
    let labelled = record.columns.iter().map(|c| spot("labelled", c.x, c.y, atoms(&c.atoms)));
    let others = record
        .unlabelled
        .iter()
        .map(|c| spot("unlabelled", c.x, c.y, format!("{}, no label", atoms(&c.atoms))));
    labelled.chain(others).collect()
}

/// Rows of the table of columns: x and y in pixels and ångström, atoms, intensity.
pub(crate) fn rows(record: &Record, limit: usize) -> Vec<[String; 6]> {
    let row = |x: f64, y: f64, atoms: String, intensity: String| {
        let length = |value: f64| {
            if record.pixel_angstrom > 0.0 {
                format!("{:.3}", value * record.pixel_angstrom)
            } else {
                String::new()
            }
        };
        [format!("{x:.3}"), format!("{y:.3}"), length(x), length(y), atoms, intensity]
    };
    let labelled =
        record.columns.iter().map(|c| row(c.x, c.y, atoms(&c.atoms), format!("{:.3}", c.intensity)));
    let others = record.unlabelled.iter().map(|c| row(c.x, c.y, atoms(&c.atoms), "no label".to_owned()));
    labelled.chain(others).take(limit).collect()
}

/// The record for reading, without its columns, which have a table of their own.
pub(crate) fn record(record: &Record) -> String {
    let mut value = serde_json::to_value(record).unwrap_or_default();
    for list in ["columns", "unlabelled"] {
        let count = value[list].as_array().map_or(0, Vec::len);
        value[list] = format!("{count} of them").into();
    }
    format!("{value:#}")
}

/// A setting.
pub(crate) struct Fact {
    pub name: String,
    pub value: String,
}

/// Settings that belong together.
pub(crate) struct Facts {
    pub title: &'static str,
    pub rows: Vec<Fact>,
}

/// A number with as many digits as tell something.
fn tidy(value: f64) -> String {
    let digits = match value.abs() {
        v if v == 0.0 || v >= 1000.0 => 0,
        v if v >= 10.0 => 2,
        v if v >= 0.01 => 4,
        _ => return format!("{value:.3e}"),
    };
    let text = format!("{value:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// All settings of a sample, whose image has a width and a height if anybody knows them.
pub(crate) fn facts(record: &Record, size: Option<(usize, usize)>) -> Vec<Facts> {
    let fact = |name: &str, value: String| Fact { name: name.to_owned(), value };
    let with = |name: &str, value: f64, unit: &str| fact(name, format!("{} {unit}", tidy(value)));
    let word =
        |value: serde_json::Value| value.as_str().map(|text| text.replace('-', " ")).unwrap_or_default();
    let mut groups = Vec::new();
    let mut image = Vec::new();
    image.extend(size.map(|(width, height)| fact("Pixels", format!("{width} × {height}"))));
    image.extend(record.settings.as_ref().map(|s| with("Rotation", s.rotation_deg, "°")));
    if record.pixel_angstrom > 0.0 {
        image.push(with("Pixel size", record.pixel_angstrom, "Å"));
        image.extend(size.map(|(width, _)| with("Field of view", record.pixel_angstrom * width as f64, "Å")));
    }
    image.extend(record.psnr_db.map(|psnr| with("PSNR", psnr, "dB")));
    image.push(fact("Labelled columns", record.columns.len().to_string()));
    image.push(fact("Columns without a label", record.unlabelled.len().to_string()));
    if record.radius_px > 0.0 {
        image.push(with("Mask radius", record.radius_px, "px"));
    }
    if let Some(s) = &record.settings {
        groups.push(Facts {
            title: "Specimen",
            rows: vec![
                fact("Material", s.material.clone()),
                fact("Zone axis", format!("[{}]", s.zone)),
                fact("Morphology", crate::index::morphology(&word(serde_json::json!(s.form)))),
            ],
        });
    }
    groups.push(Facts { title: "Image", rows: image });
    if let Some(s) = &record.settings {
        let lens = s.probe.aberrations();
        groups.push(Facts {
            title: "Microscope",
            rows: vec![
                with("Beam energy", s.probe.energy_kv(), "kV"),
                with("Convergence semi-angle", s.probe.semiangle_mrad(), "mrad"),
                with("Source size (FWHM)", s.probe.source_fwhm_angstrom(), "Å"),
                with("Defocus", lens.defocus_angstrom, "Å"),
                with("Twofold astigmatism", lens.astigmatism2_angstrom, "Å"),
                with("C₃", lens.c3_mm, "mm"),
                with("C₅", lens.c5_mm, "mm"),
            ],
        });
        groups.push(Facts {
            title: "Noise and background",
            rows: vec![
                with("Beam current", s.dose.current_pa, "pA"),
                with("Dwell time", s.dose.dwell_us, "µs"),
                with("Electrons at the peak", s.peak_electrons, ""),
                with("Scan jitter σ", s.scan.sigma_angstrom, "Å"),
                with("Mains", s.scan.mains_hz, "Hz"),
                with("Line time", s.scan.line_time_s * 1e3, "ms"),
                fact("Background", word(serde_json::json!(s.background))),
                with("Background level", s.background_level, "of the peak"),
            ],
        });
    }
    groups
}

/// The level that is white in the images' files.
pub(crate) fn white(site: &Site) -> u32 {
    match site.manifest().depth {
        Depth::Eight => 255,
        Depth::Sixteen => 65_535,
        Depth::Float => 1,
    }
}

/// What black and white mean in each label's images, `image:-0.1:1.2 noNoise:…`, in units of the ideal image's peak.
pub(crate) fn ranges(site: &Site, record: &Record) -> String {
    let Some(grey) = record.grey else { return String::new() };
    let images = site.labels().iter().filter(|label| label.is_image());
    let range = |label: &Label| {
        let (low, high) = grey.range(*label);
        format!("{label}:{low}:{high}")
    };
    images.map(range).collect::<Vec<_>>().join(" ")
}

/// Samples like this one but for one thing.
pub(crate) struct Near {
    pub title: &'static str,
    pub cards: Vec<Card>,
}

pub(crate) fn neighbours(site: &Site, at: usize) -> Vec<Near> {
    let index = site.index();
    let code = |facet: Facet, at: usize| index.column(facet).codes[at];
    let same = |facet: Facet, other: usize| code(facet, other) == code(facet, at);
    let specimen = [Facet::Material, Facet::Zone, Facet::Morphology];
    if code(Facet::Material, at) == 0 {
        return Vec::new();
    }
    let near = |a: f32, b: f32| a == b || (a - b).abs() <= 1e-4 * a.abs();
    let alike = |index: &Index, facet: Facet, other: usize| {
        let numbers = &index.column(facet).numbers;
        near(numbers[at], numbers[other])
    };
    let mut kinds = [
        ("The same settings, other noise and offsets", Vec::new()),
        ("Other rotations", Vec::new()),
        ("Other fields of view", Vec::new()),
        ("Other optics", Vec::new()),
        ("The same structure", Vec::new()),
    ];
    // The nearest by number, on both sides in turn.
    let outwards = (1..index.len()).flat_map(|step| [at.checked_sub(step), at.checked_add(step)]);
    for other in outwards.flatten().filter(|other| *other < index.len()).take(MAX_LOOKED_AT) {
        if !specimen.iter().all(|facet| same(*facet, other)) {
            continue;
        }
        let optics = alike(index, Facet::Energy, other) && alike(index, Facet::Semiangle, other);
        let kind = match (alike(index, Facet::Rotation, other), alike(index, Facet::Field, other), optics) {
            (true, true, true) => 0,
            (false, true, true) => 1,
            (true, false, true) => 2,
            (true, true, false) => 3,
            _ => 4,
        };
        if kinds[kind].1.len() < NEIGHBOURS {
            kinds[kind].1.push(other);
        }
        if kinds[..4].iter().all(|(_, found)| found.len() == NEIGHBOURS) {
            break;
        }
    }
    let rest = kinds[..4].iter().any(|(_, found)| !found.is_empty());
    if rest {
        kinds[4].1.clear();
    }
    let near = kinds.into_iter().filter(|(_, found)| !found.is_empty()).map(|(title, mut found)| {
        found.sort_unstable();
        Near { title, cards: found.into_iter().map(|at| card(site, at, "")).collect() }
    });
    near.collect()
}

/// Samples that are looked at for neighbours.
const MAX_LOOKED_AT: usize = 200_000;

/// Bytes of each label of a selection, estimated from a few of its samples.
pub(crate) fn sizes(site: &Site, places: &[u32]) -> Result<Vec<u64>, Problem> {
    let mut sums = vec![0_u64; site.labels().len()];
    let step = places.len().div_ceil(MEASURED).max(1);
    let measured: Vec<u32> = places.iter().step_by(step).copied().collect();
    for at in &measured {
        let record = site.record(*at as usize)?;
        for (sum, label) in sums.iter_mut().zip(site.labels()) {
            *sum += site.file(*label, &record)?.bytes.len() as u64;
        }
    }
    Ok(sums.into_iter().map(|sum| sum * places.len() as u64 / measured.len().max(1) as u64).collect())
}

/// A number with commas between thousands.
pub(crate) fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number of bytes as people say it.
pub(crate) fn size(bytes: u64) -> String {
    let (unit, name) = [(1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")]
        .into_iter()
        .find(|(unit, _)| bytes as f64 >= *unit)
        .unwrap_or((1.0, "bytes"));
    let value = bytes as f64 / unit;
    if unit == 1.0 || value >= 100.0 { format!("{value:.0} {name}") } else { format!("{value:.1} {name}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_said_as_people_say_them() {
        assert_eq!((grouped(0), grouped(999), grouped(14_364)), ("0".into(), "999".into(), "14,364".into()));
        assert_eq!(grouped(1_000_000), "1,000,000");
        assert_eq!(
            (size(12), size(1_500), size(4_200_000_000)),
            ("12 bytes".into(), "1.5 kB".into(), "4.2 GB".into())
        );
        assert_eq!(
            (tidy(200.0), tidy(0.9), tidy(0.0), tidy(1e-5)),
            ("200".into(), "0.9".into(), "0".into(), "1.000e-5".into())
        );
        assert_eq!(range_label(Facet::Psnr, "15.."), "at least 15 dB");
        assert_eq!(range_label(Facet::Psnr, "15..<20"), "15 to below 20 dB");
    }

    #[test]
    fn a_bin_that_is_asked_for_is_in_the_fields_and_its_bar_alone_is_lit() {
        let choice = |value: &str| crate::Choice { value: value.to_owned(), count: 5 };
        let choices = Choices {
            facet: Facet::Psnr,
            choices: ["10..<15", "15..<20", "20..<25"].map(choice).to_vec(),
            binned: true,
            bounds: Some((10.0, 24.0)),
        };
        let lit = |view: &FacetView| view.bars.iter().map(|bar| bar.class == "in").collect::<Vec<_>>();
        let shown = |address: &str| facet(&Query::parse(address).unwrap(), &choices, true);
        let bin = shown("psnr_db=15..<20");
        assert_eq!((&*bin.from, &*bin.to, &*bin.below, bin.extra.len()), ("15", "20", "20", 0));
        assert_eq!(lit(&bin), [false, true, false]);
        let range = shown("psnr_db=15..20");
        assert_eq!((&*range.from, &*range.to, &*range.below), ("15", "20", ""));
        assert_eq!(lit(&range), [false, true, true], "20 itself is in the next bin");
        assert_eq!(lit(&shown("")), [true; 3]);
    }

    #[test]
    fn pages_have_gaps_where_there_are_many() {
        let text = |page, last| -> String {
            let name = |page: &NumberedPage| {
                if page.gap {
                    "…".into()
                } else if page.current {
                    format!("[{}]", page.name)
                } else {
                    page.name.clone()
                }
            };
            pages(&Query::default(), &[], page, last).iter().map(name).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(text(1, 1), "");
        assert_eq!(text(1, 3), "[1] 2 3 →");
        assert_eq!(text(50, 599), "← 1 … 48 49 [50] 51 52 … 599 →");
        let links = pages(&Query::default(), &[("per", "48")], 2, 3);
        assert_eq!((links[0].link.as_str(), links[3].link.as_str()), ("per=48", "per=48&page=3"));
    }
}
