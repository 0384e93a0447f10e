//! The index: what it is made of, when it is made anew, and that its counts are right.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

mod common;

use adatom_archive::{Depth, Layout, Record};
use adatom_web::{Facet, Index, Kind, Query, index_library, refresh};
use common::Shared;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tempfile::TempDir;

fn shared() -> Arc<(TempDir, Index)> {
    static SHARED: Shared<(TempDir, Index)> = Shared::new();
    SHARED.get(|| {
        let parent = common::small(Layout::Temimagenet, Depth::Eight);
        let index = index_library(&common::open(&parent), &mut |_| {}).unwrap();
        (parent, index)
    })
}

fn query(address: &str) -> Query {
    Query::parse(address).unwrap()
}

fn ids(address: &str) -> Vec<u64> {
    let shared = shared();
    let index = &shared.1;
    let selection = index.select(&query(address)).unwrap();
    let ids: Vec<u64> = selection.page(0, 100).places.into_iter().map(|at| index.id(at)).collect();
    assert_eq!(ids.len(), selection.count());
    ids
}

/// Whether a record is what an address asks for, found without the index.
fn ids_by_hand(holds: impl Fn(&Record) -> bool) -> Vec<u64> {
    let records = common::open(&shared().0).records().unwrap().map(Result::unwrap);
    records.filter(|record| holds(record)).map(|record| record.id).collect()
}

#[test]
fn filters_select_what_the_records_say() {
    let _held = shared();
    let s = |record: &Record| record.settings.clone().unwrap();
    assert_eq!(ids("").len() as u64, common::COUNT);
    assert_eq!(ids("material=TiO2"), ids_by_hand(|r| s(r).material == "TiO2"));
    assert_eq!(
        ids("material=TiO2&material=Pt&field_angstrom=20"),
        ids_by_hand(|r| ["TiO2", "Pt"].contains(&&*s(r).material) && s(r).field_of_view_angstrom == 20.0)
    );
    let has = |r: &Record, e: &str| r.columns.iter().any(|c| c.atoms.contains_key(e));
    assert_eq!(ids("element=Ti&element=Sr"), ids_by_hand(|r| has(r, "Ti") && has(r, "Sr")));
    assert_eq!(ids("structure=rutile&energy_kv=60"), Vec::<u64>::new());
    assert_eq!(
        ids("psnr_db=15..20&semiangle_mrad=24"),
        ids_by_hand(|r| (15.0..=20.0).contains(&r.psnr_db.unwrap()) && s(r).probe.semiangle_mrad() == 24.0)
    );
    assert_eq!(ids("columns=..12"), ids_by_hand(|r| r.columns.len() <= 12));
    assert_eq!(ids("morphology=two-dimensional").len(), 24);
    assert_eq!(ids("material=unobtainium"), Vec::<u64>::new());
}

#[test]
fn text_finds_names_synonyms_beginnings_and_numbers() {
    let _held = shared();
    assert_eq!(ids("q=strontium"), ids("material=SrTiO3"));
    assert_eq!(ids("q=SrTiO%E2%82%83"), ids("material=SrTiO3"));
    assert_eq!(ids("q=titan+110"), ids("material=TiO2"));
    assert_eq!(ids("q=nanoparticle"), ids("material=Pt"));
    assert_eq!(ids("q=perovskite+rutile"), Vec::<u64>::new());
    assert_eq!(ids("q=17"), [17]);
    assert_eq!(ids("q=%2317"), [17]);
    for hostile in ["%22", "*", "%27%3B+DROP+TABLE+text%3B--", "NEAR(", "body%3Ax", "%22%22%22", "AND"] {
        assert_eq!(ids(&format!("q={hostile}")), Vec::<u64>::new(), "{hostile}");
    }
    assert_eq!(ids("q=strontium"), ids("material=SrTiO3"), "nothing was dropped");
}

