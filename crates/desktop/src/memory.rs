//! Whether there is memory enough, asked before it is taken: running out can't be caught.

/// Bytes that the network's tile takes at most.
const TILE: u64 = 900 << 20;
/// Pixels of a resampled image at most.
const WORKING: f64 = 6.4e7;

/// Says no when `pixels` of so many bytes each don't fit.
///
/// # Errors
/// A message with what is needed and what there is.
pub fn enough(pixels: usize, bytes_each: u64) -> Result<(), String> {
    check(pixels as u64 * bytes_each, available())
}

/// Says no when a network's maps of an image with so many pixels don't fit.
///
/// # Errors
/// As [`enough`].
pub fn enough_for_network(pixels: usize, scale: Option<f64>) -> Result<(), String> {
    let seen = (pixels as f64 * scale.map_or(1.0, |s| s * s)).min(WORKING) as u64;
    check(TILE + 4 * (6 * pixels as u64 + 7 * seen), available())
}

fn check(needed: u64, available: Option<u64>) -> Result<(), String> {
    match available {
        Some(available) if needed > available => {
            let gigabytes = |bytes: u64| bytes as f64 / f64::from(1 << 30);
            Err(format!(
                "This needs about {:.1} GB of memory, and {:.1} GB are free. Close other programs, or crop or bin \
                 the image.",
                gigabytes(needed),
                gigabytes(available)
            ))
        }
        _ => Ok(()),
    }
}

/// Bytes that can be taken, where the system says so.
fn available() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().trim_end_matches("kB").trim().parse::<u64>().ok().map(|kilobytes| kilobytes << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_much_is_a_message_and_an_unknown_limit_none() {
        let message = check(3 << 30, Some(1 << 30)).unwrap_err();
        assert!(message.contains("3.0 GB") && message.contains("1.0 GB"), "{message}");
        assert!(check(3 << 30, None).is_ok() && check(1, Some(2)).is_ok());
    }
}
