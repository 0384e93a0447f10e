//! The HTTP API: what is asked for in JSON.

use super::archive::{Form, Wanted};
use super::content::{Content, attach, insert};
use super::limits::MAX_PAGE;
use super::picture::SIDES;
use super::problem::Problem;
use super::recipe;
use super::site::Site;
use crate::query::{Parameters, Query, parameters};
use crate::{Facet, Index, Kind};
use adatom_archive::Label;
use axum::body::{Body, Bytes};
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// Samples of an answer if nobody says how many.
const PAGE: usize = 50;

pub(crate) type Answer = Result<Response, Problem>;

/// Runs what reads files or counts much where it keeps nobody else waiting.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Problem> + Send + 'static,
) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| {
        tracing::error!(%error, "a request could not be worked on");
        Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "The server made a mistake; its log says which."))
    })
}

pub(crate) fn json(value: &Value) -> Response {
    let mut response = Body::from(value.to_string()).into_response();
    insert(&mut response, header::CONTENT_TYPE, "application/json");
    insert(&mut response, header::CACHE_CONTROL, "no-cache");
    response
}

/// The search of an address, and what else it says.
pub(crate) fn search(query: Option<&str>) -> Result<(Query, Parameters), Problem> {
    let mut parameters = parameters(query.unwrap_or_default())?;
    let query = Query::take(&mut parameters)?;
    Ok((query, parameters))
}

/// Takes the values of a parameter.
pub(crate) fn take(parameters: &mut Parameters, name: &str) -> Vec<String> {
    let (taken, left) = parameters.drain(..).partition(|(key, _)| key == name);
    *parameters = left;
    taken.into_iter().map(|(_, value): (String, String)| value).collect()
}

/// The last value of a parameter, as browsers' forms mean it.
pub(crate) fn take_one(parameters: &mut Parameters, name: &str) -> Option<String> {
    take(parameters, name).pop()
}

/// Refuses parameters that nobody took.
pub(crate) fn nothing_else(parameters: &Parameters) -> Result<(), Problem> {
    match parameters.first() {
        Some((name, _)) => {
            Err(Problem::bad(name, "is no parameter of this address; /api/v1/openapi.json lists them"))
        }
        None => Ok(()),
    }
}

/// A whole number in a range.
pub(crate) fn whole(
    parameters: &mut Parameters,
    name: &str,
    limits: [usize; 2],
    usual: usize,
) -> Result<usize, Problem> {
    let Some(text) = take_one(parameters, name) else { return Ok(usual) };
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = text.parse().ok().filter(|number| plain && (limits[0]..=limits[1]).contains(number));
    number.ok_or_else(|| {
        Problem::bad(name, format!("{text:?} is no whole number from {} to {}", limits[0], limits[1]))
    })
}

/// A sample's number in a path.
pub(crate) fn number(site: &Site, text: &str) -> Result<(u64, usize), Problem> {
    let plain = !text.is_empty() && text.len() <= 10 && text.bytes().all(|byte| byte.is_ascii_digit());
    let id = text.parse().ok().filter(|_| plain);
    let id = id.ok_or_else(|| Problem::not_found(format!("{text:?} is no number of a sample.")))?;
    Ok((id, site.place(id)?))
}

/// A 32-bit number as the shortest decimal that means it.
fn exact(value: f32) -> Value {
    value.to_string().parse::<f64>().map_or(Value::Null, Value::from)
}

/// What a list says of a sample.
pub(crate) fn summary(index: &Index, at: usize) -> Value {
    let id = index.id(at);
    let mut sample = Map::from_iter([("id".to_owned(), json!(id))]);
    for facet in Facet::ALL {
        let value = match (facet, facet.kind()) {
            (Facet::Elements, _) => json!(index.words(facet, at)),
            (_, Kind::Words) => json!(index.words(facet, at).first()),
            (Facet::Columns, _) => json!(index.number(facet, at).map(|value| value as u64)),
            (_, Kind::Numbers) => index.number(facet, at).map_or(Value::Null, exact),
        };
        sample.insert(if facet == Facet::Elements { "elements" } else { facet.key() }.to_owned(), value);
    }
    sample.insert("url".to_owned(), json!(format!("/api/v1/samples/{id}")));
    sample.insert("page".to_owned(), json!(format!("/samples/{id}")));
    sample.insert("thumbnail".to_owned(), json!(format!("/api/v1/samples/{id}/thumbnail")));
    Value::Object(sample)
}

