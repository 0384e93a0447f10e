//! One function a sub-command: arguments in, the `adatom` crate's work, a short text out.

use crate::arguments as args;
use crate::files::open_usable;
use crate::library;
use crate::multislice::{print_plan, simulate as simulate_waves};
use adatom::{
    AdaptRequest, Error, FitOptions, Labelled, LoadedModel, Localiser, LocateSettings, Model, Progress, Scale,
};
use adatom_archive::{Build, Depth, Label, Layout};
use adatom_formats::{OutputFolder, PixelSize, write_png_rgb8};
use adatom_library::{Generator, ImagingRecipe, MultisliceRecipe, Recipe};
use adatom_locate::{NoiseModel, Sampling, Shape};
use adatom_network::{DeviceChoice, Loss};
use serde_json::{Value, json};
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// What a shell calls the end of a program by Ctrl-C.
const INTERRUPTED: i32 = 130;

/// A message for the user and who is to blame.
pub struct Failure {
    message: String,
    code: u8,
}

impl Failure {
    pub fn message(&self) -> &str {
        &self.message
    }

    pub fn code(&self) -> u8 {
        self.code
    }

    pub fn usage(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: 2 }
    }
}

impl<E: Into<Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        let error: Error = error.into();
        Self { code: if error.is_input() { 2 } else { 1 }, message: error.to_string() }
    }
}

pub type Done = Result<(), Failure>;

/// Writes a line to standard output; a closed pipe is no error.
pub fn say(text: &str) {
    let _ = writeln!(std::io::stdout().lock(), "{text}");
}

pub fn say_json(value: &Value) {
    say(&serde_json::to_string_pretty(value).unwrap_or_default());
}

impl From<args::Device> for DeviceChoice {
    fn from(device: args::Device) -> Self {
        match device {
            args::Device::Auto => Self::Auto,
            args::Device::Cpu => Self::Cpu,
            args::Device::Gpu => Self::Gpu,
        }
    }
}

impl From<args::Loss> for Loss {
    fn from(loss: args::Loss) -> Self {
        match loss {
            args::Loss::ChiSquare => Self::ChiSquare,
            args::Loss::Mse => Self::Mse,
            args::Loss::Mixed => Self::Mixed,
        }
    }
}

fn read_model(network: &args::Network) -> Result<Model, Failure> {
    Ok(match &network.model {
        Some(path) => Model::from_path(path)?,
        None => Model::built_in()?,
    })
}

pub fn open_model(network: &args::Network) -> Result<LoadedModel, Failure> {
    Ok(read_model(network)?.open(network.device.into())?)
}

/// A flag that Ctrl-C sets.
pub fn catch_interrupt() -> Result<Arc<AtomicBool>, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    let asked = Arc::clone(&stop);
    ctrlc::set_handler(move || asked.store(true, Ordering::Relaxed))
        .map_err(|e| Failure { message: format!("Ctrl-C can't be caught: {e}"), code: 1 })?;
    Ok(stop)
}

/// A line about a training every ten seconds.
#[derive(Default)]
pub struct Steps {
    shown: Option<Instant>,
}

impl Steps {
    pub fn say(&mut self, p: &Progress) {
        if self.shown.is_none_or(|at| at.elapsed() >= Duration::from_secs(10)) || p.step == p.steps {
            self.shown = Some(Instant::now());
            let left = p.seconds_left.round() as u64;
            say(&format!(
                "step {}/{}  loss {:.5}  rate {:.2e}  {}:{:02}:{:02} left",
                p.step,
                p.steps,
                p.loss,
                p.rate,
                left / 3600,
                left / 60 % 60,
                left % 60
            ));
        }
    }
}

pub fn parse_scale(text: &str) -> Result<Scale, Failure> {
    text.parse().map_err(|error: Error| Failure::usage(format!("--scale: {error}")))
}

pub fn check_threshold(threshold: f64) -> Result<(), Failure> {
    match (0.0..=1.0).contains(&threshold) {
        true => Ok(()),
        false => Err(Failure::usage(format!("--threshold {threshold}: give a number from 0 to 1"))),
    }
}

