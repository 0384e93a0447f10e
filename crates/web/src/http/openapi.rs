//! The description of the API (OpenAPI 3.1).

use super::api;
use super::limits::MAX_PAGE;
use super::picture::SIDES;
use super::site::Site;
use crate::query::{FIELDS, MAX_TEXT, MAX_VALUES, MAX_WORD, Order, Sort, range_pattern};
use crate::{Facet, Kind};
use adatom_archive::Label;
use axum::routing::{MethodRouter, get};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// The number of a form's field, or nothing.
const FIELD: &str = r"^([+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?)?$";

/// An address of the API.
pub(crate) struct Operation {
    pub path: &'static str,
    /// Who answers.
    pub route: MethodRouter<Arc<Site>>,
    /// What is asked and answered.
    description: Value,
}

pub(crate) fn document() -> Value {
    let paths: Map<String, Value> =
        operations().into_iter().map(|at| (at.path.to_owned(), json!({ "get": at.description }))).collect();
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Adatom library",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Search and download the labelled images of a library. Everything is read-only. Lengths are \
                in ångström, angles in degrees or milliradians, energies in kilovolts; positions in pixels with x to \
                the right, y down and the first pixel's centre at (0, 0).",
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "paths": paths,
        "components": { "schemas": schemas() },
    })
}

/// Every address: what isn't described here can't be asked for.
pub(crate) fn operations() -> Vec<Operation> {
    let search = facet_parameters;
    let with = |mut list: Vec<Value>, more: Vec<Value>| {
        list.extend(more);
        list
    };
    let (id, label) = (sample_number(), label_in_path());
    let version = || {
        parameter(
            "v",
            "The library's version; with the right one the answer is kept for ever.",
            json!({ "type": "string" }),
        )
    };
    let labels = || {
        let schema = json!({ "type": "array", "items": { "type": "string", "enum": label_names() }, });
        parameter("label", "Labels; all if there is none.", schema)
    };
    let order = || {
        let orders: Vec<String> = Sort::ALL
            .into_iter()
            .flat_map(|sort| [false, true].map(|descending| Order { sort, descending }.key()))
            .collect();
        parameter(
            "sort",
            "Order, with - before it the largest first.",
            json!({ "type": "string", "enum": orders }),
        )
    };
    let search_and_order = || with(search(), vec![order()]);
    let operations = vec![
        (
            "/api/v1/library",
            get(api::library),
            operation("library", "What the library is", vec![], reply("Library")),
        ),
        (
            "/api/v1/samples",
            get(api::samples),
            operation(
                "samples",
                "The samples of a search, page by page",
                with(
                    search_and_order(),
                    vec![
                        parameter(
                            "limit",
                            "Samples of an answer.",
                            json!({ "type": "integer", "minimum": 1, "maximum": MAX_PAGE, "default": 50 }),
                        ),
                        parameter(
                            "cursor",
                            "Where to go on: `next` of the answer before.",
                            json!({ "type": "string", "pattern": "^[0-9a-f]{12}-[0-9]{1,10}$" }),
                        ),
                    ],
                ),
                reply("Samples"),
            ),
        ),
        (
            "/api/v1/facets",
            get(api::facets),
            operation(
                "facets",
                "What can be chosen by, and how many samples each choice would give",
                search_and_order(),
                reply("Facets"),
            ),
        ),
        (
            "/api/v1/samples/{id}",
            get(api::sample),
            operation("sample", "All that is known of a sample", vec![id.clone()], reply("Sample")),
        ),
        (
            "/api/v1/samples/{id}/files/{label}",
            get(api::file),
            in_parts(operation(
                "file",
                "A sample's file of a label; ranges and entity tags are understood",
                vec![id.clone(), label.clone(), version()],
                binary(&["image/png", "image/tiff", "text/plain; charset=utf-8"]),
            )),
        ),
        (
            "/api/v1/samples/{id}/pixels/{label}",
            get(api::pixels),
            in_parts(operation(
                "pixels",
                "An image's values, row by row, little-endian; headers x-image-width, x-image-height, x-image-type",
                vec![id.clone(), label, version()],
                binary(&["application/octet-stream"]),
            )),
        ),
        (
            "/api/v1/samples/{id}/thumbnail",
            get(api::thumbnail),
            in_parts(operation(
                "thumbnail",
                "A picture as every browser shows it",
                vec![
                    id,
                    parameter(
                        "size",
                        "Its longer side at most, in pixels.",
                        json!({ "type": "integer", "enum": SIDES, "default": SIDES[1] }),
                    ),
                    parameter(
                        "label",
                        "The label that it shows; the image, or the first that the library has, if none is given.",
                        json!({ "type": "string", "enum": image_names() }),
                    ),
                    version(),
                ],
                binary(&["image/png"]),
            )),
        ),
        (
            "/api/v1/archive.zip",
            get(api::zip),
            operation(
                "archiveZip",
                "The files of a search as a ZIP archive, with sums and records",
                with(search_and_order(), vec![labels()]),
                binary(&["application/zip"]),
            ),
        ),
        (
            "/api/v1/archive.tar",
            get(api::tar),
            operation(
                "archiveTar",
                "The same as a tar archive",
                with(search_and_order(), vec![labels()]),
                binary(&["application/x-tar"]),
            ),
        ),
        (
            "/api/v1/manifest.json",
            get(api::manifest),
            operation(
                "manifest",
                "The files of a search with their SHA-256",
                with(search_and_order(), vec![labels()]),
                reply("Manifest"),
            ),
        ),
        (
            "/api/v1/SHA256SUMS",
            get(api::sums),
            operation(
                "sums",
                "The same for sha256sum -c",
                with(search_and_order(), vec![labels()]),
                text("text/plain; charset=utf-8"),
            ),
        ),
        (
            "/api/v1/recipe.toml",
            get(api::recipe),
            operation(
                "recipe",
                "The recipe of the library, with the commands that make the samples of a search",
                search_and_order(),
                text("text/plain; charset=utf-8"),
            ),
        ),
        (
            "/api/v1/snippet.py",
            get(api::snippet),
            operation(
                "snippet",
                "Python that downloads, checks and reads a search",
                with(search_and_order(), vec![labels()]),
                text("text/x-python; charset=utf-8"),
            ),
        ),
        (
            "/api/v1/openapi.json",
            get(api::openapi),
            in_parts(operation(
                "openapi",
                "This description",
                vec![],
                json!({ "application/json": { "schema": { "type": "object" } } }),
            )),
        ),
        (
            "/api/v1/health",
            get(api::health),
            operation("health", "Whether the library can be read", vec![], reply("Health")),
        ),
    ];
    let described = |(path, route, description)| Operation { path, route, description };
    operations.into_iter().map(described).collect()
}

