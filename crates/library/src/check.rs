//! What a recipe may say.

use crate::composition::MAX_SAMPLES;
use crate::{Draw, Form, LibraryError, Recipe};
use adatom_optics::wavelength_angstrom;

/// Spatial frequencies along an axis of an image at most: a spectrum of 150 MB.
const MAX_FREQUENCIES: f64 = 3000.0;

/// A value that can't be used.
pub(crate) struct Problem {
    /// Where it stands in the recipe: keys and, in lists, numbers from 0, joined by dots.
    pub path: String,
    /// The key as the user knows it.
    key: String,
    message: String,
}

impl Problem {
    /// As an error of recipe `origin`.
    pub(crate) fn error(self, origin: &str, line: Option<usize>) -> LibraryError {
        LibraryError::Value { recipe: origin.to_owned(), line, key: self.key, message: self.message }
    }
}

/// A part of the recipe, by its path and by the name the user knows it by.
struct Part {
    path: String,
    name: String,
}

impl Part {
    fn new(path: impl Into<String>, name: impl Into<String>) -> Self {
        Self { path: path.into(), name: name.into() }
    }

    fn of(name: &str) -> Self {
        Self::new(name, name)
    }
}

#[derive(Default)]
struct Checks {
    problems: Vec<Problem>,
}

impl Checks {
    fn wrong(&mut self, part: &Part, field: &str, message: String) {
        let join = |part: &str| if field.is_empty() { part.to_owned() } else { format!("{part}.{field}") };
        self.problems.push(Problem { path: join(&part.path), key: join(&part.name), message });
    }

    /// Checks that all that can be drawn lies between two bounds.
    fn within(&mut self, part: &Part, field: &str, draw: &Draw, low: f64, high: f64) {
        let (from, to) = draw.bounds();
        if !(from >= low && to <= high) {
            self.wrong(part, field, format!("{}; it must lie between {low} and {high}", span(from, to)));
        }
    }

    fn number(&mut self, part: &Part, field: &str, value: f64, low: f64, high: f64) {
        if !(value >= low && value <= high) {
            self.wrong(part, field, format!("{value}; it must lie between {low} and {high}"));
        }
    }
}

impl Recipe {
    /// Every value that can't be used.
    pub(crate) fn problems(&self) -> Vec<Problem> {
        let mut checks = Checks::default();
        self.check_image(&mut checks);
        for (key, empty) in [
            ("optics", self.optics.is_empty()),
            ("structure", self.structure.is_empty()),
            ("scattering", self.scattering.is_empty()),
            ("background.kinds", self.background.kinds.is_empty()),
        ] {
            if empty {
                checks.wrong(&Part::of(key), "", "empty; give at least one".to_owned());
            }
        }
        self.check_optics(&mut checks);
        self.check_structures(&mut checks);
        self.check_composition(&mut checks);
        self.check_recording(&mut checks);
        self.check_multislice(&mut checks);
        checks.problems
    }

    fn check_image(&self, checks: &mut Checks) {
        let part = Part::of("image");
        let image = &self.image;
        checks.number(&part, "width", image.width as f64, 16.0, 8192.0);
        checks.number(&part, "height", image.height as f64, 16.0, 8192.0);
        match (&image.field_of_view_angstrom, &image.nearest_distance_px) {
            (Some(field), None) => checks.within(&part, "field_of_view_angstrom", field, 1.0, 2000.0),
            (None, Some(distance)) => checks.within(&part, "nearest_distance_px", distance, 2.0, 200.0),
            _ => {
                let message = "give either field_of_view_angstrom or nearest_distance_px, and not both";
                checks.wrong(&part, "", message.to_owned());
            }
        }
        checks.within(&part, "rotation_deg", &image.rotation_deg, -360.0, 360.0);
        for optics in &self.optics {
            // Longest field and most frequencies: what has to be held in memory.
            let field = match (&image.field_of_view_angstrom, &image.nearest_distance_px) {
                (Some(field), _) => field.bounds().1,
                (_, Some(distance)) => 6.0 * image.width as f64 / distance.bounds().0,
                _ => 0.0,
            };
            let aspect = (image.height as f64 / image.width as f64).max(1.0);
            let frequencies =
                2e-3 * optics.semiangle_mrad / wavelength_angstrom(optics.energy_kv) * field * aspect;
            if frequencies > MAX_FREQUENCIES {
                let message = format!(
                    "a field of {field:.0} Å has {frequencies:.0} spatial frequencies along an axis under optics {}; \
                     at most {MAX_FREQUENCIES} can be held",
                    optics.id
                );
                checks.wrong(&part, "", message);
            }
        }
    }

