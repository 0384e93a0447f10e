//! The two processes of the browser's tests: `adatom serve` and chromedriver.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

/// A process that is ended when nobody needs it.
struct Running(Child);

impl Running {
    /// Starts a command; what it says can be read.
    fn start(command: &mut Command, without: &str) -> (Self, BufReader<ChildStdout>) {
        let started = command.stdout(Stdio::piped()).spawn();
        let mut process = started.unwrap_or_else(|error| panic!("{command:?}: {error}; {without}"));
        let said = BufReader::new(process.stdout.take().unwrap());
        (Self(process), said)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A running chromedriver.
pub struct Chromedriver {
    address: String,
    _process: Running,
}

impl Chromedriver {
    /// Starts one on a free port.
    ///
    /// # Panics
    /// When there is none.
    pub fn start() -> Self {
        let without = "apt-get install chromium chromium-driver";
        let (process, said) = Running::start(Command::new("chromedriver").arg("--port=0"), without);
        let mut lines = said.lines();
        let port = lines.by_ref().map_while(Result::ok).find_map(|line| {
            let (_, port) = line.split_once("started successfully on port ")?;
            port.trim_end_matches('.').parse::<u16>().ok()
        });
        // It must never wait for a reader.
        std::thread::spawn(move || lines.count());
        let address = format!("http://127.0.0.1:{}", port.expect("chromedriver says its port"));
        Self { address, _process: process }
    }

    /// What a client connects to.
    pub fn address(&self) -> &str {
        &self.address
    }
}

/// A served library.
pub struct Served {
    address: String,
    _process: Running,
}

impl Served {
    /// Builds the library of 48 small samples in a folder, and serves it.
    ///
    /// # Panics
    /// When the command can't.
    pub fn small(parent: &Path) -> Self {
        let recipe = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/common/small.toml");
        let library = parent.join("library");
        let mut build = Command::new(command());
        build.args(["library", "build"]).arg(recipe).args(["--seed", "7", "-o"]).arg(&library);
        assert!(build.status().expect("ADATOM_COMMAND can be run").success());
        Self::of(&library)
    }

    /// Serves a library.
    ///
    /// # Panics
    /// When the command can't.
    pub fn of(library: &Path) -> Self {
        let mut serve = Command::new(command());
        serve.arg("serve").arg(library).args(["--listen", "127.0.0.1:0"]).stderr(Stdio::null());
        let (process, mut said) = Running::start(&mut serve, "ADATOM_COMMAND must be the command");
        let mut line = String::new();
        said.read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("http://").expect("the command says its address");
        Self { address: address.to_owned(), _process: process }
    }

    /// Host and port.
    pub fn address(&self) -> &str {
        &self.address
    }
}

fn command() -> PathBuf {
    let command = std::env::var_os("ADATOM_COMMAND");
    command.expect("ADATOM_COMMAND must be the path of the command adatom").into()
}
