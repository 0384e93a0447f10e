use crate::localiser::flags;
use crate::{ColumnFit, Located, LocatedColumn};
use adatom_formats::PixelSize;

/// A located column as the contract of `atoms.csv` has it, a field a column of the table. What isn't known is NaN.
#[derive(Debug, Clone, PartialEq)]
pub struct AtomRow {
    /// Its number, from 1.
    pub id: u64,
    /// To the right \[px\].
    pub x_px: f64,
    /// Downwards \[px\].
    pub y_px: f64,
    /// To the right \[Å\].
    pub x_angstrom: f64,
    /// Downwards \[Å\].
    pub y_angstrom: f64,
    /// Mean of the recorded image within `radius_px`, above the background \[image unit\].
    pub intensity: f64,
    /// The background beneath it \[image unit\].
    pub background: f64,
    /// Radius at half height \[px\].
    pub radius_px: f64,
    /// The chance that the column is real.
    pub score: f64,
    /// What to know about it, words with blanks between.
    pub flags: String,
    /// Standard deviation of the position along x \[px\].
    pub x_std_px: f64,
    /// The same along y \[px\].
    pub y_std_px: f64,
    /// The same along x \[Å\].
    pub x_std_angstrom: f64,
    /// The same along y \[Å\].
    pub y_std_angstrom: f64,
    /// Larger width of the fitted column \[px\].
    pub sigma_major_px: f64,
    /// Smaller width \[px\].
    pub sigma_minor_px: f64,
    /// Direction of the larger width, from x towards y \[°\].
    pub angle_deg: f64,
    /// Height of the fitted column above its background \[image unit\].
    pub height: f64,
}

impl Located {
    /// The columns as rows of `atoms.csv`.
    pub fn rows(&self, pixel_size: Option<PixelSize>) -> Vec<AtomRow> {
        atom_rows(&self.columns, pixel_size)
    }
}

/// Columns as rows of `atoms.csv`.
pub(crate) fn atom_rows(columns: &[LocatedColumn], pixel_size: Option<PixelSize>) -> Vec<AtomRow> {
    let [to_x, to_y] = pixel_size.map_or([f64::NAN; 2], |size| [size.x_angstrom, size.y_angstrom]);
    let row = |(index, column): (usize, &LocatedColumn)| {
        let fit = |of: fn(&ColumnFit) -> f64| column.fit.as_ref().map_or(f64::NAN, of);
        let [x_std_px, y_std_px] = [fit(|fit| fit.std_px[0]), fit(|fit| fit.std_px[1])];
        AtomRow {
            id: index as u64 + 1,
            x_px: column.x,
            y_px: column.y,
            x_angstrom: column.x * to_x,
            y_angstrom: column.y * to_y,
            intensity: column.intensity,
            background: column.background,
            radius_px: column.radius_px,
            score: column.score,
            flags: flags(column),
            x_std_px,
            y_std_px,
            x_std_angstrom: x_std_px * to_x,
            y_std_angstrom: y_std_px * to_y,
            sigma_major_px: fit(|fit| fit.sigma_px[0]),
            sigma_minor_px: fit(|fit| fit.sigma_px[1]),
            angle_deg: fit(|fit| fit.angle_rad.to_degrees()),
            height: fit(|fit| fit.height),
        }
    };
    columns.iter().enumerate().map(row).collect()
}
