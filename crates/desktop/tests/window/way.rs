use crate::person::Person;
use adatom::ColumnTable;
use egui::{Key, Modifiers};

/// The whole way: open, find, edit, undo, export, save, open again.
#[test]
fn a_person_opens_finds_edits_undoes_exports_and_opens_the_session_again() {
    let files = tempfile::tempdir().unwrap();
    let (path, truth) = Person::lattice_file(files.path(), (192, 224), 16.0);
    let mut person = Person::start(&[]);

    person.click("Open an image…");
    person.write("File", path.to_str().unwrap());
    person.press("Open");
    assert!(person.sees("lattice.tif"));

    person.press("Find columns");
    let found = person.columns();
    assert_eq!(found.len(), truth.len(), "every column is found");

    // Erase one, add it again by hand, move another, erase several with the lasso, split and merge.
    let (one, other) = (found[15], found[30]);
    person.click("Erase");
    person.click_at(one);
    assert_eq!(person.columns().len(), found.len() - 1);
    person.click("Add");
    person.click_at((one.0 + 1.0, one.1 - 1.0));
    let added = *person.columns().last().unwrap();
    assert!(
        (added.0 - one.0).hypot(added.1 - one.1) < 0.3,
        "it goes to the fitted centre: {added:?} {one:?}"
    );
    person.click("Move");
    person.drag(&[other, (other.0 + 3.0, other.1 + 2.0)]);
    let moved = *person.columns().last().unwrap();
    assert!((moved.0 - other.0 - 3.0).abs() < 0.2 && (moved.1 - other.1 - 2.0).abs() < 0.2, "{moved:?}");
    person.click("Lasso");
    let corner = truth[0];
    person.drag(&[
        (corner.0 - 6.0, corner.1 - 6.0),
        (corner.0 + 22.0, corner.1 - 6.0),
        (corner.0 + 22.0, corner.1 + 6.0),
        (corner.0 - 6.0, corner.1 + 6.0),
    ]);
    assert!(person.sees("2 selected"));
    person.key(Modifiers::NONE, Key::J);
    assert_eq!(person.columns().len(), found.len() - 1, "two became one");
    person.click("Select");
    person.click_at(truth[40]);
    assert!(person.sees("Local fit"), "the chosen column's numbers are shown");
    person.key(Modifiers::NONE, Key::B);
    assert_eq!(person.columns().len(), found.len(), "one became two");
    person.click_at(truth[50]);
    person.key(Modifiers::NONE, Key::Delete);
    assert_eq!(person.columns().len(), found.len() - 1);

    // Back to the beginning and forth again.
    let edited = person.columns();
    for _ in 0..6 {
        person.key(Modifiers::COMMAND, Key::Z);
    }
    assert_eq!(person.columns(), found);
    for _ in 0..5 {
        person.key(Modifiers::COMMAND | Modifiers::SHIFT, Key::Z);
    }
    person.menu(&["Edit", "Redo"]);
    assert_eq!(person.columns(), edited);

    person.menu(&["File", "Export", "Columns (CSV)…"]);
    let csv = files.path().join("lattice-atoms.csv");
    assert_eq!(person.written("File"), csv.to_str().unwrap(), "the name comes from the image's");
    person.press("Export");
    let text = std::fs::read_to_string(&csv).unwrap();
    let count = |flag: &str| text.lines().filter(|line| line.contains(flag)).count();
    assert_eq!(["edit-added", "edit-moved", "edit-merged", "edit-split"].map(count), [1, 1, 1, 2]);
    assert_eq!(ColumnTable::read(&csv).unwrap().rows.len(), edited.len());

    person.key(Modifiers::COMMAND, Key::S);
    person.press("Save");
    let session = files.path().join("lattice.adatom");
    assert!(session.is_file());

    // The image may be gone: the session has it.
    std::fs::remove_file(&path).unwrap();
    let mut again = Person::start(&[&session]);
    assert_eq!(again.columns(), edited);
    let document = again.app().document.as_ref().unwrap();
    assert_eq!(document.found.as_ref().unwrap().maps.len(), 5, "with its maps");
    assert_eq!(document.pixel_size.unwrap().x_angstrom, 0.2);
    for _ in 0..6 {
        again.key(Modifiers::COMMAND, Key::Z);
    }
    assert_eq!(again.columns(), found, "and what was found is still apart from the edits");
}

#[test]
fn pictures_figures_maps_and_reports_are_exported_and_nothing_is_replaced_unasked() {
    let files = tempfile::tempdir().unwrap();
    let (path, _) = Person::lattice_file(files.path(), (96, 96), 16.0);
    let mut person = Person::start(&[&path]);
    person.press("Find columns");
    for (words, name) in [
        ("Figure", "lattice-figure.png"),
        ("Maps", "lattice-maps"),
        ("HyperSpy", "lattice-columns.hspy"),
        ("Report", "lattice-report.html"),
        ("Labels", "lattice-labels"),
    ] {
        person.menu(&["File", "Export", words]);
        person.press("Export");
        assert!(files.path().join(name).exists(), "{name}");
    }
    for ending in ["svg", "pdf"] {
        person.menu(&["File", "Export", "Figure"]);
        person.click(ending);
        person.press("Export");
        assert!(files.path().join(format!("lattice-figure.{ending}")).exists());
    }
    let map = files.path().join("lattice-maps/noNoise.tif");
    let map = adatom_formats::read_image(&map, &Default::default()).unwrap();
    assert_eq!((map.data.dim(), map.source.sample_type.as_str()), ((96, 96), "32-bit float"));
    let html = std::fs::read_to_string(files.path().join("lattice-report.html")).unwrap();
    assert!(html.contains("data:image/png;base64,") && html.contains("<th>Columns</th>"));

    std::fs::write(files.path().join("lattice-report.html"), "mine").unwrap();
    person.menu(&["File", "Export", "Report"]);
    person.press("Export");
    assert!(person.sees("Replace it?"));
    person.press("Cancel");
    person.press("Cancel");
    assert_eq!(std::fs::read_to_string(files.path().join("lattice-report.html")).unwrap(), "mine");
}

#[test]
fn lattice_localisers_spectrum_and_layouts_are_there() {
    let files = tempfile::tempdir().unwrap();
    let (path, _) = Person::lattice_file(files.path(), (160, 160), 16.0);
    let mut person = Person::start(&[&path]);
    person.press("Find columns");
    person.menu(&["Analyse", "Find lattice"]);
    assert!(person.sees("81 of 81"), "all columns are in the lattice");
    assert!(person.sees("3.20") || person.sees("3.19"), "its vectors in ångström");
    person.menu(&["Analyse", "Compare localisers"]);
    assert!(person.sees("Shared") && person.sees("Likelihood + rows"));
    person.menu(&["View", "Power spectrum"]);
    // 160 px of 0.2 Å: the first spot is 10 px beside the middle.
    assert!(person.sees("Image 2: Power spectrum"));
    for (words, panes) in [("One", 1), ("Side by side", 2), ("Split", 2)] {
        person.click(words);
        assert_eq!(person.harness.query_all_by_panes(), panes, "{words}");
    }
}

trait Panes {
    fn query_all_by_panes(&self) -> usize;
}

impl Panes for egui_kittest::Harness<'static, Option<adatom_desktop::App>> {
    fn query_all_by_panes(&self) -> usize {
        use egui_kittest::kittest::Queryable;
        self.query_all_by_label_contains("Image 1").count()
            + self.query_all_by_label_contains("Image 2").count()
    }
}