pub(crate) async fn library(State(site): State<Arc<Site>>, RawQuery(query): RawQuery) -> Answer {
    nothing_else(&parameters(query.as_deref().unwrap_or_default())?)?;
    let manifest = site.manifest();
    Ok(json(&json!({
        "name": manifest.name,
        "title": manifest.title(),
        "program": manifest.program,
        "identity": manifest.identity,
        "seed": manifest.seed,
        "format": manifest.format,
        "depth": manifest.depth,
        "labels": manifest.labels,
        "first": manifest.first,
        "last": manifest.last,
        "samples": site.index().len(),
        "samples_sha256": manifest.samples_sha256,
    })))
}

pub(crate) async fn samples(State(site): State<Arc<Site>>, RawQuery(query): RawQuery) -> Answer {
    blocking(move || {
        let (query, mut parameters) = search(query.as_deref())?;
        let limit = whole(&mut parameters, "limit", [1, MAX_PAGE], PAGE)?;
        let cursor = take_one(&mut parameters, "cursor");
        nothing_else(&parameters)?;
        let from = cursor.map_or(Ok(0), |cursor| position(&site, &cursor))?;
        let selection = site.index().select(&query)?;
        let page = selection.page(from, limit);
        let next = page.next.map(|at| format!("{}-{at}", site.version));
        let samples: Vec<Value> = page.places.iter().map(|at| summary(site.index(), *at)).collect();
        let next_url = next.as_ref().map(|cursor| {
            let limit = limit.to_string();
            format!("/api/v1/samples?{}", query.address_with(&[("limit", &limit), ("cursor", cursor)]))
        });
        Ok(json(
            &json!({ "total": selection.count(), "samples": samples, "next": next, "next_url": next_url }),
        ))
    })
    .await
}

/// Where in the order a cursor goes on.
fn position(site: &Site, cursor: &str) -> Result<usize, Problem> {
    let wrong =
        || Problem::bad("cursor", format!("{cursor:?} is no cursor; take `next` of the answer before"));
    let (version, at) = cursor.split_once('-').ok_or_else(wrong)?;
    let plain = (1..=10).contains(&at.len()) && at.bytes().all(|byte| byte.is_ascii_digit());
    let hexadecimal =
        version.len() == 12 && version.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    let at = at.parse().ok().filter(|_| plain && hexadecimal).ok_or_else(wrong)?;
    if version != site.version {
        return Err(Problem::not_found("The cursor is of another library; begin without one."));
    }
    Ok(at)
}

pub(crate) async fn facets(State(site): State<Arc<Site>>, RawQuery(query): RawQuery) -> Answer {
    blocking(move || {
        let (query, parameters) = search(query.as_deref())?;
        nothing_else(&parameters)?;
        let selection = site.index().select(&query)?;
        let facets: Vec<Value> = site.choices(&query, &selection).iter().map(|choices| {
            let facet = choices.facet;
            let list: Vec<Value> =
                choices.choices.iter().map(|c| json!({ "value": c.value, "count": c.count })).collect();
            let bound = |at: fn((f32, f32)) -> f32| choices.bounds.map_or(Value::Null, |bounds| exact(at(bounds)));
            json!({
                "key": facet.key(), "title": facet.title(), "unit": facet.unit(), "binned": choices.binned,
                "low": bound(|b| b.0), "high": bound(|b| b.1), "choices": list,
            })
        }).collect();
        Ok(json(&json!({ "total": selection.count(), "facets": facets })))
    })
    .await
}