fn locate_settings(localiser: &args::Localiser) -> Result<LocateSettings, Failure> {
    let scale = parse_scale(&localiser.scale)?;
    check_threshold(localiser.threshold)?;
    let method = match localiser.method {
        args::Method::Centroid => Localiser::Centroid,
        args::Method::Otsu => Localiser::Otsu,
        args::Method::Gaussian => Localiser::Gaussian,
        args::Method::Mle => Localiser::Mle,
        args::Method::Auto => Localiser::Auto,
    };
    if localiser.descan && !method.fits() {
        return Err(Failure::usage("--descan: give --method gaussian, mle or auto".to_owned()));
    }
    let noise = match localiser.gain {
        Some(gain) if gain > 0.0 && gain.is_finite() && localiser.offset.is_finite() => {
            Some(NoiseModel::counting(gain, localiser.offset, 0.0))
        }
        Some(gain) => return Err(Failure::usage(format!("--gain {gain}: give a positive number"))),
        None => None,
    };
    let fit = FitOptions {
        shape: match localiser.shape {
            args::Shape::Round => Shape::Round,
            args::Shape::Elliptical => Shape::Elliptical,
        },
        sampling: match localiser.sampling {
            args::Sampling::Point => Sampling::Point,
            args::Sampling::Integrated => Sampling::Integrated,
        },
        noise,
        descan: localiser.descan,
    };
    Ok(LocateSettings { scale, method, threshold: localiser.threshold, fit })
}

pub fn parse_pixel_size(text: Option<&str>) -> Result<Option<PixelSize>, Failure> {
    text.map(PixelSize::parse).transpose().map_err(|e| Failure::usage(format!("--pixel-size: {e}")))
}

/// A length in ångström that the option `--flag` gives with its unit.
pub fn parse_length(flag: &str, text: &str) -> Result<f64, Failure> {
    if text.trim().trim_end_matches(char::is_alphabetic).trim().parse() == Ok(0.0) {
        return Ok(0.0);
    }
    PixelSize::parse(text)
        .map(|size| size.x_angstrom)
        .map_err(|_| Failure::usage(format!("--{flag} {text}: give a length such as 0.8A, 80pm or 0.08nm")))
}

pub fn locate(options: &args::Locate) -> Done {
    let started = Instant::now();
    let settings = locate_settings(&options.localiser)?;
    let given = parse_pixel_size(options.pixel_size.as_deref())?;
    let image = open_usable(&options.image, &options.choice)?;
    let pixel_size = given.or(image.pixel_size);
    let folder = options.output.clone().unwrap_or_else(|| {
        let mut name = options.image.clone().into_os_string();
        name.push(".adatom");
        PathBuf::from(name)
    });
    let output = OutputFolder::create(&folder)?;
    let model = open_model(&options.network)?;
    let mut bar = Bar::new("locating");
    let located = adatom::locate(&image.data, pixel_size, &model, &settings, &mut |part| bar.show(part))?;
    bar.clear();
    let summary =
        adatom::write_results(output, &options.image, &image, pixel_size, &model, &settings, &located)?;
    if options.json {
        say_json(&summary.report);
        return Ok(());
    }
    let flagged = summary.report["columns_border"].as_u64().unwrap_or(0);
    say(&format!(
        "{}: {} atom columns, {flagged} of them at the border",
        options.image.display(),
        located.columns.len()
    ));
    let spacing = located.scale.measured.map_or(String::new(), |spacing| {
        let length =
            pixel_size.map_or(String::new(), |size| format!(", {:.3} Å", spacing.pixels * size.x_angstrom));
        format!(" (column spacing {:.1} px{length})", spacing.pixels)
    });
    let corrected = if located.scale.corrected { ", corrected by the columns found" } else { "" };
    say(&format!("scale:   {:.3}{spacing}{corrected}", located.scale.factor));
    let size =
        pixel_size.map_or("unknown; give --pixel-size to get ångström".to_owned(), |size| size.to_string());
    say(&format!("pixel:   {size}"));
    if let Some(jitter) = located.fit.as_ref().and_then(|fit| fit.jitter.as_ref()) {
        let [x, y] = jitter.rms_px;
        say(&format!("rows:    displaced by {x:.2} px along x and {y:.2} px along y"));
        for line in &jitter.lines {
            say(&format!(
                "         of that {:.2} px along {} once every {:.1} rows",
                line.amplitude_px,
                line.along,
                1.0 / line.cycles_per_row
            ));
        }
    }
    for warning in image.source.notes.iter().chain(&located.warnings) {
        say(&format!("note:    {warning}"));
    }
    say(&format!("time:    {:.1} s", started.elapsed().as_secs_f64()));
    say(&format!("results: {}", summary.folder.display()));
    Ok(())
}

