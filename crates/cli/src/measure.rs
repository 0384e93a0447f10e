//! Sub-commands that tell how precise results are.

use crate::arguments as args;
use crate::commands::{Bar, Done, Failure, open_model, parse_pixel_size, parse_scale, say, say_json};
use crate::files::open_usable;
use adatom::{Error, LocalisationRow, LocalisationSettings, LocateSettings};
use adatom_formats::{Image, PixelSize, write_atomically, write_png_rgb8};
use adatom_library::Recipe;
use serde_json::Value;
use std::path::Path;

/// PSNRs that images can have, in dB.
const PSNR: std::ops::RangeInclusive<f64> = 0.0..=80.0;

/// Refuses numbers of samples and PSNRs that make no sense.
pub fn check_samples(count: u64, psnr: &[f64]) -> Done {
    if !(1..=100_000).contains(&count) {
        return Err(Failure::usage(format!("--count {count}: give 1 to 100000")));
    }
    match psnr.iter().find(|psnr| !PSNR.contains(psnr)) {
        Some(psnr) => Err(Failure::usage(format!("--psnr {psnr}: give 0 to 80 dB"))),
        None => Ok(()),
    }
}

/// Writes the table and says the JSON as far as they are asked for; whether the JSON was, and all is said.
pub fn write_table(
    run: &args::BenchRun,
    found: serde_json::Result<Value>,
    csv: &str,
) -> Result<bool, Failure> {
    if let Some(path) = &run.output {
        write_atomically(path, |file| file.write_all(csv.as_bytes()))?;
    }
    if run.json {
        say_json(&found.unwrap_or_default());
    }
    Ok(run.json)
}

