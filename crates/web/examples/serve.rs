//! Serves a library: `cargo run --release -p adatom-web --example serve -- DIR [ADDRESS]`.

use adatom_web::{Limits, Site, serve, start_log};
use std::path::Path;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("give the library's folder")?;
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:8080".to_owned()).parse()?;
    start_log();
    let site = Site::open(Path::new(&folder), Limits::default(), &mut |_| {})?;
    serve(site, address, |address| eprintln!("http://{address}"))?;
    Ok(())
}