pub fn evaluate(options: &args::Evaluate) -> Done {
    let settings = locate_settings(&options.localiser)?;
    if !(1..=10_000_000).contains(&options.count) {
        return Err(Failure::usage(format!("--count {}: give 1 to 10000000", options.count)));
    }
    let generator = Generator::new(Recipe::open(&options.recipe)?, options.seed)?;
    let samples = generator.representative(options.count);
    let total = samples.len() as f64;
    let simulations = generator.simulations_of(samples);
    if options.simulations.plan {
        print_plan(&simulations);
        return Ok(());
    }
    let model = open_model(&options.network)?;
    let stop = catch_interrupt()?;
    let beside = Path::new(&generator.recipe().name);
    if !simulate_waves(&simulations, options.simulations.simulations.as_deref(), beside, &stop)? {
        return Ok(());
    }
    let mut bar = Bar::new("evaluating");
    let mut show = |done| {
        if stop.load(Ordering::Relaxed) {
            // Nothing has been written yet.
            std::process::exit(INTERRUPTED);
        }
        bar.show(done as f64 / total);
    };
    let count = options.count;
    let evaluation = match &options.detector {
        Some(path) => {
            let weights = adatom::read_detector(path)?.weights;
            let device = options.network.device.into();
            adatom::evaluate_detector(&generator, count, &weights, device, &model, &settings, &mut show)?
        }
        None => adatom::evaluate(&generator, count, &model, &settings, &mut show)?,
    };
    bar.clear();
    if let Some(path) = &options.reliability {
        write_png_rgb8(path, &adatom::reliability_plot(&evaluation.reliability))?;
    }
    if options.json {
        say_json(&serde_json::to_value(&evaluation).unwrap_or_default());
        return Ok(());
    }
    say(&format!(
        "recipe {} (seed {}), {} samples, {} columns",
        evaluation.recipe, evaluation.seed, evaluation.overall.count, evaluation.overall.columns
    ));
    say(&format!(
        "{:<34} {:>6} {:>7} {:>9} {:>7} {:>8} {:>7} {:>7} {:>7} {:>7}  worst",
        "", "count", "F1", "precision", "recall", "RMSE px", "RMSE Å", "RMSE σ", "dB in", "dB out"
    ));
    for g in std::iter::once(&evaluation.overall).chain(&evaluation.groups) {
        say(&format!(
            "{:<34} {:>6} {:>7.4} {:>9.4} {:>7.4} {:>8.3} {:>7.3} {:>7.3} {:>7.1} {:>7.1}  {:.3} (sample {})",
            g.name,
            g.count,
            g.f1,
            g.precision,
            g.recall,
            g.rmse_px,
            g.rmse_angstrom,
            g.rmse_sigma,
            g.psnr_in_db,
            g.psnr_out_db,
            g.worst_f1,
            g.worst_sample
        ));
    }
    say("\nscore  right  columns");
    for r in &evaluation.reliability {
        say(&format!("{:>5.3}  {:>5.3}  {}", r.score, r.right, r.count));
    }
    Ok(())
}

pub fn calibrate(options: &args::Calibrate) -> Done {
    if !(1..=10_000_000).contains(&options.count) {
        return Err(Failure::usage(format!("--count {}: give 1 to 10000000", options.count)));
    }
    let generators = options
        .recipes
        .iter()
        .map(|recipe| Generator::new(Recipe::open(recipe)?, options.seed))
        .collect::<Result<Vec<_>, _>>()?;
    let mut model = Model::from_path(&options.model)?.open(options.device.into())?;
    let mut bar = Bar::new("calibrating");
    let generators: Vec<&Generator> = generators.iter().collect();
    adatom::calibrate(&mut model, &generators, options.count, &mut |part| bar.show(part))?;
    bar.clear();
    let card = Model::card_path(&options.model);
    adatom::write_card(model.card(), &card)?;
    say(&format!("calibrated: {}", card.display()));
    Ok(())
}

