//! `adatom library`.

use crate::arguments as args;
use crate::commands::{Bar, Done, Failure, catch_interrupt, say, say_json};
use crate::multislice::{print_plan, simulate};
use crate::serve::index;
use adatom_archive::{Build, Depth, Label, Layout, Library, Outcome, Record, build, import, merge, verify};
use adatom_library::{Generator, Recipe};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

/// Files with problems that are printed.
const MAX_SHOWN: usize = 1000;
/// Time between lines of progress where there is no terminal.
pub const SILENCE: Duration = Duration::from_secs(30);

pub fn library(command: &args::LibraryCommand) -> Done {
    match command {
        args::LibraryCommand::Build(options) => run_build(options),
        args::LibraryCommand::Merge(options) => {
            let mut bar = Bar::new("merging");
            let manifest = merge(&options.parts, &options.output, &mut |part| bar.show(part))?;
            bar.clear();
            index(&options.output);
            say(&format!("{}: {}", options.output.display(), manifest.title()));
            Ok(())
        }
        args::LibraryCommand::Verify(options) => run_verify(options),
        args::LibraryCommand::Info(options) => info(options),
        args::LibraryCommand::Sheet(options) => {
            adatom::library_sheet(&Library::open(&options.folder)?, options.count, &options.output)?;
            say(&format!("contact sheet: {}", options.output.display()));
            Ok(())
        }
        args::LibraryCommand::Show(options) => {
            let name = || PathBuf::from(format!("{}.png", Record::stem(options.id)));
            let file = options.output.clone().unwrap_or_else(name);
            adatom::library_figure(&Library::open(&options.folder)?, options.id, &file)?;
            say(&format!("sample {}: {}", options.id, file.display()));
            Ok(())
        }
        args::LibraryCommand::Histograms(options) => histograms(options),
        args::LibraryCommand::Import(options) => {
            let mut bar = Bar::new("importing");
            let manifest = import(&options.folder, &mut |part| bar.show(part))?;
            bar.clear();
            index(&options.folder);
            say(&format!("{}: {}", options.folder.display(), manifest.title()));
            Ok(())
        }
    }
}

/// The number of threads asked for, or as many as there are processors.
pub fn threads(jobs: Option<usize>) -> usize {
    jobs.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, |n| n.get()))
}

/// A number of bytes as people say it.
pub fn size(bytes: f64) -> String {
    let (unit, name) = [(1e12, "TB"), (1e9, "GB"), (1e6, "MB")]
        .into_iter()
        .find(|(unit, _)| bytes >= *unit)
        .unwrap_or((1e3, "kB"));
    format!("{:.1} {name}", bytes / unit)
}

/// A time as people say it.
pub fn duration(seconds: f64) -> String {
    let whole = seconds.max(0.0).round() as u64;
    match whole {
        0..120 => format!("{whole} s"),
        120..7200 => format!("{}:{:02} min", whole / 60, whole % 60),
        _ => format!("{}:{:02} h", whole / 3600, whole / 60 % 60),
    }
}

fn run_build(options: &args::LibraryBuild) -> Done {
    let generator = Generator::new(Recipe::open(&options.recipe)?, options.seed)?;
    let range = range(options, &generator)?;
    let simulations = generator.simulations_of(range.clone());
    if options.simulations.plan {
        print_plan(&simulations);
        return Ok(());
    }
    let stop = catch_interrupt()?;
    if !simulate(&simulations, options.simulations.simulations.as_deref(), &options.output, &stop)? {
        return Ok(());
    }
    let labels = options
        .labels
        .iter()
        .map(|name| {
            let known = || Label::ALL.map(Label::name).join(", ");
            Label::from_name(name)
                .ok_or_else(|| Failure::usage(format!("--labels {name}: they are {}", known())))
        })
        .collect::<Result<Vec<_>, _>>()?;
    let request = Build {
        generator: &generator,
        folder: &options.output,
        range,
        labels: if labels.is_empty() { Label::ALL.to_vec() } else { labels },
        layout: match options.format {
            args::Layout::Temimagenet => Layout::Temimagenet,
            args::Layout::Webdataset => Layout::Webdataset,
            args::Layout::Zarr => Layout::Zarr,
        },
        depth: match options.depth {
            args::Depth::Eight => Depth::Eight,
            args::Depth::Sixteen => Depth::Sixteen,
            args::Depth::Float => Depth::Float,
        },
        jobs: threads(options.jobs),
        resume: options.resume,
    };
    write(&request, &stop)?;
    index(&options.output);
    Ok(())
}

fn range(options: &args::LibraryBuild, generator: &Generator) -> Result<RangeInclusive<u64>, Failure> {
    if let Some(text) = &options.range {
        let numbers = text.split_once("..").map(|(a, b)| (a.trim().parse(), b.trim().parse()));
        return match numbers {
            Some((Ok(first), Ok(last))) => Ok(first..=last),
            _ => {
                Err(Failure::usage(format!("--range {text}: give the first and the last number, as 1..1000")))
            }
        };
    }
    let composition = generator.recipe().composition();
    composition.map(|composition| 1..=composition.count()).ok_or_else(|| {
        let name = &options.recipe;
        Failure::usage(format!("recipe {name} draws its samples without end: give --range, as 1..1000"))
    })
}

