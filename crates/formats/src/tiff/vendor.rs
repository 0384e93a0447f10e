//! What makers of microscopes and cameras say in tags of their own.

use serde_json::{Map, Value};

use super::directory::{Directory, tag};
use super::imagej;
use crate::input::{Endian, Input, Scanner};
use crate::metadata::{Metadata, scaled, stated, worded};

/// Lengths that Olympus writes are kept to a femtometre, below which they are noise of a conversion.
const OLYMPUS_STEPS_A_METRE: f64 = 1e15;

/// One axis as a maker calibrates it.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub scale: f64,
    pub offset: f64,
    pub unit: String,
}

impl Step {
    fn new(scale: f64, unit: &str) -> Option<Self> {
        (scale.is_finite() && scale != 0.0).then(|| Self { scale, offset: 0.0, unit: unit.to_owned() })
    }
}

/// The calibration of a page; axes that nobody calibrates are left out.
#[derive(Default)]
pub(super) struct Calibration {
    pub rows: Option<Step>,
    pub columns: Option<Step>,
    pub series: Option<Step>,
    /// Why what the file says is not used.
    pub warning: Option<String>,
}

impl Calibration {
    fn both(columns: Option<Step>, rows: Option<Step>) -> Self {
        Self { rows, columns, ..Self::default() }
    }
}

/// Who made a page's own tags, and what they say.
enum Maker {
    Fei(String),
    Zeiss(String),
    Tvips(Tvips),
    Olympus(Olympus),
    Jeol(String),
}

impl Maker {
    fn of(directory: &Directory<'_>, input: &Input) -> Option<Self> {
        fei(directory)
            .map(Self::Fei)
            .or_else(|| directory.text(tag::ZEISS).map(Self::Zeiss))
            .or_else(|| Tvips::of(directory, input).map(Self::Tvips))
            .or_else(|| Olympus::of(directory, input).map(Self::Olympus))
            .or_else(|| jeol(directory).map(Self::Jeol))
    }

    /// The calibration of a page that is `width` pixels wide.
    fn calibration(&self, directory: &Directory<'_>, width: u64) -> Calibration {
        let [columns, rows] = match self {
            Self::Fei(ini) => {
                let metre = |key: &str| number(ini_value(ini, "Scan", key)?);
                ["PixelWidth", "PixelHeight"].map(|key| metre(key).and_then(|step| Step::new(step, "m")))
            }
            Self::Zeiss(text) => {
                // The fourth number is the step on a screen 1024 pixels wide.
                let step = text.lines().nth(3).and_then(number).map(|step| step * 1024.0 / width as f64);
                let step = step.and_then(|step| Step::new(step, "m"));
                [step.clone(), step]
            }
            Self::Tvips(tvips) => tvips.step_nm.map(|step| Step::new(step, "nm")),
            Self::Olympus(olympus) => olympus
                .step_m
                .map(|step| Step::new((step * OLYMPUS_STEPS_A_METRE).round() / OLYMPUS_STEPS_A_METRE, "m")),
            Self::Jeol(xml) => jeol_steps(directory, xml),
        };
        Calibration::both(columns, rows)
    }

    /// How the page was taken.
    fn metadata(&self) -> Metadata {
        match self {
            Self::Fei(ini) => fei_metadata(ini),
            Self::Zeiss(text) => zeiss_metadata(text),
            Self::Tvips(tvips) => tvips.metadata(),
            Self::Olympus(olympus) => Metadata {
                date: olympus.date.clone(),
                magnification: stated(olympus.magnification),
                detector: worded(olympus.camera.split('\0').next().unwrap_or_default()),
                ..Metadata::default()
            },
            Self::Jeol(xml) => jeol_metadata(xml),
        }
    }
}

/// The calibration of a page that is `width` pixels wide.
pub(super) fn calibration(directory: &Directory<'_>, input: &Input, width: u64) -> Calibration {
    if directory.has(tag::DM_SCALE) || directory.has(tag::DM_UNIT) {
        let [columns, rows, series] = [0, 1, 2].map(|axis| micrograph_step(directory, axis));
        return Calibration { rows, columns, series, warning: None };
    }
    if let Some(maker) = Maker::of(directory, input) {
        return maker.calibration(directory, width);
    }
    if let Some([(x, x_unit), (y, y_unit)]) = imagej::scales(directory) {
        let (columns, rows) = (Step::new(x, &x_unit), Step::new(y, &y_unit));
        let warning = (columns.is_none() || rows.is_none()).then(|| {
            format!("the file's calibration is not used: its steps are {x} {x_unit} and {y} {y_unit}")
        });
        return Calibration { warning, ..Calibration::both(columns, rows) };
    }
    if let Some(ome) = directory.text(tag::DESCRIPTION).filter(|text| text.contains("<OME")) {
        let step = |axis: &str| {
            let unit = attribute(&ome, &format!("PhysicalSize{axis}Unit")).unwrap_or("\u{b5}m");
            Step::new(number(attribute(&ome, &format!("PhysicalSize{axis}"))?)?, unit)
        };
        return Calibration::both(step("X"), step("Y"));
    }
    Calibration::default()
}

