//! Digital Micrograph files made in memory, tag by tag.

/// A file's form: version 3 or 4, values big- or little-endian.
#[derive(Clone, Copy, Debug)]
pub struct Form {
    pub version: u32,
    pub big_endian: bool,
}

/// A tag to write.
pub enum Node {
    Group(Vec<(&'static str, Node)>),
    Long(u32),
    Float(f32),
    Double(f64),
    Text(&'static str),
    /// Element's code, number of elements, their bytes as in the file.
    Array(u64, u64, Vec<u8>),
    /// Codes of the fields, number of structures, their bytes.
    Structs(Vec<u64>, u64, Vec<u8>),
}

impl Form {
    fn count(self, value: u64) -> Vec<u8> {
        if self.version == 4 { value.to_be_bytes().to_vec() } else { (value as u32).to_be_bytes().to_vec() }
    }

    fn value<const N: usize>(self, mut little: [u8; N]) -> Vec<u8> {
        if self.big_endian {
            little.reverse();
        }
        little.to_vec()
    }

    fn data(self, described: &[u64], bytes: &[u8]) -> Vec<u8> {
        let mut out = b"%%%%".to_vec();
        out.extend(self.count(described.len() as u64));
        described.iter().for_each(|number| out.extend(self.count(*number)));
        out.extend(bytes);
        out
    }

    fn body(self, node: &Node) -> Vec<u8> {
        match node {
            Node::Group(tags) => {
                let mut out = vec![0, 0];
                out.extend(self.count(tags.len() as u64));
                for (name, tag) in tags {
                    out.push(if matches!(tag, Node::Group(_)) { 20 } else { 21 });
                    out.extend((name.len() as u16).to_be_bytes());
                    out.extend(name.bytes());
                    let body = self.body(tag);
                    if self.version == 4 {
                        out.extend((body.len() as u64).to_be_bytes());
                    }
                    out.extend(body);
                }
                out
            }
            Node::Long(value) => self.data(&[5], &self.value(value.to_le_bytes())),
            Node::Float(value) => self.data(&[6], &self.value(value.to_le_bytes())),
            Node::Double(value) => self.data(&[7], &self.value(value.to_le_bytes())),
            Node::Text(text) => {
                let units: Vec<u16> = text.encode_utf16().collect();
                let bytes: Vec<u8> = units.iter().flat_map(|unit| self.value(unit.to_le_bytes())).collect();
                self.data(&[20, 4, units.len() as u64], &bytes)
            }
            Node::Array(code, count, bytes) => self.data(&[20, *code, *count], bytes),
            Node::Structs(codes, count, bytes) => {
                let mut described = vec![20, 15, 0, codes.len() as u64];
                codes.iter().for_each(|code| described.extend([0, *code]));
                described.push(*count);
                self.data(&described, bytes)
            }
        }
    }

    /// The whole file of these tags.
    pub fn file(self, root: &Node) -> Vec<u8> {
        let body = self.body(root);
        let mut out = self.version.to_be_bytes().to_vec();
        out.extend(self.count(body.len() as u64 + 4));
        out.extend(u32::from(!self.big_endian).to_be_bytes());
        out.extend(body);
        out.extend([0; 8]);
        out
    }

    /// A file with a thumbnail and one image of this type, dimensions fastest first.
    pub fn image(self, code: u32, dimensions: &[u32], unit: &'static str, data: Node) -> Vec<u8> {
        let axis = |_: &u32| {
            let calibration =
                [("Origin", Node::Float(2.0)), ("Scale", Node::Float(0.5)), ("Units", Node::Text(unit))];
            ("", Node::Group(calibration.into_iter().collect()))
        };
        let image = |code: u32, dimensions: &[u32], data: Node, tags: Node| {
            let sizes = dimensions.iter().map(|size| ("", Node::Long(*size))).collect();
            let calibrations =
                Node::Group(vec![("Dimension", Node::Group(dimensions.iter().map(axis).collect()))]);
            let data = vec![
                ("Calibrations", calibrations),
                ("Data", data),
                ("DataType", Node::Long(code)),
                ("Dimensions", Node::Group(sizes)),
            ];
            (
                "",
                Node::Group(vec![
                    ("ImageData", Node::Group(data)),
                    ("ImageTags", tags),
                    ("Name", Node::Text("made")),
                ]),
            )
        };
        let tags = Node::Group(vec![
            (
                "Microscope Info",
                Node::Group(vec![
                    ("Voltage", Node::Float(200_000.0)),
                    ("STEM Camera Length", Node::Float(115.0)),
                ]),
            ),
            (
                "DigiScan",
                Node::Group(vec![("Sample Time", Node::Double(8.0)), ("Rotation", Node::Double(0.0))]),
            ),
            ("DataBar", Node::Group(vec![("Acquisition Time (OLE)", Node::Double(42_609.870_937_5))])),
        ]);
        let thumbnail = image(23, &[2, 1], Node::Array(10, 8, vec![9; 8]), Node::Group(vec![]));
        self.file(&Node::Group(vec![
            ("ImageList", Node::Group(vec![thumbnail, image(code, dimensions, data, tags)])),
            ("Thumbnails", Node::Group(vec![("", Node::Group(vec![("ImageIndex", Node::Long(0))]))])),
        ]))
    }

    /// Numbers as the file has them.
    pub fn bytes<const N: usize>(self, values: impl IntoIterator<Item = [u8; N]>) -> Vec<u8> {
        values.into_iter().flat_map(|value| self.value(value)).collect()
    }
}

/// Every form.
pub const FORMS: [Form; 4] = [
    Form { version: 3, big_endian: false },
    Form { version: 3, big_endian: true },
    Form { version: 4, big_endian: false },
    Form { version: 4, big_endian: true },
];
