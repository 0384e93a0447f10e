//! What a sample promises.

#![allow(clippy::unwrap_used)]

use adatom_library::{Generator, Recipe, Sample};
use ndarray::Array2;

fn generator(seed: u64) -> Generator {
    Generator::new(Recipe::open("paper").unwrap(), seed).unwrap()
}

fn same(a: &Sample, b: &Sample) -> bool {
    a.image == b.image
        && a.labels.gaussian_mask == b.labels.gaussian_mask
        && a.labels.superresolution == b.labels.superresolution
        && a.columns == b.columns
        && a.psnr_db == b.psnr_db
}

/// In any order, on any thread, from a fresh generator: the same to the last bit.
#[test]
fn a_sample_is_a_pure_function_of_recipe_seed_and_index() {
    let first = generator(7);
    let forwards: Vec<Sample> = (0..6).map(|i| first.sample(i).unwrap()).collect();
    let second = generator(7);
    let backwards: Vec<Sample> = std::thread::scope(|scope| {
        let handles: Vec<_> = (0..6)
            .rev()
            .map(|i| {
                scope.spawn({
                    let g = &second;
                    move || g.sample(i).unwrap()
                })
            })
            .collect();
        handles.into_iter().rev().map(|h| h.join().unwrap()).collect()
    });
    assert!(forwards.iter().zip(&backwards).all(|(a, b)| same(a, b)));
    assert!(!same(&forwards[0], &forwards[1]));
    assert!(!same(&forwards[0], &generator(8).sample(0).unwrap()));
}

fn small(structure: &str, more: &str) -> Generator {
    let text = format!(
        "name = 'test'\n{more}\n[image]\nwidth = 128\nheight = 128\nfield_of_view_angstrom = 16\n\
         [[optics]]\nid = 'a'\nenergy_kv = 200\nsemiangle_mrad = 24\nsource_fwhm_angstrom = 0.9\n\
         [[structure]]\n{structure}\n"
    );
    Generator::new(Recipe::from_toml(&text, "test").unwrap(), 3).unwrap()
}

fn brightest_near(image: &Array2<f32>, x: f64, y: f64, reach: isize) -> (isize, isize) {
    let (mut best, mut at) = (f32::MIN, (0, 0));
    for dy in -reach..=reach {
        for dx in -reach..=reach {
            let (r, c) = (y.round() as isize + dy, x.round() as isize + dx);
            let value = image[(r as usize, c as usize)];
            if value > best {
                (best, at) = (value, (dx, dy));
            }
        }
    }
    at
}

/// The labels and the ideal image come from the same truth: every labelled column well inside is
/// the brightest pixel around in both.
#[test]
fn labels_lie_on_the_columns_of_the_ideal_image() {
    for structure in
        ["material = 'SrTiO3'", "material = 'Pt'\nzone = '110'", "material = 'graphene'\nform = 'monolayer'"]
    {
        let sample = small(structure, "").sample(1).unwrap();
        let inside =
            sample.columns.iter().filter(|c| (8.0..119.0).contains(&c.x) && (8.0..119.0).contains(&c.y));
        let mut checked = 0;
        for column in inside {
            for image in [&sample.labels.no_background_no_noise, &sample.labels.gaussian_mask] {
                let (dx, dy) = brightest_near(image, column.x, column.y, 3);
                assert!(
                    dx.abs() <= 1 && dy.abs() <= 1,
                    "{structure}: column at ({}, {})",
                    column.x,
                    column.y
                );
            }
            checked += 1;
        }
        assert!(checked > 10, "{structure}");
    }
}

/// Sr and Ti columns are labelled, oxygen alone is not: two labels and two unlabelled columns in
/// each cell of 3.905 Å.
#[test]
fn oxygen_columns_have_no_label() {
    let sample = small("material = 'SrTiO3'", "").sample(0).unwrap();
    let cells = 16.0 * 16.0 / (3.905 * 3.905);
    assert!((sample.columns.len() as f64 / cells - 2.0).abs() < 0.4, "{}", sample.columns.len());
    assert!((sample.ignored.len() as f64 / cells - 2.0).abs() < 0.4, "{}", sample.ignored.len());
}

/// Averaged over its pixels the noise is what dose and peak say: at the image's mean signal s the
/// variance is s/N for N electrons at the peak. Without jitter; tolerance 5 %.
#[test]
fn shot_noise_follows_the_dose() {
    let still = "[scan]\nsigma_jitter_angstrom = 0\nmains_hz = 50\nflyback_us = 100\n";
    let sample = small("material = 'Si'\nzone = '110'", still).sample(4).unwrap();
    let truth = &sample.labels.no_noise;
    let variance = (&sample.image - truth).mapv(|v| f64::from(v).powi(2)).mean().unwrap();
    let expected = f64::from(truth.mean().unwrap()) / sample.settings.peak_electrons;
    assert!((variance / expected - 1.0).abs() < 0.05, "{variance} against {expected}");
    let psnr = 20.0 * (1.0 / expected.sqrt()).log10();
    assert!((sample.psnr_db - psnr).abs() < 0.3, "{} against {psnr} dB", sample.psnr_db);
}

