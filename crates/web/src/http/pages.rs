//! The pages.

use super::api::{self, Answer, blocking, number, search, take, take_one, whole};
use super::content::{Content, insert};
use super::limits::MAX_COMPARED;
use super::problem::Problem;
use super::recipe;
use super::site::{Site, short};
use super::view::{self, Card, Chip, FacetView, Fact, Facts, NumberedPage, Spot, grouped, size};
use crate::query::{Filter, Order, Query, Sort};
use crate::{Facet, Kind};
use adatom_archive::Label;
use askama::Template;
use axum::body::{Body, Bytes};
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use std::sync::Arc;

/// Samples of a page of the gallery that can be asked for; the first is usual.
const PER_PAGE: [usize; 4] = [24, 48, 96, 192];
/// Columns that a sample's page lists.
const MAX_ROWS: usize = 500;

/// What every page has.
struct Frame {
    library: String,
    program: String,
    assets: &'static str,
    current: &'static str,
}

impl Frame {
    fn new(site: &Site, current: &'static str) -> Self {
        let manifest = site.manifest();
        Self {
            library: manifest.name.clone(),
            program: manifest.program.clone(),
            assets: super::assets::version(),
            current,
        }
    }
}

fn html(page: &impl Template) -> Answer {
    let text = page.render().map_err(|error| {
        tracing::error!(%error, "a page can't be written");
        Problem::new(axum::http::StatusCode::INTERNAL_SERVER_ERROR, "The page can't be written.")
    })?;
    let mut response = Body::from(text).into_response();
    insert(&mut response, header::CONTENT_TYPE, "text/html; charset=utf-8");
    insert(&mut response, header::CACHE_CONTROL, "no-cache");
    Ok(response)
}

