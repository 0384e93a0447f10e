//! Sub-commands for experiments that are still to be done.

use crate::arguments as args;
use crate::commands::{Done, Failure, parse_length, say, say_json};
use adatom::Experiment;
use adatom_formats::PixelSize;
use adatom_optics::Aberrations;

pub fn bound(options: &args::Bound) -> Done {
    let pixel = PixelSize::parse(&options.pixel_size)
        .map_err(|error| Failure::usage(format!("--pixel-size: {error}")))?;
    let &[inner, outer] = &options.detector_mrad[..] else {
        return Err(Failure::usage("--detector-mrad: give two angles, such as 80,200"));
    };
    let experiment = Experiment {
        structure: options.structure.clone(),
        zone: options.beam.zone.clone(),
        rotation_deg: options.rotation_deg,
        thickness_angstrom: parse_length("thickness", &options.thickness)?,
        merge_angstrom: parse_length("merge", &options.merge)?,
        energy_kv: options.beam.energy_kv,
        semiangle_mrad: options.beam.semiangle_mrad,
        aberrations: Aberrations {
            defocus_angstrom: options.defocus_angstrom,
            c3_mm: options.c3_mm,
            c5_mm: options.c5_mm,
            ..Aberrations::default()
        },
        source_fwhm_angstrom: parse_length("source-size", &options.source_size)?,
        detector_mrad: [inner, outer],
        peak_fraction: options.peak_fraction,
        pixel_angstrom: [pixel.x_angstrom, pixel.y_angstrom],
        background: options.background,
        jitter_angstrom: parse_length("jitter", &options.jitter)?,
        doses: options.dose.clone(),
    };
    let found = adatom::bound(&experiment)?;
    if options.json {
        say_json(&serde_json::to_value(&found).unwrap_or_default());
        return Ok(());
    }
    say(&format!(
        "{} [{}], {:.0} Å thick: the brightest point scatters {:.1} % of the beam onto the detector",
        experiment.structure,
        experiment.zone,
        experiment.thickness_angstrom,
        100.0 * found.peak_fraction
    ));
    found.warnings.iter().for_each(|warning| say(&format!("note: {warning}")));
    say(&format!(
        "{:>9} {:<12} {:>9} {:>9} {:>13} {:>13} {:>13} {:>8} {:>8}",
        "e/Å²",
        "column",
        "atoms",
        "electrons",
        "bound pm x, y",
        "rows pm x, y",
        "both pm x, y",
        "frames",
        "missed"
    ));
    for row in &found.results {
        let pair = |[x, y]: [f64; 2]| format!("{x:>6.2} {y:>6.2}");
        say(&format!(
            "{:>9} {:<12} {:>9.1} {:>9.1} {:>13} {:>13} {:>13} {:>8.0} {:>8.4}",
            row.dose,
            row.kind,
            row.atoms.values().sum::<f64>(),
            row.electrons,
            pair(row.bound_pm),
            pair(row.jitter_pm),
            pair(row.total_pm),
            row.frames_for_1_pm.ceil(),
            row.missed
        ));
    }
    Ok(())
}
