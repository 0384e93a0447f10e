//! What is imaged: crystals, particles, sheets and single atoms, ready to fill a field.

use crate::disorder::{HalfPlane, join};
use crate::motif::{self, random_cell};
use crate::multislice::Simulated;
use crate::{
    Composition, Form, LibraryError, Material, MultisliceRecipe, OpticsRecipe, Recipe, StructureRecipe,
};
use adatom_crystal::{
    AmorphousSheet, Cluster, Column, Crystal, CrystalError, Element, Facets, Field, ProjectedCell, ZoneAxis,
    amorphous_graphene, cluster, monolayer, nanoparticle, slab,
};
use adatom_imaging::{SampleRng, poisson};
use std::borrow::Cow;
use std::collections::BTreeSet;

/// Side of a generated amorphous sheet's period \[Å\].
const SHEET_ANGSTROM: f64 = 36.0;
/// Amorphous sheets to choose from.
const SHEETS: u64 = 3;
/// Part of the nearest columns' distance that columns of different grains keep.
const APART: f64 = 0.8;
/// Distance that single atoms keep \[Å\].
const SINGLE_ATOMS_APART: f64 = 2.2;
/// Atoms in amorphous carbon of 2 g/cm³ \[1/Å³\].
const CARBON_PER_ANGSTROM3: f64 = 0.1;
/// Scattered atoms in a field at most.
const MAX_SCATTERED: f64 = 50_000.0;

/// What lies in a field.
pub(crate) struct Specimen {
    /// Columns that may be labelled.
    pub(crate) columns: Vec<Column>,
    /// Atoms of the support: never labelled.
    pub(crate) support: Vec<Column>,
}

/// A structure of the recipe, ready to be imaged.
pub(crate) struct Prepared {
    pub(crate) recipe: StructureRecipe,
    pub(crate) source: Source,
    pub(crate) optics: Vec<usize>,
    pub(crate) elements: BTreeSet<Element>,
    /// Distance of nearest labelled columns \[Å\]; zero when it is drawn with the structure.
    pub(crate) nearest_angstrom: f64,
}

pub(crate) enum Source {
    Crystal {
        crystal: Box<Crystal>,
        zone: ZoneAxis,
        cell: Box<ProjectedCell>,
    },
    Sheets(Vec<AmorphousSheet>),
    /// With unlabelled oxygen between the columns of some, but not in clusters.
    RandomLattice {
        oxides: bool,
    },
}

impl Prepared {
    /// The crystal of one sample, `None` for sheets, and the distance of its nearest columns \[Å\].
    pub(crate) fn cell(&self, rng: &mut SampleRng) -> (Option<Cow<'_, ProjectedCell>>, f64) {
        match &self.source {
            Source::RandomLattice { oxides } => {
                let (cell, nearest) = random_cell(rng, *oxides);
                (Some(Cow::Owned(cell)), nearest)
            }
            Source::Crystal { cell, .. } => (Some(Cow::Borrowed(cell.as_ref())), self.nearest_angstrom),
            Source::Sheets(_) => (None, self.nearest_angstrom),
        }
    }

    /// The multislice simulation of the crystal under an imaging condition; none for what isn't a crystal.
    pub(crate) fn simulated(
        &self,
        optics: &OpticsRecipe,
        recipe: &MultisliceRecipe,
        material_text: &str,
    ) -> Result<Option<Simulated>, LibraryError> {
        let Source::Crystal { crystal, zone, cell } = &self.source else { return Ok(None) };
        Simulated::new(&self.recipe, crystal, *zone, cell, optics, recipe, material_text).map(Some)
    }

    pub(crate) fn title(&self) -> String {
        self.recipe.title()
    }

