//! The U-Net as an ONNX model, so that other programs can run it.

mod protobuf;

use crate::arrays::folded;
use crate::normalise::FLAT;
use crate::{Normalisation, Parameter, Weights};
use protobuf::{Attribute, Message, Type, image, node, tensor};

/// Version of ONNX's operators and of its files.
const OPERATORS: i64 = 13;
const FILES: i64 = 7;

impl Weights {
    /// The network as an ONNX model with its normalisation inside: `image` `[batch, 1, height, width]` in any unit, and
    /// an output of the same size for each task, named after it, in the image's unit. Every image of a batch is
    /// normalised by itself. The image is continued by reflection as in [`crate::Inference::maps`], whose results these
    /// are; that needs 64 px a side at the network's usual shape. `properties` are kept in the file.
    pub fn to_onnx(&self, properties: &[(&str, String)]) -> Vec<u8> {
        let mut graph = Graph::default();
        graph.normalise();
        graph.pad(self.config().reach(), self.config().stride());
        let output = graph.network(self);
        graph.crop(&output, self.config().reach());
        let outputs = self.config().tasks.iter().enumerate().map(|(channel, task)| {
            let [start, end] = [channel as i64, channel as i64 + 1];
            let (start, end) = (graph.integers(&[start]), graph.integers(&[end]));
            let axis = graph.integers(&[1]);
            let name = task.name();
            let (mean, sigmas) = Normalisation::unit(*task);
            let raw = if sigmas.is_some() { format!("{name}.raw") } else { name.to_owned() };
            graph.add("Slice", &["cropped", &start, &end, &axis], &raw, &[]);
            if let Some(sigmas) = sigmas {
                let (sigmas, mean) = (graph.float(sigmas), graph.float(mean));
                let (scale, offset, scaled) =
                    (format!("{name}.scale"), format!("{name}.offset"), format!("{name}.scaled"));
                graph.add("Mul", &["sigma", &sigmas], &scale, &[]);
                graph.add("Mul", &["mean", &mean], &offset, &[]);
                graph.add("Mul", &[&raw, &scale], &scaled, &[]);
                graph.add("Add", &[&scaled, &offset], name, &[]);
            }
            image(name)
        });
        let outputs: Vec<Message> = outputs.collect();
        let named = Message::default().text(2, "adatom");
        let nodes = graph.nodes.into_iter().fold(named, |m, node| m.message(1, node));
        let constants = graph.constants.into_iter().fold(nodes, |m, constant| m.message(5, constant));
        let graph = outputs.into_iter().fold(constants.message(11, image("image")), |m, o| m.message(12, o));
        let model = Message::default()
            .integer(1, FILES)
            .text(2, "adatom")
            .text(3, env!("CARGO_PKG_VERSION"))
            .message(7, graph)
            .message(8, Message::default().text(1, "").integer(2, OPERATORS));
        let property = |(key, value): &(&str, String)| Message::default().text(1, key).text(2, value);
        properties.iter().fold(model, |m, entry| m.message(14, property(entry))).into_bytes()
    }
}

/// The nodes and constants so far.
#[derive(Default)]
struct Graph {
    nodes: Vec<Message>,
    constants: Vec<Message>,
}

