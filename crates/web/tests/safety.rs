//! What clients, disks and networks do to a server: it answers properly and goes on.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

mod common;
#[path = "common/http.rs"]
mod http;

use adatom_archive::{Depth, Label, Layout};
use adatom_web::{Limits, Site};
use common::Shared;
use http::{Reply, Running, Served};
use sha2::{Digest, Sha256};
use std::fs;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

fn own(limits: Limits) -> (TempDir, Running) {
    let parent = common::small(Layout::Temimagenet, Depth::Eight);
    let running = Running::start(&parent.path().join("library"), limits);
    (parent, running)
}

fn shared() -> Arc<Served> {
    static SHARED: Shared<Served> = Shared::new();
    SHARED.get(|| Served::of(common::small(Layout::Temimagenet, Depth::Eight), Limits::default()))
}

#[test]
fn no_path_leads_out_of_the_library() {
    let server = shared();
    let secrets = [
        "../library.json",
        "..%2flibrary.json",
        "%2e%2e/%2e%2e/etc/passwd",
        "..\\library.json",
        "....//etc/passwd",
        "%c0%ae%c0%ae/etc/passwd",
        "/etc/passwd",
        "%2fetc%2fpasswd",
        "image%00.png",
        "..;/library.json",
        "samples.jsonl",
        "index.sqlite",
        "%5c%5cserver%5cshare",
    ];
    for secret in secrets {
        for address in [
            format!("/{secret}"),
            format!("/assets/{secret}"),
            format!("/api/v1/samples/1/files/{secret}"),
            format!("/api/v1/samples/{secret}/files/image"),
            format!("/api/v1/samples/1/pixels/{secret}"),
            format!("/api/v1/samples/1/thumbnail?label={secret}"),
            format!("/api/v1/archive.zip?label={secret}"),
            format!("/samples/{secret}"),
        ] {
            let reply = server.get(&address);
            assert!([400, 404].contains(&reply.status), "{address}: {}", reply.status);
            let text = String::from_utf8_lossy(&reply.body);
            assert!(!text.contains("root:") && !text.contains("samples_sha256"), "{address}");
        }
    }
    server.is_well();
}

#[test]
fn text_reaches_the_database_only_as_a_value() {
    let server = shared();
    let before = server.get("/api/v1/samples?q=platinum").json()["total"].clone();
    for text in [
        "'; DROP TABLE text; --",
        "\" OR 1=1 --",
        "x' UNION SELECT * FROM stamp --",
        "body:*",
        "NEAR(a b)",
        "a AND NOT b",
        "\"unclosed",
        "^a*",
        "{a b}",
        "-a",
        "%' OR '1'='1",
        "\\",
        "\u{0}",
        "ﬀ𝕏\u{202e}",
    ] {
        let text: String = text.bytes().map(|byte| format!("%{byte:02x}")).collect();
        for address in
            ["/api/v1/samples?q=", "/api/v1/samples?material=", "/api/v1/facets?zone=", "/samples?q="]
        {
            let reply = server.get(&format!("{address}{text}"));
            assert_eq!(reply.status, 200, "{address}{text}: {}", reply.text());
            if address.starts_with("/api") {
                assert_eq!(reply.json()["total"], 0, "{address}{text}");
            }
        }
    }
    assert_eq!(server.get("/api/v1/samples?q=platinum").json()["total"], before);
}

#[test]
fn what_clients_send_is_text_on_pages_and_never_markup() {
    let server = shared();
    let hostile = "%22%3E%3Cscript%3Ealert(1)%3C/script%3E";
    for address in [
        format!("/samples?q={hostile}"),
        format!("/samples?material={hostile}&element={hostile}"),
        format!("/download?q={hostile}"),
        format!("/samples/1?q={hostile}"),
        format!("/samples/{hostile}"),
        format!("/compare?id={hostile}"),
        format!("/samples?psnr_db={hostile}"),
    ] {
        let reply = server.ask("GET", &address, &[("accept", "text/html")]);
        assert!(reply.header("content-type").starts_with("text/html"), "{address}");
        let page = reply.text();
        assert!(!page.contains("<script>") && !page.contains("\"><script"), "{address}");
    }
}

