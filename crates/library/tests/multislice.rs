//! Samples whose ideal image is a multislice simulation.

#![allow(clippy::unwrap_used)]

use adatom_library::{Generator, LibraryError, Recipe};

const RECIPE: &str = r#"
    name = "test"
    image = { width = 96, height = 80, field_of_view_angstrom = 12 }
    imaging = { model = "multislice", detector_mrad = [50, 100], configurations = 0, box_angstrom = 7 }
    optics = [{ id = "a", energy_kv = 200, semiangle_mrad = 22, source_fwhm_angstrom = 0.6 }]
    structure = [{ material = "SrTiO3", thickness_angstrom = [20, 60] }]
    background = { level = 0 }
    scan = { sigma_jitter_angstrom = 0 }
"#;

fn open(text: &str) -> Result<Recipe, Vec<LibraryError>> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("recipe.toml");
    std::fs::write(&path, text).unwrap();
    Recipe::open_checking_all(path.to_str().unwrap())
}

/// Every labelled column is a maximum of the noiseless image to a fifth of a pixel, whatever rotation and offset were
/// drawn; strontium is brighter than titanium; and more atoms scatter more.
#[test]
fn columns_lie_where_the_simulation_shows_them() {
    let generator = Generator::new(open(RECIPE).unwrap(), 5).unwrap();
    assert_eq!(generator.simulations().len(), 1);
    let mut by_thickness = [Vec::new(), Vec::new()];
    for index in 0..4 {
        let full = generator.full_sample(index).unwrap();
        let (image, sample) = (&full.sample.labels.no_noise, &full.sample);
        for (column, species) in sample.columns.iter().zip(&full.species) {
            let (x, y) = (column.x.round() as usize, column.y.round() as usize);
            if x < 4 || y < 4 || x + 5 > 96 || y + 5 > 80 {
                continue;
            }
            // The vertex of a parabola through three pixels.
            let vertex = |a: f32, b: f32, c: f32| f64::from(0.5 * (a - c) / (a - 2.0 * b + c));
            let dx = vertex(image[(y, x - 1)], image[(y, x)], image[(y, x + 1)]);
            let dy = vertex(image[(y - 1, x)], image[(y, x)], image[(y + 1, x)]);
            let off = (x as f64 + dx - column.x).hypot(y as f64 + dy - column.y);
            assert!(off < 0.2, "sample {index}: {off} px");
            let (heaviest, atoms) = species[species.len() - 1];
            by_thickness[usize::from(atoms > 10.0)].push((heaviest.symbol(), column.intensity));
        }
        // Half the pixel size shows the same image.
        let mean = |image: &ndarray::Array2<f32>| f64::from(image.mean().unwrap());
        assert!((mean(&full.no_noise_2x) / mean(image) - 1.0).abs() < 0.01);
    }
    // Of columns of their own kind, thin and thick; the brightness of thick ones approaches each other.
    let mean = |columns: &[(&str, f64)], symbol: &str| {
        let of: Vec<f64> = columns.iter().filter(|c| c.0 == symbol).map(|c| c.1).collect();
        of.iter().sum::<f64>() / of.len() as f64
    };
    let [thin, thick] = by_thickness.map(|columns| [mean(&columns, "Sr"), mean(&columns, "Ti")]);
    assert!(thin[0] > 1.2 * thin[1] && thick[0] > 1.1 * thick[1], "{thin:?} {thick:?}");
    assert!((0..2).all(|kind| thick[kind] > 1.2 * thin[kind]), "{thin:?} {thick:?}");
    let noisy = |index| generator.sample(index).unwrap().image;
    assert_eq!(noisy(2), noisy(2));
}

#[test]
fn what_multislice_cannot_do_is_refused_with_its_line() {
    let refusal = |from: &str, to: &str| {
        let errors = open(&RECIPE.replace(from, to)).unwrap_err();
        errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    };
    let range = refusal("[20, 60]", "{ low = 20, high = 60 }");
    assert!(range.contains("line 6") && range.contains("give a number or a list"), "{range}");
    assert!(refusal("\"SrTiO3\"", "\"Pt\", form = \"particle\"").contains("slab or monolayer"));
    assert!(refusal("\"SrTiO3\"", "\"random-lattice\"").contains("needs a crystal"));
    assert!(
        refusal("semiangle_mrad = 22", "semiangle_mrad = 22, c3_mm = { low = 0, high = 1 }")
            .contains("not ranges")
    );
    assert!(refusal("[50, 100]", "[100, 50]").contains("larger outer one"));
    assert!(refusal("configurations = 0", "configuration = 0").contains("unknown field"));
    // What only the simulation can see.
    let fails = |from: &str, to: &str| {
        Generator::new(open(&RECIPE.replace(from, to)).unwrap(), 1).err().unwrap().to_string()
    };
    let coarse = fails("configurations = 0", "configurations = 0, sampling_angstrom = 0.2");
    assert!(coarse.contains("SrTiO3 [001]") && coarse.contains("or finer"), "{coarse}");
    assert!(fails("configurations = 0", "configurations = 4, memory_mb = 2").contains("allow"));
    let generator = Generator::new(open(RECIPE).unwrap(), 1).unwrap();
    assert!(generator.column_images(0, 8).unwrap_err().to_string().contains("linear model"));
}

/// A part of an enumerated library needs the simulations of its own structures alone, and samples that stand for all need
/// all.
#[test]
fn samples_need_the_simulations_of_what_they_show() {
    let generator = Generator::new(Recipe::open("multislice").unwrap(), 1).unwrap();
    let titles = |samples: &[u64]| -> Vec<String> {
        generator.simulations_of(samples.iter().copied()).iter().map(|made| made.title().to_owned()).collect()
    };
    assert!(titles(&[]).is_empty());
    // Seven rotations of the first structure, then the second.
    let (first, second) = (titles(&[1, 2, 7]), titles(&[8]));
    assert!(first.len() == 1 && second.len() == 1 && first != second, "{first:?} {second:?}");
    assert_eq!(titles(&(1..=280).collect::<Vec<_>>()).len(), generator.simulations().len());

    let some = generator.representative(40);
    assert_eq!((some.len(), some[0], some[39]), (40, 1, 274));
    assert_eq!(titles(&some).len(), generator.simulations().len());
    assert_eq!(generator.representative(1000), (1..=280).collect::<Vec<_>>());
    let drawn = Generator::new(Recipe::open("paper").unwrap(), 1).unwrap();
    assert_eq!(drawn.representative(3), [0, 1, 2]);
    assert!(drawn.simulations_of(0..3).is_empty());
}
