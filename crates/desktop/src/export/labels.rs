//! Edited columns as labels to learn from.

use super::{columns, write_folder};
use crate::document::Document;
use adatom::column_labels;
use std::path::Path;

/// Writes a folder with the image, the masks of its columns and the columns themselves.
pub(super) fn write(document: &Document, path: &Path) -> Result<(), String> {
    if document.columns().is_empty() {
        return Err("There are no columns to learn from.".to_owned());
    }
    let image = &document.image.data;
    let labels = column_labels(image.dim(), &document.located());
    let mut images = vec![("image.tif".to_owned(), image)];
    images.extend(labels.iter().map(|(task, map)| (format!("{}.tif", task.name()), map)));
    write_folder(path, document, images, &[("atoms.csv", columns(document))])
}