impl Graph {
    fn add(&mut self, kind: &str, inputs: &[&str], output: &str, attributes: &[Attribute<'_>]) {
        self.nodes.push(node(kind, inputs, output, attributes));
    }

    fn constant(&mut self, kind: Type, shape: &[usize], bytes: &[u8]) -> String {
        let name = format!("constant.{}", self.constants.len());
        self.constants.push(tensor(&name, kind, shape, bytes));
        name
    }

    fn integers(&mut self, values: &[i64]) -> String {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(Type::Int64, &[values.len()], &bytes)
    }

    fn float(&mut self, value: f32) -> String {
        self.constant(Type::Float, &[], &value.to_le_bytes())
    }

    fn double(&mut self, value: f64) -> String {
        self.constant(Type::Double, &[], &value.to_le_bytes())
    }

    fn array(&mut self, name: &str, parameter: &Parameter) {
        let bytes: Vec<u8> = parameter.values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constants.push(tensor(name, Type::Float, &parameter.shape, &bytes));
    }

    /// `normalised`, `mean` and `sigma` of `image`, measured in double precision as [`Normalisation::of`] does.
    fn normalise(&mut self) {
        let to = |kind: Type| [Attribute::Integer("to", kind as i64)];
        let whole = [Attribute::Integers("axes", &[1, 2, 3])];
        self.add("Cast", &["image"], "image.double", &to(Type::Double));
        self.add("ReduceMean", &["image.double"], "mean.double", &whole);
        self.add("Sub", &["image.double", "mean.double"], "deviation", &[]);
        self.add("Mul", &["deviation", "deviation"], "square", &[]);
        self.add("ReduceMean", &["square"], "variance", &whole);
        self.add("Sqrt", &["variance"], "sigma.measured", &[]);
        let (flat, one) = (self.double(FLAT), self.double(1.0));
        self.add("Abs", &["mean.double"], "mean.size", &[]);
        self.add("Mul", &["mean.size", &flat], "sigma.least", &[]);
        self.add("Greater", &["sigma.measured", "sigma.least"], "contrast", &[]);
        self.add("Where", &["contrast", "sigma.measured", &one], "sigma.double", &[]);
        self.add("Cast", &["mean.double"], "mean", &to(Type::Float));
        self.add("Cast", &["sigma.double"], "sigma", &to(Type::Float));
        self.add("Sub", &["image", "mean"], "centred", &[]);
        self.add("Div", &["centred", "sigma"], "normalised", &[]);
    }

    /// `padded`: `normalised` continued by `reach` pixels on every side and up to a multiple of `stride`.
    fn pad(&mut self, reach: usize, stride: usize) {
        let (reach, stride) = (reach as i64, stride as i64);
        self.add("Shape", &["image"], "shape", &[]);
        let (first, step) = (self.integers(&[0, 0, reach, reach, 0, 0]), self.integers(&[stride]));
        let reach = self.integers(&[reach]);
        let mut pads = vec![first];
        for (axis, side) in [(2, "height"), (3, "width")] {
            let axis = self.integers(&[axis]);
            let part = |part: &str| format!("{side}.{part}");
            self.add("Gather", &["shape", &axis], side, &[]);
            self.add("Mod", &[side, &step], &part("over"), &[]);
            self.add("Sub", &[&step, &part("over")], &part("missing"), &[]);
            self.add("Mod", &[&part("missing"), &step], &part("added"), &[]);
            self.add("Add", &[&part("added"), &reach], &part("after"), &[]);
            self.add("Add", &[side, &reach], &part("end"), &[]);
            pads.push(part("after"));
        }
        let pads: Vec<&str> = pads.iter().map(String::as_str).collect();
        self.add("Concat", &pads, "pads", &[Attribute::Integer("axis", 0)]);
        self.add("Pad", &["normalised", "pads"], "padded", &[Attribute::Text("mode", "reflect")]);
    }

    /// The network on `padded`; the name of its output.
    fn network(&mut self, weights: &Weights) -> String {
        let arrays = folded(weights);
        for (name, array) in &arrays {
            self.array(name, array);
        }
        let levels = weights.config().widths.len();
        let (mut x, mut skips) = ("padded".to_owned(), Vec::new());
        for level in 0..levels {
            if level > 0 {
                let pooled = format!("pooled.{level}");
                let halves =
                    [Attribute::Integers("kernel_shape", &[2, 2]), Attribute::Integers("strides", &[2, 2])];
                self.add("MaxPool", &[&x], &pooled, &halves);
                x = pooled;
            }
            x = self.block(&format!("down.{level}"), x);
            skips.push(x.clone());
        }
        for level in (0..levels - 1).rev() {
            let name = format!("raise.{level}");
            let (raised, joined) = (format!("{name}.raised"), format!("{name}.joined"));
            let spread = self.convolution(&name, &x, 0);
            let pixels = [Attribute::Integer("blocksize", 2), Attribute::Text("mode", "CRD")];
            self.add("DepthToSpace", &[&spread], &raised, &pixels);
            self.add("Concat", &[&skips[level], &raised], &joined, &[Attribute::Integer("axis", 1)]);
            x = self.block(&format!("up.{level}"), joined);
        }
        self.convolution("head", &x, 0)
    }

    fn block(&mut self, name: &str, mut x: String) -> String {
        for half in 0..2 {
            let name = format!("{name}.{half}");
            let output = format!("{name}.relu");
            let summed = self.convolution(&name, &x, 1);
            self.add("Relu", &[&summed], &output, &[]);
            x = output;
        }
        x
    }

    fn convolution(&mut self, name: &str, x: &str, padding: i64) -> String {
        let output = format!("{name}.output");
        let (weight, bias) = (format!("{name}.weight"), format!("{name}.bias"));
        self.add("Conv", &[x, &weight, &bias], &output, &[Attribute::Integers("pads", &[padding; 4])]);
        output
    }

    /// `cropped`: the part of `output` that is `image`'s.
    fn crop(&mut self, output: &str, reach: usize) {
        let starts = self.integers(&[reach as i64; 2]);
        let axes = self.integers(&[2, 3]);
        self.add("Concat", &["height.end", "width.end"], "ends", &[Attribute::Integer("axis", 0)]);
        self.add("Slice", &[output, &starts, "ends", &axes], "cropped", &[]);
    }
}