    fn check_optics(&self, checks: &mut Checks) {
        for (index, optics) in self.optics.iter().enumerate() {
            let part = Part::new(format!("optics.{index}"), format!("optics {}", optics.id));
            checks.number(&part, "energy_kv", optics.energy_kv, 10.0, 3000.0);
            checks.number(&part, "semiangle_mrad", optics.semiangle_mrad, 0.5, 150.0);
            for (field, draw, high) in [
                ("source_fwhm_angstrom", &optics.source_fwhm_angstrom, 20.0),
                ("tail_fraction", &optics.tail_fraction, 0.9),
                ("tail_fwhm_angstrom", &optics.tail_fwhm_angstrom, 20.0),
            ] {
                checks.within(&part, field, draw, 0.0, high);
            }
            if self.optics[..index].iter().any(|other| other.id == optics.id) {
                checks.wrong(&part, "id", "given twice".to_owned());
            }
        }
    }

    fn check_structures(&self, checks: &mut Checks) {
        for (index, structure) in self.structure.iter().enumerate() {
            let name = format!("structure {} [{}]", structure.material, structure.zone);
            let part = Part::new(format!("structure.{index}"), name);
            checks.number(&part, "weight", structure.weight, 0.0, 1e6);
            for (field, draw, low, high) in [
                ("thickness_angstrom", &structure.thickness_angstrom, 0.1, 1e4),
                ("d111_of_field", &structure.d111_of_field, 0.01, 2.0),
                ("d100_over_d111", &structure.d100_over_d111, 0.3, 3.0),
                ("d110_over_d111", &structure.d110_over_d111, 0.3, 3.0),
                ("radius_of_field", &structure.radius_of_field, 0.01, 2.0),
                ("count", &structure.count, 1.0, 100.0),
                ("atoms_per_nm2", &structure.atoms_per_nm2, 0.0, 20.0),
                ("support_angstrom", &structure.support_angstrom, 0.0, 200.0),
            ] {
                checks.within(&part, field, draw, low, high);
            }
            for id in structure.optics.iter().filter(|id| !self.optics.iter().any(|o| &o.id == *id)) {
                checks.wrong(&part, "optics", self.no_optics(id));
            }
            if structure.id.is_some() && self.structure[..index].iter().any(|s| s.id == structure.id) {
                checks.wrong(&part, "id", "given twice".to_owned());
            }
        }
        if self.composition.is_none() && self.structure.iter().map(|s| s.weight).sum::<f64>() <= 0.0 {
            checks.wrong(&Part::of("structure"), "", "all weights are zero".to_owned());
        }
    }

    fn no_optics(&self, id: &str) -> String {
        let known: Vec<_> = self.optics.iter().map(|o| o.id.as_str()).collect();
        format!("no optics {id}; there are {}", list(&known))
    }

