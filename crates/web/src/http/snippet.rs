//! A few lines of Python for those who live in notebooks.

use adatom_archive::Label;

/// Reads an unpacked selection; stands in its folder.
pub(crate) const LOAD: &str = r#"# Needs numpy and pillow (tifffile for float images).
import json, pathlib
import numpy as np

FOLDER = pathlib.Path(__file__).parent if "__file__" in globals() else pathlib.Path(".")


def samples(*labels):
    """Yields each sample's record and what it has of some labels, or of all if none is named, by label.

    Images are arrays of their files' levels, texts are rows of numbers. x and y of a record's columns are in pixels
    from 0.
    """
    for line in open(FOLDER / "samples.jsonl"):
        record = json.loads(line)
        kept = [label for label in record["files"] if not labels or label in labels]
        yield record, {label: read(label, record["id"]) for label in kept}


def read(label, number):
    """A label's image as numbers, or the rows of its text."""
    path = next((FOLDER / label).glob(f"{number:05}.*"))
    if path.suffix == ".txt":
        return np.array([line.split() for line in open(path)], dtype=float)
    if path.suffix == ".tif":
        import tifffile
        return tifffile.imread(path)
    from PIL import Image
    return np.asarray(Image.open(path))


if __name__ == "__main__":
    for record, files in samples():
        shapes = {label: values.shape for label, values in files.items()}
        print(record["id"], shapes, len(record["columns"]), "columns")
"#;

/// Downloads a selection, checks its sums and reads it. `address` is of the archive's query.
pub(crate) fn fetch(origin: &str, address: &str, folder: &str, labels: &[Label], extension: &str) -> String {
    let url = python(&format!("{origin}/api/v1/archive.zip?{address}"));
    let images: Vec<&str> =
        labels.iter().filter(|label| label.is_image()).map(|label| label.name()).collect();
    let pillow = if images.is_empty() { "" } else { "from PIL import Image\n" };
    let images = serde_json::json!(images);
    format!(
        r#"import hashlib, json, pathlib, urllib.request, zipfile
import numpy as np
{pillow}
url = {url}
urllib.request.urlretrieve(url, "selection.zip")
zipfile.ZipFile("selection.zip").extractall()
folder = pathlib.Path("{folder}")

for line in open(folder / "SHA256SUMS"):
    sha256, name = line.split()
    assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == sha256, name

for line in open(folder / "samples.jsonl"):
    sample = json.loads(line)
    file = f"{{sample['id']:05}}.{extension}"
    images = {{label: np.asarray(Image.open(folder / label / file)) for label in {images}}}
    xy = np.array([[c["x"], c["y"]] for c in sample["columns"]])  # pixels, from 0
    print(sample["id"], {{label: image.shape for label, image in images.items()}}, len(xy), "columns")
"#
    )
}

/// A string in Python's quotes. JSON's escapes are Python's, too.
fn python(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
