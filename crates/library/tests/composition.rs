//! The enumerated recipe against the index of the published library.

#![allow(clippy::unwrap_used)]

use adatom_library::{Form, Generator, Recipe};
use std::path::PathBuf;

const BLOCK: usize = 63;

fn published_index() -> Option<Vec<Vec<String>>> {
    let folder = std::env::var_os("ADATOM_TEST_DATA").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data")),
        PathBuf::from,
    );
    let path = folder.join("temimagenet/image_index.csv");
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!("SKIPPED: {} is missing; set ADATOM_TEST_DATA", path.display());
        return None;
    };
    // Elements are quoted lists with commas; no other field has quotes.
    let fields = |line: &str| {
        let quoted = line.split('"').enumerate();
        let text: String = quoted
            .map(|(i, part)| if i % 2 == 1 { part.replace(',', ";") } else { part.to_owned() })
            .collect();
        text.split(',').map(|field| field.trim().to_owned()).collect()
    };
    Some(text.lines().skip(1).map(fields).collect())
}

/// Number, material, zone axis, form and field of view of each of the 14,364 entries. The index calls the
/// first sample of graphene's block in two conditions DyScO3's by one; every other number agrees.
#[test]
fn composition_is_the_published_index() {
    let Some(index) = published_index() else { return };
    let recipe = Recipe::open("temimagenet").unwrap();
    let composition = recipe.composition().unwrap();
    assert_eq!(composition.count(), index.len() as u64);
    let mut differing = Vec::new();
    for (at, entry) in index.iter().enumerate() {
        assert_eq!(entry[0], format!("{:05}", at + 1));
        let place = composition.place(at as u64 + 1);
        let structure = &recipe.structure[place.structure];
        let material = match (entry[3].as_str(), entry[5].as_str()) {
            ("amorphous graphene", _) => "amorphous-graphene",
            ("graphene", _) => "graphene",
            (_, formula) => formula,
        };
        let zone = match entry[10].as_str() {
            "NULL" | "002" => "001",
            zone => zone,
        };
        if (structure.material.as_str(), structure.zone.as_str()) != (material, zone) {
            differing.push(at + 1);
            continue;
        }
        assert_eq!(structure.form == Form::Monolayer, entry[1] == "2D material", "{entry:?}");
        assert!(entry[1] != "crystal" || structure.form == Form::Slab, "{entry:?}");
        assert_eq!(place.field_of_view_angstrom, entry[8].parse::<f64>().unwrap());
        assert_eq!(place.rotation_deg, (at % BLOCK / 9 * 15) as f64);
    }
    let off_by_one: Vec<usize> =
        (0..4).flat_map(|field| [252, 1323].map(|number| field * 57 * BLOCK + number)).collect();
    assert_eq!(differing, off_by_one);
}

/// The optics of the blocks, as the published files of parameters have them.
#[test]
fn conditions_are_the_published_ones() {
    let recipe = Recipe::open("temimagenet").unwrap();
    let composition = recipe.composition().unwrap();
    let mut block = 0;
    for (count, energy, semiangle, source) in [
        (17, 200.0, 24.0, 0.9),
        (17, 100.0, 30.0, 0.8),
        (13, 200.0, 10.5, 0.9),
        (7, 200.0, 10.0, 1.6),
        (3, 60.0, 30.0, 0.5),
    ] {
        for _ in 0..count {
            for field in 0..4 {
                let optics =
                    &recipe.optics[composition.place(((field * 57 + block) * BLOCK + 1) as u64).optics];
                assert_eq!((optics.energy_kv, optics.semiangle_mrad), (energy, semiangle));
                assert_eq!(optics.source_fwhm_angstrom.bounds(), (source, source));
            }
            block += 1;
        }
    }
    assert_eq!(block, 57);
}

/// A sample shows what its place says; beyond the last number the composition repeats with other noise.
#[test]
fn samples_are_those_of_their_place() {
    let generator = Generator::new(Recipe::open("temimagenet").unwrap(), 1).unwrap();
    let composition = generator.recipe().composition().unwrap();
    for index in [1, 1955, 12_028, 12_965, 14_364] {
        let (sample, place) = (generator.sample(index).unwrap(), composition.place(index));
        let structure = &generator.recipe().structure[place.structure];
        assert_eq!(sample.settings.material, structure.material);
        assert_eq!(sample.settings.form, structure.form);
        assert_eq!(sample.settings.rotation_deg, place.rotation_deg);
        assert_eq!(sample.settings.probe.energy_kv(), generator.recipe().optics[place.optics].energy_kv);
        assert!((sample.settings.field_of_view_angstrom - place.field_of_view_angstrom).abs() < 1e-9);
        assert!(!sample.columns.is_empty(), "{index}");
    }
    assert_eq!(composition.place(14_365), composition.place(1));
    assert_ne!(generator.sample(14_365).unwrap().image, generator.sample(1).unwrap().image);
}

#[test]
fn every_mistake_is_told_with_its_line() {
    let text = include_str!("../../../recipes/temimagenet.toml");
    let line = |text: &str, of: &str| text.lines().position(|line| line.contains(of)).unwrap() + 1;
    let bad = text
        .replace("offsets = 9", "offsets = 1000000000000\ncolour = 3")
        .replace("field_of_view_angstrom = [8,", "field_of_view_angstrom = [-8,")
        .replace("semiangle_mrad = 24", "semiangle_mrad = nan")
        .replace("\"60kV-30mrad\"\nstructures = [\"amorphous", "\"60kV-30mrad\"\nstructures = [\"morphous");
    let path = std::env::temp_dir().join(format!("adatom-mistakes-{}.toml", std::process::id()));
    std::fs::write(&path, &bad).unwrap();
    let errors = Recipe::open_checking_all(path.to_str().unwrap()).unwrap_err();
    std::fs::remove_file(&path).unwrap();
    let messages: Vec<String> = errors.iter().map(ToString::to_string).collect();
    for (of, what) in [
        ("offsets", "composition.offsets: 1000000000000"),
        ("colour", "unknown field `colour`"),
        ("field_of_view_angstrom", "image.field_of_view_angstrom: -8"),
        ("= nan", "optics 200kV-24mrad.semiangle_mrad: NaN"),
        ("\"morphous", "no structure has the id morphous-graphene"),
    ] {
        let expected = format!("line {}", line(&bad, of));
        assert!(
            messages.iter().any(|m| m.contains(what) && m.contains(&expected)),
            "{what} at {expected} in {messages:#?}"
        );
    }
    assert_eq!(messages.len(), 5, "{messages:#?}");
}

#[test]
fn ranges_cannot_be_enumerated() {
    let text = include_str!("../../../recipes/temimagenet.toml");
    let ranged =
        text.replace("rotation_deg = [0, 15, 30, 45, 60, 75, 90]", "rotation_deg = { low = 0, high = 90 }");
    let message = Recipe::from_toml(&ranged, "test").unwrap_err().to_string();
    assert!(message.contains("image.rotation_deg") && message.contains("list"), "{message}");
}
