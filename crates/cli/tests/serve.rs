//! `adatom serve` from outside.

#![allow(clippy::unwrap_used)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

const RECIPE: &str = "name = 'small'\n[image]\nwidth = 64\nheight = 64\nfield_of_view_angstrom = 10\n\
                      rotation_deg = [0, 15]\n[composition]\noffsets = 3\n[[composition.block]]\noptics = 'a'\n\
                      structures = ['s']\n[[optics]]\nid = 'a'\nenergy_kv = 200\nsemiangle_mrad = 20\n\
                      source_fwhm_angstrom = 0.9\n[[structure]]\nid = 's'\nmaterial = 'SrTiO3'\n";

fn adatom(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_adatom"));
    command.args(arguments);
    command
}

/// A server that ends with the test, also when that fails.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        // One that has ended already is no mistake.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[cfg(unix)]
#[test]
fn a_built_library_has_an_index_is_served_and_ends_in_peace() {
    let parent = tempfile::tempdir().unwrap();
    let path = |name: &str| parent.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("small.toml"), RECIPE).unwrap();
    assert!(
        adatom(&["library", "build", &path("small.toml"), "-o", &path("library")])
            .status()
            .unwrap()
            .success()
    );
    assert!(parent.path().join("library/index.sqlite").is_file());
    assert!(
        adatom(&["library", "verify", &path("library")]).status().unwrap().success(),
        "an index is no stranger"
    );

    let started = adatom(&["serve", &path("library"), "--listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut server = Server(started.unwrap());
    let mut line = String::new();
    BufReader::new(server.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("http://").unwrap().to_owned();
    let mut stream = TcpStream::connect(&address).unwrap();
    write!(
        stream,
        "GET /api/v1/samples?material=SrTiO3 HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n"
    )
    .unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    assert!(reply.starts_with("HTTP/1.1 200") && reply.contains("\"total\":6"), "{reply}");
    assert!(Command::new("kill").args(["-TERM", &server.0.id().to_string()]).status().unwrap().success());
    let mut log = String::new();
    server.0.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    assert!(server.0.wait().unwrap().success(), "{log}");
    assert!(log.lines().all(|line| line.starts_with('{')) && log.contains("/api/v1/samples"), "{log}");
}

#[test]
fn what_cannot_be_served_is_said_in_a_line() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().to_str().unwrap();
    let output = adatom(&["serve", folder]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("library.json") && said.trim_end().lines().count() == 1, "{said}");
    let output = adatom(&["serve", folder, "--archives", "18446744073709551615"]).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("give 1 to 1000"), "{output:?}");
}
