//! What an `.emi` file says about its series: blocks of XML between binary data.

use quick_xml::Reader as XmlReader;
use quick_xml::events::Event;
use serde_json::{Map, Value};

use crate::error::ReadError;
use crate::input::Input;
use crate::metadata::{Metadata, scaled, stated, worded};

const START: &[u8] = b"<ObjectInfo>";
const END: &[u8] = b"</ObjectInfo>";
/// A block has about 7 kB; one with more than this is a sign of damage.
const LONGEST_BLOCK: u64 = 1 << 18;
/// Bytes searched at once.
const WINDOW: u64 = 1 << 16;
/// Blocks, tags of a block and tags inside each other: more than any real file has.
const MOST_BLOCKS: usize = 100;
const MOST_TAGS: usize = 1000;
const DEEPEST: usize = 8;

/// How one series was taken.
pub(super) struct ObjectInfo {
    /// The XML as a tree of texts; labelled values are called `Label [Unit]`.
    pub tags: Value,
}

/// The descriptions in a file, in the order of its series.
pub(super) fn objects(input: &Input) -> Result<Vec<ObjectInfo>, ReadError> {
    let (mut found, mut at) = (Vec::new(), 0);
    while let Some(start) = find(input, START, at, input.len())? {
        let limit = start.saturating_add(LONGEST_BLOCK).min(input.len());
        let Some(end) = find(input, END, start, limit)? else { break };
        at = end + END.len() as u64;
        let text = input.read(start, at - start)?;
        found.push(ObjectInfo { tags: Value::Object(parse(&String::from_utf8_lossy(&text), true)) });
        if found.len() == MOST_BLOCKS {
            break;
        }
    }
    Ok(found)
}

/// Where `needle` starts between `from` and `to`.
fn find(input: &Input, needle: &[u8], from: u64, to: u64) -> Result<Option<u64>, ReadError> {
    let mut at = from;
    while at < to {
        let bytes = input.read(at, (to - at).min(WINDOW))?;
        if let Some(index) = bytes.windows(needle.len()).position(|window| window == needle) {
            return Ok(Some(at + index as u64));
        }
        if at + bytes.len() as u64 == to {
            break;
        }
        // The needle may lie across the border.
        at += bytes.len() as u64 - needle.len() as u64 + 1;
    }
    Ok(None)
}

/// Reads XML as far as it can be understood. Text that is itself XML is read too if `nested`.
fn parse(text: &str, nested: bool) -> Map<String, Value> {
    let mut reader = XmlReader::from_str(text);
    let config = reader.config_mut();
    config.check_end_names = false;
    config.allow_unmatched_ends = true;
    let (mut tree, mut path, mut content) = (Map::new(), Vec::<String>::new(), String::new());
    let mut data = Labelled::default();
    let mut tags = 0;
    while let Ok(event) = reader.read_event() {
        match event {
            Event::Start(start) => {
                tags += 1;
                if tags > MOST_TAGS {
                    break;
                }
                content.clear();
                path.push(String::from_utf8_lossy(start.name().as_ref()).into_owned());
            }
            Event::Text(part) => content.push_str(&String::from_utf8_lossy(&part)),
            Event::GeneralRef(reference) => content.push_str(&resolve(&reference)),
            Event::End(_) => {
                let Some(name) = path.pop() else { continue };
                let value = content.trim();
                match (name.as_str(), path.last().map(String::as_str)) {
                    ("Label" | "Index", Some("Data")) => data.label = value.to_owned(),
                    ("Value", Some("Data")) => data.value = value.to_owned(),
                    ("Unit", Some("Data")) => data.unit = value.to_owned(),
                    ("Data", _) => {
                        let (label, value) = std::mem::take(&mut data).named();
                        insert(&mut tree, &path, label, Value::String(value));
                    }
                    _ if value.is_empty() => {}
                    _ if nested && value.starts_with('<') => {
                        insert(&mut tree, &path, name, Value::Object(parse(value, false)));
                    }
                    _ => insert(&mut tree, &path, name, Value::String(value.to_owned())),
                }
                content.clear();
            }
            Event::Eof => break,
            _ => {}
        }
    }
    tree
}

/// `<Data>` with its children.
#[derive(Default)]
struct Labelled {
    label: String,
    value: String,
    unit: String,
}

impl Labelled {
    fn named(self) -> (String, String) {
        let label = if self.unit.is_empty() { self.label } else { format!("{} [{}]", self.label, self.unit) };
        (label, self.value)
    }
}

/// The character that `&lt;` and the like stand for.
fn resolve(reference: &quick_xml::events::BytesRef<'_>) -> String {
    if let Ok(Some(character)) = reference.resolve_char_ref() {
        return character.to_string();
    }
    match reference.as_ref() {
        b"lt" => "<",
        b"gt" => ">",
        b"amp" => "&",
        b"quot" => "\"",
        b"apos" => "'",
        _ => "",
    }
    .to_owned()
}

