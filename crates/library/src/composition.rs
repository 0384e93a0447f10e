use crate::Recipe;
use serde::{Deserialize, Serialize};

/// Samples of a composition at most.
pub(crate) const MAX_SAMPLES: u64 = 1_000_000_000;

/// Samples that are enumerated instead of drawn: fields of view, within each the blocks, within each the
/// rotations, within each the offsets. The fields and rotations are the lists of [`crate::ImageRecipe`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CompositionRecipe {
    /// Samples of each block, field and rotation; they differ by random offsets and noise.
    pub offsets: u64,
    /// Structures under imaging conditions.
    pub block: Vec<BlockRecipe>,
}

/// Structures under one imaging condition, one block each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlockRecipe {
    /// The imaging condition's `id`.
    pub optics: String,
    /// The structures' `id`s, in order.
    pub structures: Vec<String>,
}

/// A recipe's composition with its names resolved.
#[derive(Debug, Clone, PartialEq)]
pub struct Composition {
    blocks: Vec<(usize, usize)>,
    fields_angstrom: Vec<f64>,
    rotations_deg: Vec<f64>,
    offsets: u64,
}

/// Where a sample stands in a composition.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    /// The structure, as an index into [`Recipe::structure`].
    pub structure: usize,
    /// The imaging condition, as an index into [`Recipe::optics`].
    pub optics: usize,
    /// Width of the field \[Å\].
    pub field_of_view_angstrom: f64,
    /// Counter-clockwise on the screen \[°\].
    pub rotation_deg: f64,
}

impl Recipe {
    /// The enumerated composition; `None` for a recipe whose samples are drawn, or with names or lists
    /// that [`Recipe::checked`] refuses.
    pub fn composition(&self) -> Option<Composition> {
        let recipe = self.composition.as_ref()?;
        let structure = |id: &String| self.structure.iter().position(|s| s.id.as_ref() == Some(id));
        let optics = |id: &String| self.optics.iter().position(|o| &o.id == id);
        let mut blocks = Vec::new();
        for block in &recipe.block {
            for id in &block.structures {
                blocks.push((structure(id)?, optics(&block.optics)?));
            }
        }
        Some(Composition {
            blocks,
            fields_angstrom: self.image.field_of_view_angstrom.as_ref()?.values()?,
            rotations_deg: self.image.rotation_deg.values()?,
            offsets: recipe.offsets,
        })
    }
}

impl Composition {
    /// Number of samples; those with higher numbers repeat the composition with other random numbers.
    pub fn count(&self) -> u64 {
        [self.fields_angstrom.len(), self.blocks.len(), self.rotations_deg.len()]
            .into_iter()
            .fold(self.offsets, |count, n| count.saturating_mul(n as u64))
    }

    /// Where sample `index` stands; the first one is number 1.
    pub fn place(&self, index: u64) -> Place {
        let count = self.count().max(1);
        let mut left = (index % count + count - 1) % count / self.offsets.max(1);
        let mut digit = |size: usize| {
            let digit = left % size as u64;
            left /= size as u64;
            digit as usize
        };
        let rotation = digit(self.rotations_deg.len());
        let (structure, optics) = self.blocks[digit(self.blocks.len())];
        let field = digit(self.fields_angstrom.len());
        Place {
            structure,
            optics,
            field_of_view_angstrom: self.fields_angstrom[field],
            rotation_deg: self.rotations_deg[rotation],
        }
    }

    /// The imaging conditions under which a structure is seen.
    pub(crate) fn optics_of(&self, structure: usize) -> Vec<usize> {
        let mut optics: Vec<usize> =
            self.blocks.iter().filter(|block| block.0 == structure).map(|block| block.1).collect();
        optics.sort_unstable();
        optics.dedup();
        optics
    }
}
