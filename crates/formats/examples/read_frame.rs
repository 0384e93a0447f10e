//! Opens a file, reads the middle frame of its default signal, and prints what that took as JSON.

use std::path::PathBuf;
use std::time::Instant;

use adatom_formats::{Selection, open};

/// Most memory that this process ever had (kB), where the system tells.
fn peak_kb() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().trim_end_matches("kB").trim().parse().ok()
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = PathBuf::from(std::env::args_os().nth(1).ok_or("give a file")?);
    let start = Instant::now();
    let dataset = open(&path)?;
    let opened = start.elapsed();
    let number = dataset.default_signal().ok_or("no image")?;
    let frame = dataset.signals()[number].frames() / 2;
    let start = Instant::now();
    let image = dataset.image(&Selection::frame(frame))?;
    let read = start.elapsed();
    let result = serde_json::json!({
        "format": dataset.format(),
        "open_s": opened.as_secs_f64(),
        "frame_s": read.as_secs_f64(),
        "sum": image.data.iter().map(|&value| f64::from(value)).sum::<f64>(),
        "peak_kb": peak_kb(),
    });
    std::io::Write::write_all(&mut std::io::stdout(), format!("{result}\n").as_bytes())?;
    Ok(())
}
