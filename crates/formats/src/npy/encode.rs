//! Arrays that NumPy opens as they are.

use std::path::Path;

use ndarray::Array2;

use crate::atomic::write_atomically;
use crate::error::Result;

/// The text of the header starts here, and the elements at a multiple of [`ALIGNMENT`].
const TEXT_AT: usize = 10;
const ALIGNMENT: usize = 64;

/// Writes a NumPy file, version 1, `[row, column]`: little-endian 32-bit floats in C order, every
/// value kept bit for bit.
///
/// # Errors
/// [`crate::FormatError::Unwritable`] if the file cannot be written.
pub fn write_npy(path: &Path, image: &Array2<f32>) -> Result<()> {
    let (rows, columns) = image.dim();
    let mut text = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {columns}), }}");
    let length = (TEXT_AT + text.len() + 1).next_multiple_of(ALIGNMENT) - TEXT_AT;
    text = format!("{text:<width$}\n", width = length - 1);
    write_atomically(path, |file| {
        file.write_all(b"\x93NUMPY\x01\x00")?;
        // At most 128, whatever the shape.
        file.write_all(&(length as u16).to_le_bytes())?;
        file.write_all(text.as_bytes())?;
        image.iter().try_for_each(|value| file.write_all(&value.to_le_bytes()))
    })
}