/// Axis 0 is x, 1 is y, 2 is z.
fn micrograph_step(directory: &Directory<'_>, axis: u16) -> Option<Step> {
    Some(Step {
        scale: directory.float(tag::DM_SCALE + axis).filter(|scale| *scale != 0.0)?,
        offset: directory.float(tag::DM_OFFSET + axis).unwrap_or(0.0),
        unit: directory.text(tag::DM_UNIT + axis).unwrap_or_default(),
    })
}

fn number(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|number: &f64| number.is_finite())
}

/// FEI's text: sections in brackets, a key and its value a line.
fn fei(directory: &Directory<'_>) -> Option<String> {
    tag::FEI.iter().find_map(|&tag| directory.text(tag))
}

fn ini_value<'a>(ini: &'a str, section: &str, key: &str) -> Option<&'a str> {
    let (_, rest) = ini.split_once(&format!("[{section}]"))?;
    rest.lines()
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
        .map(str::trim)
}

/// Everything in an INI text.
fn ini_tree(ini: &str) -> Map<String, Value> {
    let (mut tree, mut section) = (Map::new(), String::new());
    for line in ini.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name.to_owned();
        } else if let Some((key, value)) = line.split_once('=') {
            let part = tree.entry(section.clone()).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(part) = part {
                part.insert(key.to_owned(), value.into());
            }
        }
    }
    tree
}

/// The block of TVIPS's second version.
struct Tvips {
    step_nm: [f64; 2],
    energy_v: f64,
    magnification: f64,
    diffraction: bool,
    tilt_deg: [f64; 2],
    camera: String,
    exposure_ms: f64,
    date: u32,
    seconds: u32,
}

impl Tvips {
    fn of(directory: &Directory<'_>, input: &Input) -> Option<Self> {
        let start = directory.number(tag::TVIPS)?;
        let at = |offset: u64| Scanner::new(input, start.saturating_add(offset));
        let float = |offset| at(offset).number::<f32>(Endian::Little).ok().map(f64::from);
        let long = |offset| at(offset).number::<u32>(Endian::Little).ok();
        if long(0) != Some(2) || long(6308) != Some(0xaaaa_aaaa) {
            return None;
        }
        let units: Vec<u16> = input
            .read(start + 3768, 160)
            .ok()?
            .as_chunks()
            .0
            .iter()
            .map(|&pair| u16::from_le_bytes(pair))
            .collect();
        Some(Self {
            step_nm: [float(2968)?, float(2972)?],
            energy_v: float(3272)?,
            diffraction: long(3532)? == 3,
            magnification: float(3536)?,
            tilt_deg: [float(3564)?, float(3568)?],
            camera: String::from_utf16_lossy(&units),
            exposure_ms: float(3952)?,
            date: long(584)?,
            seconds: long(588)?,
        })
    }

    fn metadata(&self) -> Metadata {
        // One number, for images and for diffraction patterns.
        let [camera_length_mm, magnification] =
            [self.diffraction, !self.diffraction].map(|meant| stated(self.magnification).filter(|_| meant));
        Metadata {
            date: self.date(),
            energy_kv: scaled(self.energy_v, 1e-3),
            magnification,
            camera_length_mm,
            detector: worded(self.camera.split('\0').next().unwrap_or_default()),
            exposure_s: scaled(self.exposure_ms, 1e-3),
            stage_tilt_deg: Some(self.tilt_deg),
            ..Metadata::default()
        }
    }

    /// Year, month and day are the bytes of one number.
    fn date(&self) -> Option<String> {
        let (year, month, day) = (self.date >> 16, self.date >> 8 & 0xff, self.date & 0xff);
        let time = self.seconds;
        ((1950..2200).contains(&year) && (1..13).contains(&month) && (1..32).contains(&day) && time < 86_400)
            .then(|| {
                let (hour, minute, second) = (time / 3600, time / 60 % 60, time % 60);
                format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")
            })
    }
}

/// The part of Olympus's block that is known.
struct Olympus {
    step_m: [f64; 2],
    magnification: f64,
    camera: String,
    date: Option<String>,
}

