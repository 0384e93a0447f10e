use crate::person::Person;
use adatom_desktop::Folders;
use egui::{Key, Modifiers};

#[test]
fn a_bad_file_is_a_message_and_the_window_lives() {
    let files = tempfile::tempdir().unwrap();
    let bad = files.path().join("bad.adatom");
    std::fs::write(&bad, "no session").unwrap();
    let mut person = Person::start(&[&bad]);
    assert!(person.sees("That did not work") && person.sees("bad.adatom"));
    person.press("Close");
    let (path, _) = Person::lattice_file(files.path(), (96, 96), 16.0);
    person.click("Open an image…");
    person.write("File", path.to_str().unwrap());
    person.press("Open");
    assert!(person.sees("lattice.tif"));
}

#[test]
fn a_run_is_cancelled_and_another_one_works() {
    use egui_kittest::kittest::Queryable;
    let files = tempfile::tempdir().unwrap();
    let (path, truth) = Person::lattice_file(files.path(), (128, 128), 16.0);
    let mut person = Person::start(&[&path]);
    person.harness.get_by_role_and_label(egui::accesskit::Role::Button, "Find columns").click();
    person.harness.run_steps(2);
    if let Some(cancel) = person.harness.query_by_label("Cancel") {
        cancel.click();
    }
    person.wait();
    person.press("Find columns");
    assert_eq!(person.columns().len(), truth.len());
}

#[test]
fn edits_survive_a_crash() {
    let files = tempfile::tempdir().unwrap();
    let (path, truth) = Person::lattice_file(files.path(), (96, 96), 16.0);
    let mut person = Person::start(&[&path]);
    person.press("Find columns");
    person.click_at(truth[6]);
    person.key(Modifiers::NONE, Key::Delete);
    person.app().keep_now();
    person.wait();
    let edited = person.columns();
    // The process is no more: what it kept has another's number.
    let folders = Folders::within(person.folder.path());
    std::fs::rename(folders.own_autosave(), folders.autosave.join("4194999.adatom")).unwrap();
    let mut again = Person::start_in(person.folder, &[]);
    assert!(again.sees("Recover the last session?"));
    again.press("Recover");
    assert_eq!(again.columns(), edited);
    assert!(folders.left_behind().is_empty());
}

#[test]
fn unsaved_edits_are_asked_about_before_another_file_is_opened() {
    let files = tempfile::tempdir().unwrap();
    let (path, truth) = Person::lattice_file(files.path(), (96, 96), 16.0);
    let mut person = Person::start(&[&path]);
    person.press("Find columns");
    person.click_at(truth[6]);
    person.key(Modifiers::NONE, Key::Delete);
    person.key(Modifiers::COMMAND, Key::O);
    person.write("File", path.to_str().unwrap());
    person.press("Open");
    assert!(person.sees("Unsaved edits"));
    person.press("Cancel");
    assert_eq!(person.columns().len(), truth.len() - 1);
    person.key(Modifiers::COMMAND, Key::O);
    person.write("File", path.to_str().unwrap());
    person.press("Open");
    person.press("Discard edits");
    assert!(person.columns().is_empty(), "the file is open anew");
}

#[test]
fn a_batch_lists_what_failed_and_does_the_rest() {
    let files = tempfile::tempdir().unwrap();
    let (path, truth) = Person::lattice_file(files.path(), (96, 96), 16.0);
    std::fs::copy(&path, files.path().join("second.tif")).unwrap();
    std::fs::write(files.path().join("broken.tif"), "II*\0 and no more").unwrap();
    let results = tempfile::tempdir().unwrap();
    let mut person = Person::start(&[]);
    person.menu(&["Analyse", "Batch…"]);
    person.write("Folder or stack", files.path().to_str().unwrap());
    person.write("Results", results.path().join("out").to_str().unwrap());
    person.press("Start");
    assert!(person.sees("failed"));
    let table = std::fs::read_to_string(results.path().join("out/batch.csv")).unwrap();
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 4, "{table}");
    assert!(lines[1].starts_with("\"broken.tif\",,,,\""), "{table}");
    assert!(lines[2].starts_with(&format!("\"lattice.tif\",{},", truth.len())), "{table}");
    assert!(results.path().join("out/second.tif.adatom/atoms.csv").is_file());
}