#[test]
fn a_host_that_no_server_has_is_not_repeated() {
    let parent = common::small(Layout::Temimagenet, Depth::Eight);
    let site = Site::open(&parent.path().join("library"), Limits::default(), &mut |_| {}).unwrap();
    // On the network every name is answered to.
    let server = Running::of(site, "0.0.0.0:0");
    for address in [
        "/api",
        "/samples/1",
        "/download",
        "/api/v1/snippet.py",
        "/api/v1/manifest.json",
        "/api/v1/openapi.json",
    ] {
        let hostile = "a'\"$(rm -rf)<script>alert(1)</script>";
        let ask = format!("GET {address} HTTP/1.1\r\nhost: {hostile}\r\nconnection: close\r\n\r\n");
        let reply = server.say(ask.as_bytes());
        assert_eq!(reply.status, 200, "{address}");
        let text = reply.text();
        assert!(!text.contains("rm -rf") && !text.contains("alert(1)"), "{address}");
    }
}

#[test]
fn every_answer_tells_browsers_to_be_careful() {
    let server = shared();
    for address in [
        "/",
        "/samples",
        "/samples/1",
        "/compare",
        "/download",
        "/api",
        "/nowhere",
        "/assets/site.js",
        "/api/v1/samples",
        "/api/v1/samples/1/files/image",
        "/api/v1/archive.zip?q=1",
    ] {
        let reply = server.ask("GET", address, &[("accept", "text/html")]);
        let policy = reply.header("content-security-policy");
        assert!(policy.contains("default-src 'none'") && policy.contains("script-src 'self'"), "{address}");
        assert!(!policy.contains("unsafe"), "{address}: {policy}");
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-resource-policy", "same-origin"),
        ] {
            assert_eq!(reply.header(name), value, "{address}");
        }
        if reply.header("content-type").starts_with("text/html") {
            let page = reply.text();
            // What the policy would block must not be there.
            assert!(
                !page.contains(" style=") && !page.contains("<style") && !page.contains(" onclick"),
                "{address}"
            );
            assert!(
                page.split("<script").skip(1).all(|script| script.trim_start().starts_with("src=\"/assets/")),
                "{address}"
            );
            assert!(
                page.split("<img").skip(1).all(|image| image.split('>').next().unwrap().contains("alt=\"")),
                "{address}"
            );
        }
    }
}

#[test]
fn heads_that_are_too_large_are_refused() {
    let server = shared();
    let many: String = (0..200).map(|n| format!("x-{n}: y\r\n")).collect();
    for (what, text) in [
        ("a long header", format!("GET / HTTP/1.1\r\nhost: localhost\r\nx: {}\r\n\r\n", "y".repeat(200_000))),
        ("many headers", format!("GET / HTTP/1.1\r\nhost: localhost\r\n{many}\r\n")),
    ] {
        assert_eq!(server.say(text.as_bytes()).status, 431, "{what}");
        server.is_well();
    }
    let address = format!("GET /{} HTTP/1.1\r\nhost: localhost\r\n\r\n", "y".repeat(200_000));
    let status = server.say(address.as_bytes()).status;
    assert!([414, 431].contains(&status), "a long address: {status}");
    for nonsense in [
        "\r\n\r\n\r\n",
        "GET\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "\u{16}\u{3}\u{1}",
        "GET / HTTP/1.1\r\nbad header\r\n\r\n",
    ] {
        let mut stream = server.connect();
        stream.write_all(nonsense.as_bytes()).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        if let Ok(reply) = Reply::read(stream) {
            assert_eq!(reply.status, 400, "{nonsense:?}");
        }
        server.is_well();
    }
}

