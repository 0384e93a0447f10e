//! Loads a server: `load ADDRESS PID [BROWSERS] [SECONDS] [PAUSE_MS]`. Browsers open pages and their thumbnails, each on
//! a connection of its own, with a pause after every page; then ten archives of 2,000 samples come at once. Prints
//! quantiles, errors and the server's memory. Only for servers on this machine.

#![allow(clippy::print_stdout)]

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

type Anything<T> = Result<T, Box<dyn Error + Send + Sync>>;

struct Browser {
    address: SocketAddr,
    stream: BufReader<TcpStream>,
}

impl Browser {
    async fn open(address: SocketAddr) -> Anything<Self> {
        Ok(Self { address, stream: BufReader::new(TcpStream::connect(address).await?) })
    }

    /// Asks, and hands over what comes; returns the status and the number of bytes.
    async fn get(&mut self, path: &str, mut take: impl FnMut(&[u8])) -> Anything<(u16, u64)> {
        let ask = format!("GET {path} HTTP/1.1\r\nhost: {}\r\naccept: text/html\r\n\r\n", self.address);
        self.stream.get_mut().write_all(ask.as_bytes()).await?;
        let (mut line, mut status, mut length, mut chunked) = (String::new(), 0, 0_u64, false);
        loop {
            line.clear();
            if self.stream.read_line(&mut line).await? == 0 {
                return Err("the connection was closed".into());
            }
            let text = line.trim_end().to_lowercase();
            if let Some(rest) = text.strip_prefix("http/1.1 ") {
                status = rest.split(' ').next().unwrap_or_default().parse()?;
            } else if let Some(rest) = text.strip_prefix("content-length: ") {
                length = rest.parse()?;
            } else if text == "transfer-encoding: chunked" {
                chunked = true;
            } else if text.is_empty() {
                break;
            }
        }
        let mut sum = 0;
        let mut piece = vec![0; 64 * 1024];
        loop {
            if chunked {
                line.clear();
                self.stream.read_line(&mut line).await?;
                length = u64::from_str_radix(line.trim(), 16)?;
            }
            let mut left = length;
            while left > 0 {
                let wanted = piece.len().min(usize::try_from(left)?);
                let got = self.stream.read(&mut piece[..wanted]).await?;
                if got == 0 {
                    return Err("broken off".into());
                }
                take(&piece[..got]);
                left -= got as u64;
                sum += got as u64;
            }
            if !chunked {
                return Ok((status, sum));
            }
            self.stream.read_exact(&mut piece[..2]).await?;
            if length == 0 {
                return Ok((status, sum));
            }
        }
    }
}

/// Pages as people open them.
fn page(n: u64) -> String {
    let materials = ["Pt", "SrTiO3", "TiO2", "graphene", "MoS2", "NiO", "Si", "DyScO3"];
    let words = ["oxide", "platinum+110", "perovskite", "carbon", "nanoparticle", "titanium+001"];
    let material = materials[n as usize % materials.len()];
    match n % 10 {
        0 => "/".to_owned(),
        1 => format!("/samples?page={}", 1 + n % 500),
        2 => format!("/samples?material={material}"),
        3 => format!("/samples?q={}", words[n as usize % words.len()]),
        4 => format!("/samples?material={material}&psnr_db={}..{}&sort=-columns", n % 20, 20 + n % 10),
        5 => format!("/samples?element=O&field_angstrom=20&sort=shuffled&page={}", 1 + n % 50),
        6 => format!("/samples/{}?material={material}", 1 + n * 7919 % 14_000),
        7 => format!("/compare?id={}&id={}", 1 + n % 14_000, 1 + n * 31 % 14_000),
        8 => format!("/api/v1/samples?energy_kv=200&limit=100&psnr_db={}..", n % 25),
        _ => format!("/samples/{}", 1 + n * 104_729 % 14_000),
    }
}

fn memory_mb(pid: &str, what: &str) -> f64 {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(what));
    line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok()).unwrap_or(f64::NAN) / 1024.0
}

fn report(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |part: f64| times.get((times.len() as f64 * part) as usize).or(times.last());
    let ms = |part: f64| at(part).map_or(f64::NAN, |time| time.as_secs_f64() * 1e3);
    println!(
        "{what}: {} answers, p50 {:.1} ms, p99 {:.1} ms, max {:.1} ms",
        times.len(),
        ms(0.5),
        ms(0.99),
        ms(1.0)
    );
}