#[test]
fn counts_of_every_choice_are_what_choosing_it_gives() {
    let shared = shared();
    let index = &shared.1;
    for address in ["", "material=Pt", "element=O&psnr_db=..22", "q=carbon&energy_kv=60&rotation_deg=0"] {
        for choices in index.select(&query(address)).unwrap().choices() {
            let facet = choices.facet;
            for choice in choices.choices {
                // Another choice replaces what was asked of the facet, but a further element is asked for, too.
                let query = query(address);
                let query = if facet == Facet::Elements { query } else { query.without(facet, None) };
                let address = query.address_with(&[(facet.key(), &choice.value)]);
                assert_eq!(ids(&address).len(), choice.count, "{address}");
            }
        }
    }
}

#[test]
fn bins_of_a_histogram_hold_every_sample_once() {
    let choices = shared().1.select(&query("")).unwrap().choices();
    let psnr = choices.iter().find(|choices| choices.facet == Facet::Psnr).unwrap();
    assert!(psnr.binned && psnr.bounds.is_some());
    assert_eq!(psnr.choices.iter().map(|choice| choice.count).sum::<usize>() as u64, common::COUNT);
}

#[test]
fn orders_are_orders_and_pages_follow_each_other() {
    let shared = shared();
    let index = &shared.1;
    for (sort, facet) in
        [("psnr_db", Facet::Psnr), ("-columns", Facet::Columns), ("field_angstrom", Facet::Field)]
    {
        let selection = index.select(&query(&format!("sort={sort}"))).unwrap();
        let mut values: Vec<f32> =
            selection.page(0, 100).places.into_iter().map(|at| index.number(facet, at).unwrap()).collect();
        if sort.starts_with('-') {
            values.reverse();
        }
        assert!(values.is_sorted(), "{sort}");
    }
    let shuffled = ids("sort=shuffled");
    assert!(!shuffled.is_sorted());
    let selection = index.select(&query("sort=shuffled&element=O")).unwrap();
    let (mut from, mut seen) = (Some(0), Vec::new());
    while let Some(at) = from {
        let page = selection.page(at, 5);
        assert_eq!(page.places, selection.page_after(seen.len(), 5).places);
        seen.extend(page.places);
        from = page.next;
    }
    assert_eq!(seen, selection.page(0, 100).places);
}

#[test]
fn every_record_is_where_the_index_says() {
    let shared = shared();
    let (parent, index) = &*shared;
    let text = fs::read(parent.path().join("library/samples.jsonl")).unwrap();
    for at in 0..index.len() {
        let (offset, length) = index.line(at);
        let record: Record = serde_json::from_slice(&text[offset as usize..][..length as usize]).unwrap();
        assert_eq!((record.id, index.find(record.id)), (index.id(at), Some(at)));
    }
    assert_eq!((index.find(0), index.find(common::COUNT + 1), index.find(u64::MAX)), (None, None, None));
}

/// The file's own number, by which one that was written anew differs.
#[cfg(unix)]
fn written(index: &Index) -> u64 {
    std::os::unix::fs::MetadataExt::ino(&fs::metadata(index.path()).unwrap())
}

