//! Sub-commands that tell how precise results are.

use crate::arguments as args;
use crate::commands::{Bar, Done, Failure, open_model, parse_pixel_size, say, say_json};
use crate::files::open_usable;
use adatom::{Error, LocalisationRow, LocalisationSettings, LocateSettings};
use adatom_formats::write_atomically;
use adatom_library::Recipe;

/// PSNRs that images can have, in dB.
const PSNR: std::ops::RangeInclusive<f64> = 0.0..=80.0;

pub fn localisation(options: &args::BenchLocalisation) -> Done {
    if !(1..=100_000).contains(&options.count) {
        return Err(Failure::usage(format!("--count {}: give 1 to 100000", options.count)));
    }
    if let Some(psnr) = options.psnr.iter().find(|psnr| !PSNR.contains(psnr)) {
        return Err(Failure::usage(format!("--psnr {psnr}: give 0 to 80 dB")));
    }
    let recipe = Recipe::open(&options.recipe)?;
    let model = open_model(&options.network)?;
    let mut bar = Bar::new("locating");
    let settings =
        LocalisationSettings { psnr_db: options.psnr.clone(), count: options.count, seed: options.seed };
    let result = adatom::localisation(&recipe, &model, &settings, &mut |part| bar.show(part))?;
    bar.clear();
    if let Some(path) = &options.output {
        let text = csv(&result.rows);
        write_atomically(path, |file| file.write_all(text.as_bytes()))?;
    }
    if options.json {
        say_json(&serde_json::to_value(&result).unwrap_or_default());
        return Ok(());
    }
    say(&format!(
        "{:<7} {:>5} {:<22} {:>8} {:>8} {:>8} {:>16} {:>7} {:>6} {:>6} {:>6}",
        "jitter", "dB", "method", "RMSE px", "pm", "σ", "bias px", "F1", "found", "1 σ", "2 σ"
    ));
    for row in &result.rows {
        let within = row.within.map(|w| w.map(|part| format!("{part:.3}")));
        let [one, two] = within.unwrap_or_default();
        say(&format!(
            "{:<7} {:>5} {:<22} {:>8.4} {:>8.2} {:>8.4} {:>+8.3}{:>+8.3} {:>7.4} {:>6} {:>6} {:>6}",
            if row.jitter { "yes" } else { "no" },
            row.psnr_db,
            row.method,
            row.rmse_px,
            row.rmse_pm,
            row.rmse_sigma,
            row.bias_px[0],
            row.bias_px[1],
            row.f1,
            row.matched,
            one,
            two
        ));
    }
    Ok(())
}

pub fn precision(options: &args::Precision) -> Done {
    let given = parse_pixel_size(options.pixel_size.as_deref())?;
    let image = open_usable(&options.image, &options.choice)?;
    let Some(pixel_size) = given.or(image.pixel_size) else {
        return Err(Failure::usage(format!(
            "{}: its pixel size is unknown, and picometres need it; give --pixel-size such as 9.4pm",
            options.image.display()
        )));
    };
    let model = open_model(&options.network)?;
    let mut bar = Bar::new("measuring");
    let settings = LocateSettings::default();
    let found = adatom::precision(&image.data, pixel_size, &model, &settings, &mut |part| bar.show(part));
    let found = found.map_err(|error| match error {
        Error::Analysis(error) => Failure::usage(format!("{}: {error}", options.image.display())),
        other => other.into(),
    })?;
    bar.clear();
    if options.json {
        say_json(&serde_json::to_value(&found).unwrap_or_default());
        return Ok(());
    }
    let [a, b] = found.axes_angstrom;
    say(&format!(
        "lattice: a {a:.3} Å, b {b:.3} Å, {:.1}° between them, {} sites a cell, {} columns",
        found.angle_deg, found.sites, found.columns
    ));
    say(&format!(
        "{:<10} {:<9} {:<4} {:>5} {:>9} {:>7} {:>15} {:>7} {:>7} {:>9} {:>7}",
        "method", "image", "axis", "n", "mean pm", "σ pm", "95 %", "robust", "noise", "disorder", "frames"
    ));
    let number = |value: Option<f64>| value.map_or(String::new(), |v| format!("{v:.2}"));
    for r in &found.results {
        let interval =
            r.sigma_interval_pm.map_or(String::new(), |[low, high]| format!("{low:.2} to {high:.2}"));
        say(&format!(
            "{:<10} {:<9} {:<4} {:>5} {:>9.2} {:>7.2} {:>15} {:>7.2} {:>7} {:>9} {:>7.0}",
            r.method,
            r.image,
            r.axis,
            r.n,
            r.mean_pm,
            r.sigma_pm,
            interval,
            r.robust_sigma_pm,
            number(r.noise_pm),
            number(r.disorder_pm),
            r.frames_for_1_pm.ceil()
        ));
    }
    Ok(())
}

fn csv(rows: &[LocalisationRow]) -> String {
    let head = "jitter,psnr_db,method,rmse_px,rmse_pm,rmse_sigma,bias_x_px,bias_y_px,f1,matched,\
                within_1_sigma,within_2_sigma\n";
    let lines = rows.iter().map(|row| {
        let within = row.within.map(|w| w.map(|part| part.to_string())).unwrap_or_default();
        let [x, y] = row.bias_px;
        format!(
            "{},{},\"{}\",{},{},{},{x},{y},{},{},{},{}\n",
            row.jitter,
            row.psnr_db,
            row.method,
            row.rmse_px,
            row.rmse_pm,
            row.rmse_sigma,
            row.f1,
            row.matched,
            within[0],
            within[1]
        )
    });
    std::iter::once(head.to_owned()).chain(lines).collect()
}
