//! Where the time of a library goes: `cargo run --release -p adatom-archive --example shares`.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use adatom_archive::{Depth, Label, estimate};
use adatom_imaging::{Background, BackgroundKind, Detector, Grid, SampleRng, expose};
use adatom_library::{Generator, Recipe};
use ndarray::Array2;
use std::hint::black_box;
use std::time::Instant;

/// Samples spread over the composition.
const SAMPLES: u64 = 150;

/// Milliseconds each of a number of runs, the best of three rounds.
fn best(runs: u64, mut run: impl FnMut(u64)) -> f64 {
    let round = |run: &mut dyn FnMut(u64)| {
        let started = Instant::now();
        (0..runs).for_each(run);
        started.elapsed().as_secs_f64() * 1e3 / runs as f64
    };
    (0..3).map(|_| round(&mut run)).fold(f64::INFINITY, f64::min)
}

fn main() {
    let generator = Generator::new(Recipe::open("temimagenet").unwrap(), 1).unwrap();
    let count = generator.recipe().composition().unwrap().count();
    let number = |i: u64| 1 + i * count / SAMPLES;
    let sample = best(SAMPLES, |i| drop(black_box(generator.sample(number(i)).unwrap())));
    let full = best(SAMPLES, |i| drop(black_box(generator.full_sample(number(i)).unwrap())));
    let mut encoded = f64::INFINITY;
    let mut bytes = 0.0;
    for _ in 0..3 {
        let cost = estimate(&generator, count, &Label::ALL, Depth::Eight).unwrap();
        encoded = encoded.min(cost.seconds * 1e3);
        bytes = cost.bytes;
    }
    let grid = Grid::new(256, 256, 0.08).unwrap();
    let expected = Array2::from_elem((256, 256), 0.4_f32);
    let electrons = best(100, |i| {
        drop(black_box(expose(&expected, 100.0, &Detector::default(), &mut SampleRng::new(1, i))))
    });
    let background = Background { kind: BackgroundKind::Nonlinear, level: 0.3 };
    let beneath = best(100, |i| drop(black_box(background.render(&grid, &mut SampleRng::new(1, i)))));
    // The products of one image of a 20 Å field at 200 kV and 24 mrad, alone.
    let (ky, kx) = (101, 51);
    let along_y = Array2::<f32>::from_elem((256, 2 * ky), 0.5);
    let values = Array2::<f32>::from_elem((2 * ky, 2 * kx), 0.5);
    let along_x = Array2::<f32>::from_elem((2 * kx, 256), 0.5);
    let products = best(100, |_| drop(black_box(along_y.dot(&values).dot(&along_x))));
    println!("sample with the five labels of training  {sample:7.2} ms");
    println!("sample with all labels                   {full:7.2} ms");
    println!("the same encoded and hashed              {encoded:7.2} ms, {:.0} kB", bytes / 1e3);
    println!("of which: shot noise of 65,536 pixels    {electrons:7.2} ms");
    println!("          a nonlinear background         {beneath:7.2} ms");
    println!("matrix products of one image, alone      {products:7.2} ms");
}