impl Olympus {
    fn of(directory: &Directory<'_>, input: &Input) -> Option<Self> {
        let mut scanner = Scanner::new(input, directory.number(tag::SIS)?);
        if scanner.take(4).ok()? != b"SIS0" {
            return None;
        }
        scanner.skip(6).ok()?;
        let mut short = || scanner.number::<i16>(Endian::Little).ok();
        let [minute, hour, day, month, year] = [short()?, short()?, short()?, short()?, short()?];
        scanner.skip(6 + 32).ok()?;
        let count: u16 = scanner.number(Endian::Little).ok()?;
        for _ in 0..count {
            let kind: u16 = scanner.number(Endian::Little).ok()?;
            scanner.skip(2).ok()?;
            let offset: u32 = scanner.number(Endian::Little).ok()?;
            if kind != 1 {
                continue;
            }
            let mut part = Scanner::new(input, offset.into());
            part.skip(10).ok()?;
            let power: i16 = part.number(Endian::Little).ok()?;
            let unit = 10_f64.powi(power.into());
            let step_m = [
                part.number::<f64>(Endian::Little).ok()? * unit,
                part.number::<f64>(Endian::Little).ok()? * unit,
            ];
            part.skip(8).ok()?;
            let magnification = part.number(Endian::Little).ok()?;
            part.skip(2).ok()?;
            let camera = String::from_utf8_lossy(part.take(34).ok()?).into_owned();
            let known = (0..400).contains(&year) && (0..12).contains(&month) && (1..32).contains(&day);
            let date = known.then(|| {
                format!("{:04}-{:02}-{day:02}T{hour:02}:{minute:02}:00", 1900 + i32::from(year), month + 1)
            });
            return Some(Self { step_m, magnification, camera, date });
        }
        None
    }
}

/// JEOL's XML in the description.
fn jeol(directory: &Directory<'_>) -> Option<String> {
    directory.text(tag::MAKE).filter(|make| make.starts_with("JEOL"))?;
    directory.text(tag::DESCRIPTION).filter(|text| text.contains("TemReporter"))
}

/// The text of the first element of this name.
fn element<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    rest.split_once("</").map(|(text, _)| text.trim())
}

/// The value of the first attribute of this name.
fn attribute<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!(" {name}=\""))?;
    rest.split_once('"').map(|(text, _)| text)
}

/// The resolution tags count pixels of the camera; the magnification leads to the specimen.
fn jeol_steps(directory: &Directory<'_>, xml: &str) -> [Option<Step>; 2] {
    let imaged = element(xml, "EosMode") == Some("eosTEM") && element(xml, "ModeString") == Some("MAG");
    let magnification = element(xml, "SelectorValue").and_then(number).filter(|value| imaged && *value > 0.0);
    let Some(magnification) = magnification else { return [None, None] };
    let unit_nm = if directory.number(tag::RESOLUTION_UNIT) == Some(2) { 2.54e7 } else { 1e7 };
    let step = |tag| Step::new(unit_nm / directory.quotient(tag)? / magnification, "nm");
    [tag::X_RESOLUTION, tag::Y_RESOLUTION].map(step)
}

fn jeol_metadata(xml: &str) -> Metadata {
    let value = |name: &str| element(xml, name).and_then(number);
    let imaged = element(xml, "ModeString") != Some("DIFF");
    Metadata {
        microscope: element(xml, "Instruments").and_then(worded),
        energy_kv: value("AccelerationVoltage").and_then(|volts| scaled(volts, 1e-3)),
        mode: element(xml, "EosMode").map(|mode| if mode == "eosASID" { "STEM" } else { "TEM" }.to_owned()),
        magnification: value("SelectorValue").filter(|_| imaged).and_then(stated),
        stage_tilt_deg: value("TX").zip(value("TY")).map(|(alpha, beta)| [alpha, beta]),
        ..Metadata::default()
    }
}

/// How the page was taken.
pub(super) fn metadata(directory: &Directory<'_>, input: &Input) -> Metadata {
    let mut known = Maker::of(directory, input).map(|maker| maker.metadata()).unwrap_or_default();
    known.date = known.date.or_else(|| directory.text(tag::DATE_TIME).as_deref().and_then(exif_date));
    known
}

/// TIFF's own form of a date, `2018:11:15 19:42:31`.
fn exif_date(text: &str) -> Option<String> {
    let (date, time) = text.trim().split_once(' ')?;
    let digits =
        |text: &str| text.split(':').all(|part| part.len() >= 2 && part.bytes().all(|b| b.is_ascii_digit()));
    (digits(date) && digits(time)).then(|| format!("{}T{time}", date.replace(':', "-")))
}