    /// What is in the field of one sample. `nearest` is the distance of its nearest columns \[Å\].
    pub(crate) fn specimen(
        &self,
        cell: Option<&ProjectedCell>,
        nearest: f64,
        field: &Field,
        recipe: &Recipe,
        rng: &mut SampleRng,
    ) -> Result<Specimen, CrystalError> {
        let merge = recipe.labels.merge_angstrom;
        let grains = match self.recipe.form {
            Form::Particle | Form::Cluster => (self.recipe.count.value(rng) as usize).max(1),
            _ => 1,
        };
        let mut columns = self.grain(cell, field, merge, grains, rng)?;
        for _ in 1..grains {
            let grain = self.grain(cell, &turned(field, rng), merge, grains, rng)?;
            join(&mut columns, grain, APART * nearest);
        }
        if let Some(disorder) = &recipe.disorder {
            if self.recipe.form == Form::Slab && rng.uniform() < disorder.boundaries.value(rng) {
                let beyond = HalfPlane::random(field, rng);
                let mirror = cell.filter(|_| rng.index(2) == 0).map(mirrored);
                let mut grain = self.grain(mirror.as_ref().or(cell), &turned(field, rng), merge, 1, rng)?;
                grain.retain(|column| beyond.contains(column));
                columns.retain(|column| !beyond.contains(column));
                join(&mut columns, grain, APART * nearest);
            }
            disorder.apply(&mut columns, field, rng);
        }
        let support = support(field, self.recipe.support_angstrom.value(rng), rng);
        Ok(Specimen { columns, support })
    }

    /// One crystal of `grains`.
    fn grain(
        &self,
        cell: Option<&ProjectedCell>,
        field: &Field,
        merge_angstrom: f64,
        grains: usize,
        rng: &mut SampleRng,
    ) -> Result<Vec<Column>, CrystalError> {
        let recipe = &self.recipe;
        let Some(cell) = cell else {
            let Source::Sheets(sheets) = &self.source else { return Ok(Vec::new()) };
            let shift = [rng.between(0.0, SHEET_ANGSTROM), rng.between(0.0, SHEET_ANGSTROM)];
            return sheets[rng.index(sheets.len())].columns(&Field { offset: shift, ..*field });
        };
        let thickness = recipe.thickness_angstrom.value(rng);
        // Several share the field.
        let share = 1.0 / (grains as f64).sqrt();
        match (recipe.form, &self.source) {
            (Form::Monolayer, _) => monolayer(cell, field),
            (Form::SingleAtoms, _) => Ok(single_atoms(cell, field, recipe.atoms_per_nm2.value(rng), rng)),
            (Form::Cluster, _) => {
                let radius = recipe.radius_of_field.value(rng) * field.width * share;
                let (low, high) = if grains == 1 { (0.25, 0.75) } else { (0.05, 0.95) };
                let shape = Cluster {
                    center: [field.width, field.height].map(|extent| extent * rng.between(low, high)),
                    radius,
                    max_thickness: thickness,
                    taper: radius * rng.between(0.3, 1.0),
                    irregularity: rng.between(0.05, 0.4),
                    seed: rng.bits(),
                };
                cluster(cell, field, &shape)
            }
            (Form::Particle, Source::Crystal { crystal, zone, .. }) => {
                let d111 = recipe.d111_of_field.value(rng) * field.width * share;
                let facets = Facets {
                    d111,
                    d100: d111 * recipe.d100_over_d111.value(rng),
                    d110: d111 * recipe.d110_over_d111.value(rng),
                };
                let mut field = *field;
                if grains > 1 {
                    field.offset =
                        [field.width, field.height].map(|extent| extent * rng.between(-0.45, 0.45));
                }
                nanoparticle(crystal, *zone, &facets, &field, merge_angstrom)
            }
            _ => slab(cell, field, thickness),
        }
    }
}

/// The field with the crystal in another orientation.
fn turned(field: &Field, rng: &mut SampleRng) -> Field {
    Field {
        rotation_deg: field.rotation_deg + rng.between(0.0, 360.0),
        offset: [rng.between(-4.0, 4.0), rng.between(-4.0, 4.0)],
        ..*field
    }
}

/// A cell as seen from the other side.
fn mirrored(cell: &ProjectedCell) -> ProjectedCell {
    let mut cell = cell.clone();
    cell.vectors.iter_mut().for_each(|vector| vector[1] = -vector[1]);
    cell.columns.iter_mut().for_each(|column| column.y = -column.y);
    cell
}

/// Atoms of the cell's heaviest element at random places, none closer than [`SINGLE_ATOMS_APART`].
fn single_atoms(cell: &ProjectedCell, field: &Field, per_nm2: f64, rng: &mut SampleRng) -> Vec<Column> {
    let heaviest = cell.columns.iter().flat_map(|c| &c.species).map(|(element, _)| *element).max();
    let Some(element) = heaviest else { return Vec::new() };
    let mut columns = Vec::new();
    for [x, y] in scattered(field, per_nm2 * 1e-2, rng) {
        let atom = Column { x, y, species: vec![(element, 1.0)], u_iso_angstrom2: None };
        join(&mut columns, vec![atom], SINGLE_ATOMS_APART);
    }
    columns
}

