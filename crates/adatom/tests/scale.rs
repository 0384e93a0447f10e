//! The automatic scale, with the weights that come with the program.

#![allow(clippy::unwrap_used)]

use adatom::{LocateSettings, Model, locate};
use adatom_library::{Generator, Recipe};
use adatom_network::DeviceChoice;

/// Fields of 8 and 10 Å on 256 pixels, with a handful of wide columns and the noise of single pixels:
/// magnified, the grains of the noise would look like a thousand columns, and a wide column like several. Columns cut by the
/// border and those of oxygen may be found or not.
#[test]
fn the_noise_of_small_fields_is_not_magnified_into_columns() {
    let generator = Generator::new(Recipe::open("paper").unwrap(), 2).unwrap();
    let model = Model::built_in().unwrap().open(DeviceChoice::Cpu).unwrap();
    for index in [5, 14, 29, 472, 821] {
        let sample = generator.sample(index).unwrap();
        let located = locate(&sample.image, None, &model, &LocateSettings::default(), &mut |_| {}).unwrap();
        assert!(located.scale.factor < 1.0, "sample {index}: scale {}", located.scale.factor);
        let (found, labelled) = (located.columns.len(), sample.columns.len());
        let there = labelled + sample.ignored.len();
        assert!(
            found > labelled / 2 && found <= 2 * there,
            "sample {index}: {found} for {labelled} of {there}"
        );
    }
}