async fn browse(
    address: SocketAddr,
    first: u64,
    end: Instant,
    pause: Duration,
) -> Anything<[Vec<Duration>; 2]> {
    let mut browser = Browser::open(address).await?;
    let [mut pages, mut pictures] = [Vec::new(), Vec::new()];
    let mut n = first * 1_000;
    // Not all in the same moment.
    tokio::time::sleep(pause * (first as u32 % 100) / 100).await;
    while Instant::now() < end {
        n += 1;
        let path = page(n.wrapping_mul(2_654_435_761) >> 7);
        let (mut text, started) = (Vec::new(), Instant::now());
        let (status, _) = browser.get(&path, |piece| text.extend_from_slice(piece)).await?;
        pages.push(started.elapsed());
        // A search can have fewer pages than asked for.
        if status != 200 && !(status == 404 && path.contains("page=")) {
            return Err(format!("{path}: {status}").into());
        }
        let text = String::from_utf8_lossy(&text).replace("&#38;", "&").replace("&amp;", "&");
        let images: Vec<String> = text
            .split(" src=\"")
            .skip(1)
            .filter_map(|part| part.split('"').next())
            .filter(|path| path.starts_with("/api/v1/samples/"))
            .map(str::to_owned)
            .collect();
        for image in images {
            let started = Instant::now();
            let (status, _) = browser.get(&image, |_| {}).await?;
            pictures.push(started.elapsed());
            if status != 200 {
                return Err(format!("{image}: {status}").into());
            }
        }
        tokio::time::sleep(pause).await;
    }
    Ok([pages, pictures])
}

async fn load(address: SocketAddr, pid: String, numbers: [u64; 3]) -> Anything<()> {
    let [browsers, seconds, pause] = numbers;
    let before = memory_mb(&pid, "VmRSS:");
    let (started, pause) = (Instant::now(), Duration::from_millis(pause));
    let end = started + Duration::from_secs(seconds);
    let tasks: Vec<_> = (0..browsers).map(|n| tokio::spawn(browse(address, n, end, pause))).collect();
    let mut memory = BTreeMap::new();
    while Instant::now() < end {
        tokio::time::sleep(Duration::from_secs(1)).await;
        memory.insert(started.elapsed().as_secs(), memory_mb(&pid, "VmRSS:"));
    }
    let (mut pages, mut pictures, mut errors) = (Vec::new(), Vec::new(), Vec::new());
    for task in tasks {
        match task.await? {
            Ok([more_pages, more_pictures]) => {
                pages.extend(more_pages);
                pictures.extend(more_pictures);
            }
            Err(error) => errors.push(error.to_string()),
        }
    }
    println!(
        "{browsers} browsers, {seconds} s, {} ms of pause: {} errors {errors:?}",
        pause.as_millis(),
        errors.len()
    );
    let all = (pages.len() + pictures.len()) as f64 / started.elapsed().as_secs_f64();
    println!("{all:.0} answers a second");
    report("pages", pages);
    report("thumbnails", pictures);
    let part = |at: u64| memory.range(at..).next().map_or(f64::NAN, |(_, mb)| *mb);
    println!(
        "memory: {before:.0} MB before, {:.0} after a third, {:.0} after two thirds, {:.0} at the end",
        part(seconds / 3),
        part(2 * seconds / 3),
        memory_mb(&pid, "VmRSS:")
    );

    let started = Instant::now();
    let tasks: Vec<_> = (0..10)
        .map(|n| {
            tokio::spawn(async move {
                let form = if n % 2 == 0 { "zip" } else { "tar" };
                // Of 14,364 samples of the library `temimagenet` about 2,000.
                let path = format!(
                    "/api/v1/archive.{form}?{}",
                    [
                        "material=Pt&field_angstrom=8..20&energy_kv=200",
                        "material=Pt&field_angstrom=10..30&energy_kv=200"
                    ][n / 5]
                );
                Browser::open(address).await?.get(&path, |_| {}).await
            })
        })
        .collect();
    let mut most = 0.0_f64;
    let (mut bytes, mut failed) = (0, 0);
    let watch = tokio::spawn(async move {
        loop {
            most = most.max(memory_mb(&pid, "VmRSS:"));
            println!("memory while archives are made: at most {most:.0} MB so far");
            tokio::time::sleep(Duration::from_secs(3)).await;
        }
    });
    for task in tasks {
        match task.await? {
            Ok((200, sum)) => bytes += sum,
            other => {
                println!("an archive failed: {other:?}");
                failed += 1;
            }
        }
    }
    watch.abort();
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "10 archives at once: {failed} failed, {:.0} MB in {seconds:.1} s, {:.0} MB/s",
        bytes as f64 / 1e6,
        bytes as f64 / 1e6 / seconds
    );
    Ok(())
}

fn main() -> Anything<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, pid, rest @ ..] = arguments.as_slice() else {
        return Err("give the server's address and its process id".into());
    };
    let number = |at: usize, usual: u64| rest.get(at).map_or(Ok(usual), |text| text.parse());
    let numbers = [number(0, 200)?, number(1, 60)?, number(2, 1000)?];
    let address: SocketAddr = address.parse()?;
    if !address.ip().is_loopback() {
        return Err("only servers on this machine are loaded".into());
    }
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?.block_on(load(
        address,
        pid.clone(),
        numbers,
    ))
}