    fn check_composition(&self, checks: &mut Checks) {
        let Some(composition) = &self.composition else { return };
        let known: Vec<_> = self.structure.iter().filter_map(|s| s.id.as_deref()).collect();
        for (index, block) in composition.block.iter().enumerate() {
            let part =
                Part::new(format!("composition.block.{index}"), format!("composition.block {}", index + 1));
            if !self.optics.iter().any(|optics| optics.id == block.optics) {
                checks.wrong(&part, "optics", self.no_optics(&block.optics));
            }
            for id in block.structures.iter().filter(|id| !known.contains(&id.as_str())) {
                let message = format!("no structure has the id {id}; there are {}", list(&known));
                checks.wrong(&part, "structures", message);
            }
        }
        let part = Part::of("composition");
        if composition.block.iter().all(|block| block.structures.is_empty()) {
            checks.wrong(&part, "block", "no structures; give at least one".to_owned());
        }
        for (index, structure) in self.structure.iter().enumerate().filter(|(_, s)| !s.optics.is_empty()) {
            let name = format!("structure {} [{}]", structure.material, structure.zone);
            let message = "in an enumerated recipe the blocks choose the optics; leave it out";
            checks.wrong(&Part::new(format!("structure.{index}"), name), "optics", message.to_owned());
        }
        let lists = [
            ("field_of_view_angstrom", self.image.field_of_view_angstrom.as_ref()),
            ("rotation_deg", Some(&self.image.rotation_deg)),
        ];
        for (field, draw) in lists {
            if draw.and_then(Draw::values).is_none() {
                let message = "in an enumerated recipe this must be a list of numbers, or one";
                checks.wrong(&Part::of("image"), field, message.to_owned());
            }
        }
        let count = self.composition().map_or(composition.offsets, |composition| composition.count());
        if count == 0 || count > MAX_SAMPLES {
            let message = format!("{count} samples in all; there must be 1 to {MAX_SAMPLES}");
            checks.wrong(&part, "offsets", message);
        }
    }

    fn check_recording(&self, checks: &mut Checks) {
        let (background, scan, dose, detector) = (&self.background, &self.scan, &self.dose, &self.detector);
        for (part, field, draw, low, high) in [
            ("background", "level", &background.level, 0.0, 100.0),
            ("background", "offset", &background.offset, 0.0, 100.0),
            ("scan", "sigma_jitter_angstrom", &scan.sigma_jitter_angstrom, 0.0, 10.0),
            ("scan", "mains_hz", &scan.mains_hz, 0.0, 1e4),
            ("scan", "flyback_us", &scan.flyback_us, 0.0, 1e7),
            ("scan", "correlation", &scan.correlation, 0.0, 0.999),
            ("dose", "current_pa", &dose.current_pa, 1e-3, 1e6),
            ("dose", "dwell_us", &dose.dwell_us, 1e-3, 1e6),
            ("dose", "peak_fraction", &dose.peak_fraction, 1e-6, 1.0),
            ("detector", "read_noise", &detector.read_noise, 0.0, 100.0),
            ("detector", "response_px", &detector.response_px, 0.0, 20.0),
            ("detector", "blur_px", &detector.blur_px, 0.0, 20.0),
            ("detector", "gamma", &detector.gamma, 0.1, 10.0),
            ("detector", "saturation", &detector.saturation, 0.1, 1.0),
        ] {
            checks.within(&Part::of(part), field, draw, low, high);
        }
        if let Some(disorder) = &self.disorder {
            for (field, draw, high) in [
                ("boundaries", &disorder.boundaries, 1.0),
                ("steps", &disorder.steps, 20.0),
                ("step_factor", &disorder.step_factor, 100.0),
                ("vacancies", &disorder.vacancies, 1.0),
                ("dopants", &disorder.dopants, 1.0),
                ("dopant_factor", &disorder.dopant_factor, 100.0),
                ("displacement_angstrom", &disorder.displacement_angstrom, 2.0),
                ("strain", &disorder.strain, 0.2),
                ("flyback_angstrom", &disorder.flyback_angstrom, 20.0),
                ("wander_angstrom", &disorder.wander_angstrom, 20.0),
            ] {
                checks.within(&Part::of("disorder"), field, draw, 0.0, high);
            }
        }
        let (part, labels) = (Part::of("labels"), &self.labels);
        checks.number(&part, "gaussian_fwhm_angstrom", labels.gaussian_fwhm_angstrom, 0.01, 10.0);
        if let Some(sigma) = labels.gaussian_sigma_px {
            checks.number(&part, "gaussian_sigma_px", sigma, 0.2, 50.0);
        }
        checks.number(&part, "min_contrast", labels.min_contrast, 0.0, 1.0);
        checks.number(&part, "merge_angstrom", labels.merge_angstrom, 0.0, 5.0);
    }

