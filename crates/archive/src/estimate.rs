use crate::encode::Files;
use crate::{ArchiveError, Depth, Label, Layout};
use adatom_library::Generator;
use std::time::Instant;

/// Samples that are made for an estimate.
const SAMPLES: u64 = 12;

/// What samples cost, from a few of them.
#[derive(Debug, Clone, Copy)]
pub struct Estimate {
    /// Bytes of a sample's files and description.
    pub bytes: f64,
    /// Time to make a sample on one thread \[s\].
    pub seconds: f64,
}

/// Estimates what a library of `count` samples costs by making a few spread over it.
///
/// # Errors
/// When a sample can't be made.
pub fn estimate(
    generator: &Generator,
    count: u64,
    labels: &[Label],
    depth: Depth,
) -> Result<Estimate, ArchiveError> {
    let started = Instant::now();
    let samples = SAMPLES.min(count.max(1));
    let mut bytes = 0;
    for step in 0..samples {
        let made = Files::of(
            &generator.full_sample(1 + step * count / samples)?,
            labels,
            Layout::Temimagenet,
            depth,
        )?;
        bytes += made.line.len() + made.files.iter().map(|(_, file)| file.len()).sum::<usize>();
    }
    let each = |total: f64| total / samples as f64;
    Ok(Estimate { bytes: each(bytes as f64), seconds: each(started.elapsed().as_secs_f64()) })
}