#[cfg(unix)]
#[test]
fn a_fresh_index_stays_and_a_stale_or_damaged_one_is_built_anew() {
    let parent = common::small(Layout::Temimagenet, Depth::Eight);
    let folder = parent.path().join("library");
    let open = || index_library(&common::open(&parent), &mut |_| {}).unwrap();
    let first = open();
    assert_eq!(first.path(), folder.join("index.sqlite"));
    assert_eq!(written(&open()), written(&first), "nothing has changed");

    // Copied records have another time and the same content.
    let records = fs::read(folder.join("samples.jsonl")).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(10));
    fs::write(folder.join("samples.jsonl"), &records).unwrap();
    let copied = open();
    assert_eq!(written(&copied), written(&first), "the same records");
    assert_ne!(open().stamp().modified_ns, first.stamp().modified_ns, "they need not be read again");

    for (name, damage) in [("empty", 0..0), ("text", 0..200), ("half", 0..60_000)] {
        let bytes = fs::read(first.path()).unwrap();
        fs::write(first.path(), &bytes[damage]).unwrap();
        assert_eq!(open().len() as u64, common::COUNT, "{name}");
    }
    // A bit of a column.
    let mut bytes = fs::read(first.path()).unwrap();
    let ids: Vec<u8> = (1_u32..=48).flat_map(u32::to_le_bytes).collect();
    let at = bytes.windows(ids.len()).position(|window| window == ids).unwrap();
    bytes[at + 5] ^= 1;
    fs::write(first.path(), &bytes).unwrap();
    let message = Index::open(first.path()).err().unwrap().to_string();
    assert!(message.contains("\"id\" is damaged"), "{message}");
    assert_eq!(open().id(1), 2);
    assert!(
        fs::read_dir(&folder).unwrap().all(|e| !e.unwrap().file_name().to_string_lossy().contains("partial"))
    );
}

#[test]
fn records_that_are_not_the_librarys_are_refused_by_name() {
    let parent = common::small(Layout::Temimagenet, Depth::Eight);
    let path = parent.path().join("library/samples.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replacen("\"psnr_db\":", "\"psnr\":", 1)).unwrap();
    let message = index_library(&common::open(&parent), &mut |_| {}).err().unwrap().to_string();
    assert!(message.contains("samples.jsonl: line 1: ") || message.contains("SHA-256"), "{message}");
}

/// Where a term of the inverted index stands in an index file: it shares its first letter with the term before it.
fn term(bytes: &[u8], rest: &[u8]) -> usize {
    let inside =
        |at: &usize| *at > 0 && bytes[*at..].starts_with(rest) && !bytes[at - 1].is_ascii_lowercase();
    (0..bytes.len()).find(inside).unwrap()
}

#[test]
fn an_index_whose_words_are_damaged_is_built_anew() {
    let parent = common::small(Layout::Temimagenet, Depth::Eight);
    let open = || index_library(&common::open(&parent), &mut |_| {}).unwrap();
    let found = |index: &Index| index.select(&query("q=platinum")).unwrap().count();
    let path = open().path().to_owned();
    let mut bytes = fs::read(&path).unwrap();
    let at = term(&bytes, b"latinum");
    bytes[at..at + 7].copy_from_slice(b"LATINUM");
    fs::write(&path, &bytes).unwrap();
    let message = Index::open(&path).err().unwrap().to_string();
    assert!(message.contains("\"text\" is damaged"), "{message}");
    assert_eq!(found(&open()), 8);
    assert!(Index::open(&path).is_ok());
    // A name of a facet's value.
    let mut bytes = fs::read(&path).unwrap();
    let is_name = |window: &[u8]| window.starts_with(b"material") && window.ends_with(b"SrTiO3");
    let at = bytes.windows(15).position(is_name).unwrap();
    bytes[at + 14] = b'9';
    fs::write(&path, &bytes).unwrap();
    let names = |index: &Index| index.select(&query("material=SrTiO3")).unwrap().count();
    assert_eq!(names(&open()), 8);
}

#[cfg(unix)]
#[test]
fn an_index_that_another_library_replaces_never_answers_for_it() {
    let _held = shared();
    let (parent, other) = (common::small(Layout::Temimagenet, Depth::Eight), tempfile::tempdir().unwrap());
    let recipe = common::RECIPE.replace("\"Pt-particle\", \"SrTiO3-001\"", "\"SrTiO3-001\", \"Pt-particle\"");
    let labels = [adatom_archive::Label::Position];
    common::build_in(other.path(), &recipe, 1..=common::COUNT, &labels, Layout::Temimagenet, Depth::Eight);
    let index = index_library(&common::open(&parent), &mut |_| {}).unwrap();
    let foreign = index_library(&common::open(&other), &mut |_| {}).unwrap();
    fs::rename(foreign.path(), index.path()).unwrap();
    // At once, so that more connections are needed than the one that is open.
    let together = std::sync::Barrier::new(12);
    let search = || {
        together.wait();
        match index.select(&query("q=platinum")) {
            Ok(selection) => {
                let found = selection.page(0, 100).places.into_iter().map(|at| index.id(at));
                assert!(found.eq(ids("q=platinum")), "the other library's");
            }
            Err(error) => assert!(error.to_string().contains("replaced"), "{error}"),
        }
    };
    std::thread::scope(|scope| (0..12).for_each(|_| drop(scope.spawn(search))));
}