/// Builds a library and tells how far it is.
pub fn write(request: &Build<'_>, stop: &AtomicBool) -> Done {
    let mut bar = Bar::new("building");
    let (started, mut said) = (Instant::now(), Instant::now());
    let outcome = build(request, stop, &mut |p| {
        let text =
            || format!("{}/{}  {:.0}/s  {} left", p.done, p.total, p.per_second, duration(p.seconds_left));
        if bar.is_visible() {
            bar.show_with(p.done as f64 / p.total as f64, text);
        } else if said.elapsed() >= SILENCE {
            said = Instant::now();
            say(&text());
        }
    })?;
    bar.clear();
    let folder = request.folder.display();
    let count = request.range.end() - request.range.start() + 1;
    say(&match outcome {
        Outcome::Finished => {
            format!("{count} samples: {folder} ({})", duration(started.elapsed().as_secs_f64()))
        }
        Outcome::AlreadyComplete => format!("{count} samples: {folder} was complete already"),
        Outcome::Stopped => format!("stopped: {folder}; go on with --resume"),
    });
    Ok(())
}

fn run_verify(options: &args::LibraryVerify) -> Done {
    let library = Library::open(&options.folder)?;
    let mut bar = Bar::new("verifying");
    let issues = verify(&library, threads(options.jobs), &mut |part| bar.show(part))?;
    bar.clear();
    for issue in issues.iter().take(MAX_SHOWN) {
        say(&format!("{}: {}", issue.path.display(), issue.message));
    }
    if issues.is_empty() {
        say(&format!("{}: {} is in order", options.folder.display(), library.manifest().title()));
        return Ok(());
    }
    Err(Failure::usage(format!("{}: {} things are wrong", options.folder.display(), issues.len())))
}

fn histograms(options: &args::LibraryHistograms) -> Done {
    let statistics = adatom::library_statistics(&Library::open(&options.folder)?, options.count)?;
    say(&format!("jitter and widths from {} samples", statistics.measured));
    for histogram in [&statistics.psnr, &statistics.jitter, &statistics.widths] {
        say(&histogram.text());
    }
    for widths in &statistics.by_optics {
        say(&format!(
            "{}: {} columns {:.3} Å wide, expected {:.3} Å; of a point {:.3} Å",
            widths.optics, widths.columns, widths.measured, widths.expected, widths.beam
        ));
    }
    if let Some(file) = &options.output {
        adatom::draw_library_statistics(&statistics, file)?;
        say(&format!("picture: {}", file.display()));
    }
    Ok(())
}

fn info(options: &args::LibraryInfo) -> Done {
    let library = Library::open(&options.folder)?;
    let manifest = library.manifest();
    let mut kinds: BTreeMap<String, u64> = BTreeMap::new();
    let (mut samples, mut columns, mut psnr) = (0_u64, 0, Vec::new());
    for record in library.records()? {
        let record = record?;
        samples += 1;
        columns += record.columns.len() as u64;
        psnr.extend(record.psnr_db);
        if let Some(s) = &record.settings {
            let form = serde_json::to_value(s.form).unwrap_or_default();
            let title = format!("{} {}", s.structure(), form.as_str().unwrap_or_default());
            *kinds.entry(title).or_default() += 1;
        }
    }
    psnr.sort_by(f64::total_cmp);
    let quantile = |part: f64| psnr.get(((psnr.len() as f64 - 1.0) * part).round() as usize).copied();
    if options.json {
        say_json(&serde_json::json!({
            "manifest": manifest,
            "samples": samples,
            "columns": columns,
            "psnr_db": { "5%": quantile(0.05), "50%": quantile(0.5), "95%": quantile(0.95) },
            "kinds": kinds,
        }));
        return Ok(());
    }
    say(&format!("library:  {}", manifest.title()));
    say(&format!("written:  by {}, as {}", manifest.program, manifest.format.name()));
    let labels: Vec<_> = manifest.labels.iter().map(|label| label.name()).collect();
    say(&format!("labels:   {}", labels.join(", ")));
    if let Some(identity) = &manifest.identity {
        say(&format!("identity: {identity}"));
    }
    say(&format!("samples:  {samples}, {columns} columns"));
    if let (Some(low), Some(middle), Some(high)) = (quantile(0.05), quantile(0.5), quantile(0.95)) {
        say(&format!("PSNR:     {middle:.1} dB in the middle, nine in ten from {low:.1} to {high:.1} dB"));
    }
    for (title, count) in kinds {
        say(&format!("{count:>7}   {title}"));
    }
    Ok(())
}