pub fn adapt(options: &args::Adapt) -> Done {
    let given = parse_pixel_size(options.pixel_size.as_deref())?;
    let image = options.image.as_deref().map(|path| open_usable(path, &options.choice)).transpose()?;
    let labels = options.labels.as_deref().map(Labelled::read).transpose()?;
    let labelled = labels.as_ref().map(|labels| &labels.image);
    let known = given.or_else(|| image.as_ref().or(labelled)?.pixel_size);
    let pixel_size =
        known.ok_or_else(|| Failure::usage("the pixel size is unknown: give --pixel-size, such as 0.1A"))?;
    let stop = catch_interrupt()?;
    let mut shown = Steps::default();
    let adaptation = adatom::adapt(
        AdaptRequest {
            structure: options.structure.clone(),
            zone: options.beam.zone.clone(),
            energy_kv: options.beam.energy_kv,
            semiangle_mrad: options.beam.semiangle_mrad,
            pixel_size,
            image: image.as_ref().map(|image| &image.data),
            labels: labels.as_ref(),
            minutes: options.minutes,
            samples: options.samples,
            folder: &options.output,
            model: read_model(&options.network)?,
            device: options.network.device.into(),
        },
        &stop,
        &mut |p| {
            if !options.json {
                shown.say(p);
            }
        },
    )?;
    if options.json {
        say_json(&serde_json::to_value(&adaptation).unwrap_or_default());
        return Ok(());
    }
    let c = &adaptation.conditions;
    say(&format!(
        "conditions: {:.0} electrons at the peak, rows displaced by {:.3} Å, background {:.2} of the peak, \
         source {:.2} Å",
        c.peak_electrons, c.jitter_angstrom, c.background_level, c.source_fwhm_angstrom
    ));
    for (name, judged) in [("before", &adaptation.before), ("after", &adaptation.after)] {
        say(&format!(
            "{name:<7} F1 {:.4}  position RMSE {:.4} Å  denoised to {:.1} dB",
            judged.f1, judged.rmse_angstrom, judged.psnr_out_db
        ));
    }
    for (name, judged) in ["before", "after"].into_iter().zip(adaptation.labels.iter().flatten()) {
        say(&format!(
            "{name:<7} F1 {:.4}  position RMSE {:.4} Å on the {} columns labelled by hand",
            judged.f1, judged.rmse_angstrom, judged.labels
        ));
    }
    match &adaptation.folder {
        Some(folder) => say(&format!("model:   {} after {} steps", folder.display(), adaptation.steps)),
        None => say("no model was written: on held-back samples or labels it got worse"),
    }
    Ok(())
}

pub fn simulate(options: &args::Simulate) -> Done {
    let written = [&options.output, &options.sheet, &options.tiff].into_iter().flatten().next();
    if written.is_none() && !options.simulations.plan {
        return Err(Failure::usage("nothing to write: give --output DIR, --sheet FILE or --tiff FILE"));
    }
    if !(1..=1_000_000).contains(&options.count) {
        return Err(Failure::usage(format!("--count {}: give 1 to 1000000", options.count)));
    }
    let mut recipe = Recipe::open(&options.recipe)?;
    recipe = match options.model {
        Some(args::ImagingModel::Multislice) if recipe.imaging.multislice().is_none() => {
            recipe.with_imaging(ImagingRecipe::Multislice(MultisliceRecipe::default()))?
        }
        Some(args::ImagingModel::Linear) => recipe.with_imaging(ImagingRecipe::Linear)?,
        _ => recipe,
    };
    let generator = Generator::new(recipe, options.seed)?;
    let built = options.output.iter().flat_map(|_| 1..=options.count);
    let shown = options.sheet.iter().flat_map(|_| 0..options.count.min(100));
    let samples = built.chain(shown).chain(options.tiff.iter().map(|_| options.index));
    let simulations = if options.simulations.plan && written.is_none() {
        generator.simulations().collect()
    } else {
        generator.simulations_of(samples)
    };
    if options.simulations.plan {
        print_plan(&simulations);
        return Ok(());
    }
    let stop = catch_interrupt()?;
    if let Some(written) = written
        && !simulate_waves(&simulations, options.simulations.simulations.as_deref(), written, &stop)?
    {
        return Ok(());
    }
    if let Some(file) = &options.sheet {
        adatom::contact_sheet(&generator, options.count.min(100), file)?;
        say(&format!("contact sheet: {}", file.display()));
    }
    if let Some(file) = &options.tiff {
        let columns = adatom::example(&generator, options.index, file)?;
        say(&format!("sample {}: {} ({columns} columns)", options.index, file.display()));
    }
    if let Some(folder) = &options.output {
        let request = Build {
            generator: &generator,
            folder,
            range: 1..=options.count,
            labels: Label::ALL.to_vec(),
            layout: Layout::Temimagenet,
            depth: Depth::Eight,
            jobs: library::threads(None),
            resume: false,
        };
        library::write(&request, &stop)?;
    }
    Ok(())
}

