//! The HTTP API: searches, files, downloads, and that the description is what the server does.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

mod common;
#[path = "common/http.rs"]
mod http;

use adatom_archive::{Depth, Label, Layout, Library, verify};
use adatom_web::Limits;
use common::Shared;
use http::{Running, Served};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::{Cursor, Read};
use std::path::Path;
use std::sync::Arc;

fn shared() -> Arc<Served> {
    static SHARED: Shared<Served> = Shared::new();
    SHARED.get(|| Served::of(common::small(Layout::Temimagenet, Depth::Eight), Limits::default()))
}

/// A server of a library with some labels of a recipe's first eight samples.
fn kept(recipe: &str, labels: &[Label]) -> Served {
    let parent = tempfile::tempdir().unwrap();
    common::build_in(parent.path(), recipe, 1..=8, labels, Layout::Temimagenet, Depth::Eight);
    Served::of(parent, Limits::default())
}

/// Whether text is Python; true where there is none to ask.
fn is_python(text: &str) -> bool {
    let check = "import ast, sys; ast.parse(sys.stdin.read())";
    let python =
        std::process::Command::new("python3").args(["-c", check]).stdin(std::process::Stdio::piped()).spawn();
    let Ok(mut python) = python else {
        eprintln!("SKIPPED: there is no python3");
        return true;
    };
    std::io::Write::write_all(&mut python.stdin.take().unwrap(), text.as_bytes()).unwrap();
    python.wait().unwrap().success()
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether a value is as a schema says; the kinds of schemas that the description has.
fn check(document: &Value, schema: &Value, value: &Value, place: &str) {
    if let Some(reference) = schema["$ref"].as_str() {
        let schema = &document["components"]["schemas"][reference.rsplit('/').next().unwrap()];
        assert!(schema.is_object(), "{place}: {reference} is not described");
        return check(document, schema, value, place);
    }
    let kinds: Vec<&str> = match &schema["type"] {
        Value::String(kind) => vec![kind],
        Value::Array(kinds) => kinds.iter().map(|kind| kind.as_str().unwrap()).collect(),
        _ => Vec::new(),
    };
    let is = |kind: &&str| match *kind {
        "null" => value.is_null(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("{place}: what is {other}?"),
    };
    assert!(kinds.is_empty() || kinds.iter().any(is), "{place}: {value} is none of {kinds:?}");
    if let Some(known) = schema["enum"].as_array() {
        assert!(known.contains(value), "{place}: {value}");
    }
    if let (Some(object), Some(properties)) = (value.as_object(), schema["properties"].as_object()) {
        for name in schema["required"].as_array().into_iter().flatten() {
            assert!(object.contains_key(name.as_str().unwrap()), "{place}: {name} is missing");
        }
        for (name, value) in object {
            let schema = properties.get(name).unwrap_or_else(|| panic!("{place}: {name} is not described"));
            check(document, schema, value, &format!("{place}.{name}"));
        }
    }
    if !schema["items"].is_null() {
        let items = value.as_array().into_iter().flatten();
        items.for_each(|item| check(document, &schema["items"], item, &format!("{place}[]")));
    }
}

#[test]
fn every_described_address_answers_as_described_and_no_other_is_there() {
    let server = shared();
    let document = server.get("/api/v1/openapi.json").json();
    let paths = document["paths"].as_object().unwrap();
    assert!(paths.len() >= 15, "{paths:?}");
    for (path, operations) in paths {
        let address = path.replace("{id}", "5").replace("{label}", "image");
        let responses = &operations["get"]["responses"];
        let reply = server.get(&address);
        assert_eq!(reply.status, 200, "{address}");
        let kind = reply.header("content-type");
        let schema = &responses["200"]["content"][kind];
        assert!(schema.is_object(), "{address}: {kind} is not described");
        let in_parts = reply.header("accept-ranges") == "bytes";
        assert!(
            ["206", "304", "416"].iter().all(|code| responses[code].is_object() == in_parts),
            "{address}"
        );
        if kind == "application/json" {
            check(&document, &schema["schema"], &reply.json(), path);
        }
        // Nothing that isn't described can be asked for.
        let separator = if address.contains('?') { '&' } else { '?' };
        let refused = server.get(&format!("{address}{separator}nonsense=1"));
        let open = ["/api/v1/openapi.json", "/api/v1/health"].contains(&path.as_str());
        assert_eq!(refused.status, if open { 200 } else { 400 }, "{address}");
        if !open {
            assert_eq!(refused.header("content-type"), "application/problem+json");
            let problem = refused.json();
            check(
                &document,
                &responses["default"]["content"]["application/problem+json"]["schema"],
                &problem,
                path,
            );
            assert_eq!(problem["parameter"], "nonsense");
        }
        for method in ["POST", "PUT", "DELETE", "PATCH"] {
            let refused = server.ask(method, &address, &[("content-length", "0")]);
            assert_eq!((refused.status, refused.header("allow")), (405, "GET,HEAD"), "{method} {address}");
        }
        let head = server.ask("HEAD", &address, &[]);
        assert_eq!((head.status, head.body.len()), (200, 0), "{address}");
    }
    for undescribed in ["/api/v1/", "/api/v2/samples", "/api/v1/samples/5/files", "/api/v1/archive.rar"] {
        assert_eq!(server.get(undescribed).status, 404, "{undescribed}");
    }
}

#[test]
fn every_parameter_that_is_described_is_understood() {
    let server = shared();
    let document = server.get("/api/v1/openapi.json").json();
    for (path, operations) in document["paths"].as_object().unwrap() {
        let address = path.replace("{id}", "5").replace("{label}", "noNoise");
        for parameter in operations["get"]["parameters"].as_array().unwrap() {
            if parameter["in"] != "query" || parameter["name"] == "cursor" {
                continue;
            }
            let schema = &parameter["schema"];
            let schema = if schema["type"] == "array" { &schema["items"] } else { schema };
            let value = match (schema["enum"].as_array(), schema["type"].as_str().unwrap()) {
                (Some(known), _) => known[0].as_str().map_or_else(|| known[0].to_string(), str::to_owned),
                (_, "integer") => "3".to_owned(),
                _ if parameter["name"].as_str().unwrap().contains('.') => "3".to_owned(),
                _ if !schema["pattern"].is_null() => "0..500".to_owned(),
                _ => "Pt".to_owned(),
            };
            let reply = server.get(&format!("{address}?{}={value}", parameter["name"].as_str().unwrap()));
            assert!([200, 404].contains(&reply.status), "{address} {parameter}: {}", reply.text());
        }
    }
}

#[test]
fn pages_of_an_answer_follow_each_other_by_cursor() {
    let server = shared();
    let (mut address, mut ids) =
        (Some("/api/v1/samples?element=O&sort=-psnr_db&limit=7".to_owned()), Vec::new());
    let mut total = 0;
    while let Some(next) = address {
        let answer = server.get(&next).json();
        total = answer["total"].as_u64().unwrap();
        let page = answer["samples"].as_array().unwrap();
        assert!(page.len() <= 7);
        ids.extend(
            page.iter().map(|sample| (sample["id"].as_u64().unwrap(), sample["psnr_db"].as_f64().unwrap())),
        );
        address = answer["next_url"].as_str().map(str::to_owned);
    }
    assert_eq!(ids.len() as u64, total);
    assert!(ids.windows(2).all(|pair| pair[0].1 >= pair[1].1));
    let stale = server.get("/api/v1/samples?cursor=0123456789ab-3");
    assert_eq!(stale.status, 404);
    for wrong in ["x", "-", "0123456789ab-", "0123456789ab--1", "0123456789ab-99999999999"] {
        assert_eq!(server.get(&format!("/api/v1/samples?cursor={wrong}")).status, 400, "{wrong}");
    }
}

#[test]
fn limits_are_kept_and_named() {
    let server = shared();
    for (address, status, parameter) in [
        ("/api/v1/samples?limit=201", 400, "limit"),
        ("/api/v1/samples?limit=0", 400, "limit"),
        ("/api/v1/samples?limit=-5", 400, "limit"),
        ("/api/v1/samples?limit=1e2", 400, "limit"),
        ("/api/v1/samples?psnr_db=loud", 400, "psnr_db"),
        ("/api/v1/samples/5/thumbnail?size=4000", 400, "size"),
        ("/samples?per=100000", 400, "per"),
    ] {
        let reply = server.get(address);
        assert_eq!(
            (reply.status, reply.json()["parameter"].as_str()),
            (status, Some(parameter)),
            "{address}"
        );
    }
    let long = server.get(&format!("/api/v1/samples?q={}", "x".repeat(201)));
    assert_eq!((long.status, long.json()["parameter"].as_str()), (400, Some("q")));
    assert_eq!(server.get(&format!("/api/v1/samples?q={}", "x".repeat(9000))).json()["parameter"], "query");
    assert_eq!(server.get("/compare?id=1&id=2&id=3&id=4&id=5").status, 400);
    assert_eq!(server.get("/samples?page=100").status, 404);
    for id in ["0", "49", "99999999999999999999", "-1", "five", "5.0", "%00", "1%2f2"] {
        assert_eq!(server.get(&format!("/api/v1/samples/{id}")).status, 404, "{id}");
    }
    assert_eq!(server.get("/api/v1/samples/5/pixels/position").status, 404, "a text has no pixels");
}

#[test]
fn a_file_comes_whole_in_part_or_not_again() {
    let server = shared();
    let address = "/api/v1/samples/5/files/image";
    let whole = server.get(address);
    assert_eq!(
        (whole.status, whole.header("content-type"), whole.header("accept-ranges")),
        (200, "image/png", "bytes")
    );
    assert_eq!(whole.header("content-disposition"), "inline; filename=\"image-00005.png\"");
    let record = server.get("/api/v1/samples/5").json();
    assert_eq!(record["record"]["files"]["image"], sha256(&whole.body));

    let tag = whole.header("etag");
    let again = server.ask("GET", address, &[("if-none-match", tag)]);
    assert_eq!((again.status, again.body.len()), (304, 0));
    let (half, length) = (whole.body.len() / 2, whole.body.len());
    let first = server.ask("GET", address, &[("range", &format!("bytes=0-{}", half - 1))]);
    let rest = server.ask("GET", address, &[("range", &format!("bytes={half}-")), ("if-range", tag)]);
    assert_eq!((first.status, rest.status), (206, 206));
    assert_eq!(rest.header("content-range"), format!("bytes {half}-{}/{length}", length - 1));
    assert_eq!([first.body, rest.body].concat(), whole.body);
    let unit = server.ask("GET", address, &[("range", "Bytes=0-4")]);
    assert_eq!((unit.status, unit.body.len()), (206, 5));
    let head = server.ask("HEAD", address, &[("range", "bytes=0-4")]);
    assert_eq!((head.status, head.header("content-length")), (200, length.to_string().as_str()));
    let changed = server.ask("GET", address, &[("range", "bytes=5-"), ("if-range", "\"another\"")]);
    assert_eq!((changed.status, changed.body.len()), (200, length));
    let behind = server.ask("GET", address, &[("range", "bytes=99999999-")]);
    assert_eq!((behind.status, behind.header("content-range")), (416, format!("bytes */{length}").as_str()));

    assert_eq!(whole.header("cache-control"), "no-cache");
    let version = &server.get("/api/v1/library").json()["samples_sha256"].as_str().unwrap()[..12].to_owned();
    let kept = server.get(&format!("{address}?v={version}"));
    assert!(kept.header("cache-control").contains("immutable"));
    assert_eq!(server.get(&format!("{address}?v=old")).header("cache-control"), "no-cache");
}

/// Files of a ZIP archive, read from its directory as unpackers do, with sums checked.
fn unzip(bytes: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let number = |at: usize, size: usize| {
        bytes[at..at + size].iter().rev().fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte))
    };
    let end = bytes.len() - 22;
    assert_eq!(&bytes[end..end + 4], b"PK\x05\x06");
    let (count, size, mut at) = (number(end + 10, 2), number(end + 12, 4), number(end + 16, 4));
    assert_eq!(at + size, end, "the directory ends where the end begins");
    let mut files = BTreeMap::new();
    for _ in 0..count {
        assert_eq!(&bytes[at..at + 4], b"PK\x01\x02");
        let (crc, size, name) = (number(at + 16, 4), number(at + 24, 4), number(at + 28, 2));
        let (extra, comment, local) = (number(at + 30, 2), number(at + 32, 2), number(at + 42, 4));
        let title = String::from_utf8(bytes[at + 46..at + 46 + name].to_vec()).unwrap();
        assert_eq!(&bytes[local..local + 4], b"PK\x03\x04");
        let start = local + 30 + number(local + 26, 2) + number(local + 28, 2);
        let content = bytes[start..start + size].to_vec();
        let mut sum = flate2::Crc::new();
        sum.update(&content);
        assert_eq!(sum.sum() as usize, crc, "{title}");
        assert!(files.insert(title, content).is_none());
        at += 46 + name + extra + comment;
    }
    files
}