fn fei_metadata(ini: &str) -> Metadata {
    let text = |section: &str, key: &str| ini_value(ini, section, key).and_then(worded);
    let value = |section: &str, key: &str| ini_value(ini, section, key).and_then(number);
    let beam = text("Beam", "Beam").unwrap_or_default();
    Metadata {
        date: fei_date(ini),
        microscope: text("System", "SystemType"),
        operator: text("User", "User"),
        energy_kv: value("Beam", "HV").and_then(|volts| scaled(volts, 1e-3)),
        detector: text("Detectors", "Name"),
        dwell_us: value("Scan", "Dwelltime").and_then(|seconds| scaled(seconds, 1e6)),
        exposure_s: value("Scan", "FrameTime").and_then(stated),
        current_pa: value(&beam, "BeamCurrent").and_then(|ampere| scaled(ampere, 1e12)),
        scan_rotation_deg: value(&beam, "ScanRotation").map(f64::to_degrees),
        ..Metadata::default()
    }
}

/// American, as the time of day with AM and PM is; anything else stays as it stands.
fn fei_date(ini: &str) -> Option<String> {
    let (date, time) = (ini_value(ini, "User", "Date")?, ini_value(ini, "User", "Time")?);
    let plain = || worded(&format!("{date} {time}"));
    let parts: Vec<u32> = date.split('/').filter_map(|part| part.parse().ok()).collect();
    let clock =
        time.strip_suffix(" PM").map(|t| (t, 12)).or_else(|| time.strip_suffix(" AM").map(|t| (t, 0)));
    let (&[month, day, year], Some((clock, noon))) = (&parts[..], clock) else { return plain() };
    let times: Vec<u32> = clock.split(':').filter_map(|part| part.parse().ok()).collect();
    let &[hour, minute, second] = &times[..] else { return plain() };
    if !(1..13).contains(&month) {
        return plain();
    }
    let hour = hour % 12 + noon;
    Some(format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"))
}

/// Zeiss's text: a name a line, and below it what the screen shows, `EHT =  5.00 kV`.
fn zeiss_metadata(text: &str) -> Metadata {
    let shown = |name: &str| {
        let (_, rest) =
            text.split_once(&format!("{name}\r\n")).or_else(|| text.split_once(&format!("{name}\n")))?;
        let line = rest.lines().next()?;
        line.split_once(['=', ':']).map(|(_, value)| value.trim().to_owned())
    };
    // A value, perhaps in thousands as magnifications are, and its unit.
    let value = |name: &str| {
        let text = shown(name)?;
        let mut words = text.split_whitespace();
        let value = words.next().and_then(number)?;
        Some((value, words.next().unwrap_or_default().to_owned()))
    };
    let metric = |name: &str, to: &str| {
        let (value, unit) = value(name)?;
        let power = |unit: &str| {
            let base = unit.chars().next_back()?;
            let prefix = unit.strip_suffix(base)?;
            Some(match prefix {
                "" => 0,
                "m" => -3,
                "\u{b5}" | "u" => -6,
                "n" => -9,
                "p" => -12,
                "k" | "K" => 3,
                _ => return None,
            })
        };
        scaled(value, 10_f64.powi(power(&unit)? - power(to)?))
    };
    Metadata {
        date: shown("AP_DATE").zip(shown("AP_TIME")).map(|(date, time)| format!("{date} {time}")),
        microscope: shown("SV_SERIAL_NUMBER").as_deref().and_then(worded),
        operator: shown("SV_USER_NAME").as_deref().and_then(worded),
        energy_kv: metric("AP_ACTUALKV", "kV"),
        detector: shown("DP_DETECTOR_CHANNEL").as_deref().and_then(worded),
        dwell_us: metric("DP_DWELL_TIME", "us"),
        current_pa: metric("AP_IPROBE", "pA"),
        magnification: value("AP_MAG")
            .and_then(|(value, unit)| stated(if unit == "K" { value * 1e3 } else { value })),
        ..Metadata::default()
    }
}

/// The texts of makers as trees, by the maker's name.
pub(super) fn original(directory: &Directory<'_>, input: &Input) -> Option<Map<String, Value>> {
    let mut trees = Map::new();
    if let Some(ini) = fei(directory) {
        trees.insert("FEI".to_owned(), Value::Object(ini_tree(&ini)));
    }
    if let Some(tvips) = Tvips::of(directory, input) {
        let fields = [
            ("PixelSizeX", Value::from(tvips.step_nm[0])),
            ("PixelSizeY", Value::from(tvips.step_nm[1])),
            ("TemHighTension", tvips.energy_v.into()),
            ("TemMagnification", tvips.magnification.into()),
            ("ExposureTime", tvips.exposure_ms.into()),
        ];
        let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        trees.insert("TVIPS".to_owned(), Value::Object(fields));
    }
    (!trees.is_empty()).then_some(trees)
}