/// A recipe that needs simulations is not tried: they would have to run.
fn check_simulated(generator: &Generator, count: u64, json: bool) -> Done {
    let recipe = generator.recipe();
    let plans: Vec<_> =
        generator.simulations().map(|simulation| (simulation.title(), simulation.plan())).collect();
    if json {
        let simulations: Vec<_> =
            plans.iter().map(|(title, plan)| json!({ "title": title, "plan": plan })).collect();
        say_json(&json!({
            "valid": true,
            "sha256": recipe.hash(),
            "enumerated": recipe.composition().is_some(),
            "count": recipe.composition().map(|composition| composition.count()),
            "simulations": simulations,
            "resolved": recipe,
        }));
        return Ok(());
    }
    say(&format!("recipe {} is valid, SHA-256 of its resolved form {}", recipe.name, recipe.hash()));
    let seconds = plans.iter().map(|(_, plan)| plan.seconds).sum();
    let most = plans.iter().map(|(_, plan)| plan.memory_bytes).max().unwrap_or(0);
    say(&format!(
        "multislice simulations before its {count} samples: {}, about {}, at most {} of memory",
        plans.len(),
        library::duration(seconds),
        library::size(most as f64)
    ));
    Ok(())
}

pub fn recipe_check(options: &args::RecipeCheck) -> Done {
    let recipe = match Recipe::open_checking_all(&options.recipe) {
        Ok(recipe) => recipe,
        Err(mut errors) => {
            // The last one is said as every error is.
            let last = errors.pop().map_or_else(String::new, |error| error.to_string());
            for error in &errors {
                eprintln!("adatom: {error}");
            }
            return Err(Failure::usage(last));
        }
    };
    // Crystals and optics are read, and samples made: what the text alone does not show.
    let generator = Generator::new(recipe, 0)?;
    let recipe = generator.recipe();
    let composition = recipe.composition();
    let count = composition.as_ref().map_or(1000, |composition| composition.count());
    if generator.simulations().len() > 0 {
        return check_simulated(&generator, count, options.json);
    }
    let cost = adatom_archive::estimate(&generator, count, &Label::ALL, Depth::Eight)?;
    let threads = library::threads(None);
    let (bytes, seconds) = (cost.bytes * count as f64, cost.seconds * count as f64 / threads as f64);
    let value = json!({
        "valid": true,
        "sha256": recipe.hash(),
        "enumerated": composition.is_some(),
        "count": composition.as_ref().map(|composition| composition.count()),
        "bytes_per_sample": cost.bytes,
        "thread_seconds_per_sample": cost.seconds,
        "resolved": recipe,
    });
    if options.json {
        say_json(&value);
        return Ok(());
    }
    say(&format!("recipe {} is valid, SHA-256 of its resolved form {}", recipe.name, recipe.hash()));
    let samples =
        if composition.is_some() { format!("{count} samples") } else { "samples are drawn; 1000".to_owned() };
    say(&format!(
        "{samples}: {} with all labels as 8-bit PNG, about {} on {threads} threads",
        library::size(bytes),
        library::duration(seconds)
    ));
    say_json(&value["resolved"]);
    Ok(())
}

/// A line of progress on a terminal's standard error; nothing elsewhere.
pub struct Bar {
    name: &'static str,
    visible: bool,
    shown: Option<Instant>,
}

impl Bar {
    pub fn new(name: &'static str) -> Self {
        Self { name, visible: std::io::stderr().is_terminal(), shown: None }
    }

    /// Whether anybody sees it.
    pub fn is_visible(&self) -> bool {
        self.visible
    }

    pub fn show(&mut self, part: f64) {
        self.show_with(part, String::new);
    }

    /// Also shows what `more` returns.
    pub fn show_with(&mut self, part: f64, more: impl FnOnce() -> String) {
        if self.visible && self.shown.is_none_or(|at| at.elapsed() > Duration::from_millis(100)) {
            self.shown = Some(Instant::now());
            let _ = write!(std::io::stderr(), "\r{} {:3.0} % {:60}", self.name, 100.0 * part, more());
        }
    }

    pub fn clear(&mut self) {
        if self.shown.is_some() {
            let _ = write!(std::io::stderr(), "\r{:80}\r", "");
        }
    }
}