pub(crate) async fn sample(
    State(site): State<Arc<Site>>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Answer {
    blocking(move || {
        nothing_else(&parameters(query.as_deref().unwrap_or_default())?)?;
        let (id, at) = number(&site, &id)?;
        let record = site.record(at)?;
        let files: Vec<Value> = (site.labels().iter())
            .map(|label| json!({ "label": label, "url": format!("/api/v1/samples/{id}/files/{label}") }))
            .collect();
        let record = serde_json::to_value(&record).map_err(|error| Problem::busy(error.to_string()))?;
        Ok(json(&json!({ "summary": summary(site.index(), at), "record": record, "files": files })))
    })
    .await
}

/// Whether an address names the very library, so that its content never changes, and its other parameters.
fn versioned(site: &Site, query: Option<&str>) -> Result<(bool, Parameters), Problem> {
    let mut parameters = parameters(query.unwrap_or_default())?;
    let forever = take_one(&mut parameters, "v").is_some_and(|version| version == site.version);
    Ok((forever, parameters))
}

pub(crate) async fn file(
    State(site): State<Arc<Site>>,
    Path((id, label)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Answer {
    blocking(move || {
        let (forever, parameters) = versioned(&site, query.as_deref())?;
        nothing_else(&parameters)?;
        let (_, at) = number(&site, &id)?;
        let label = site.label(&label)?;
        let file = site.file(label, &site.record(at)?)?;
        let content = Content { kind: file.kind, bytes: file.bytes.into(), forever, request: &headers };
        let mut response = content.response();
        attach(&mut response, true, &format!("{label}-{}", file.name));
        Ok(response)
    })
    .await
}

pub(crate) async fn pixels(
    State(site): State<Arc<Site>>,
    Path((id, label)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Answer {
    blocking(move || {
        let (forever, parameters) = versioned(&site, query.as_deref())?;
        nothing_else(&parameters)?;
        let (_, at) = number(&site, &id)?;
        let pixels = site.pixels(site.label(&label)?, at)?;
        let kind = "application/octet-stream";
        let mut response =
            Content { kind, bytes: pixels.bytes.into(), forever, request: &headers }.response();
        for (name, value) in [
            ("x-image-width", pixels.columns.to_string()),
            ("x-image-height", pixels.rows.to_string()),
            ("x-image-type", pixels.kind.to_owned()),
        ] {
            insert(&mut response, header::HeaderName::from_static(name), &value);
        }
        Ok(response)
    })
    .await
}

pub(crate) async fn thumbnail(
    State(site): State<Arc<Site>>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Answer {
    blocking(move || {
        let (forever, mut parameters) = versioned(&site, query.as_deref())?;
        let side = take_one(&mut parameters, "size").unwrap_or_else(|| SIDES[1].to_string());
        let side = SIDES.into_iter().find(|known| known.to_string() == side).ok_or_else(|| {
            Problem::bad(
                "size",
                format!("{side:?} is no size of a thumbnail; give {} or {}", SIDES[0], SIDES[1]),
            )
        })?;
        let label = match take_one(&mut parameters, "label") {
            Some(name) => site.label(&name)?,
            None => site
                .pictured()
                .ok_or_else(|| Problem::not_found("The library keeps no images of its samples."))?,
        };
        nothing_else(&parameters)?;
        let (_, at) = number(&site, &id)?;
        let bytes = site.picture(label, at, side)?;
        Ok(Content { kind: "image/png", bytes, forever, request: &headers }.response())
    })
    .await
}

/// The selection and labels of an address.
fn wanted(site: &Site, query: Option<&str>) -> Result<Wanted, Problem> {
    let (query, mut parameters) = search(query)?;
    let names: Vec<String> =
        take(&mut parameters, "label").into_iter().filter(|name| !name.is_empty()).collect();
    nothing_else(&parameters)?;
    let mut labels = names
        .iter()
        .map(|name| site.label(name).map_err(|problem| Problem::bad("label", problem.detail)))
        .collect::<Result<Vec<_>, _>>()?;
    if labels.is_empty() {
        labels = site.labels().to_vec();
    }
    labels.sort_unstable();
    labels.dedup();
    let places = site.index().select(&query)?.places();
    if places.is_empty() {
        return Err(Problem::not_found("No sample matches, so there is nothing to download."));
    }
    let address = Query { order: Default::default(), ..query }.address();
    Ok(Wanted { places, labels, address })
}

async fn streamed(
    site: Arc<Site>,
    query: Option<String>,
    (kind, name): (&'static str, Option<&'static str>),
    body: impl FnOnce(&Arc<Site>, Wanted) -> Result<Body, Problem> + Send + 'static,
) -> Answer {
    blocking(move || {
        let wanted = wanted(&site, query.as_deref())?;
        let mut response = body(&site, wanted)?.into_response();
        insert(&mut response, header::CONTENT_TYPE, kind);
        insert(&mut response, header::CACHE_CONTROL, "no-store");
        if let Some(extension) = name {
            attach(&mut response, false, &format!("{}{extension}", site.download_name()));
        }
        Ok(response)
    })
    .await
}

pub(crate) async fn zip(State(site): State<Arc<Site>>, RawQuery(query): RawQuery) -> Answer {
    streamed(site, query, ("application/zip", Some(".zip")), |site, wanted| site.archive(Form::Zip, wanted))
        .await
}

pub(crate) async fn tar(State(site): State<Arc<Site>>, RawQuery(query): RawQuery) -> Answer {
    streamed(site, query, ("application/x-tar", Some(".tar")), |site, wanted| site.archive(Form::Tar, wanted))
        .await
}

pub(crate) async fn manifest(State(site): State<Arc<Site>>, RawQuery(query): RawQuery) -> Answer {
    streamed(site, query, ("application/json", None), |site, wanted| site.list(wanted)).await
}

pub(crate) async fn sums(State(site): State<Arc<Site>>, RawQuery(query): RawQuery) -> Answer {
    streamed(site, query, ("text/plain; charset=utf-8", None), |site, wanted| site.sums(wanted)).await
}

pub(crate) async fn recipe(State(site): State<Arc<Site>>, RawQuery(query): RawQuery) -> Answer {
    blocking(move || {
        let (query, parameters) = search(query.as_deref())?;
        nothing_else(&parameters)?;
        let text = recipe::text(&site, &query)?;
        let mut response = Body::from(text).into_response();
        insert(&mut response, header::CONTENT_TYPE, "text/plain; charset=utf-8");
        insert(&mut response, header::CACHE_CONTROL, "no-cache");
        attach(&mut response, false, recipe::FILE);
        Ok(response)
    })
    .await
}

pub(crate) async fn snippet(
    State(site): State<Arc<Site>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Answer {
    blocking(move || {
        let wanted = wanted(&site, query.as_deref())?;
        let text = python(&site, &wanted.address, &wanted.labels, &headers);
        let mut response = Body::from(text).into_response();
        insert(&mut response, header::CONTENT_TYPE, "text/x-python; charset=utf-8");
        insert(&mut response, header::CACHE_CONTROL, "no-cache");
        Ok(response)
    })
    .await
}

/// The snippet for a selection.
pub(crate) fn python(site: &Site, address: &str, labels: &[Label], headers: &HeaderMap) -> String {
    let mut all = String::from(address);
    for label in labels.iter().filter(|_| labels.len() < site.labels().len()) {
        all.push_str(if all.is_empty() { "label=" } else { "&label=" });
        all.push_str(label.name());
    }
    let extension = site.manifest().depth.extension();
    super::snippet::fetch(&site.origin(headers), &all, &site.download_name(), labels, extension)
}

pub(crate) async fn openapi(headers: HeaderMap) -> Answer {
    let text = format!("{:#}", super::openapi::document());
    let bytes = Bytes::from(text);
    Ok(Content { kind: "application/json", bytes, forever: false, request: &headers }.response())
}

pub(crate) async fn health(State(site): State<Arc<Site>>) -> Answer {
    blocking(move || {
        site.record(0)?;
        Ok(json(&json!({ "status": "ok", "samples": site.index().len() })))
    })
    .await
}
