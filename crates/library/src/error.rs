use adatom_crystal::CrystalError;
use adatom_imaging::ImagingError;
use adatom_multislice::MultisliceError;
use std::path::PathBuf;
use thiserror::Error;

/// What keeps a recipe from being read or a sample from being made.
#[derive(Debug, Error)]
pub enum LibraryError {
    /// The recipe's text is not what it should be.
    #[error("recipe {recipe}, line {line}: {message}")]
    Syntax {
        /// The recipe's name or file.
        recipe: String,
        /// Line of the text, from 1.
        line: usize,
        /// What is wrong there.
        message: String,
    },
    /// A value that reads well but makes no sense.
    #[error("recipe {recipe}, {}{key}: {message}", line.map_or(String::new(), |line| format!("line {line}, ")))]
    Value {
        /// The recipe's name or file.
        recipe: String,
        /// Line of the text, from 1, where it is known.
        line: Option<usize>,
        /// The key, as a dotted path.
        key: String,
        /// What was found and what would be right.
        message: String,
    },
    /// Neither a built-in recipe nor a readable file.
    #[error("no recipe {name}: it is not a file and the built-in recipes are {}", known.join(", "))]
    UnknownRecipe {
        /// What was asked for.
        name: String,
        /// The built-in ones.
        known: Vec<&'static str>,
    },
    /// A file that can't be read.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A crystal file or a geometry that can't be used.
    #[error("structure {structure}: {source}")]
    Crystal {
        /// The structure's material and zone axis.
        structure: String,
        /// Why.
        source: CrystalError,
    },
    /// An image that can't be computed.
    #[error("structure {structure}: {source}")]
    Imaging {
        /// The structure's material and zone axis.
        structure: String,
        /// Why.
        source: ImagingError,
    },
    /// A multislice simulation that can't be run, or was stopped.
    #[error("structure {structure}: {source}")]
    Multislice {
        /// The structure's material and zone axis, and its imaging condition.
        structure: String,
        /// Why.
        source: MultisliceError,
    },
    /// Something that only the linear model gives.
    #[error(
        "recipe {recipe}: {what} needs the linear model; take a recipe without imaging.model = \"multislice\""
    )]
    LinearOnly {
        /// The recipe's name.
        recipe: String,
        /// What was asked for.
        what: &'static str,
    },
}
