//! Looking into files and converting them, as a user types it.

#![allow(clippy::unwrap_used)]

use adatom_formats::{PixelSize, Selection, read_image, write_tiff};
use ndarray::Array2;
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};

fn adatom(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_adatom")).args(arguments).output().unwrap()
}

fn example(folder: &Path) -> String {
    let path = folder.join("image.tif");
    let image = Array2::from_shape_fn((20, 30), |(row, column)| (100 * row + column) as f32);
    write_tiff(&path, &image, Some(PixelSize::new(0.2, 0.1).unwrap())).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn info_prints_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let path = example(folder.path());
    let done = adatom(&["info", &path, "--json", "--stats"]);
    let value: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!((&value["file"], &value["format"]), (&Value::from(path.as_str()), &Value::from("TIFF")));
    let signal = &value["signals"][0];
    assert_eq!(signal["shape"], serde_json::json!([20, 30]));
    assert_eq!((&signal["dtype"], &signal["name"]), (&Value::from("float32"), &Value::from("image")));
    let axis = &signal["axes"][1];
    assert_eq!((&axis["name"], &axis["size"], &axis["unit"]), (&"width".into(), &30.into(), &"nm".into()));
    assert!((axis["scale"].as_f64().unwrap() - 0.02).abs() < 1e-12 && axis["offset"] == 0.0);
    let stats = &signal["stats"];
    assert_eq!((&stats["min"], &stats["max"]), (&Value::from(0.0), &Value::from(1929.0)));
    assert_eq!((stats["first8"].as_array().unwrap().len(), &stats["last4"][3]), (8, &Value::from(1929.0)));
    assert!(value["metadata"].is_object() && value["warnings"].is_array());
    let text = String::from_utf8(adatom(&["info", &path]).stdout).unwrap();
    assert!(text.contains("20 × 30") && text.contains("0.2 × 0.1 Å"), "{text}");
}

#[test]
fn images_and_columns_are_converted() {
    let folder = tempfile::tempdir().unwrap();
    let path = example(folder.path());
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    for name in ["copy.tif", "copy.npy", "copy.emd", "copy.hspy"] {
        assert!(adatom(&["convert", &path, &at(name)]).status.success());
        let (copy, image) = (
            read_image(at(name).as_ref(), &Selection::default()).unwrap(),
            read_image(path.as_ref(), &Selection::default()).unwrap(),
        );
        assert_eq!(copy.data, image.data, "{name}");
        if name != "copy.npy" {
            let size = copy.pixel_size.unwrap();
            assert!((size.x_angstrom - 0.2).abs() < 1e-9 && (size.y_angstrom - 0.1).abs() < 1e-9, "{name}");
        }
    }
    std::fs::write(at("atoms.csv"), "x_px,y_px,x_angstrom,y_angstrom\n5,5,1.0,0.5\n25,15,5.0,1.5\n").unwrap();
    assert!(adatom(&["convert", &at("atoms.csv"), &at("columns.xyz"), "--element", "Pt"]).status.success());
    assert!(std::fs::read_to_string(at("columns.xyz")).unwrap().contains("Pt 5.00000 -1.50000"));
    assert!(adatom(&["convert", &path, &at("figure.png"), "--columns", &at("atoms.csv")]).status.success());
    for (input, output) in
        [(path.as_str(), "copy.doc"), (path.as_str(), "columns.cif"), ("none.tif", "copy.npy")]
    {
        let done = adatom(&["convert", input, &at(output)]);
        assert_eq!(done.status.code(), Some(2), "{output}");
        assert_eq!(String::from_utf8(done.stderr).unwrap().trim_end().lines().count(), 1);
        assert!(output == "copy.npy" || !Path::new(&at(output)).exists());
    }
}
