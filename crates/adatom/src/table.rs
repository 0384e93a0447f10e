use crate::Error;
use adatom_formats::{PixelSize, write_atomically};
use std::fmt::Write as _;
use std::path::Path;

/// The columns of an `atoms.csv`, in the order of the file.
#[derive(Debug, Clone, PartialEq)]
pub struct ColumnTable {
    /// Size of a pixel, if positions are known in ångström.
    pub pixel_size: Option<PixelSize>,
    /// The columns.
    pub rows: Vec<TableRow>,
}

/// One column of a [`ColumnTable`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TableRow {
    /// Position in pixels of the image, x to the right and y down, pixel centres at integers.
    pub position_px: [f64; 2],
    /// The same in ångström.
    pub position_angstrom: Option<[f64; 2]>,
    /// Integrated intensity; NaN where the file has none.
    pub intensity: f64,
    /// Chance that it is a column; NaN where the file has none.
    pub score: f64,
}

impl ColumnTable {
    /// Reads the `atoms.csv` of a result folder, or a table with the same names of columns:
    /// `x_px` and `y_px` are needed, `x_angstrom`, `y_angstrom`, `intensity` and `score` used.
    ///
    /// # Errors
    /// [`Error::Input`] with the line that is wrong.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let wrong = |message: String| Error::Input { path: path.to_owned(), message };
        let text = std::fs::read_to_string(path).map_err(|e| Error::io(path, e))?;
        let mut lines = text.lines();
        let header: Vec<&str> = lines.next().unwrap_or_default().split(',').map(str::trim).collect();
        let place = |name: &str| header.iter().position(|other| *other == name);
        let need = |name: &str| {
            place(name).ok_or_else(|| {
                wrong(format!("its first line has no {name}; give an atoms.csv of adatom locate"))
            })
        };
        let (x, y) = (need("x_px")?, need("y_px")?);
        let angstrom = place("x_angstrom").zip(place("y_angstrom"));
        let (intensity, score) = (place("intensity"), place("score"));
        let mut rows = Vec::new();
        for (number, line) in lines.enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let fields: Vec<&str> = line.split(',').map(str::trim).collect();
            let value = |at: usize| {
                let text = fields.get(at).copied().unwrap_or_default();
                match text {
                    "" => Ok(f64::NAN),
                    _ => text.parse::<f64>().map_err(|_| {
                        wrong(format!("line {}: {:?} is no number for {}", number + 2, text, header[at]))
                    }),
                }
            };
            let maybe = |at: Option<usize>| at.map_or(Ok(f64::NAN), value);
            let position_px = [value(x)?, value(y)?];
            if !position_px.iter().all(|side| side.is_finite()) {
                return Err(wrong(format!("line {} has no position", number + 2)));
            }
            let known = match angstrom {
                Some((x, y)) => {
                    Some([value(x)?, value(y)?]).filter(|p| p.iter().all(|side| side.is_finite()))
                }
                None => None,
            };
            let row = TableRow {
                position_px,
                position_angstrom: known,
                intensity: maybe(intensity)?,
                score: maybe(score)?,
            };
            rows.push(row);
        }
        if rows.is_empty() {
            return Err(wrong("it has no columns".to_owned()));
        }
        let pixel_size = pixel_size(&rows);
        Ok(Self { pixel_size, rows })
    }

    /// The positions in ångström, y up as crystallographers draw.
    fn upright(&self, path: &Path) -> Result<Vec<[f64; 2]>, Error> {
        let unknown = || Error::Input {
            path: path.to_owned(),
            message: "positions in ångström are needed: run adatom locate with --pixel-size".to_owned(),
        };
        self.rows.iter().map(|row| row.position_angstrom.map(|[x, y]| [x, -y]).ok_or_else(unknown)).collect()
    }

    /// Writes an extended XYZ file: one atom of `element` a column in the plane z = 0, in ångström,
    /// with its intensity and score. x is to the right, y up, the image's first pixel at (0, 0).
    ///
    /// # Errors
    /// [`Error::Input`] if the pixel size is unknown, or the file can't be written.
    pub fn write_xyz(&self, path: &Path, element: &str) -> Result<(), Error> {
        let positions = self.upright(path)?;
        let mut text = format!(
            "{}\nProperties=species:S:1:pos:R:3:intensity:R:1:score:R:1 pbc=\"F F F\"\n",
            positions.len()
        );
        for ([x, y], row) in positions.iter().zip(&self.rows) {
            // Writing to a string can't fail.
            let _ = writeln!(text, "{element} {x:.5} {y:.5} 0.00000 {:.6e} {:.4}", row.intensity, row.score);
        }
        Ok(write_atomically(path, |file| file.write_all(text.as_bytes()))?)
    }

    /// Writes a CIF in P1: one atom of `element` a column in the plane z = 0 of a box that has half
    /// a mean spacing around the columns and is 10 Å high. x is to the right and y up.
    ///
    /// # Errors
    /// As [`ColumnTable::write_xyz`].
    pub fn write_cif(&self, path: &Path, element: &str) -> Result<(), Error> {
        let positions = self.upright(path)?;
        let range = |axis: usize| {
            positions.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), p| {
                (low.min(p[axis]), high.max(p[axis]))
            })
        };
        let [(left, right), (bottom, top)] = [range(0), range(1)];
        let spacing =
            ((right - left).max(1.0) * (top - bottom).max(1.0) / positions.len() as f64).sqrt().max(1.0);
        let (width, height) = (right - left + spacing, top - bottom + spacing);
        let mut text = format!(
            "data_columns\n_audit_creation_method 'adatom {}'\n_cell_length_a {width:.5}\n_cell_length_b {height:.5}\n\
             _cell_length_c 10.0\n_cell_angle_alpha 90\n_cell_angle_beta 90\n_cell_angle_gamma 90\n\
             _symmetry_space_group_name_H-M 'P 1'\n_symmetry_Int_Tables_number 1\nloop_\n\
             _symmetry_equiv_pos_as_xyz\n'x, y, z'\nloop_\n_atom_site_label\n_atom_site_type_symbol\n\
             _atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\n_atom_site_occupancy\n",
            env!("CARGO_PKG_VERSION")
        );
        for (number, [x, y]) in positions.iter().enumerate() {
            let (fx, fy) = ((x - left + spacing / 2.0) / width, (y - bottom + spacing / 2.0) / height);
            let _ = writeln!(text, "{element}{} {element} {fx:.7} {fy:.7} 0.0 1.0", number + 1);
        }
        Ok(write_atomically(path, |file| file.write_all(text.as_bytes()))?)
    }
}

