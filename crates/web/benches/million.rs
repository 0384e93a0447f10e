//! A library of a million samples: rows, no images. Prints how long it takes to build and to open its index, and the
//! quantiles of facet searches with all counts, of text searches and of pages.
//!
//! `cargo bench -p adatom-web --bench million`; ADATOM_SAMPLES sets another number.

#![allow(clippy::expect_used, clippy::print_stdout)]

use adatom_web::{Builder, Entry, Facet, Index, Query, Stamp};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

const SEARCHES: usize = 2000;

/// A small generator of numbers that look like chance.
struct Chance(u64);

impl Chance {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % n.max(1)
    }

    fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.below(1 << 24) as f32 / (1 << 24) as f32
    }
}

/// Material, structure type and elements as the records have them.
const MATERIALS: [(&str, &str, &str); 15] = [
    ("Pt", "fcc metal", "Pt"),
    ("NiO", "rock salt", "Ni O"),
    ("SrTiO3", "perovskite", "O Sr Ti"),
    ("DyScO3", "perovskite", "Dy O Sc"),
    ("Si", "diamond", "Si"),
    ("graphene", "hexagonal sheet", "C"),
    ("MoS2", "hexagonal sheet", "Mo S"),
    ("TiO2", "rutile", "O Ti"),
    ("LiCoO2", "layered oxide", "Co Li O"),
    ("LiNi0.33Mn0.33Co0.33O2", "layered oxide", "Co Li Mn Ni O"),
    ("Co3O4", "spinel", "Co O"),
    ("PtFe", "L1₀ alloy", "Fe Pt"),
    ("Au", "fcc metal", "Au"),
    ("GaN", "wurtzite", "Ga N"),
    ("amorphous-graphene", "amorphous sheet", "C"),
];

fn entry(id: u64, chance: &mut Chance) -> Entry {
    let (material, structure, elements) = MATERIALS[chance.below(MATERIALS.len())];
    let pick = |from: &[&str], chance: &mut Chance| from[chance.below(from.len())].to_owned();
    let forms = ["crystal slab", "nanoparticle", "two-dimensional", "cluster", "single atoms"];
    let (energy, angle) =
        [(200.0, 24.0), (100.0, 30.0), (200.0, 10.5), (200.0, 10.0), (60.0, 30.0)][chance.below(5)];
    Entry {
        id,
        offset: id * 25_000,
        length: 24_999,
        crc: id as u32,
        words: BTreeMap::from([
            (Facet::Material, material.to_owned()),
            (Facet::Structure, structure.to_owned()),
            (Facet::Elements, elements.to_owned()),
            (Facet::Morphology, pick(&forms, chance)),
            (Facet::Zone, pick(&["001", "110", "100", "010", "111", "112"], chance)),
            (Facet::Background, pick(&["constant", "linear", "nonlinear", "blobs"], chance)),
        ]),
        numbers: BTreeMap::from([
            (Facet::Field, chance.between(8.0, 30.0)),
            (Facet::Rotation, (15 * chance.below(7)) as f32),
            (Facet::Energy, energy),
            (Facet::Semiangle, angle),
            (Facet::Psnr, chance.between(8.0, 34.0)),
            (Facet::Columns, (10 + chance.below(400)) as f32),
        ]),
    }
}

/// An address that asks for up to five facets, of words up to three values.
fn address(index: &Index, chance: &mut Chance) -> String {
    let all = index.select(&Query::default()).expect("an index").choices();
    let mut parts = Vec::new();
    for _ in 0..=chance.below(5) {
        let choices = &all[chance.below(all.len())];
        for _ in 0..=chance.below(3) {
            let choice = &choices.choices[chance.below(choices.choices.len())];
            parts.push(format!("{}={}", choices.facet.key(), choice.value.replace(' ', "+")));
        }
    }
    parts.join("&")
}

fn report(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |part: f64| times[((times.len() - 1) as f64 * part) as usize].as_secs_f64() * 1e3;
    println!("{what}: p50 {:.2} ms, p99 {:.2} ms, max {:.2} ms", at(0.5), at(0.99), at(1.0));
}

fn main() {
    let samples = std::env::var("ADATOM_SAMPLES").ok().and_then(|n| n.parse().ok()).unwrap_or(1_000_000);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("index.sqlite");
    let started = Instant::now();
    let (mut builder, mut chance) = (Builder::default(), Chance(1));
    for id in 1..=samples {
        builder.add(&entry(id, &mut chance)).expect("a row");
    }
    let stamp = Stamp { sha256: "0".repeat(64), size: 0, modified_ns: 0 };
    builder.finish(&path, &stamp).expect("an index");
    let megabytes = std::fs::metadata(&path).map_or(0.0, |m| m.len() as f64 / 1e6);
    println!("{samples} samples: index built in {:.2} s, {megabytes:.0} MB", started.elapsed().as_secs_f64());

    let started = Instant::now();
    let index = Index::open(&path).expect("an index");
    let first = index.select(&Query::default()).expect("an index");
    let shown = first.page(0, 24).places.len() + first.choices().len();
    println!("cold start to the first page with all counts: {:.0} ms", started.elapsed().as_secs_f64() * 1e3);
    assert_eq!(shown, 36);

    let addresses: Vec<String> = (0..SEARCHES).map(|_| address(&index, &mut chance)).collect();
    let time = |address: &str| {
        let query = Query::parse(address).expect("an address");
        let started = Instant::now();
        let selection = index.select(&query).expect("an index");
        let (choices, page) = (selection.choices(), selection.page(0, 24));
        assert!(choices.len() == 12 && page.places.len() <= selection.count());
        started.elapsed()
    };
    report("facets, all counts and a page", addresses.iter().map(|address| time(address)).collect());
    let texts = ["q=platinum", "q=oxide+110", "q=o", "q=perov&psnr_db=15..20", "q=carbon&energy_kv=60"];
    report("text", (0..200).map(|at| time(texts[at % texts.len()])).collect());
    let sorts =
        ["sort=-psnr_db", "sort=shuffled&material=Pt", "sort=columns&element=O", "sort=field_angstrom"];
    report("orders", (0..200).map(|at| time(sorts[at % sorts.len()])).collect());
}
