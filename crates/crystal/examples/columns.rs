//! Prints the columns of a crystal along a zone axis: `columns materials/Si.cif 110`.

use std::io::Write;

use adatom_crystal::{Crystal, ProjectedCell, ZoneAxis};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().unwrap_or_else(|| "materials/SrTiO3.cif".to_owned());
    let zone: ZoneAxis = arguments.next().unwrap_or_else(|| "001".to_owned()).parse()?;
    let crystal = Crystal::from_cif(&std::fs::read_to_string(path)?)?;
    let cell = ProjectedCell::new(&crystal, zone, 0.3)?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{} along {zone}, repeat {:.4} Å", crystal.name, cell.repeat_angstrom)?;
    writeln!(out, "lattice {:.4?} {:.4?} Å", cell.vectors[0], cell.vectors[1])?;
    for column in &cell.columns {
        let atoms: Vec<String> = column.species.iter().map(|(e, n)| format!("{n:.3} {e}")).collect();
        writeln!(out, "{:9.4} {:9.4}  {}", column.x, column.y, atoms.join(" + "))?;
    }
    Ok(())
}