/// Puts a value into the tree; `Root` only wraps and is left out.
fn insert(tree: &mut Map<String, Value>, path: &[String], name: String, value: Value) {
    let mut place = tree;
    for step in path.iter().filter(|step| *step != "Root").take(DEEPEST) {
        let next = place.entry(step.clone()).or_insert_with(|| Value::Object(Map::new()));
        match next {
            Value::Object(map) => place = map,
            _ => return,
        }
    }
    place.insert(name, value);
}

impl ObjectInfo {
    /// The text of the tag at this path below `ObjectInfo`.
    fn text(&self, path: &str) -> Option<&str> {
        self.tags.pointer(&format!("/ObjectInfo/{path}"))?.as_str()
    }

    /// The number that the tag starts with.
    fn number(&self, path: &str) -> Option<f64> {
        self.text(path)?.split_whitespace().next()?.parse().ok().filter(|value: &f64| value.is_finite())
    }

    fn described(&self, label: &str) -> Option<f64> {
        self.number(&format!("ExperimentalDescription/{label}"))
    }

    /// Whether images of the series are diffraction patterns: those of a camera in STEM mode or at
    /// places of a map, and those of a TEM in diffraction mode.
    pub(super) fn is_diffraction(&self, scans_a_map: bool) -> bool {
        let mode = self.text("ExperimentalDescription/Mode").unwrap_or_default();
        if mode.contains("STEM") {
            return scans_a_map || self.text("AcquireInfo/CameraNamePath").is_some();
        }
        mode.contains("Diffraction")
    }

    pub(super) fn metadata(&self) -> Metadata {
        let volts = self.number("ExperimentalConditions/MicroscopeConditions/AcceleratingVoltage");
        let microscope = self.text("ExperimentalDescription/Microscope").and_then(worded);
        let camera = self.text("AcquireInfo/CameraNamePath").and_then(worded);
        // A camera's exposure stands where a scan has its dwell time.
        let time = self.number("AcquireInfo/DwellTimePath");
        let frame = self.number("AcquireInfo/FrameTime").and_then(stated);
        let tilt = [self.described("Stage A [deg]"), self.described("Stage B [deg]")];
        Metadata {
            date: self.text("AcquireDate").and_then(worded).map(|text| iso_date(&text).unwrap_or(text)),
            microscope: microscope.map(|name| name.strip_prefix("Microscope ").unwrap_or(&name).to_owned()),
            operator: self.text("ExperimentalDescription/User").and_then(worded),
            mode: self.text("ExperimentalDescription/Mode").and_then(worded),
            energy_kv: volts
                .and_then(|volts| scaled(volts, 1e-3))
                .or_else(|| self.described("High tension [kV]").and_then(stated)),
            dwell_us: time.filter(|_| camera.is_none()).and_then(|seconds| scaled(seconds, 1e6)),
            exposure_s: if camera.is_some() { time.and_then(stated) } else { frame },
            detector: camera,
            magnification: self.described("Magnification [x]").and_then(stated),
            camera_length_mm: self.described("Camera length [m]").and_then(|metres| scaled(metres, 1e3)),
            scan_rotation_deg: self.described("Stem rotation [deg]").and_then(stated),
            defocus_nm: self.described("Defocus [um]").and_then(|micrometres| scaled(micrometres, 1e3)),
            stage_tilt_deg: match tilt {
                // Adding zero turns −0 into 0.
                [Some(alpha), beta] => Some([alpha + 0.0, beta.unwrap_or(0.0) + 0.0]),
                _ => None,
            },
            ..Metadata::default()
        }
    }
}

/// `Sun Feb 21 17:53:06 2016` in ISO 8601; the time is local.
fn iso_date(text: &str) -> Option<String> {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let words: Vec<_> = text.split_whitespace().collect();
    let [_, month, day, time, year] = words[..] else { return None };
    let month = 1 + MONTHS.iter().position(|name| *name == month)?;
    let (day, year): (u8, u16) = (day.parse().ok()?, year.parse().ok()?);
    Some(format!("{year:04}-{month:02}-{day:02}T{time}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_xml_gives_what_comes_before_the_break() {
        let tags = parse("<ObjectInfo><A>1 &lt; 2</A><B><C>x</C></D><E>5</E><", true);
        assert_eq!(tags["ObjectInfo"]["A"], "1 < 2");
        assert_eq!(tags["ObjectInfo"]["B"]["C"], "x");
        assert!(parse(&"<a>".repeat(100_000), true).is_empty());
    }

    #[test]
    fn dates_become_iso() {
        assert_eq!(iso_date("Sun Feb 21 17:53:06 2016").as_deref(), Some("2016-02-21T17:53:06"));
        assert_eq!(iso_date("yesterday"), None);
    }
}
