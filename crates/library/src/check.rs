//! What a recipe may say.

use crate::{Draw, LibraryError, Recipe};
use adatom_optics::wavelength_angstrom;

/// Spatial frequencies along an axis of an image at most: a spectrum of 150 MB.
const MAX_FREQUENCIES: f64 = 3000.0;

impl Recipe {
    /// Checks every number.
    ///
    /// # Errors
    /// [`LibraryError::Value`] with the key of the first that can't be used.
    pub(crate) fn check(&self, origin: &str) -> Result<(), LibraryError> {
        let wrong = |key: &str, message: String| LibraryError::Value {
            recipe: origin.to_owned(),
            key: key.to_owned(),
            message,
        };
        let within = |key: &str, draw: &Draw, low: f64, high: f64| {
            let (from, to) = draw.bounds();
            if from >= low && to <= high {
                Ok(())
            } else {
                Err(wrong(key, format!("{from} to {to}; it must lie between {low} and {high}")))
            }
        };
        for (key, side) in [("image.width", self.image.width), ("image.height", self.image.height)] {
            within(key, &Draw::Fixed(side as f64), 16.0, 8192.0)?;
        }
        match (&self.image.field_of_view_angstrom, &self.image.nearest_distance_px) {
            (Some(field), None) => within("image.field_of_view_angstrom", field, 1.0, 2000.0)?,
            (None, Some(distance)) => within("image.nearest_distance_px", distance, 2.0, 200.0)?,
            _ => {
                return Err(wrong(
                    "image",
                    "give either field_of_view_angstrom or nearest_distance_px, and not both".to_owned(),
                ));
            }
        }
        for optics in &self.optics {
            // Longest field and most frequencies: what has to be held in memory.
            let field = match (&self.image.field_of_view_angstrom, &self.image.nearest_distance_px) {
                (Some(field), _) => field.bounds().1,
                (_, Some(distance)) => 6.0 * self.image.width as f64 / distance.bounds().0,
                _ => 0.0,
            };
            let aspect = (self.image.height as f64 / self.image.width as f64).max(1.0);
            let frequencies =
                2e-3 * optics.semiangle_mrad / wavelength_angstrom(optics.energy_kv) * field * aspect;
            if frequencies > MAX_FREQUENCIES {
                let message = format!(
                    "a field of {field:.0} Å has {frequencies:.0} spatial frequencies along an axis under optics {}; \
                     at most {MAX_FREQUENCIES} can be held",
                    optics.id
                );
                return Err(wrong("image", message));
            }
        }
        within("image.rotation_deg", &self.image.rotation_deg, -360.0, 360.0)?;
        for (key, empty) in [
            ("optics", self.optics.is_empty()),
            ("structure", self.structure.is_empty()),
            ("scattering", self.scattering.is_empty()),
            ("background.kinds", self.background.kinds.is_empty()),
        ] {
            if empty {
                return Err(wrong(key, "empty; give at least one".to_owned()));
            }
        }
        for optics in &self.optics {
            within(&format!("optics {}.energy_kv", optics.id), &Draw::Fixed(optics.energy_kv), 10.0, 3000.0)?;
            within(
                &format!("optics {}.semiangle_mrad", optics.id),
                &Draw::Fixed(optics.semiangle_mrad),
                0.5,
                150.0,
            )?;
            within(
                &format!("optics {}.source_fwhm_angstrom", optics.id),
                &optics.source_fwhm_angstrom,
                0.0,
                20.0,
            )?;
            within(&format!("optics {}.tail_fraction", optics.id), &optics.tail_fraction, 0.0, 0.9)?;
            within(
                &format!("optics {}.tail_fwhm_angstrom", optics.id),
                &optics.tail_fwhm_angstrom,
                0.0,
                20.0,
            )?;
        }
        for structure in &self.structure {
            let key = |field: &str| format!("structure {} [{}].{field}", structure.material, structure.zone);
            within(&key("weight"), &Draw::Fixed(structure.weight), 0.0, 1e6)?;
            within(&key("thickness_angstrom"), &structure.thickness_angstrom, 0.1, 1e4)?;
            within(&key("d111_of_field"), &structure.d111_of_field, 0.01, 2.0)?;
            within(&key("d100_over_d111"), &structure.d100_over_d111, 0.3, 3.0)?;
            within(&key("d110_over_d111"), &structure.d110_over_d111, 0.3, 3.0)?;
            within(&key("radius_of_field"), &structure.radius_of_field, 0.01, 2.0)?;
            within(&key("count"), &structure.count, 1.0, 100.0)?;
            within(&key("atoms_per_nm2"), &structure.atoms_per_nm2, 0.0, 20.0)?;
            within(&key("support_angstrom"), &structure.support_angstrom, 0.0, 200.0)?;
            for id in &structure.optics {
                if !self.optics.iter().any(|optics| &optics.id == id) {
                    let known: Vec<_> = self.optics.iter().map(|o| o.id.as_str()).collect();
                    return Err(wrong(
                        &key("optics"),
                        format!("no optics {id}; there are {}", known.join(", ")),
                    ));
                }
            }
        }
        if self.structure.iter().map(|s| s.weight).sum::<f64>() <= 0.0 {
            return Err(wrong("structure", "all weights are zero".to_owned()));
        }
        within("background.level", &self.background.level, 0.0, 100.0)?;
        within("background.offset", &self.background.offset, 0.0, 100.0)?;
        within("scan.sigma_jitter_angstrom", &self.scan.sigma_jitter_angstrom, 0.0, 10.0)?;
        within("scan.mains_hz", &self.scan.mains_hz, 0.0, 1e4)?;
        within("scan.flyback_us", &self.scan.flyback_us, 0.0, 1e7)?;
        within("scan.correlation", &self.scan.correlation, 0.0, 0.999)?;
        within("dose.current_pa", &self.dose.current_pa, 1e-3, 1e6)?;
        within("dose.dwell_us", &self.dose.dwell_us, 1e-3, 1e6)?;
        within("dose.peak_fraction", &self.dose.peak_fraction, 1e-6, 1.0)?;
        within("detector.read_noise", &self.detector.read_noise, 0.0, 100.0)?;
        within("detector.response_px", &self.detector.response_px, 0.0, 20.0)?;
        within("detector.blur_px", &self.detector.blur_px, 0.0, 20.0)?;
        within("detector.gamma", &self.detector.gamma, 0.1, 10.0)?;
        within("detector.saturation", &self.detector.saturation, 0.1, 1.0)?;
        if let Some(disorder) = &self.disorder {
            for (key, draw, high) in [
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
                within(&format!("disorder.{key}"), draw, 0.0, high)?;
            }
        }
        within(
            "labels.gaussian_fwhm_angstrom",
            &Draw::Fixed(self.labels.gaussian_fwhm_angstrom),
            0.01,
            10.0,
        )?;
        if let Some(sigma) = self.labels.gaussian_sigma_px {
            within("labels.gaussian_sigma_px", &Draw::Fixed(sigma), 0.2, 50.0)?;
        }
        within("labels.min_contrast", &Draw::Fixed(self.labels.min_contrast), 0.0, 1.0)?;
        within("labels.merge_angstrom", &Draw::Fixed(self.labels.merge_angstrom), 0.0, 5.0)
    }
}
