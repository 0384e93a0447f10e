//! Writes samples of a recipe with their labels as one portable grey map:
//! `cargo run --release -p adatom-library --example sheet -- training 12 > sheet.pgm`.

use adatom_library::{Generator, Recipe};
use std::io::Write;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let name = std::env::args().nth(1).unwrap_or_else(|| "paper".to_owned());
    let count: u64 = std::env::args().nth(2).and_then(|n| n.parse().ok()).unwrap_or(8);
    let generator = Generator::new(Recipe::open(&name)?, 1)?;
    let mut rows: Vec<Vec<u8>> = Vec::new();
    for index in 0..count {
        let sample = generator.sample(index)?;
        let labels = &sample.labels;
        let panels = [
            &sample.image,
            &labels.no_noise,
            &labels.no_background_no_noise,
            &labels.superresolution,
            &labels.gaussian_mask,
            &labels.circular_mask,
        ];
        let scaled: Vec<_> = panels
            .iter()
            .map(|panel| {
                let (low, high) = panel.iter().fold((f32::MAX, f32::MIN), |(l, h), v| (l.min(*v), h.max(*v)));
                panel.mapv(|v| ((v - low) / (high - low).max(1e-9) * 255.0) as u8)
            })
            .collect();
        for row in 0..sample.grid.height {
            rows.push(scaled.iter().flat_map(|panel| panel.row(row).to_vec()).collect());
        }
        let s = &sample.settings;
        eprintln!(
            "{index}: {} [{}] {:?} field {:.1} Å, {} columns, {} ignored, PSNR {:.1} dB",
            s.material,
            s.zone,
            s.form,
            s.field_of_view_angstrom,
            sample.columns.len(),
            sample.ignored.len(),
            sample.psnr_db
        );
    }
    let mut out = std::io::stdout().lock();
    write!(out, "P5 {} {} 255\n", rows[0].len(), rows.len())?;
    Ok(rows.iter().try_for_each(|row| out.write_all(row))?)
}
