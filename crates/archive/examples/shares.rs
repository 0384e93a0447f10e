//! Where the time of a library goes: `cargo run --release -p adatom-archive --example shares`.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use adatom_archive::{Build, Depth, Label, Layout, build};
use adatom_crystal::Column;
use adatom_formats::encode_png_gray8;
use adatom_imaging::{Background, BackgroundKind, Detector, Grid, LinearModel, RowShift, SampleRng, expose};
use adatom_library::{Element, Generator, Recipe};
use adatom_optics::{Aberrations, Parametrisation, Probe, Scattering};
use ndarray::Array2;
use std::hint::black_box;
use std::sync::atomic::AtomicBool;

/// Samples spread over the composition.
const SAMPLES: u64 = 150;

/// Milliseconds on the processor, each of a number of runs, the best of three rounds.
fn best(runs: u64, run: impl FnMut(u64)) -> f64 {
    best_by(thread_seconds, runs, run)
}

fn best_by(clock: fn() -> f64, runs: u64, mut run: impl FnMut(u64)) -> f64 {
    let round = |run: &mut dyn FnMut(u64)| {
        let started = clock();
        (0..runs).for_each(run);
        (clock() - started) * 1e3 / runs as f64
    };
    (0..3).map(|_| round(&mut run)).fold(f64::INFINITY, f64::min)
}

/// Time that this thread was on a processor, on Linux, whatever else runs there, to 4 ms or so \[s\].
fn thread_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    text.split(' ').next().unwrap().parse::<f64>().unwrap() * 1e-9
}

/// Time that all threads were, those that have ended too, in ticks of 10 ms \[s\].
fn process_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = text.rsplit(") ").next().unwrap().split(' ').collect();
    fields[11..=12].iter().map(|ticks| ticks.parse::<f64>().unwrap()).sum::<f64>() * 0.01
}

fn main() {
    let generator = Generator::new(Recipe::open("temimagenet").unwrap(), 1).unwrap();
    let count = generator.recipe().composition().unwrap().count();
    let number = |i: u64| 1 + i * count / SAMPLES;
    let sample = best(SAMPLES, |i| drop(black_box(generator.sample(number(i)).unwrap())));
    let full = best(SAMPLES, |i| drop(black_box(generator.full_sample(number(i)).unwrap())));
    let folder = tempfile::tempdir().unwrap();
    let mut round = 0;
    let built = best_by(process_seconds, 1, |_| {
        round += 1;
        let folder = folder.path().join(round.to_string());
        let request = Build {
            generator: &generator,
            folder: &folder,
            range: 1..=SAMPLES,
            labels: Label::ALL.to_vec(),
            layout: Layout::Temimagenet,
            depth: Depth::Eight,
            jobs: 1,
            resume: false,
        };
        build(&request, &AtomicBool::new(false), &mut |_| {}).unwrap();
    }) / SAMPLES as f64;
    let grid = Grid::new(256, 256, 0.08).unwrap();
    let expected = Array2::from_elem((256, 256), 0.4_f32);
    let electrons = best(500, |i| {
        drop(black_box(expose(&expected, 100.0, &Detector::default(), &mut SampleRng::new(1, i))))
    });
    let background = Background { kind: BackgroundKind::Nonlinear, level: 0.3 };
    let beneath = best(500, |i| drop(black_box(background.render(&grid, &mut SampleRng::new(1, i)))));
    // The images of 300 columns in a 20 Å field at 200 kV and 24 mrad, and the products in them alone.
    let probe = Probe::new(200.0, 24.0, Aberrations::default(), 0.9).unwrap();
    let scattering = Scattering::ProjectedPotential { parametrisation: Parametrisation::Lobato };
    let platinum = Element::from_symbol("Pt").unwrap();
    let model = LinearModel::new(probe, &scattering, [platinum]).unwrap();
    let columns: Vec<Column> = (0..300)
        .map(|i| Column {
            x: f64::from(i % 20) * 1.02,
            y: f64::from(i / 20) * 1.36,
            species: vec![(platinum, 10.0)],
            u_iso_angstrom2: None,
        })
        .collect();
    let rows = vec![RowShift::default(); 256];
    let spectrum = model.spectrum(&columns, &grid);
    let structure = best(500, |_| drop(black_box(model.spectrum(&columns, &grid))));
    let image = best(500, |_| drop(black_box(spectrum.image(&grid, None))));
    let scanned = best(500, |_| drop(black_box(spectrum.image(&grid, Some(&rows)))));
    let large = best(500, |_| drop(black_box(spectrum.image(&grid.doubled(), None))));
    let [ny, nx] = spectrum.frequencies();
    let matrix = |rows: usize, columns: usize| Array2::<f32>::from_elem((rows, columns), 0.5);
    let product = |(rows, inner, columns): (usize, usize, usize)| {
        let (a, b) = (matrix(rows, inner), matrix(inner, columns));
        let each = 2e-6 * (rows * inner * columns) as f64;
        let time = best((2e4 / each) as u64, |_| drop(black_box(a.dot(&b))));
        (time, each / time)
    };
    let sizes = [
        ("structure factors", (2 * ny, columns.len(), 2 * nx)),
        ("rows of the scanned image", (256, 2 * ny, 2 * nx)),
        ("half the rows, even or odd (2)", (128, ny, 2 * nx)),
        ("half the columns, even or odd (4)", (256, nx, 128)),
        ("the same of a 2x image: rows (2)", (256, ny, 2 * nx)),
        ("and columns (2)", (512, nx, 256)),
        ("for comparison, of 1024 x 1024", (1024, 1024, 1024)),
    ];
    let sample_of = generator.full_sample(number(70)).unwrap();
    let grey = |image: &Array2<f32>| image.mapv(|v| (v * 255.0) as u8);
    let images =
        [&sample_of.sample.image, &sample_of.sample.labels.no_noise, &sample_of.no_noise_2x].map(grey);
    let png = images.each_ref().map(|image| {
        let size = encode_png_gray8(image).unwrap().len();
        (best(1000, |_| drop(black_box(encode_png_gray8(image).unwrap()))), size)
    });
    println!("sample with the five labels of training  {sample:7.2} ms");
    println!("sample with all labels                   {full:7.2} ms");
    println!("the same encoded, hashed and written     {built:7.2} ms");
    println!("shot noise of 65,536 pixels              {electrons:7.2} ms");
    println!("a nonlinear background                   {beneath:7.2} ms");
    println!("structure factors of 300 columns         {structure:7.2} ms");
    println!("ideal image                              {image:7.2} ms");
    println!("scanned image                            {scanned:7.2} ms");
    println!("2x image                                 {large:7.2} ms");
    for ((name, size), (time, bytes)) in
        ["noisy image", "noiseless image", "2x image"].into_iter().zip([256, 256, 512]).zip(png)
    {
        println!("PNG of a {name:16} {size} x {size}     {time:7.2} ms, {bytes} bytes");
    }
    for (name, size) in sizes {
        let (time, speed) = product(size);
        println!("product {name:33}{time:7.3} ms, {speed:5.1} GFLOP/s  {size:?}");
    }
}