/// Every path that is described.
pub(crate) fn paths() -> Vec<(&'static str, String)> {
    let summary = |description: &Value| description["summary"].as_str().unwrap_or_default().to_owned();
    operations().into_iter().map(|at| (at.path, summary(&at.description))).collect()
}

fn operation(id: &str, summary: &str, parameters: Vec<Value>, content: Value) -> Value {
    json!({
        "operationId": id,
        "summary": summary,
        "parameters": parameters,
        "responses": {
            "200": { "description": "What was asked for", "content": content },
            "default": {
                "description": "Why there is no answer",
                "content": { "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } },
            },
        },
    })
}

/// What may be asked for in parts (RFC 9110, 14) and isn't sent again to who has it (13.1).
fn in_parts(mut operation: Value) -> Value {
    let responses = &mut operation["responses"];
    let mut part = responses["200"].clone();
    part["description"] = "The part that `Range` asks for".into();
    responses["206"] = part;
    responses["304"] = json!({ "description": "It is what `If-None-Match` names" });
    responses["416"] = responses["default"].clone();
    responses["416"]["description"] = "There is no such part".into();
    operation
}

fn reply(schema: &str) -> Value {
    json!({ "application/json": { "schema": { "$ref": format!("#/components/schemas/{schema}") } } })
}

fn text(kind: &str) -> Value {
    json!({ kind: { "schema": { "type": "string" } } })
}

fn binary(kinds: &[&str]) -> Value {
    kinds.iter().map(|kind| ((*kind).to_owned(), json!({}))).collect::<Map<_, _>>().into()
}

fn parameter(name: &str, description: &str, schema: Value) -> Value {
    json!({ "name": name, "in": "query", "description": description, "schema": schema })
}

fn facet_parameters() -> Vec<Value> {
    let mut list = vec![parameter(
        "q",
        "Words that must be found, or their beginnings: materials, elements, shapes, zone axes; or a sample's number.",
        json!({ "type": "string", "maxLength": MAX_TEXT }),
    )];
    for facet in Facet::ALL {
        let unit = if facet.unit().is_empty() { String::new() } else { format!(" [{}]", facet.unit()) };
        let (what, item) = match facet.kind() {
            Kind::Words if facet == Facet::Elements => {
                ("; all of several", json!({ "type": "string", "maxLength": MAX_WORD }))
            }
            Kind::Words => ("; any of several", json!({ "type": "string", "maxLength": MAX_WORD })),
            Kind::Numbers => (
                ": 20, 15..25, 15.., ..25, or 15..<20 without 20; any of several",
                json!({ "type": "string", "pattern": range_pattern() }),
            ),
        };
        let schema = json!({ "type": "array", "items": item, "maxItems": MAX_VALUES });
        list.push(parameter(facet.key(), &format!("{}{unit}{what}.", facet.title()), schema));
        if facet.kind() == Kind::Numbers {
            list.extend(range_fields(facet, &unit));
        }
    }
    list
}

/// The fields that a form sends instead of a range.
fn range_fields(facet: Facet, unit: &str) -> Vec<Value> {
    let what = ["from this number", "to this number", "without its upper end, if that is this number"];
    let field = |(name, what): (&str, &str)| {
        let description = format!("{}{unit}: a range {what}, as a form's field.", facet.title());
        let schema = json!({ "type": "string", "pattern": FIELD });
        parameter(&format!("{}{name}", facet.key()), &description, schema)
    };
    FIELDS.into_iter().zip(what).map(field).collect()
}

fn sample_number() -> Value {
    json!({
        "name": "id", "in": "path", "required": true, "description": "The sample's number.",
        "schema": { "type": "integer", "minimum": 0, "maximum": 1_000_000_000 }, "example": 1,
    })
}

fn label_in_path() -> Value {
    json!({
        "name": "label", "in": "path", "required": true, "description": "The label.",
        "schema": { "type": "string", "enum": label_names() }, "example": "image",
    })
}

fn label_names() -> Vec<&'static str> {
    Label::ALL.map(Label::name).to_vec()
}