#[test]
fn a_client_that_never_ends_its_request_is_sent_away() {
    let limits = Limits { header: Duration::from_millis(300), ..Limits::default() };
    let (_parent, server) = own(limits);
    let mut slow: Vec<_> = (0..50).map(|_| server.connect()).collect();
    slow.iter_mut().for_each(|stream| stream.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n").unwrap());
    let started = Instant::now();
    server.is_well();
    for _ in 0..5 {
        std::thread::sleep(Duration::from_millis(50));
        // One byte after the other doesn't help.
        slow.iter_mut().for_each(|stream| drop(stream.write_all(b"x")));
    }
    let mut idle = server.connect();
    for stream in slow {
        assert_eq!(Reply::read(stream).unwrap().status, 408);
    }
    let mut rest = Vec::new();
    assert_eq!(idle.read_to_end(&mut rest).unwrap(), 0, "an idle connection is closed without a word");
    assert!(started.elapsed() < Duration::from_secs(10));
    server.is_well();
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A library whose archive is larger than what sockets buffer.
fn large() -> TempDir {
    let parent = common::small(Layout::Temimagenet, Depth::Eight);
    let folder = parent.path().join("library");
    let mut lines = String::new();
    for record in common::open(&parent).records().unwrap() {
        let mut record = record.unwrap();
        let path = folder.join(format!("image/{:05}.png", record.id));
        let mut bytes = fs::read(&path).unwrap();
        // What stands behind a picture's end is ignored.
        bytes.resize(1 << 20, 0);
        record.files.insert(Label::Image, sha256(&bytes));
        fs::write(path, bytes).unwrap();
        lines += &(serde_json::to_string(&record).unwrap() + "\n");
    }
    let mut manifest = common::open(&parent).manifest().clone();
    manifest.samples_sha256 = Some(sha256(lines.as_bytes()));
    fs::write(folder.join("samples.jsonl"), lines).unwrap();
    fs::write(folder.join("library.json"), serde_json::to_string(&manifest).unwrap()).unwrap();
    parent
}

#[test]
fn a_damaged_file_is_neither_served_nor_certified() {
    for layout in [Layout::Temimagenet, Layout::Zarr] {
        let server = Served::of(common::small(layout, Depth::Eight), Limits::default());
        let folder = server.parent.path().join("library");
        let name = if layout == Layout::Zarr { "noNoise/c.6.0.0" } else { "noNoise/00007.png" };
        let mut bytes = fs::read(folder.join(name)).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(folder.join(name), bytes).unwrap();
        for address in ["files/noNoise", "pixels/noNoise", "thumbnail?label=noNoise"] {
            let damaged = server.get(&format!("/api/v1/samples/7/{address}"));
            assert_eq!(damaged.status, 503, "{layout:?} {address}");
            assert!(damaged.text().contains("missing or damaged"), "{}", damaged.text());
            assert_eq!(server.get(&format!("/api/v1/samples/8/{address}")).status, 200);
        }
        for address in ["archive.zip", "archive.tar"] {
            let mut stream = server.connect();
            let ask = format!(
                "GET /api/v1/{address}?q=%237+%238&label=noNoise HTTP/1.1\r\nhost: localhost\r\n\r\n"
            );
            stream.write_all(ask.as_bytes()).unwrap();
            assert!(Reply::read(stream).is_err(), "{layout:?} {address}: the transfer is broken off");
        }
        server.is_well();
    }
}

#[test]
fn a_server_for_its_own_computer_answers_to_no_other_name() {
    let server = shared();
    let ask = |host: &str| {
        server.say(format!("GET /api/v1/library HTTP/1.1\r\n{host}connection: close\r\n\r\n").as_bytes())
    };
    for host in ["localhost:8080", "LocalHost", "127.0.0.1", "127.8.0.1:99", "[::1]:80", "[::ffff:127.0.0.1]"]
    {
        assert_eq!(ask(&format!("host: {host}\r\n")).status, 200, "{host}");
    }
    for host in ["evil.example", "evil.example:8080", "localhost.evil.example", "10.0.0.1", "", "a b"] {
        let refused = ask(&format!("host: {host}\r\n"));
        assert_eq!(refused.status, 421, "{host}");
        assert!(refused.text().contains("--origin"), "{}", refused.text());
    }
    assert_eq!(ask("host: localhost\r\nhost: evil.example\r\n").status, 421);
    let absolute = b"GET http://evil.example/ HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    assert_eq!(server.say(absolute).status, 421);
    let page = b"GET / HTTP/1.1\r\nhost: evil.example\r\naccept: text/html\r\nconnection: close\r\n\r\n";
    let refused = server.say(page);
    assert_eq!((refused.status, refused.header("content-type")), (421, "application/problem+json"));
    assert!(!refused.text().contains("small"), "the library's name: {}", refused.text());
    assert_eq!(server.say(b"GET /api/v1/library HTTP/1.0\r\n\r\n").status, 200, "a program without a host");

    let parent = common::small(Layout::Temimagenet, Depth::Eight);
    let open = || Site::open(&parent.path().join("library"), Limits::default(), &mut |_| {}).unwrap();
    let site = open().known_as("https://library.example.org/").unwrap();
    let proxied = Running::of(site, "127.0.0.1:0");
    for host in ["library.example.org", "Library.Example.ORG:443", "library.example.org:8443", "localhost"] {
        let ask = format!("GET /api/v1/snippet.py HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        let text = proxied.say(ask.as_bytes()).text();
        assert!(text.contains("\"https://library.example.org/api/v1/archive.zip?"), "{text}");
    }
    let foreign = b"GET / HTTP/1.1\r\nhost: other.example.org\r\nconnection: close\r\n\r\n";
    assert_eq!(proxied.say(foreign).status, 421);
    for wrong in ["library.example.org", "https://", "https://a/b", "ftp://a", "https://a'b"] {
        assert!(open().known_as(wrong).err().unwrap().to_string().contains("origin"), "{wrong}");
    }
    // On the network everybody may call it as they know it.
    let open = Running::of(open(), "0.0.0.0:0");
    let ask = "GET /api/v1/snippet.py HTTP/1.1\r\nhost: laboratory:8080\r\nconnection: close\r\n\r\n";
    assert!(open.say(ask.as_bytes()).text().contains("http://laboratory:8080/"));
}

#[test]
fn a_client_that_takes_a_little_now_and_then_is_cut_off() {
    let parent = large();
    let limits =
        Limits { archives: 1, stall: Duration::from_secs(1), pace: 100_000_000, ..Limits::default() };
    let server = Running::start(&parent.path().join("library"), limits);
    let ask = b"GET /api/v1/archive.tar?label=image HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let mut stream = server.connect();
    stream.write_all(ask).unwrap();
    // Never a second without a byte, but some 5 MB/s.
    let (mut piece, mut taken, started) = (vec![0; 1 << 18], 0, Instant::now());
    let cut = loop {
        match stream.read(&mut piece) {
            Ok(0) | Err(_) => break true,
            Ok(count) => taken += count,
        }
        if taken > 48 << 20 {
            break false;
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    assert!(cut, "all {taken} bytes came, in {:?}", started.elapsed());
    // Its place is free.
    server.until_ok("/api/v1/archive.tar?q=%231&label=image");
}

#[test]
fn a_client_that_takes_nothing_gives_its_place_back() {
    let parent = large();
    let stall = Duration::from_secs(3);
    let limits = Limits { archives: 2, stall, ..Limits::default() };
    let server = Running::start(&parent.path().join("library"), limits);
    let ask = b"GET /api/v1/archive.tar?label=image HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let mut held: Vec<_> = (0..2).map(|_| server.connect()).collect();
    for stream in &mut held {
        stream.write_all(ask).unwrap();
        let mut first = [0; 100];
        stream.read_exact(&mut first).unwrap();
        assert!(first.starts_with(b"HTTP/1.1 200"));
    }
    let refused = server.get("/api/v1/archive.zip?label=image");
    assert_eq!((refused.status, refused.header("retry-after")), (503, "10"));
    assert!(refused.json()["detail"].as_str().unwrap().contains("2 downloads"), "{}", refused.text());
    server.is_well();
    // As soon as the first is free; the second follows.
    let whole = server.until_ok("/api/v1/archive.tar?label=image");
    assert!(whole.body.len() > 48 << 20);
    std::thread::sleep(stall);
    for mut stream in held {
        let mut rest = Vec::new();
        // Broken off: either the end comes early, or the connection is reset.
        let _ = stream.read_to_end(&mut rest);
        assert!(rest.len() < 48 << 20 && !rest.ends_with(b"0\r\n\r\n"));
    }
}

#[test]
fn a_download_that_is_left_half_way_ends_and_one_whose_client_says_no_more_goes_on() {
    let parent = large();
    let limits = Limits { archives: 1, ..Limits::default() };
    let server = Running::start(&parent.path().join("library"), limits);
    let ask = b"GET /api/v1/archive.tar?label=image HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    let mut left = server.connect();
    left.write_all(ask).unwrap();
    left.read_exact(&mut [0; 1000]).unwrap();
    drop(left);
    let started = Instant::now();
    // Its place is free as soon as the server has seen it.
    let half = loop {
        let mut stream = server.connect();
        stream.write_all(ask).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut status = [0; 12];
        stream.peek(&mut status).unwrap();
        if status.starts_with(b"HTTP/1.1 200") {
            break stream;
        }
        assert!(started.elapsed() < Duration::from_secs(10), "the place was never given back");
        std::thread::sleep(Duration::from_millis(20));
    };
    half.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let reply = Reply::read(half).unwrap();
    assert!(reply.body.len() > 48 << 20, "a client that only closed its own half gets everything");
    server.is_well();
}

#[test]
fn a_library_that_is_removed_or_changed_is_reported() {
    let (parent, server) = own(Limits::default());
    let folder = parent.path().join("library");
    fs::remove_file(folder.join("image/00007.png")).unwrap();
    let missing = server.get("/api/v1/samples/7/files/image");
    assert_eq!(missing.status, 503);
    assert!(missing.text().contains("missing or damaged"), "{}", missing.text());
    assert_eq!(server.get("/api/v1/samples/8/files/image").status, 200);
    // An archive that can't be finished must not look whole.
    let mut stream = server.connect();
    stream
        .write_all(b"GET /api/v1/archive.zip?q=%237&label=image HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .unwrap();
    assert!(Reply::read(stream).is_err(), "the transfer is broken off");

    let records = fs::read(folder.join("samples.jsonl")).unwrap();
    fs::write(folder.join("samples.jsonl"), "{\"id\":1}\n".repeat(2000)).unwrap();
    let changed = server.get("/api/v1/samples/3");
    assert_eq!((changed.status, changed.text().contains("damaged")), (503, true));

    fs::write(folder.join("samples.jsonl"), records).unwrap();
    fs::rename(&folder, parent.path().join("elsewhere")).unwrap();
    for address in ["/api/v1/samples/9", "/api/v1/samples/9/files/image", "/api/v1/health", "/samples/9"] {
        let gone = server.get(address);
        assert_eq!(gone.status, 503, "{address}");
        assert!(gone.text().contains("is gone or was moved"), "{address}: {}", gone.text());
        assert!(
            !gone.text().contains(parent.path().to_str().unwrap()),
            "paths of the disk are nobody's business"
        );
    }
    // What is in memory is still answered.
    assert_eq!(server.get("/api/v1/samples?material=Pt").json()["total"], 8);
    fs::rename(parent.path().join("elsewhere"), &folder).unwrap();
    assert_eq!(server.get("/api/v1/samples/9/files/image").status, 200);
}

#[test]
fn a_record_that_is_damaged_while_it_is_served_is_refused() {
    let (parent, server) = own(Limits::default());
    let path = parent.path().join("library/samples.jsonl");
    let mut text = fs::read_to_string(&path).unwrap();
    let line = text.find("{\"id\":3,").unwrap();
    let digit = line + text[line..].find("\"psnr_db\":").unwrap() + "\"psnr_db\":".len();
    let other = if text[digit..].starts_with('1') { "2" } else { "1" };
    text.replace_range(digit..=digit, other);
    fs::write(&path, text).unwrap();
    for address in ["/api/v1/samples/3", "/api/v1/samples/3/files/image", "/samples/3"] {
        assert_eq!(server.get(address).status, 503, "{address}");
        assert_eq!(server.get(&address.replace('3', "4")).status, 200, "{address} of another sample");
    }
    let mut stream = server.connect();
    stream
        .write_all(b"GET /api/v1/archive.zip?q=%233&label=image HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .unwrap();
    assert!(Reply::read(stream).map_or(true, |reply| reply.status == 503), "no archive certifies it");
}

#[test]
fn an_index_that_is_damaged_while_it_is_served_spoils_text_searches_alone() {
    let (parent, server) = own(Limits::default());
    let path = parent.path().join("library/index.sqlite");
    assert_eq!(server.get("/api/v1/samples?q=platinum").json()["total"], 8);
    let size = fs::metadata(&path).unwrap().len();
    fs::write(&path, vec![0x5a; usize::try_from(size).unwrap()]).unwrap();
    // More searches at once than connections are kept, so that the damaged file is opened anew.
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let ask = |n: usize| server.get(&format!("/api/v1/samples?q=platinum&columns={n}..")).status;
        let handles: Vec<_> = (0..12).map(|n| scope.spawn(move || ask(n))).collect();
        handles.into_iter().map(|handle| handle.join().unwrap()).collect()
    });
    assert!(statuses.iter().all(|status| [200, 503].contains(status)), "{statuses:?}");
    assert_eq!(server.get("/api/v1/samples?material=Pt&sort=-psnr_db").json()["total"], 8);
    drop(server);
    // A new server makes a new index.
    let server = Running::start(&parent.path().join("library"), Limits::default());
    assert_eq!(server.get("/api/v1/samples?q=platinum").json()["total"], 8);
}

/// Puts a pipe in a file's place: reading from it waits until somebody writes.
#[cfg(unix)]
fn hang(file: &std::path::Path) {
    fs::remove_file(file).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(file).status().unwrap().success());
}

/// Lets go who waits for a pipe. Who comes later finds none.
#[cfg(unix)]
fn release(pipe: &std::path::Path) {
    // For writing alone it would itself wait for somebody who reads, if nobody has come yet.
    let both = fs::OpenOptions::new().read(true).write(true).open(pipe).unwrap();
    fs::remove_file(pipe).unwrap();
    drop(both);
}

#[cfg(unix)]
#[test]
fn a_request_whose_disk_hangs_is_answered_in_time() {
    let (parent, server) = own(Limits { request: Duration::from_secs(1), ..Limits::default() });
    let pipe = parent.path().join("library/image/00004.png");
    hang(&pipe);
    let reply = server.get("/api/v1/samples/4/files/image");
    assert_eq!((reply.status, reply.json()["status"].as_u64()), (503, Some(503)));
    assert!(reply.text().contains("within 1 s"), "{}", reply.text());
    server.is_well();
    release(&pipe);
}

#[cfg(unix)]
#[test]
fn a_person_is_told_in_time_when_every_thread_hangs() {
    let (parent, server) = own(Limits { request: Duration::from_secs(1), ..Limits::default() });
    let pipes: Vec<_> =
        (1..=http::WORKERS).map(|id| parent.path().join(format!("library/image/{id:05}.png"))).collect();
    pipes.iter().for_each(|pipe| hang(pipe));
    let started = Instant::now();
    // A busy computer may give up a request before a thread has begun with it, which then is free.
    let reply = loop {
        std::thread::scope(|scope| {
            for id in 1..=http::WORKERS {
                let server = &server;
                scope.spawn(move || server.get(&format!("/api/v1/samples/{id}/files/image")));
            }
        });
        let reply = server.ask("GET", "/samples", &[("accept", "text/html")]);
        if reply.status == 503 {
            break reply;
        }
        assert!(started.elapsed() < Duration::from_secs(10), "there are still threads: {}", reply.status);
    };
    assert_eq!(reply.header("content-type"), "text/html; charset=utf-8");
    assert!(reply.text().contains("No answer within 1 s"), "{}", reply.text());
    pipes.iter().for_each(|pipe| release(pipe));
    server.until_ok("/samples");
}

#[test]
fn limits_beyond_all_measure_are_no_mistake() {
    let (_parent, server) =
        own(Limits { archives: usize::MAX, connections: usize::MAX, ..Limits::default() });
    server.is_well();
}

#[test]
fn more_connections_than_allowed_wait_for_their_turn() {
    let limits = Limits { connections: 2, header: Duration::from_millis(300), ..Limits::default() };
    let (_parent, server) = own(limits);
    let held: Vec<_> = (0..2).map(|_| server.connect()).collect();
    server.is_well();
    drop(held);
}

#[test]
fn a_server_that_is_told_to_stop_finishes_downloads_and_takes_no_more() {
    let parent = large();
    let mut server = Running::start(&parent.path().join("library"), Limits::default());
    let mut stream = server.connect();
    stream.write_all(b"GET /api/v1/archive.tar?label=image HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    stream.peek(&mut [0; 12]).unwrap();
    server.stop();
    let started = Instant::now();
    while std::net::TcpStream::connect(server.address).is_ok() {
        assert!(started.elapsed() < Duration::from_secs(10), "somebody still listens");
        std::thread::sleep(Duration::from_millis(20));
    }
    let reply = Reply::read(stream).unwrap();
    assert!(reply.body.len() > 48 << 20 && reply.body.ends_with(&[0; 1024]), "the whole archive came");
    let started = Instant::now();
    server.join();
    assert!(started.elapsed() < Duration::from_secs(10), "then it ends at once");
}

#[test]
fn a_download_that_never_ends_does_not_keep_the_server_for_ever() {
    let parent = large();
    let limits = Limits { grace: Duration::from_millis(300), ..Limits::default() };
    let mut server = Running::start(&parent.path().join("library"), limits);
    let mut stream = server.connect();
    stream.write_all(b"GET /api/v1/archive.tar?label=image HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    stream.peek(&mut [0; 12]).unwrap();
    let started = Instant::now();
    server.join();
    assert!(started.elapsed() < Duration::from_secs(10));
}
