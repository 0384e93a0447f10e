//! A person's way through the site in a real browser: Debian's chromium, driven by its chromedriver.
//!
//! ADATOM_COMMAND is the command that serves. With ADATOM_SHOTS=DIR pictures of the
//! pages are written there; with ADATOM_AXE=axe.min.js (npm's axe-core) every page is checked by it; ADATOM_LIBRARY=DIR
//! takes pictures of that library.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

use adatom_web_browser::{Chromedriver, Served};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use thirtyfour::prelude::*;
use thirtyfour::{ChromeCapabilities, ChromiumLikeCapabilities};

struct Person {
    driver: WebDriver,
    server: Served,
    /// Whether axe-core has found something.
    broken: std::sync::atomic::AtomicBool,
}

impl Person {
    async fn open(&self, address: &str) {
        self.driver.goto(format!("http://{}{address}", self.server.address())).await.unwrap();
    }

    async fn find(&self, selector: &str) -> WebElement {
        let started = Instant::now();
        loop {
            match self.driver.find(By::Css(selector)).await {
                Ok(element) => return element,
                Err(error) if started.elapsed() > Duration::from_secs(10) => panic!("{selector}: {error}"),
                Err(_) => tokio::time::sleep(Duration::from_millis(30)).await,
            }
        }
    }

    async fn run(&self, script: &str) -> Value {
        self.driver
            .execute(script, Vec::new())
            .await
            .unwrap_or_else(|error| panic!("{script}: {error}"))
            .json()
            .clone()
    }

    /// What a script's promise gives.
    async fn wait_for(&self, script: &str) -> Value {
        let script = format!(
            "const done = arguments[arguments.length - 1]; ({script}).then(done, (error) => done(String(error)))"
        );
        let found = self.driver.execute_async(&script, Vec::new()).await;
        found.unwrap_or_else(|error| panic!("{script}: {error}")).json().clone()
    }