    /// What a multislice simulation of a crystal's period can't do, and its numbers.
    fn check_multislice(&self, checks: &mut Checks) {
        let Some(recipe) = self.imaging.multislice() else { return };
        let part = Part::of("imaging");
        let [inner, outer] = recipe.detector_mrad;
        if !(inner >= 0.0 && outer > inner && outer <= 500.0) {
            let message = format!(
                "{inner} to {outer}; give an inner angle of at least 0 and a larger outer one, to 500"
            );
            checks.wrong(&part, "detector_mrad", message);
        }
        for (field, value, low, high) in [
            ("sampling_angstrom", recipe.sampling_angstrom.unwrap_or(0.05), 0.005, 0.5),
            ("slice_thickness_angstrom", recipe.slice_thickness_angstrom, 0.1, 20.0),
            ("configurations", recipe.configurations as f64, 0.0, 10_000.0),
            ("u_iso_angstrom2", recipe.u_iso_angstrom2.unwrap_or(0.0), 0.0, 0.5),
            ("defocus_spread_angstrom", recipe.defocus_spread_angstrom, 0.0, 1000.0),
            ("box_angstrom", recipe.box_angstrom, 1.0, 500.0),
            ("max_strain", recipe.max_strain, 0.0, 0.1),
            ("max_side_angstrom", recipe.max_side_angstrom, 1.0, 500.0),
            ("interpolation", recipe.interpolation as f64, 1.0, 32.0),
            ("memory_mb", recipe.memory_mb, 1.0, 1e6),
        ] {
            checks.number(&part, field, value, low, high);
        }
        if self.disorder.is_some() {
            let message = "a multislice simulation covers one period of a perfect crystal; leave it out";
            checks.wrong(&Part::of("disorder"), "", message.to_owned());
        }
        for (index, structure) in self.structure.iter().enumerate() {
            let name = format!("structure {}", structure.title());
            let part = Part::new(format!("structure.{index}"), name);
            if !matches!(structure.form, Form::Slab | Form::Monolayer) {
                let message =
                    "a multislice simulation covers one period of a crystal; give slab or monolayer";
                checks.wrong(&part, "form", message.to_owned());
            }
            if matches!(structure.material.as_str(), "amorphous-graphene" | "random-lattice") {
                let message = "a multislice simulation needs a crystal: a built-in one or a CIF file";
                checks.wrong(&part, "material", message.to_owned());
            }
            if structure.support_angstrom.bounds().1 > 0.0 {
                checks.wrong(
                    &part,
                    "support_angstrom",
                    "there is no support under multislice; leave it out".to_owned(),
                );
            }
            if structure.form == Form::Slab && structure.thickness_angstrom.values().is_none() {
                let message =
                    "a multislice simulation records single thicknesses; give a number or a list of them";
                checks.wrong(&part, "thickness_angstrom", message.to_owned());
            }
        }
        for (index, optics) in self.optics.iter().enumerate().filter(|(_, o)| !o.has_fixed_lens()) {
            let part = Part::new(format!("optics.{index}"), format!("optics {}", optics.id));
            let message = "a multislice simulation needs numbers for defocus and aberrations, not ranges; only the \
                           source may be drawn";
            checks.wrong(&part, "", message.to_owned());
        }
    }
}

/// Two bounds, or the one value that they are.
fn span(from: f64, to: f64) -> String {
    if from == to { from.to_string() } else { format!("{from} to {to}") }
}

fn list(known: &[&str]) -> String {
    if known.is_empty() { "none".to_owned() } else { known.join(", ") }
}