/// A particle ends inside the field; beyond it nothing is labelled and the ideal image is dark.
#[test]
fn a_particle_is_surrounded_by_vacuum() {
    let structure = "material = 'Pt'\nzone = '110'\nform = 'particle'\nd111_of_field = 0.2";
    let sample = small(structure, "").sample(0).unwrap();
    let ideal = &sample.labels.no_background_no_noise;
    let corners = [(0, 0), (0, 127), (127, 0), (127, 127)];
    assert!(corners.iter().filter(|at| ideal[**at] < 0.02).count() >= 3);
    assert!(!sample.columns.is_empty() && sample.columns.len() < 60);
}

/// Three quarters of the paper recipe's samples lie within 15 and 25 dB: around the paper's 20.
#[test]
fn the_paper_recipe_has_a_believable_psnr() {
    let generator = generator(11);
    let psnr: Vec<f64> = (0..60).map(|i| generator.sample(i).unwrap().psnr_db).collect();
    let mean = psnr.iter().sum::<f64>() / 60.0;
    assert!((17.0..23.0).contains(&mean), "{mean}");
    assert!(psnr.iter().filter(|p| (14.0..26.0).contains(*p)).count() >= 45);
}

#[test]
fn a_recipe_with_a_bad_structure_says_which() {
    let text = include_str!("../../../recipes/paper.toml");
    for (from, to, expected) in [
        ("material = \"MoS2\"", "material = \"no-such.cif\"", "no-such.cif"),
        ("zone = \"010\"", "zone = \"000\"", "LiNiO2 [000]"),
        ("unlabelled_elements = [\"H\"", "unlabelled_elements = [\"Xx\"", "Xx is no element"),
    ] {
        let recipe = Recipe::from_toml(&text.replacen(from, to, 1), "test").unwrap();
        let message = Generator::new(recipe, 0).err().unwrap().to_string();
        assert!(message.contains(expected), "{message}");
    }
}

/// To the feet that windows of 30 px cut off, 2 % of the peak for all together; and the derivatives are those of
/// moving the image.
#[test]
fn single_columns_add_up_to_the_ideal_image() {
    let generator = small("material = 'Au'\nzone = '001'\nthickness_angstrom = 20", "");
    let sample = generator.sample(0).unwrap();
    let ideal = &sample.labels.no_background_no_noise;
    let images = generator.column_images(0, 30).unwrap();
    let mut sum = Array2::<f32>::zeros(ideal.dim());
    for image in &images {
        for ((row, column), value) in image.value.indexed_iter() {
            let (row, column) = (image.top + row as isize, image.left + column as isize);
            let inside = usize::try_from(row).ok().zip(usize::try_from(column).ok());
            if let Some(pixel) = inside.and_then(|at| sum.get_mut(at)) {
                *pixel += value;
            }
        }
    }
    let off = (sum - ideal).mapv(f32::abs).fold(0.0_f32, |a, b| a.max(*b));
    assert!(off < 0.02, "{off}");
    for truth in &sample.columns {
        assert!(images.iter().any(|c| (c.x - truth.x).hypot(c.y - truth.y) < 1e-6));
    }
    // The slope along x of a column moved to the right is its own, reversed.
    let one = &images[0];
    for (row, column) in [(28, 33), (33, 26)] {
        let numeric = (one.value[(row, column - 1)] - one.value[(row, column + 1)]) / 2.0;
        assert!((one.by[0][(row, column)] - numeric).abs() < 0.02, "{numeric}");
        let numeric = (one.value[(row - 1, column)] - one.value[(row + 1, column)]) / 2.0;
        assert!((one.by[1][(row, column)] - numeric).abs() < 0.02, "{numeric}");
    }
}

/// Noise of 128² pixels tells its σ to a percent, 0.05 dB.
#[test]
fn shot_noise_can_be_put_at_a_psnr() {
    let generator =
        small("material = 'Au'\nzone = '001'\nthickness_angstrom = 20", "[scan]\nsigma_jitter_angstrom = 0");
    for wanted in [10.0, 30.0] {
        let sample = generator.sample_at(0, wanted).unwrap();
        assert!((sample.psnr_db - wanted).abs() < 0.15, "{} for {wanted}", sample.psnr_db);
        assert_eq!(sample.columns, generator.sample(0).unwrap().columns);
    }
}

