//! Crystal structures turned into the atom columns that an electron microscope sees along the beam.
//!
//! From the bottom up: [`Element`] and [`UnitCell`] describe matter, [`Crystal`] holds every site of one
//! cell (read from CIF text by [`Crystal::from_cif`]), [`ProjectedCell`] is that crystal seen along a
//! [`ZoneAxis`], and [`slab()`], [`monolayer`], [`cluster()`], [`nanoparticle`] and [`AmorphousSheet`] fill a
//! [`Field`] of view with [`Column`]s.
//!
//! # Conventions
//!
//! All lengths are in ångström. Image axes are x to the right and y **down**, with (0, 0) at the top left
//! corner of the field. The zone axis \[uvw\] points out of the image towards the viewer, who therefore sees a
//! right-handed crystal right-handed. With a rotation of zero the shortest projected lattice vector points
//! along +x; among equally short ones it is the one closest to the projection of the cell's a axis, then b,
//! then c. So a cubic crystal along \[001\] has a to the right and b up. [`Field::rotation_deg`] turns the
//! crystal counter-clockwise on the screen about the centre of the field; the crystal's origin (fractional
//! 0, 0, 0) lies at the field's centre plus [`Field::offset`].
//!
//! ```
//! use adatom_crystal::{Crystal, Field, ProjectedCell, slab};
//!
//! let cif = "data_Po\n_cell_length_a 3.359\n_cell_length_b 3.359\n_cell_length_c 3.359\n\
//!            _cell_angle_alpha 90\n_cell_angle_beta 90\n_cell_angle_gamma 90\n\
//!            _space_group_name_H-M_alt 'P m -3 m'\n\
//!            loop_ _atom_site_label _atom_site_fract_x _atom_site_fract_y _atom_site_fract_z\nPo1 0 0 0\n";
//! let crystal = Crystal::from_cif(cif)?;
//! let cell = ProjectedCell::new(&crystal, "001".parse()?, 0.2)?;
//! let columns = slab(&cell, &Field::new(20.0, 20.0), 33.59)?;
//! assert!(columns.iter().all(|column| (column.atoms() - 10.0).abs() < 1e-9));
//! # Ok::<(), adatom_crystal::CrystalError>(())
//! ```

mod amorphous;
mod cell;
mod cif;
mod cluster;
mod crystal;
mod element;
mod error;
mod field;
mod particle;
mod project;
mod random;
mod slab;
mod supercell;
mod zone;

pub use amorphous::{AmorphousSheet, amorphous_graphene};
pub use cell::UnitCell;
pub use cluster::{Cluster, cluster};
pub use crystal::{Crystal, Site};
pub use element::Element;
pub use error::CrystalError;
pub use field::{Column, Field};
pub use particle::{Facets, nanoparticle};
pub use project::{ProjectedCell, ProjectedColumn};
pub use slab::{monolayer, slab};
pub use supercell::{BoxSite, OrthogonalCell};
pub use zone::ZoneAxis;