pub fn localisation(options: &args::BenchLocalisation) -> Done {
    check_samples(options.count, &options.psnr)?;
    let is_svg = |path: &Path| match path.extension().and_then(|e| e.to_str()) {
        Some("svg") => Ok(true),
        Some("png") => Ok(false),
        _ => Err(Failure::usage(format!("--plot {}: give a name that ends in .png or .svg", path.display()))),
    };
    let plot = options.plot.as_deref().map(|path| Ok::<_, Failure>((path, is_svg(path)?))).transpose()?;
    let recipe = Recipe::open(&options.recipe)?;
    let model = open_model(&options.run.network)?;
    let detector = options.detector.as_deref().map(adatom::read_detector).transpose()?;
    let detector = detector.as_ref().map(|found| (&found.weights, options.run.network.device.into()));
    let mut bar = Bar::new("locating");
    let settings =
        LocalisationSettings { psnr_db: options.psnr.clone(), count: options.count, seed: options.run.seed };
    let result = adatom::localisation(&recipe, &model, detector, &settings, &mut |part| bar.show(part))?;
    bar.clear();
    match plot {
        Some((path, true)) => {
            write_atomically(path, |file| file.write_all(result.figure().svg().as_bytes()))?
        }
        Some((path, false)) => write_png_rgb8(path, &result.figure().picture())?,
        None => {}
    }
    if write_table(&options.run, serde_json::to_value(&result), &csv(&result.rows))? {
        return Ok(());
    }
    say(&format!(
        "{:<7} {:>5} {:<22} {:>8} {:>8} {:>8} {:>8} {:>16} {:>7} {:>6} {:>6} {:>6}",
        "jitter", "dB", "method", "RMSE px", "pm", "interior", "σ", "bias px", "F1", "found", "1 σ", "2 σ"
    ));
    for row in &result.rows {
        let within = row.within.map(|w| w.map(|part| format!("{part:.3}")));
        let [one, two] = within.unwrap_or_default();
        say(&format!(
            "{:<7} {:>5} {:<22} {:>8.4} {:>8.2} {:>8} {:>8.4} {:>+8.3}{:>+8.3} {:>7.4} {:>6} {:>6} {:>6}",
            if row.jitter { "yes" } else { "no" },
            row.psnr_db,
            row.method,
            row.rmse_px,
            row.rmse_pm,
            row.interior_pm.map_or(String::new(), |pm| format!("{pm:.2}")),
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

/// An image whose pixel size is known.
fn open_known(
    path: &Path,
    pixel_size: Option<&str>,
    choice: &args::Choice,
) -> Result<(Image, PixelSize), Failure> {
    let given = parse_pixel_size(pixel_size)?;
    let image = open_usable(path, choice)?;
    let known = given.or(image.pixel_size).ok_or_else(|| {
        Failure::usage(format!(
            "{}: its pixel size is unknown, and picometres need it; give --pixel-size such as 9.4pm",
            path.display()
        ))
    })?;
    Ok((image, known))
}

pub fn audit(options: &args::Audit) -> Done {
    check_samples(options.count, &[options.psnr])?;
    let mut bar = Bar::new("auditing");
    let audit = match (&options.image, &options.recipe) {
        (Some(path), None) => {
            let (image, pixel_size) = open_known(path, options.pixel_size.as_deref(), &options.choice)?;
            let scale = parse_scale(options.scale.as_deref().unwrap_or("auto"))?;
            let model = open_model(&options.network)?;
            let settings = LocateSettings { scale, ..LocateSettings::default() };
            adatom::audit_image(&image.data, pixel_size, &model, &settings, &mut |part| bar.show(part))?
        }
        (_, recipe) => {
            let recipe = Recipe::open(recipe.as_deref().unwrap_or("paper"))?;
            let model = open_model(&options.network)?;
            let (psnr, count, seed) = (options.psnr, options.count, options.seed);
            adatom::audit_recipe(&recipe, psnr, count, seed, &model, &mut |part| bar.show(part))?
        }
    };
    bar.clear();
    if options.json {
        say_json(&serde_json::to_value(&audit).unwrap_or_default());
        return Ok(());
    }
    let pair = |[x, y]: [f64; 2]| format!("{x:>6.2} {y:>6.2}");
    say(&format!(
        "{:<9} {:<9} {:>6} {:>13} {:>13} {:>13} {:>13} {:>13}  pull",
        "method", "image", "n", "bias pm x, y", "phase pm x, y", "σ pm x, y", "fixed pm", "varying pm"
    ));
    for row in &audit.rows {
        let pull = row.pull.map_or(String::new(), |[pull, std]| format!("{pull:.3} ± {std:.3}"));
        say(&format!(
            "{:<9} {:<9} {:>6} {:>13} {:>13} {:>13} {:>13} {:>13}  {pull}",
            row.method,
            row.image,
            row.n,
            pair(row.bias_pm),
            pair(row.phase_pm),
            pair(row.sigma_pm),
            pair(row.fixed_pm),
            pair(row.varying_pm)
        ));
    }
    say("\nwhat denoising adds");
    say(&format!("{:<9} {:>13} {:>13} {:>13}", "method", "bias pm x, y", "σ pm x, y", "moved pm x, y"));
    for (row, added) in audit.rows.iter().filter_map(|row| Some((row, row.added?))) {
        let [bias, sigma, moved] = [added.bias_pm, added.sigma_pm, added.moved_pm].map(pair);
        say(&format!("{:<9} {bias:>13} {sigma:>13} {moved:>13}", row.method));
    }
    say("\nbias by place in the pixel, pm along x and y");
    let names = audit.rows.iter().map(|row| format!("{:>18}", format!("{} {}", row.method, row.image)));
    say(&format!("{:>6} {}", "px", names.collect::<Vec<_>>().join(" ")));
    for bin in 0..audit.rows.first().map_or(0, |row| row.phases.len()) {
        let values = audit.rows.iter().map(|row| format!("{:>18}", pair(row.phases[bin].bias_pm)));
        let place = audit.rows[0].phases[bin].phase_px;
        say(&format!("{place:>6.3} {}", values.collect::<Vec<_>>().join(" ")));
    }
    Ok(())
}

pub fn precision(options: &args::Precision) -> Done {
    let (image, pixel_size) = open_known(&options.image, options.pixel_size.as_deref(), &options.choice)?;
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
                within_1_sigma,within_2_sigma,interior_pm\n";
    let lines = rows.iter().map(|row| {
        let within = row.within.map(|w| w.map(|part| part.to_string())).unwrap_or_default();
        let [x, y] = row.bias_px;
        let interior = row.interior_pm.map_or(String::new(), |pm| pm.to_string());
        format!(
            "{},{},\"{}\",{},{},{},{x},{y},{},{},{},{},{interior}\n",
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