/// What is moved by a part of a pixel has its columns there, and the image follows: to the noise's hundredth at
/// 60 dB, where a column's slope times the shift is 0.1.
#[test]
fn samples_can_be_moved_by_parts_of_a_pixel() {
    let generator =
        small("material = 'Au'\nzone = '001'\nthickness_angstrom = 20", "[scan]\nsigma_jitter_angstrom = 0");
    let (still, moved) =
        (generator.sample_at(0, 60.0).unwrap(), generator.sample_moved(0, 60.0, [1.0, 0.375]).unwrap());
    for column in &moved.columns {
        let off = |c: &adatom_library::TruthColumn| (column.x - c.x - 1.0).hypot(column.y - c.y - 0.375);
        let inside = column.x > 2.0 && column.y > 2.0;
        assert!(!inside || still.columns.iter().any(|c| off(c) < 1e-9));
    }
    let whole = generator.sample_moved(0, 60.0, [1.0, 0.0]).unwrap();
    for (row, column) in [(20, 30), (40, 21), (33, 50)] {
        let background = |s: &adatom_library::Sample, c: usize| {
            s.labels.no_noise[(row, c)] - s.labels.no_background_no_noise[(row, c)]
        };
        let (now, before) = (
            whole.image[(row, column + 1)] - background(&whole, column + 1),
            still.image[(row, column)] - background(&still, column),
        );
        assert!((now - before).abs() < 0.015, "{now} and {before}");
    }
}

/// A single atom at many places below the pixel, with and without a background and a change of tones: in the 2×
/// images its centre lies where it does in the image to 0.01 px, and its integral is the same to 0.1 %.
#[test]
fn doubled_images_are_registered_and_keep_the_intensity() {
    let structure = "material = 'Au'\nform = 'single-atoms'\natoms_per_nm2 = 0.4";
    let generator = small(structure, "[background]\nkinds = ['linear']\nlevel = 0.3");
    let mut checked = 0;
    for index in 0..40 {
        let full = generator.full_sample(index).unwrap();
        let labels = &full.sample.labels;
        let background = &labels.no_noise - &labels.no_background_no_noise;
        let background_2x = &full.no_noise_2x - &full.no_background_no_noise_2x;
        // Blocks of 2 × 2 pixels average to the pixel where the image is straight.
        for ((row, column), value) in background.indexed_iter() {
            let block = background_2x.slice(ndarray::s![2 * row..2 * row + 2, 2 * column..2 * column + 2]);
            assert!((block.mean().unwrap() - value).abs() < 1e-5);
        }
        let alone = |c: &adatom_library::TruthColumn| {
            (25.0..102.0).contains(&c.x)
                && (25.0..102.0).contains(&c.y)
                && full.sample.columns.iter().filter(|o| (o.x - c.x).hypot(o.y - c.y) < 44.0).count() == 1
        };
        for column in full.sample.columns.iter().filter(|c| alone(c)) {
            let [one, two] = [(&labels.no_background_no_noise, 1.0), (&full.no_background_no_noise_2x, 0.5)]
                .map(|(image, pixel)| moments(image, pixel, column.x, column.y));
            assert!((one[0] / two[0] - 1.0).abs() < 1e-3, "{one:?} {two:?}");
            assert!((one[1] - two[1]).hypot(one[2] - two[2]) < 0.01, "{one:?} {two:?}");
            checked += 1;
        }
    }
    assert!(checked >= 5, "{checked}");
}

/// Integral and centre within 22 px of a place, in the image's pixels.
fn moments(image: &Array2<f32>, pixel: f64, x: f64, y: f64) -> [f64; 3] {
    let mut sums = [0.0; 3];
    for ((row, column), value) in image.indexed_iter() {
        let [px, py] = [column, row].map(|i| (i as f64 + 0.5) * pixel - 0.5);
        if (px - x).hypot(py - y) <= 22.0 {
            let part = f64::from(*value) * pixel * pixel;
            sums = [sums[0] + part, sums[1] + part * px, sums[2] + part * py];
        }
    }
    [sums[0], sums[1] / sums[0], sums[2] / sums[0]]
}

#[test]
fn a_full_sample_is_the_sample_and_tells_what_columns_are_made_of() {
    let generator = small("material = 'SrTiO3'\nthickness_angstrom = 39.05", "");
    let (full, sample) = (generator.full_sample(5).unwrap(), generator.sample(5).unwrap());
    assert!(same(&full.sample, &sample));
    assert_eq!(
        (full.species.len(), full.ignored_species.len()),
        (sample.columns.len(), sample.ignored.len())
    );
    for species in &full.species {
        let made: Vec<(&str, f64)> = species.iter().map(|(e, n)| (e.symbol(), *n)).collect();
        assert!(made == [("Sr", 10.0)] || made == [("O", 10.0), ("Ti", 10.0)], "{made:?}");
    }
    assert!(full.ignored_species.iter().all(|species| species.iter().all(|(e, _)| e.symbol() == "O")));
    assert_eq!(full.small_radius_px, 0.5 * sample.radius_px);
    assert!(full.small_circular_mask.sum() < sample.labels.circular_mask.sum());
}