#[derive(Template)]
#[template(path = "home.html")]
struct Home {
    frame: Frame,
    samples: String,
    lead: String,
    stats: Vec<(&'static str, String)>,
    mosaic: Vec<Card>,
    shown: Option<Card>,
    strip: Vec<Part>,
    materials: Vec<Tile>,
}

struct Part {
    image: String,
    name: &'static str,
    title: &'static str,
}

struct Tile {
    link: String,
    image: String,
    name: String,
    count: String,
}

pub(crate) async fn home(State(site): State<Arc<Site>>) -> Answer {
    blocking(move || {
        let index = site.index();
        let query = Query { order: Order { sort: Sort::Shuffled, descending: false }, ..Query::default() };
        let selection = index.select(&query)?;
        let places = selection.page(0, 12).places;
        let choices = site.choices(&query, &selection);
        let known = |facet: Facet| choices[facet.at()].choices.len();
        let mut stats = vec![("Samples", grouped(index.len()))];
        let columns: f64 =
            (0..index.len()).filter_map(|at| index.number(Facet::Columns, at)).map(f64::from).sum();
        stats.push(("Labelled columns", grouped(columns as usize)));
        for (name, facet) in [("Materials", Facet::Material), ("Elements", Facet::Elements)] {
            if known(facet) > 0 {
                stats.push((name, grouped(known(facet))));
            }
        }
        if let Some((low, high)) = choices[Facet::Psnr.at()].bounds {
            stats.push(("PSNR", format!("{} to {} dB", short(low), short(high))));
        }
        if let Some((low, high)) = choices[Facet::Field.at()].bounds {
            stats.push(("Field of view", format!("{} to {} Å", short(low), short(high))));
        }
        let manifest = site.manifest();
        let lead = manifest
            .recipe
            .as_ref()
            .map(|recipe| recipe.description.clone())
            .filter(|text| !text.is_empty())
            .map(|text| format!("{}. ", text.trim_end_matches('.')))
            .unwrap_or_default();
        let lead = format!("{lead}{}", view::lead(site.labels()));
        // The sample with the middle number of columns among some shows best what labels are.
        let mut by_columns = selection.page(0, 25).places;
        by_columns.sort_by_key(|at| index.number(Facet::Columns, *at).map_or(0, |n| n as u64));
        let example = by_columns.get(by_columns.len() / 2).copied();
        let strip = example.map_or(Vec::new(), |at| {
            let images = site.labels().iter().filter(|label| label.is_image() && label.factor() == 1);
            let image = |label: Label| view::thumbnail(&site, index.id(at), 256, label);
            images
                .map(|label| Part { image: image(*label), name: label.name(), title: view::title(*label) })
                .collect()
        });
        let mut materials = Vec::new();
        for choice in choices[Facet::Material.at()].choices.iter().take(24) {
            let words = Filter::Words(vec![choice.value.clone()]);
            let only = Query { filters: [(Facet::Material, words)].into(), ..query.clone() };
            materials.extend(index.select(&only)?.page(0, 1).places.first().map(|at| Tile {
                link: format!("/samples?{}", Query { order: Order::default(), ..only }.address()),
                image: view::picture(&site, index.id(*at), 128),
                name: choice.value.clone(),
                count: grouped(choice.count),
            }));
        }
        html(&Home {
            frame: Frame::new(&site, "home"),
            samples: grouped(index.len()),
            lead,
            stats,
            mosaic: places.iter().map(|at| view::card(&site, *at, "")).collect(),
            shown: example.map(|at| view::card(&site, at, "")),
            strip,
            materials,
        })
    })
    .await
}

#[derive(Template)]
#[template(path = "gallery.html")]
struct Gallery {
    frame: Frame,
    text: String,
    total: String,
    facets: Vec<FacetView>,
    chips: Vec<Chip>,
    sort: String,
    per: String,
    /// What the form of the order keeps of the search.
    kept: Vec<(String, String)>,
    orders: Vec<(String, &'static str, bool)>,
    pers: Vec<(usize, bool)>,
    address: String,
    cards: Vec<Card>,
    pages: Vec<NumberedPage>,
}

/// What forms send along of a search; the order not.
fn kept(query: &Query) -> Vec<(String, String)> {
    let text = (!query.text.is_empty()).then(|| ("q".to_owned(), query.text.clone()));
    text.into_iter()
        .chain(query.values().into_iter().map(|(facet, value)| (facet.key().to_owned(), value)))
        .collect()
}

pub(crate) async fn gallery(State(site): State<Arc<Site>>, RawQuery(query): RawQuery) -> Answer {
    blocking(move || {
        let (query, mut parameters) = search(query.as_deref())?;
        let per = take_one(&mut parameters, "per").unwrap_or_else(|| PER_PAGE[0].to_string());
        let per = PER_PAGE.into_iter().find(|n| n.to_string() == per);
        let per = per.ok_or_else(|| Problem::bad("per", "give 24, 48, 96 or 192 samples per page"))?;
        let page = whole(&mut parameters, "page", [1, 1_000_000_000], 1)?;
        let selection = site.index().select(&query)?;
        let count = selection.count();
        let last = count.div_ceil(per).max(1);
        if page > last {
            let detail = format!("The search has {last} pages; there is no page {page}.");
            return Err(Problem { parameter: Some("page".to_owned()), ..Problem::not_found(detail) });
        }
        let shown = selection.page_after((page - 1) * per, per);
        let more = if per == PER_PAGE[0] { Vec::new() } else { vec![("per", per.to_string())] };
        let address = query.address();
        let more: Vec<(&str, &str)> = more.iter().map(|(key, value)| (*key, value.as_str())).collect();
        html(&Gallery {
            frame: Frame::new(&site, "samples"),
            text: query.text.clone(),
            total: grouped(count),
            facets: view::facets(&query, &site.choices(&query, &selection)),
            chips: view::chips(&query),
            sort: query.order.key(),
            per: per.to_string(),
            kept: kept(&query),
            orders: Order::NAMED.map(|(order, name)| (order.key(), name, order == query.order)).to_vec(),
            pers: PER_PAGE.map(|n| (n, n == per)).to_vec(),
            cards: shown.places.iter().map(|at| view::card(&site, *at, &address)).collect(),
            pages: view::pages(&query, &more, page, last),
            address,
        })
    })
    .await
}

#[derive(Template)]
#[template(path = "sample.html")]
struct SamplePage {
    frame: Frame,
    id: u64,
    title: String,
    caption: String,
    query: String,
    previous: Option<u64>,
    next: Option<u64>,
    version: String,
    pixel: String,
    white: u32,
    ranges: String,
    images: Vec<(&'static str, &'static str)>,
    still: String,
    width: usize,
    height: usize,
    spots: Vec<Spot>,
    groups: Vec<Facts>,
    command: String,
    built_in: bool,
    /// Files beside the recipe that the command needs.
    crystals: String,
    neighbours: Vec<view::Near>,
    files: Vec<FileRow>,
    rows: Vec<[String; 6]>,
    record: String,
}

struct FileRow {
    link: String,
    name: &'static str,
    what: &'static str,
    sum: String,
}

pub(crate) async fn sample(
    State(site): State<Arc<Site>>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Answer {
    blocking(move || {
        let (query, _) = search(query.as_deref())?;
        let (id, at) = number(&site, &id)?;
        let record = site.record(at)?;
        let size = site.size(at)?;
        let (width, height) = size.unwrap_or_default();
        let (previous, next) = site.index().select(&query)?.around(at);
        let id_of = |at: usize| site.index().id(at);
        let files = site.labels().iter().map(|label| FileRow {
            link: format!("/api/v1/samples/{id}/files/{label}?v={}", site.version),
            name: label.name(),
            what: view::title(*label),
            sum: record
                .files
                .get(label)
                .map_or(String::new(), |sum| sum.chars().take(16).collect::<String>() + "…"),
        });
        let images = site.labels().iter().filter(|label| label.is_image());
        html(&SamplePage {
            frame: Frame::new(&site, "samples"),
            id,
            title: record.settings.as_ref().map_or(String::new(), |settings| settings.structure()),
            caption: site.caption(at),
            query: query.address(),
            previous: previous.map(id_of),
            next: next.map(id_of),
            version: site.version.clone(),
            pixel: record.pixel_angstrom.to_string(),
            white: view::white(&site),
            ranges: view::ranges(&site, &record),
            images: images.map(|label| (label.name(), view::title(*label))).collect(),
            still: view::picture(&site, id, 256),
            width,
            height,
            spots: view::spots(&record),
            groups: view::facts(&record, size),
            command: recipe::command(&site, id, id, &format!("sample-{id}")).unwrap_or_default(),
            built_in: site.built_in.is_some(),
            crystals: recipe::listed(&site.crystals),
            neighbours: view::neighbours(&site, at),
            files: files.collect(),
            rows: view::rows(&record, MAX_ROWS),
            record: view::record(&record),
        })
    })
    .await
}

#[derive(Template)]
#[template(path = "compare.html")]
struct Compare {
    frame: Frame,
    numbers: Vec<String>,
    first: u64,
    last: u64,
    labels: Vec<(&'static str, &'static str, bool)>,
    /// Of the label that the pictures show, if there are any.
    label_title: Option<&'static str>,
    samples: Vec<Card>,
    rows: Vec<Row>,
    download: String,
}

struct Row {
    name: String,
    values: Vec<String>,
    differs: bool,
}

pub(crate) async fn compare(State(site): State<Arc<Site>>, RawQuery(query): RawQuery) -> Answer {
    blocking(move || {
        let (_, mut parameters) = search(query.as_deref())?;
        let mut ids: Vec<(u64, usize)> = Vec::new();
        for text in take(&mut parameters, "id").iter().map(|text| text.trim()).filter(|text| !text.is_empty())
        {
            let found = number(&site, text)?;
            if !ids.contains(&found) {
                ids.push(found);
            }
        }
        if ids.len() > MAX_COMPARED {
            let detail = format!("{} samples; at most {MAX_COMPARED} can be compared", ids.len());
            return Err(Problem::bad("id", detail));
        }
        let label = match take_one(&mut parameters, "label") {
            Some(name) => Some(site.label(&name)?),
            None => site.pictured(),
        };
        if let Some(label) = label.filter(|label| !label.is_image()) {
            return Err(Problem::bad("label", format!("{label} is a text; give an image")));
        }
        let mut samples = Vec::new();
        let mut rows: Vec<Row> = Vec::new();
        for (id, at) in &ids {
            let mut card = view::card(&site, *at, "");
            if let Some(label) = label {
                card.image = view::thumbnail(&site, *id, 256, label);
            }
            samples.push(card);
            let record = site.record(*at)?;
            for Fact { name, value } in
                view::facts(&record, site.size(*at)?).into_iter().flat_map(|group| group.rows)
            {
                let at = rows.iter().position(|row| row.name == name).unwrap_or_else(|| {
                    rows.push(Row { name: name.clone(), values: Vec::new(), differs: false });
                    rows.len() - 1
                });
                rows[at].values.resize(samples.len() - 1, String::new());
                rows[at].values.push(value);
            }
        }
        for row in &mut rows {
            row.values.resize(samples.len(), String::new());
            row.differs = row.values.iter().any(|value| *value != row.values[0]);
        }
        let mut numbers: Vec<String> = ids.iter().map(|(id, _)| id.to_string()).collect();
        numbers.resize(MAX_COMPARED, String::new());
        let choices = site.labels().iter().filter(|label| label.is_image());
        let download = ids.iter().map(|(id, _)| format!("%23{id}")).collect::<Vec<_>>().join("+");
        html(&Compare {
            frame: Frame::new(&site, "compare"),
            numbers,
            first: site.manifest().first,
            last: site.manifest().last,
            labels: choices.map(|known| (known.name(), view::title(*known), Some(*known) == label)).collect(),
            label_title: label.map(view::title),
            samples,
            rows,
            download: format!("q={download}"),
        })
    })
    .await
}

#[derive(Template)]
#[template(path = "download.html")]
struct Download {
    frame: Frame,
    total: String,
    count: usize,
    chips: Vec<Chip>,
    address: String,
    kept: Vec<(String, String)>,
    labels: Vec<LabelRow>,
    together: String,
    python: String,
    command: String,
    built_in: bool,
    /// Files beside the recipe that the command needs.
    crystals: String,
}

struct LabelRow {
    name: &'static str,
    title: &'static str,
    bytes: u64,
    size: String,
    checked: bool,
}

pub(crate) async fn download(
    State(site): State<Arc<Site>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Answer {
    blocking(move || {
        let (query, _) = search(query.as_deref())?;
        let places = site.index().select(&query)?.places();
        let bytes = view::sizes(&site, &places)?;
        let usual = [Label::Image, Label::NoNoise, Label::Position];
        let mut checked: Vec<Label> =
            site.labels().iter().copied().filter(|label| usual.contains(label)).collect();
        if checked.is_empty() {
            checked = site.labels().to_vec();
        }
        let row = |(label, bytes): (&Label, &u64)| LabelRow {
            name: label.name(),
            title: view::title(*label),
            bytes: *bytes,
            size: size(*bytes),
            checked: checked.contains(label),
        };
        let labels: Vec<LabelRow> = site.labels().iter().zip(&bytes).map(row).collect();
        let ids: Vec<u64> = [places.first(), places.last()]
            .into_iter()
            .flatten()
            .map(|at| site.index().id(*at as usize))
            .collect();
        let command = match ids[..] {
            [first, last] if last - first + 1 == places.len() as u64 => {
                recipe::command(&site, first, last, "samples").unwrap_or_default()
            }
            [_, _] if site.manifest().recipe.is_some() => {
                let address = query.address();
                let host = site.origin(&headers);
                format!(
                    "curl -o recipe.toml '{host}/api/v1/recipe.toml?{address}'\ngrep '#   adatom' recipe.toml"
                )
            }
            _ => String::new(),
        };
        let address = Query { order: Order::default(), ..query.clone() }.address();
        html(&Download {
            frame: Frame::new(&site, "download"),
            total: grouped(places.len()),
            count: places.len(),
            chips: view::chips(&query),
            kept: kept(&query),
            together: size(labels.iter().filter(|label| label.checked).map(|label| label.bytes).sum()),
            python: api::python(&site, &address, &checked, &headers),
            labels,
            command,
            built_in: site.built_in.is_some(),
            crystals: recipe::listed(&site.crystals),
            address,
        })
    })
    .await
}

#[derive(Template)]
#[template(path = "api.html")]
struct ApiPage {
    frame: Frame,
    origin: String,
    paths: Vec<(&'static str, String)>,
    parameters: Vec<[String; 4]>,
}

pub(crate) async fn api(State(site): State<Arc<Site>>, headers: HeaderMap) -> Answer {
    let choices = {
        let site = Arc::clone(&site);
        blocking(move || {
            let query = Query::default();
            Ok(site.choices(&query, &site.index().select(&query)?))
        })
        .await?
    };
    let example = |facet: Facet| {
        let first = choices[facet.at()].choices.first().map_or("…", |choice| choice.value.as_str());
        match facet.kind() {
            Kind::Words => format!("{}={first}", facet.key()),
            Kind::Numbers => match choices[facet.at()].bounds {
                Some((low, high)) => format!("{}={low}..{high}", facet.key()),
                None => format!("{}=10..20", facet.key()),
            },
        }
    };
    html(&ApiPage {
        frame: Frame::new(&site, "api"),
        origin: site.origin(&headers),
        paths: super::openapi::paths(),
        parameters: Facet::ALL
            .map(|facet| {
                [facet.key().to_owned(), facet.title().to_owned(), facet.unit().to_owned(), example(facet)]
            })
            .to_vec(),
    })
}

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage {
    frame: Frame,
    status: u16,
    title: &'static str,
    parameter: String,
    detail: String,
}

/// A problem as a page.
pub(crate) fn problem(site: &Site, problem: &Problem) -> Answer {
    html(&ProblemPage {
        frame: Frame::new(site, ""),
        status: problem.status.as_u16(),
        title: problem.title(),
        parameter: problem.parameter.clone().unwrap_or_default(),
        detail: problem.detail.clone(),
    })
}

pub(crate) async fn asset(Path(name): Path<String>, RawQuery(query): RawQuery, headers: HeaderMap) -> Answer {
    let asset = super::assets::find(&name).ok_or_else(|| Problem::not_found("There is no such file."))?;
    let forever = query.is_some_and(|query| query == format!("v={}", super::assets::version()));
    let bytes = Bytes::from_static(asset.bytes);
    Ok(Content { kind: asset.kind, bytes, forever, request: &headers }.response())
}

pub(crate) async fn favicon(headers: HeaderMap) -> Answer {
    asset(Path("icon.svg".to_owned()), RawQuery(None), headers).await
}

/// Robots would ask for every combination of filters.
pub(crate) async fn robots() -> Response {
    let mut response =
        Body::from("User-agent: *\nDisallow: /api/v1/archive\nDisallow: /*?\n").into_response();
    insert(&mut response, header::CONTENT_TYPE, "text/plain; charset=utf-8");
    response
}