fn image_names() -> Vec<&'static str> {
    Label::ALL.into_iter().filter(|label| label.is_image()).map(Label::name).collect()
}

/// An object of which all properties are there.
fn object(properties: Value) -> Value {
    let required: Vec<String> =
        properties.as_object().map(|map| map.keys().cloned().collect()).unwrap_or_default();
    json!({ "type": "object", "properties": properties, "required": required, "additionalProperties": false })
}

fn schemas() -> Value {
    let string = json!({ "type": "string" });
    let sum = json!({ "type": "string", "pattern": "^[0-9a-f]{64}$" });
    let maybe = |kind: &str| json!({ "type": [kind, "null"] });
    let whole = json!({ "type": "integer", "minimum": 0 });
    let labels = json!({ "type": "array", "items": { "type": "string", "enum": label_names() } });
    let list = |schema: &str| json!({ "type": "array", "items": { "$ref": format!("#/components/schemas/{schema}") } });
    let mut summary = Map::from_iter([("id".to_owned(), whole.clone())]);
    for facet in Facet::ALL {
        let schema = match (facet, facet.kind()) {
            (Facet::Elements, _) => json!({ "type": "array", "items": { "type": "string" } }),
            (_, Kind::Words) => maybe("string"),
            (Facet::Columns, _) => maybe("integer"),
            (_, Kind::Numbers) => maybe("number"),
        };
        summary.insert(if facet == Facet::Elements { "elements" } else { facet.key() }.to_owned(), schema);
    }
    for name in ["url", "page", "thumbnail"] {
        summary.insert(name.to_owned(), string.clone());
    }
    json!({
        "Library": object(json!({
            "name": string, "title": string, "program": string, "identity": maybe("string"), "seed": maybe("integer"),
            "format": { "type": "string", "enum": ["temimagenet", "webdataset", "zarr"] },
            "depth": { "type": "string", "enum": ["8", "16", "float"] },
            "labels": labels, "first": whole, "last": whole, "samples": whole, "samples_sha256": sum,
        })),
        "Summary": object(Value::Object(summary)),
        "Samples": object(json!({
            "total": whole, "samples": list("Summary"), "next": maybe("string"), "next_url": maybe("string"),
        })),
        "Choice": object(json!({ "value": string, "count": whole })),
        "Facet": object(json!({
            "key": { "type": "string", "enum": Facet::ALL.map(Facet::key) }, "title": string, "unit": string,
            "binned": { "type": "boolean" }, "low": maybe("number"), "high": maybe("number"), "choices": list("Choice"),
        })),
        "Facets": object(json!({ "total": whole, "facets": list("Facet") })),
        "Link": object(json!({ "label": string, "url": string })),
        "Sample": object(json!({
            "summary": { "$ref": "#/components/schemas/Summary" },
            "record": { "type": "object", "description": "The sample's line of samples.jsonl." },
            "files": list("Link"),
        })),
        "ManifestFile": object(json!({
            "sample": whole, "label": string, "path": string, "sha256": sum, "url": string,
        })),
        "Manifest": object(json!({
            "library": string, "identity": maybe("string"), "program": string, "query": string, "labels": labels,
            "samples": whole, "files": list("ManifestFile"),
        })),
        "Health": object(json!({ "status": { "type": "string", "enum": ["ok"] }, "samples": whole })),
        "Problem": {
            "type": "object",
            "properties": {
                "type": string, "title": string, "status": { "type": "integer" }, "detail": string, "parameter": string,
            },
            "required": ["type", "title", "status", "detail"],
            "additionalProperties": false,
        },
    })
}