fn untar(bytes: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let mut archive = tar::Archive::new(Cursor::new(bytes));
    let read = |entry: std::io::Result<tar::Entry<'_, _>>| {
        let mut entry: tar::Entry<'_, Cursor<&[u8]>> = entry.unwrap();
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        (entry.path().unwrap().to_str().unwrap().to_owned(), content)
    };
    archive.entries().unwrap().map(read).collect()
}

/// Checks an archive's sums and opens it as a library.
fn check_archive(files: &BTreeMap<String, Vec<u8>>, samples: usize, labels: usize) -> Library {
    let folder = tempfile::tempdir().unwrap();
    let inside = Path::new("small-selection");
    for (name, content) in files {
        assert!(Path::new(name).starts_with(inside) && !name.contains(".."), "{name}");
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    let sums = String::from_utf8(files["small-selection/SHA256SUMS"].clone()).unwrap();
    for line in sums.lines() {
        let (sum, name) = line.split_once("  ").unwrap();
        assert_eq!(sha256(&files[&format!("small-selection/{name}")]), sum, "{name}");
    }
    assert_eq!(sums.lines().count(), files.len() - 1, "every file but the sums themselves has a sum");
    assert_eq!(files.len(), samples * labels + 5);
    let library = Library::open(&folder.path().join(inside)).unwrap();
    assert_eq!(library.records().unwrap().count(), samples);
    assert_eq!(verify(&library, 2, &mut |_| {}).unwrap(), []);
    library
}

#[test]
fn an_archive_is_a_library_whose_sums_are_right() {
    let server = shared();
    let selection = "material=TiO2&label=image&label=position";
    let zip = server.get(&format!("/api/v1/archive.zip?{selection}"));
    assert_eq!(zip.header("content-type"), "application/zip");
    assert_eq!(zip.header("content-disposition"), "attachment; filename=\"small-selection.zip\"");
    let files = unzip(&zip.body);
    check_archive(&files, 8, 2);
    let tar = server.get(&format!("/api/v1/archive.tar?{selection}"));
    assert_eq!(untar(&tar.body), files, "both archives hold the same");
    assert_eq!(tar.body.len() % 512, 0);
    let all = server.get("/api/v1/archive.tar?q=%237+%239");
    let library = check_archive(&untar(&all.body), 2, 14);
    assert_eq!((library.manifest().first, library.manifest().last), (7, 9));

    let sums = server.get(&format!("/api/v1/SHA256SUMS?{selection}")).text();
    let own = String::from_utf8(files["small-selection/SHA256SUMS"].clone()).unwrap();
    assert!(!sums.is_empty() && own.starts_with(&sums), "the same files have the same sums");
    let manifest = server.get(&format!("/api/v1/manifest.json?{selection}")).json();
    let listed = manifest["files"].as_array().unwrap();
    assert_eq!((listed.len(), manifest["samples"].as_u64()), (16, Some(8)));
    for file in listed {
        let content = server.get(file["url"].as_str().unwrap()).body;
        assert_eq!(file["sha256"], sha256(&content), "{file}");
    }
    assert_eq!(server.get("/api/v1/archive.zip?material=none").status, 404);
    assert_eq!(server.get("/api/v1/archive.zip?label=nonsense").json()["parameter"], "label");
}

#[test]
fn every_form_of_a_library_is_served_alike() {
    let image = |server: &Running, label: &str| {
        let reply = server.get(&format!("/api/v1/samples/11/pixels/{label}"));
        assert_eq!(reply.status, 200, "{}", reply.text());
        (reply.header("x-image-width").to_owned(), reply.header("x-image-type").to_owned(), reply.body)
    };
    let reference = shared();
    for (layout, depth) in [
        (Layout::Zarr, Depth::Eight),
        (Layout::Zarr, Depth::Sixteen),
        (Layout::Zarr, Depth::Float),
        (Layout::Webdataset, Depth::Eight),
        (Layout::Temimagenet, Depth::Float),
        (Layout::Temimagenet, Depth::Sixteen),
    ] {
        let parent = common::small(layout, depth);
        let server = Running::start(&parent.path().join("library"), Limits::default());
        for (label, width) in [("image", "64"), ("noNoiseUpinterpolation2x", "128")] {
            let found = image(&server, label);
            assert_eq!(found.0, width);
            if depth == Depth::Eight {
                assert_eq!(found, image(&reference, label), "{layout:?} {label}");
            }
        }
        for label in Label::ALL {
            let reply = server.get(&format!("/api/v1/samples/11/files/{label}"));
            assert_eq!(reply.status, 200, "{layout:?} {label}");
            if !label.is_image() {
                assert_eq!(
                    reply.body,
                    reference.get(&format!("/api/v1/samples/11/files/{label}")).body,
                    "{label}"
                );
            }
        }
        let thumbnail = server.get("/api/v1/samples/11/thumbnail?size=128&label=gaussianMask");
        assert!(thumbnail.body.starts_with(b"\x89PNG"));
        check_archive(&unzip(&server.get("/api/v1/archive.zip?q=%2311").body), 1, 14);
        let manifest = server.get("/api/v1/manifest.json?q=%2311&label=image").json();
        let file = server.get("/api/v1/samples/11/files/image").body;
        assert_eq!(manifest["files"][0]["sha256"], sha256(&file), "{layout:?}");
    }
}

#[test]
fn the_recipe_of_a_sample_makes_it_again() {
    let server = shared();
    let text = server.get("/api/v1/recipe.toml?q=%2312+%2313+%2320").text();
    assert!(text.contains("--seed 7 --range 12..13") && text.contains("--range 20..20"), "{text}");
    let recipe = adatom_library::Recipe::from_toml(&text, "served").unwrap();
    let generator = adatom_library::Generator::new(recipe, 7).unwrap();
    let made = generator.full_sample(12).unwrap();
    let record = server.get("/api/v1/samples/12").json();
    assert_eq!(record["record"]["psnr_db"].as_f64(), Some(made.sample.psnr_db));
    assert_eq!(server.get("/api/v1/library").json()["identity"], generator.identity());
}

#[test]
fn python_that_is_shown_is_python() {
    let text = shared().get("/api/v1/snippet.py?q=%22%29%0APt&label=image").text();
    assert!(text.contains("q=%22%29%0APt&label=image"), "what was searched for stays in its quotes: {text}");
    assert!(is_python(&text), "{text}");
}

#[test]
fn every_bin_of_a_histogram_holds_what_asking_for_it_finds() {
    let server = shared();
    let total = |query: &str| server.get(&format!("/api/v1/samples?limit=1&{query}")).json()["total"].clone();
    let facets = server.get("/api/v1/facets").json();
    let numbers = ["field_angstrom", "rotation_deg", "energy_kv", "semiangle_mrad", "psnr_db", "columns"];
    let mut binned = 0;
    for facet in facets["facets"].as_array().unwrap() {
        let key = facet["key"].as_str().unwrap();
        for choice in facet["choices"].as_array().unwrap().iter().filter(|_| numbers.contains(&key)) {
            let value = choice["value"].as_str().unwrap();
            let asked = format!("{key}={}", value.replace('<', "%3C"));
            assert_eq!(total(&asked), choice["count"], "{asked}");
            // A click on a bar fills the form's fields.
            if let Some((low, high)) = value.split_once("..<") {
                let fields = format!("{key}.min={low}&{key}.max={high}&{key}.below={high}");
                assert_eq!(total(&fields), choice["count"], "{fields}");
                binned += 1;
            }
        }
    }
    assert!(binned > 10, "{binned} bins");
}

#[test]
fn a_range_of_a_bin_is_shown_in_the_fields_and_sent_again_as_it_was() {
    let page = shared().get("/samples?psnr_db=15..%3C20").text();
    for field in [
        "name=\"psnr_db.min\" value=\"15\"",
        "name=\"psnr_db.max\" value=\"20\"",
        "name=\"psnr_db.below\" value=\"20\"",
    ] {
        assert!(page.contains(field), "{field}");
    }
    let hidden = "<input type=\"hidden\" name=\"psnr_db\" value=\"15..&#60;20\">";
    assert_eq!(page.matches(hidden).count(), 1, "for the form of the order alone");
}

#[test]
fn a_library_without_the_image_or_without_any_images_is_served() {
    for (labels, pictured) in [
        ([Label::Position, Label::Radius], false),
        ([Label::NoNoise, Label::Position], true),
        ([Label::NoNoise2x, Label::Position], true),
    ] {
        let server = kept(common::RECIPE, &labels);
        for address in [
            "/",
            "/samples",
            "/samples/3",
            "/compare?id=1&id=5",
            "/download",
            "/api/v1/samples/3",
            "/api/v1/samples/3/files/position",
            "/api/v1/health",
        ] {
            assert_eq!(server.get(address).status, 200, "{labels:?} {address}");
        }
        let thumbnail = server.get("/api/v1/samples/3/thumbnail");
        assert_eq!(thumbnail.status, if pictured { 200 } else { 404 }, "{labels:?}");
        let page = server.get("/samples/3").text();
        assert!(page.contains("<td>64 × 64</td>"), "{labels:?}: the size of the image");
        assert_eq!(page.contains("id=\"viewer\""), pictured, "{labels:?}");
        let gallery = server.get("/samples").text();
        assert_eq!(gallery.contains("/assets/no-picture.svg"), !pictured, "{labels:?}");
        let files = unzip(&server.get("/api/v1/archive.zip").body);
        check_archive(&files, 8, 2);
        let load = String::from_utf8(files["small-selection/load.py"].clone()).unwrap();
        assert!(is_python(&load) && !load.contains("\"image\""), "{load}");
        let snippet = server.get("/api/v1/snippet.py").text();
        assert!(is_python(&snippet) && snippet.contains("PIL") == pictured, "{snippet}");
        let recipe = server.get("/api/v1/recipe.toml").text();
        let names = labels.map(Label::name).join(",");
        assert!(recipe.contains(&format!("--range 1..8 --labels {names}\n")), "{recipe}");
    }
    assert_eq!(shared().get("/assets/no-picture.svg").status, 200);
}

#[test]
fn commands_have_the_form_and_depth_of_the_library() {
    let parent = tempfile::tempdir().unwrap();
    common::build_in(parent.path(), common::RECIPE, 1..=2, &Label::ALL, Layout::Zarr, Depth::Sixteen);
    let server = Served::of(parent, Limits::default());
    let recipe = server.get("/api/v1/recipe.toml").text();
    assert!(recipe.contains("--seed 7 --range 1..2 --format zarr --depth 16\n"), "{recipe}");
}

#[test]
fn a_crystal_of_ones_own_is_served_by_its_name_and_its_folder_is_nobodys_business() {
    let parent = tempfile::tempdir().unwrap();
    let name = format!("BaTiO₃-{}.cif", "x".repeat(150));
    let path = parent.path().join(&name);
    std::fs::copy(concat!(env!("CARGO_MANIFEST_DIR"), "/../../materials/SrTiO3.cif"), &path).unwrap();
    let recipe = common::RECIPE.replace("material = \"Pt\"", &format!("material = '{}'", path.display()));
    let folder = parent.path().to_str().unwrap().to_owned();
    common::build_in(parent.path(), &recipe, 1..=8, &Label::ALL, Layout::Temimagenet, Depth::Eight);
    let server = Served::of(parent, Limits::default());
    let mut named = 0;
    for address in [
        "/",
        "/samples",
        "/samples/1",
        "/compare?id=1",
        "/download",
        "/api/v1/samples",
        "/api/v1/samples/1",
        "/api/v1/facets",
        "/api/v1/library",
        "/api/v1/recipe.toml",
        "/api/v1/archive.tar?q=1&label=position",
    ] {
        let reply = server.get(address);
        assert_eq!(reply.status, 200, "{address}");
        let text = String::from_utf8_lossy(&reply.body);
        assert!(!text.contains(&folder), "{address}");
        named += usize::from(text.contains(&name));
    }
    assert!(named >= 4, "{named}");
    // A word as long as any is asked for by its beginning, and by the text that people write.
    let facets = server.get("/api/v1/facets").json();
    let choices = facets["facets"][0]["choices"].as_array().unwrap().clone();
    let long = choices.iter().find(|choice| choice["value"].as_str().unwrap().len() > 50).unwrap();
    let word: String = form_urlencoded::byte_serialize(long["value"].as_str().unwrap().as_bytes()).collect();
    assert_eq!(server.get(&format!("/api/v1/samples?material={word}")).json()["total"], long["count"]);
    assert_eq!(server.get("/api/v1/samples?q=BaTiO%E2%82%83").json()["total"], long["count"]);
    assert_eq!(server.get("/api/v1/samples?q=batio3").json()["total"], long["count"]);
    let page = server.get("/download").text();
    assert!(page.contains(&name) && !page.contains("the same bytes"), "the file is asked for");
    let recipe = server.get("/api/v1/recipe.toml").text();
    assert!(recipe.contains(&format!("material = \"{name}\"")), "{recipe}");
}
