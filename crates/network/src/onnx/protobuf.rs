//! The part of protocol buffers, and of ONNX's messages, that a network needs.

/// Element types of ONNX.
#[derive(Clone, Copy)]
pub(super) enum Type {
    Float = 1,
    Int64 = 7,
    Double = 11,
}

/// A message that is being written.
#[derive(Default)]
pub(super) struct Message(Vec<u8>);

impl Message {
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    pub(super) fn integer(mut self, field: u64, value: i64) -> Self {
        self.varint(field << 3);
        self.varint(value as u64);
        self
    }

    pub(super) fn bytes(mut self, field: u64, bytes: &[u8]) -> Self {
        self.varint(field << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
        self
    }

    pub(super) fn text(self, field: u64, text: &str) -> Self {
        self.bytes(field, text.as_bytes())
    }

    pub(super) fn message(self, field: u64, message: Self) -> Self {
        self.bytes(field, &message.0)
    }
}

/// A constant array.
pub(super) fn tensor(name: &str, kind: Type, shape: &[usize], bytes: &[u8]) -> Message {
    let dimensions = shape.iter().fold(Message::default(), |m, size| m.integer(1, *size as i64));
    dimensions.integer(2, kind as i64).text(8, name).bytes(9, bytes)
}

/// An input or output `[batch, 1, height, width]` of floats.
pub(super) fn image(name: &str) -> Message {
    let named = |name: &str| Message::default().text(2, name);
    let sizes = [named("batch"), Message::default().integer(1, 1), named("height"), named("width")];
    let shape = sizes.into_iter().fold(Message::default(), |m, size| m.message(1, size));
    let kind = Message::default().integer(1, Type::Float as i64).message(2, shape);
    Message::default().text(1, name).message(2, Message::default().message(1, kind))
}

/// A setting of a node.
pub(super) enum Attribute<'a> {
    Integer(&'a str, i64),
    Integers(&'a str, &'a [i64]),
    Text(&'a str, &'a str),
}

impl Attribute<'_> {
    fn message(&self) -> Message {
        let named = |name: &str, kind: i64| Message::default().text(1, name).integer(20, kind);
        match self {
            Self::Integer(name, value) => named(name, 2).integer(3, *value),
            Self::Integers(name, values) => {
                values.iter().fold(named(name, 7), |m, value| m.integer(8, *value))
            }
            Self::Text(name, text) => named(name, 3).text(4, text),
        }
    }
}

/// A node of the graph with one output, which also names it.
pub(super) fn node(kind: &str, inputs: &[&str], output: &str, attributes: &[Attribute<'_>]) -> Message {
    let inputs = inputs.iter().fold(Message::default(), |m, input| m.text(1, input));
    let named = inputs.text(2, output).text(3, output).text(4, kind);
    attributes.iter().fold(named, |m, attribute| m.message(5, attribute.message()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of the protocol's own description: field 1 = 150, field 2 = "testing".
    #[test]
    fn numbers_and_texts_are_encoded_as_the_protocol_says() {
        assert_eq!(Message::default().integer(1, 150).into_bytes(), [0x08, 0x96, 0x01]);
        let text = Message::default().text(2, "testing").into_bytes();
        assert_eq!(text, [0x12, 0x07, b't', b'e', b's', b't', b'i', b'n', b'g']);
        assert_eq!(Message::default().integer(1, -1).into_bytes().len(), 11);
    }
}