    /// Waits until a script gives true.
    async fn until(&self, script: &str) {
        let started = Instant::now();
        while self.run(&format!("return Boolean({script})")).await != json!(true) {
            let page = if started.elapsed() > Duration::from_secs(10) {
                self.run("return document.body.innerText").await
            } else {
                Value::Null
            };
            assert!(page.is_null(), "not within 10 s: {script}\n{page}");
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }

    /// What axe-core finds on the page; nothing without it.
    async fn check(&self, what: &str) {
        let Some(path) = std::env::var_os("ADATOM_AXE") else { return };
        self.run(&std::fs::read_to_string(path).unwrap()).await;
        let found = self
            .wait_for(
                "axe.run().then((found) => ({ passed: found.passes.length, wrong: found.violations.map((v) => \
                 [v.id, v.nodes.map((n) => n.html + ' ' + n.failureSummary)]) }))",
            )
            .await;
        println!(
            "axe-core: {what}: {} rules passed, {} broken",
            found["passed"],
            found["wrong"].as_array().unwrap().len()
        );
        if found["wrong"] != json!([]) {
            println!("{:#}", found["wrong"]);
            self.broken.store(true, std::sync::atomic::Ordering::Relaxed);
        }
    }

    /// No element is wider than the window.
    async fn fits(&self, what: &str) {
        let script = "const wide = document.documentElement.clientWidth; return document.documentElement.scrollWidth > wide + 1 ? \
            [...document.querySelectorAll('body *')].filter((e) => e.getBoundingClientRect().right > wide + 1).slice(0, 5).map((e) => e.outerHTML.slice(0, 120)) : []";
        assert_eq!(self.run(script).await, json!([]), "{what}: wider than the window");
    }

    async fn resize(&self, width: u32, height: u32) {
        // A headless window can be smaller than the smallest that a desktop allows.
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        let tools = thirtyfour::extensions::cdp::ChromeDevTools::new(self.driver.handle.clone());
        tools.execute_cdp_with_params("Emulation.setDeviceMetricsOverride", size).await.unwrap();
    }

    async fn colours(&self, scheme: &str) {
        let feature = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        let tools = thirtyfour::extensions::cdp::ChromeDevTools::new(self.driver.handle.clone());
        tools.execute_cdp_with_params("Emulation.setEmulatedMedia", feature).await.unwrap();
    }
}

async fn person(driver: &Chromedriver, server: Served, downloads: &Path) -> Person {
    let mut capabilities = ChromeCapabilities::new();
    for argument in [
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--window-size=1400,1000",
    ] {
        capabilities.add_arg(argument).unwrap();
    }
    let preferences =
        json!({ "download.default_directory": downloads, "download.prompt_for_download": false });
    capabilities.add_experimental_option("prefs", preferences).unwrap();
    let driver = WebDriver::new(driver.address(), capabilities).await.unwrap();
    Person { driver, server, broken: false.into() }
}

fn block_on(work: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(work);
}

#[test]
fn a_person_searches_opens_looks_and_downloads() {
    let chromedriver = Chromedriver::start();
    let parent = tempfile::tempdir().unwrap();
    let server = Served::small(parent.path());
    let downloads = parent.path().join("downloads");
    std::fs::create_dir(&downloads).unwrap();
    block_on(async {
        let person = person(&chromedriver, server, &downloads).await;
        search(&person).await;
        look(&person).await;
        compare(&person).await;
        download(&person, &downloads).await;
        person.driver.quit().await.unwrap();
    });
}

/// Searches from the home page, narrows by a facet, goes back and forth.
async fn search(person: &Person) {
    person.open("/").await;
    person.find(".hero input[type=search]").await.send_keys("titan").await.unwrap();
    person.find(".hero button.primary").await.click().await.unwrap();
    person.until("document.querySelector('#results-title')?.textContent === '16 samples'").await;
    // A facet applies at once, without the page being loaded anew; its counts follow.
    person.run("window.same = true").await;
    let rutile = "#search input[name=structure][value=rutile]";
    let count = |selector: &str| {
        format!("document.querySelector('{selector}')?.closest('label').querySelector('.count').textContent")
    };
    person.until(&format!("{} === '8'", count(rutile))).await;
    person.find(rutile).await.click().await.unwrap();
    person.until("document.querySelector('#results-title').textContent === '8 samples'").await;
    let other = count("#search input[name=material][value=SrTiO3]");
    person.until(&format!("{other} === '0'")).await;
    assert_eq!(
        person.run("return [window.same, location.search]").await,
        json!([true, "?q=titan&structure=rutile"])
    );
    // The focus stays where the person was.
    assert_eq!(person.run("return document.activeElement.value").await, "rutile");
    person.driver.back().await.unwrap();
    person.until("document.querySelector('#results-title').textContent === '16 samples'").await;
    person.driver.forward().await.unwrap();
    person.until("document.querySelector('#results-title').textContent === '8 samples'").await;
    // A bookmarked address, read anew, shows the same.
    person.open("/samples?q=titan&structure=rutile&sort=-psnr_db").await;
    person.until("document.querySelectorAll('.card').length === 8 && !('same' in window)").await;
    // Text is searched while one types, and taking a filter away brings samples back.
    let text = person.find("#search input[name=q]").await;
    text.clear().await.unwrap();
    text.send_keys("perovskite").await.unwrap();
    person.until("document.querySelector('.empty') !== null").await;
    person.run("document.querySelector('.chips a[href*=\"q=perovskite\"]').click()").await;
    person.until("document.querySelector('#results-title').textContent === '8 samples' && location.search.includes('perovskite')").await;
    bars(person).await;
    changes(person).await;
    // By keyboard alone: the first stop leads to the content.
    person.open("/samples?material=TiO2").await;
    person.driver.action_chain().send_keys(Key::Tab).perform().await.unwrap();
    assert_eq!(person.run("return document.activeElement.className").await, "skip");
    person.driver.action_chain().send_keys(Key::Enter).perform().await.unwrap();
    assert_eq!(person.run("return document.activeElement.id").await, "main");
}

/// A click on a bar of a histogram gives as many samples as it shows, and lights it alone.
async fn bars(person: &Person) {
    person.open("/samples").await;
    let bars = "[...document.querySelectorAll('[data-facet=psnr_db] rect')]";
    let said = person
        .run(&format!(
            "const bar = {bars}.find((r) => r.getAttribute('height') !== '0.00'); \
             bar.dispatchEvent(new MouseEvent('click', {{ bubbles: true }})); return bar.textContent"
        ))
        .await;
    let count = said.as_str().unwrap().rsplit(' ').next().unwrap().to_owned();
    let found = format!("document.querySelector('#results-title').textContent.split(' ')[0] === '{count}'");
    person.until(&format!("location.search.startsWith('?psnr_db') && {found}")).await;
    let lit = format!("{bars}.filter((r) => r.classList.contains('in')).map((r) => r.textContent)");
    assert_eq!(person.run(&format!("return {lit}")).await, json!([said]));
    // Another filter leaves the bin as it is.
    person.run("const sort = document.querySelector('.order [name=sort]'); sort.value = '-psnr_db'; sort.dispatchEvent(new Event('change', { bubbles: true }))").await;
    person.until(&format!("location.search.includes('sort=-psnr_db') && {found}")).await;
    person.run("document.querySelector('#search input[name=background]').click()").await;
    person
        .until("location.search.includes('background=') && location.search.includes('psnr_db.below=')")
        .await;
}

/// What changes keeps focus and letters, and is said to those who don't see it.
async fn changes(person: &Person) {
    person.open("/samples?material=TiO2").await;
    let order = person.find(".order [name=sort]").await;
    order.send_keys(Key::Down + "").await.unwrap();
    person.until("location.search.includes('sort=')").await;
    person.until("document.activeElement.matches('.order select[name=sort]')").await;
    person.until("document.getElementById('status').textContent === '8 samples'").await;
    late_letters(person).await;
    exchanged_ends(person).await;
}

/// Letters that come while an answer is under way stay, and the caret behind them.
async fn late_letters(person: &Person) {
    let field = "document.querySelector('#search input[name=q]')";
    let input = format!("{field}.dispatchEvent(new Event('input', {{ bubbles: true }}))");
    // Answers wait until they are let go.
    person
        .run("window.asked = []; window.real = fetch; window.fetch = (...all) => new Promise((go) => window.asked.push(go)).then(() => real(...all))")
        .await;
    person.run(&format!("window.old = {field}; old.focus(); old.value = 'ti'; {input}")).await;
    person.until("window.asked.length === 1").await;
    // Without an event nothing else is searched for, so that this answer is the only one.
    person.run("old.value = 'titania'; old.setSelectionRange(5, 5); window.asked[0]()").await;
    person.until(&format!("{field} !== window.old && !document.querySelector('#browse[aria-busy]')")).await;
    let found = format!(
        "return [{field}.value, document.activeElement === {field}, {field}.selectionStart, {field}.selectionEnd]"
    );
    assert_eq!(person.run(&found).await, json!(["titania", true, 5, 5]));
    assert_eq!(person.run("return new URLSearchParams(location.search).get('q')").await, "ti");
    person.run(&format!("window.fetch = window.real; {input}")).await;
    person.until("new URLSearchParams(location.search).get('q') === 'titania'").await;
}

/// A number whose place is another field's is shown where it belongs, also in the field that has the focus.
async fn exchanged_ends(person: &Person) {
    person.open("/samples?psnr_db=5..6").await;
    let field = |name: &str| format!("document.querySelector(\"#search input[name='psnr_db.{name}']\")");
    let (min, max) = (field("min"), field("max"));
    person
        .run(&format!(
            "window.old = {max}; {min}.value = '30'; old.focus(); old.value = '20'; old.dispatchEvent(new Event('change', {{ bubbles: true }}))"
        ))
        .await;
    person.until(&format!("{max} !== window.old && !document.querySelector('#browse[aria-busy]')")).await;
    let found = format!("return [{min}.value, {max}.value, document.activeElement === {max}]");
    assert_eq!(person.run(&found).await, json!(["20", "30", true]));
}

/// Opens a sample; zooms, moves, lays a label over, reads a value.
async fn look(person: &Person) {
    person.open("/samples?material=TiO2").await;
    person.find(".card a").await.click().await.unwrap();
    person.until("document.getElementById('viewer')?.dataset.shown === 'image'").await;
    let id = person.run("return document.getElementById('viewer').dataset.id").await;
    person
        .run("window.broken = []; document.addEventListener('securitypolicyviolation', (e) => window.broken.push(e.violatedDirective))")
        .await;
    let zoom = "Number(document.getElementById('viewer').dataset.zoom)";
    let fitted = person.run(&format!("return {zoom}")).await.as_f64().unwrap();
    let wide = person.run("return document.getElementById('stage').clientWidth").await.as_f64().unwrap();
    assert!((fitted * 64.0 - wide).abs() < 1.0 || fitted * 64.0 <= wide, "{fitted} × 64 px on {wide}");
    person.find("#zoom-in").await.click().await.unwrap();
    person.until(&format!("Math.abs({zoom} - {fitted} * 1.5) < 0.01")).await;
    person.find("#stage").await.send_keys("+").await.unwrap();
    person.until(&format!("Math.abs({zoom} - {fitted} * 1.875) < 0.02")).await;
    let moved = "document.getElementById('plane').style.transform";
    let before = person.run(&format!("return {moved}")).await;
    person.find("#stage").await.send_keys(Key::Right + "").await.unwrap();
    person.until(&format!("{moved} !== {before}")).await;
    person.find("#stage").await.send_keys("0").await.unwrap();
    person.until(&format!("Math.abs({zoom} - {fitted}) < 0.01")).await;
    // A label over the image, half transparent.
    person.run("const over = document.getElementById('over'); over.value = 'circularMask'; over.dispatchEvent(new Event('change'))").await;
    person.until("document.getElementById('viewer').dataset.shown === 'image+circularMask' && !document.getElementById('cover').hidden").await;
    person
        .run(
            "const o = document.getElementById('opacity'); o.value = 30; o.dispatchEvent(new Event('input'))",
        )
        .await;
    assert_eq!(person.run("return document.getElementById('cover').style.opacity").await, "0.3");
    // Every column is drawn where the record says.
    let sample = format!("/api/v1/samples/{}", id.as_str().unwrap());
    let record = person.wait_for(&format!("fetch('{sample}').then((reply) => reply.json())")).await;
    let columns = record["record"]["columns"].as_array().unwrap();
    let drawn = person.run("return [...document.querySelectorAll('#spots .labelled')].map((c) => [c.cx.baseVal.value, c.cy.baseVal.value])").await;
    assert_eq!(drawn.as_array().unwrap().len(), columns.len());
    for (drawn, column) in drawn.as_array().unwrap().iter().zip(columns) {
        for (at, name) in [(0, "x"), (1, "y")] {
            assert!((drawn[at].as_f64().unwrap() - column[name].as_f64().unwrap()).abs() < 0.006);
        }
    }
    // The pixel under the pointer: on a column's centre the mask is one, and the level is the file's.
    let levels = format!("fetch('{sample}/pixels/image').then((reply) => reply.arrayBuffer())");
    let levels = person.wait_for(&format!("{levels}.then((bytes) => [...new Uint8Array(bytes)])")).await;
    let inside = columns
        .iter()
        .find(|c| ["x", "y"].iter().all(|n| (8.0..56.0).contains(&c[n].as_f64().unwrap())))
        .unwrap();
    let (x, y) = (inside["x"].as_f64().unwrap().round(), inside["y"].as_f64().unwrap().round());
    person
        .run(&format!(
            "const stage = document.getElementById('stage'), box = stage.getBoundingClientRect(), z = {zoom}; \
             const left = (stage.clientWidth - 64 * z) / 2, top = (stage.clientHeight - 64 * z) / 2; \
             stage.dispatchEvent(new PointerEvent('pointermove', {{ clientX: box.left + left + ({x} + 0.5) * z, clientY: box.top + top + ({y} + 0.5) * z }}))"
        ))
        .await;
    let said = person.run("return document.getElementById('readout').textContent").await;
    let said = said.as_str().unwrap();
    let level = &levels[y as usize * 64 + x as usize];
    assert!(said.contains(&format!("level {level} of 255")), "{said}, not {level}");
    assert!(
        said.contains(" Å") && said.contains("of the peak") && said.contains("overlay level 255"),
        "{said}"
    );
    by_keyboard(person, &levels).await;
    // What was chosen last is shown, also when what was chosen before comes later.
    person.run("const real = fetch; window.fetch = (url, ...rest) => new Promise((done) => setTimeout(() => done(real(url, ...rest)), url.includes('gaussianMask') ? 600 : 0))").await;
    person.run("for (const name of ['gaussianMask', 'noNoise']) { const base = document.getElementById('base'); base.value = name; base.dispatchEvent(new Event('change')); }").await;
    person.until("document.getElementById('viewer').dataset.shown === 'noNoise+circularMask'").await;
    tokio::time::sleep(Duration::from_millis(900)).await;
    assert_eq!(
        person.run("return document.getElementById('viewer').dataset.shown").await,
        "noNoise+circularMask"
    );
    assert_eq!(person.run("return window.broken").await, json!([]), "what the content policy blocks");
}

/// Reads a value by a crosshair, without a pointer.
async fn by_keyboard(person: &Person, levels: &Value) {
    let stage = person.find("#stage").await;
    stage.send_keys(Key::Shift + Key::Right).await.unwrap();
    stage.send_keys(Key::Shift + Key::Right).await.unwrap();
    stage.send_keys(Key::Shift + Key::Up).await.unwrap();
    let said = person.run("return document.getElementById('readout').textContent").await;
    let said = said.as_str().unwrap();
    let place: Vec<f64> =
        said.split(['x', 'y', 'p', ',']).filter_map(|part| part.trim().parse().ok()).take(2).collect();
    assert_eq!(place, [33.0, 31.0], "{said}");
    let level = &levels[31 * 64 + 33];
    assert!(said.contains(&format!("level {level} of 255")), "{said}, not {level}");
    let drawn = person.run("return document.querySelector('#cross path').getAttribute('d')").await;
    assert!(drawn.as_str().unwrap().starts_with('M'), "{drawn}");
}

/// Chooses two samples on two pages and compares them.
async fn compare(person: &Person) {
    person.open("/samples").await;
    person.find("input[form=compare-form][value='3']").await.click().await.unwrap();
    person.find("a[rel=next]").await.click().await.unwrap();
    person.find("input[form=compare-form][value='30']").await.click().await.unwrap();
    person.until("document.querySelector('#compare-form button').textContent.includes('#3, #30')").await;
    person.run("document.querySelector('#compare-form button').click()").await;
    person.until("document.querySelectorAll('table.compare thead th').length === 2").await;
    assert!(person.run("return document.querySelectorAll('tr.differs').length").await.as_u64().unwrap() > 2);
}

/// Downloads a selection and checks its sums.
async fn download(person: &Person, downloads: &Path) {
    person.open("/samples?material=TiO2").await;
    person.find(".results-head a.primary").await.click().await.unwrap();
    person.until("document.querySelector('h1').textContent.trim() === 'Download 8 samples'").await;
    let before = person.run("return document.getElementById('together').textContent").await;
    person.run("document.querySelector('input[name=label][value=noNoise]').click()").await;
    person.until(&format!("document.getElementById('together').textContent !== {before}")).await;
    person.find("button[formaction$='archive.tar']").await.click().await.unwrap();
    let archive = downloads.join("small-selection.tar");
    let started = Instant::now();
    while !archive.is_file() {
        assert!(started.elapsed() < Duration::from_secs(20), "no download");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let bytes = std::fs::read(&archive).unwrap();
    tar::Archive::new(bytes.as_slice()).unpack(downloads).unwrap();
    let folder = downloads.join("small-selection");
    assert!(
        folder.join("image").is_dir() && folder.join("position").is_dir() && !folder.join("noNoise").exists()
    );
    let checked =
        Command::new("sha256sum").args(["--check", "--strict", "SHA256SUMS"]).current_dir(&folder).output();
    let checked = checked.unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    assert_eq!(String::from_utf8_lossy(&checked.stdout).lines().count(), 8 * 2 + 4);
}

/// Pages with the height of their pictures.
const PAGES: [(&str, &str); 8] = [
    ("home", "/"),
    ("gallery", "/samples?element=O&psnr_db=12..30"),
    ("empty", "/samples?q=unobtainium"),
    ("sample", "/samples/SAMPLE"),
    ("compare", "/compare?id=1&id=SAMPLE&id=21"),
    ("download", "/download?element=O"),
    ("api", "/api"),
    ("problem", "/samples/999999999"),
];

#[test]
fn pages_fit_narrow_and_wide_windows_in_light_and_dark() {
    let chromedriver = Chromedriver::start();
    let parent = tempfile::tempdir().unwrap();
    let sample = std::env::var("ADATOM_SAMPLE").unwrap_or_else(|_| "12".to_owned());
    let shots = std::env::var_os("ADATOM_SHOTS").map(PathBuf::from);
    let server = match std::env::var_os("ADATOM_LIBRARY") {
        Some(library) => Served::of(Path::new(&library)),
        None => Served::small(parent.path()),
    };
    block_on(async {
        let person = person(&chromedriver, server, parent.path()).await;
        for (width, height) in [(360, 780), (1400, 1000), (3840, 2160)] {
            person.resize(width, height).await;
            for scheme in ["light", "dark"] {
                person.colours(scheme).await;
                for (name, address) in PAGES {
                    let what = format!("{name}-{width}-{scheme}");
                    person.open(&address.replace("SAMPLE", &sample)).await;
                    if name == "sample" {
                        person.until("document.getElementById('viewer').dataset.shown === 'image'").await;
                    }
                    person.fits(&what).await;
                    person.check(&what).await;
                    if let Some(folder) = &shots {
                        person
                            .until("[...document.images].every((i) => i.complete || i.loading === 'lazy')")
                            .await;
                        tokio::time::sleep(Duration::from_millis(400)).await;
                        person.driver.screenshot(&folder.join(format!("{what}.png"))).await.unwrap();
                    }
                }
            }
        }
        assert!(!person.broken.load(std::sync::atomic::Ordering::Relaxed), "axe-core has found the above");
        person.driver.quit().await.unwrap();
    });
}