/// The atoms of a film of amorphous carbon beneath the specimen.
fn support(field: &Field, thickness_angstrom: f64, rng: &mut SampleRng) -> Vec<Column> {
    let atom =
        |[x, y]: [f64; 2]| Column { x, y, species: vec![(Element::CARBON, 1.0)], u_iso_angstrom2: None };
    scattered(field, CARBON_PER_ANGSTROM3 * thickness_angstrom, rng).into_iter().map(atom).collect()
}

/// Random places in the field and its margin, so many a square ångström on average.
fn scattered(field: &Field, per_angstrom2: f64, rng: &mut SampleRng) -> Vec<[f64; 2]> {
    let margin = field.margin;
    let (width, height) = (field.width + 2.0 * margin, field.height + 2.0 * margin);
    let mean = (per_angstrom2 * width * height).min(MAX_SCATTERED);
    (0..poisson(mean as f32, rng) as usize)
        .map(|_| [rng.between(-margin, width - margin), rng.between(-margin, height - margin)])
        .collect()
}

/// Prepares structure `index` of a recipe.
pub(crate) fn prepare(
    index: usize,
    recipe: &Recipe,
    composition: Option<&Composition>,
    omitted: &BTreeSet<Element>,
) -> Result<Prepared, LibraryError> {
    let structure = &recipe.structure[index];
    let title = structure.title();
    let material = Material::open(&structure.material)?;
    let fits = match material {
        Material::Crystal(_) => true,
        Material::AmorphousGraphene => structure.form == Form::Monolayer,
        Material::RandomLattice => !matches!(structure.form, Form::Particle | Form::SingleAtoms),
    };
    if !fits {
        return Err(LibraryError::Value {
            recipe: recipe.name.clone(),
            line: None,
            key: format!("structure {title}.form"),
            message: "amorphous graphene is a monolayer, and a random lattice has neither facets for a particle nor \
                      single atoms"
                .to_owned(),
        });
    }
    let geometry = |source| LibraryError::Crystal { structure: title.clone(), source };
    let (source, mut elements, nearest): (_, BTreeSet<Element>, _) = match material {
        Material::AmorphousGraphene => {
            let sheets = (0..SHEETS)
                .map(|seed| amorphous_graphene(SHEET_ANGSTROM, seed))
                .collect::<Result<Vec<_>, _>>()
                .map_err(geometry)?;
            (Source::Sheets(sheets), [Element::CARBON].into_iter().collect(), 1.42)
        }
        Material::RandomLattice => {
            // A thick column of oxygen is as bright as a metal's last atoms at the edge of a cluster.
            let oxides = omitted.contains(&Element::OXYGEN) && structure.form != Form::Cluster;
            (Source::RandomLattice { oxides }, motif::elements().collect(), 0.0)
        }
        Material::Crystal(crystal) => {
            let zone: ZoneAxis = structure.zone.parse().map_err(geometry)?;
            let cell = ProjectedCell::new(&crystal, zone, recipe.labels.merge_angstrom).map_err(geometry)?;
            let elements =
                cell.columns.iter().flat_map(|c| c.species.iter().map(|(element, _)| *element)).collect();
            let nearest = nearest_labelled(&cell, omitted);
            (Source::Crystal { crystal, zone, cell: Box::new(cell) }, elements, nearest)
        }
    };
    if structure.support_angstrom.bounds().1 > 0.0 {
        elements.insert(Element::CARBON);
    }
    let nearest = if structure.form == Form::SingleAtoms { SINGLE_ATOMS_APART } else { nearest };
    let optics = match composition {
        Some(composition) => composition.optics_of(index),
        None => (0..recipe.optics.len())
            .filter(|i| structure.optics.is_empty() || structure.optics.contains(&recipe.optics[*i].id))
            .collect(),
    };
    Ok(Prepared { recipe: structure.clone(), source, optics, elements, nearest_angstrom: nearest })
}

/// Shortest distance between columns that get a label \[Å\].
fn nearest_labelled(cell: &ProjectedCell, omitted: &BTreeSet<Element>) -> f64 {
    let labelled = |species: &[(Element, f64)]| !species.iter().all(|(element, _)| omitted.contains(element));
    let mut labelled_cell = cell.clone();
    labelled_cell.columns.retain(|column| labelled(&column.species));
    if labelled_cell.columns.is_empty() { cell.nearest_distance() } else { labelled_cell.nearest_distance() }
}
