//! A server in the test's own process, and a client that can be rude.
#![allow(dead_code)]

use adatom_web::{Limits, Server, Site};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::ops::Deref;
use std::path::Path;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::sync::oneshot;

/// Threads that read files.
pub const WORKERS: usize = 16;

pub struct Running {
    pub address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    pub fn start(folder: &Path, limits: Limits) -> Self {
        Self::of(Site::open(folder, limits, &mut |_| {}).unwrap(), "127.0.0.1:0")
    }

    /// Serves a site at an address.
    pub fn of(site: Site, address: &'static str) -> Self {
        let (told, bound) = std::sync::mpsc::channel();
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let mut runtime = tokio::runtime::Builder::new_multi_thread();
            let runtime =
                runtime.worker_threads(2).max_blocking_threads(WORKERS).enable_all().build().unwrap();
            runtime.block_on(async {
                let server = Server::bind(site, address.parse().unwrap()).await.unwrap();
                told.send(server.address()).unwrap();
                server.run(async { drop(stopped.await) }).await;
            });
            runtime.shutdown_timeout(Duration::from_secs(1));
        });
        let mut address: SocketAddr = bound.recv().unwrap();
        if address.ip().is_unspecified() {
            // All addresses are this computer's, too.
            address.set_ip(Ipv4Addr::LOCALHOST.into());
        }
        Self { address, stop: Some(stop), thread: Some(thread) }
    }

    /// Tells the server to stop, and goes on.
    pub fn stop(&mut self) {
        drop(self.stop.take());
    }

    /// Waits until it has stopped.
    pub fn join(&mut self) {
        self.stop();
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }

    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }

    pub fn get(&self, path: &str) -> Reply {
        self.ask("GET", path, &[])
    }

    pub fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Reply {
        let mut text = format!("{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n", self.address);
        headers.iter().for_each(|(name, value)| text.push_str(&format!("{name}: {value}\r\n")));
        self.say(format!("{text}\r\n").as_bytes())
    }

    /// Sends bytes and reads what comes.
    pub fn say(&self, bytes: &[u8]) -> Reply {
        self.try_say(bytes).unwrap()
    }

    fn try_say(&self, bytes: &[u8]) -> std::io::Result<Reply> {
        let mut stream = self.connect();
        // A server that has heard enough may close before all is said.
        let _ = stream.write_all(bytes);
        Reply::read(stream)
    }

    /// Asks until the answer is 200, for 10 s: a busy computer misses short limits that a test has set.
    pub fn until_ok(&self, path: &str) -> Reply {
        let ask = format!("GET {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", self.address);
        let started = Instant::now();
        loop {
            let last = match self.try_say(ask.as_bytes()) {
                Ok(reply) if reply.status == 200 => return reply,
                last => last.map(|reply| reply.status),
            };
            assert!(started.elapsed() < Duration::from_secs(10), "{path}: {last:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The server still works.
    pub fn is_well(&self) {
        self.until_ok("/api/v1/library");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A server with its library, which goes with it.
pub struct Served {
    running: Running,
    pub parent: TempDir,
}

impl Served {
    /// Serves the folder `library` in `parent`.
    pub fn of(parent: TempDir, limits: Limits) -> Self {
        Self { running: Running::start(&parent.path().join("library"), limits), parent }
    }
}

impl Deref for Served {
    type Target = Running;

    fn deref(&self) -> &Running {
        &self.running
    }
}

#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn read(stream: TcpStream) -> std::io::Result<Self> {
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let status = line.split(' ').nth(1).and_then(|code| code.parse().ok());
        let status = status.ok_or_else(|| std::io::Error::other(format!("no status: {line:?}")))?;
        let mut headers = BTreeMap::new();
        loop {
            line.clear();
            reader.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            headers.insert(name.to_lowercase(), value.trim().to_owned());
        }
        let mut body = Vec::new();
        if headers.get("transfer-encoding").is_some_and(|encoding| encoding == "chunked") {
            loop {
                line.clear();
                if reader.read_line(&mut line)? == 0 {
                    return Err(std::io::Error::other("broken off"));
                }
                let size = usize::from_str_radix(line.trim(), 16).map_err(std::io::Error::other)?;
                let mut chunk = vec![0; size + 2];
                reader.read_exact(&mut chunk)?;
                if size == 0 {
                    break;
                }
                body.extend_from_slice(&chunk[..size]);
            }
        } else if let Some(length) = headers.get("content-length") {
            // Of an answer to HEAD there is nothing.
            reader.take(length.parse().unwrap()).read_to_end(&mut body)?;
        }
        Ok(Self { status, headers, body })
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}