/// The pixel size that turns the positions in pixels into those in ångström.
fn pixel_size(rows: &[TableRow]) -> Option<PixelSize> {
    let side = |axis: usize| {
        let of = |row: &TableRow| Some((row.position_px[axis], row.position_angstrom?[axis]));
        // The farthest from the origin loses the fewest digits.
        let (pixels, angstrom) = rows.iter().filter_map(of).max_by(|a, b| a.0.abs().total_cmp(&b.0.abs()))?;
        Some(angstrom / pixels)
    };
    PixelSize::new(side(0)?, side(1)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CSV: &str = "id,x_px,y_px,x_angstrom,y_angstrom,intensity,background,radius_px,score,flags\n\
                       1,10.0000,20.0000,1.00000,4.00000,3.0e0,,2.000,0.9000,border split\n\
                       2,40.0000,20.0000,4.00000,4.00000,,,2.000,0.8000,\n";

    fn table(text: &str) -> Result<ColumnTable, Error> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("atoms.csv");
        std::fs::write(&path, text).unwrap();
        ColumnTable::read(&path)
    }

    #[test]
    fn a_table_of_locate_is_read() {
        let table = table(CSV).unwrap();
        assert_eq!(table.rows.len(), 2);
        assert_eq!(table.rows[0].position_px, [10.0, 20.0]);
        assert!(table.rows[1].intensity.is_nan());
        let size = table.pixel_size.unwrap();
        assert!((size.x_angstrom - 0.1).abs() < 1e-12 && (size.y_angstrom - 0.2).abs() < 1e-12);
    }

    #[test]
    fn a_wrong_table_names_what_is_wrong() {
        assert!(table("a,b\n1,2\n").unwrap_err().to_string().contains("no x_px"));
        assert!(table("x_px,y_px\n1,two\n").unwrap_err().to_string().contains("line 2: \"two\""));
        assert!(table("x_px,y_px\n").unwrap_err().to_string().contains("no columns"));
    }

    #[test]
    fn xyz_and_cif_keep_the_distances() {
        let folder = tempfile::tempdir().unwrap();
        let table = table(CSV).unwrap();
        let xyz = folder.path().join("columns.xyz");
        table.write_xyz(&xyz, "Pt").unwrap();
        let text = std::fs::read_to_string(&xyz).unwrap();
        assert!(text.starts_with("2\n") && text.contains("Pt 1.00000 -4.00000 0.00000"), "{text}");
        let cif = folder.path().join("columns.cif");
        table.write_cif(&cif, "Pt").unwrap();
        let text = std::fs::read_to_string(&cif).unwrap();
        let length: f64 =
            text.lines().find_map(|l| l.strip_prefix("_cell_length_a ")).unwrap().parse().unwrap();
        let fractions: Vec<f64> = text
            .lines()
            .filter(|line| line.starts_with("Pt"))
            .map(|line| line.split(' ').nth(2).unwrap().parse().unwrap())
            .collect();
        assert!(((fractions[1] - fractions[0]) * length - 3.0).abs() < 1e-5, "{text}");
    }

    #[test]
    fn without_angstrom_there_is_no_crystal() {
        let table = table("x_px,y_px\n1,2\n").unwrap();
        let error = table.write_xyz(Path::new("never.xyz"), "Pt").unwrap_err().to_string();
        assert!(error.contains("--pixel-size"), "{error}");
    }
}