#[test]
fn what_a_build_that_was_killed_has_left_is_cleared_and_what_runs_is_not() {
    let parent = common::small(Layout::Temimagenet, Depth::Eight);
    let file = |name: &str| parent.path().join("library").join(name);
    let (old, young) = (file(".index.sqlite.partial-1"), file(".index.sqlite.partial-2"));
    for (path, age) in [(&old, 7200), (&young, 1800)] {
        let file = fs::File::create(path).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(age)).unwrap();
    }
    refresh(&common::open(&parent), &mut |_| {}).unwrap();
    assert!(!old.exists() && young.exists());
}

/// Not a test of its own: what the test below runs with a cache folder of its own.
#[test]
#[ignore = "run by another test"]
fn child_indexes_a_library_in_the_cache() {
    let library = adatom_archive::Library::open(Path::new(&std::env::var_os("ADATOM_TEST_LIBRARY").unwrap()));
    let library = library.unwrap();
    let index = index_library(&library, &mut |_| {}).unwrap();
    assert!(index.path().starts_with(std::env::var_os("XDG_CACHE_HOME").unwrap()));
    assert_eq!(refresh(&library, &mut |_| {}).unwrap(), index.path());
    assert_eq!(index.len() as u64, common::COUNT);
}

#[test]
fn where_the_folder_takes_no_index_the_cache_does() {
    let parent = common::small(Layout::Temimagenet, Depth::Eight);
    let folder = parent.path().join("library");
    // Nothing can be renamed onto a folder with something in it.
    fs::create_dir_all(folder.join("index.sqlite/occupied")).unwrap();
    let child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "child_indexes_a_library_in_the_cache"])
        .envs([("ADATOM_TEST_LIBRARY", folder.as_path()), ("XDG_CACHE_HOME", parent.path())])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(child.status.success() && said.contains("1 passed"), "{said}");
}

#[test]
fn facets_of_an_imported_library_come_from_its_files() {
    let parent = common::small(Layout::Temimagenet, Depth::Eight);
    let folder = parent.path().join("library");
    for name in ["library.json", "samples.jsonl", "truth.parquet"] {
        fs::remove_file(folder.join(name)).unwrap();
    }
    fs::remove_file(folder.join("image/00003.png")).unwrap();
    for label in adatom_archive::Label::ALL.into_iter().skip(1) {
        let extension = if label.is_image() { "png" } else { "txt" };
        fs::remove_file(folder.join(label.name()).join(format!("00003.{extension}"))).unwrap();
    }
    adatom_archive::import(&folder, &mut |_| {}).unwrap();
    let index = index_library(&common::open(&parent), &mut |_| {}).unwrap();
    assert_eq!((index.len(), index.find(3)), (47, None));
    let selection = index.select(&query("energy_kv=60&field_angstrom=20")).unwrap();
    assert_eq!(selection.count(), 8);
    let known: BTreeMap<_, usize> = selection
        .choices()
        .iter()
        .map(|choices| (choices.facet, choices.choices.iter().filter(|choice| choice.count > 0).count()))
        .collect();
    assert_eq!(known[&Facet::Material], 0);
    assert!(known[&Facet::Columns] > 0 && Facet::Columns.kind() == Kind::Numbers);
}
