use adatom_imaging::SampleRng;
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// A number that a recipe fixes or leaves to chance: `24`, `[0, 15, 30]` (each equally likely) or
/// `{ low = 4, high = 40, log = true }` (uniform, or uniform in its logarithm).
#[derive(Debug, Clone, PartialEq)]
pub enum Draw {
    /// Always the same.
    Fixed(f64),
    /// One of a list.
    OneOf(Vec<f64>),
    /// Anything between two bounds.
    Range {
        /// Smallest value.
        low: f64,
        /// Largest value.
        high: f64,
        /// Uniform in the logarithm instead of the value.
        log: bool,
    },
}

impl Draw {
    /// Draws a value. A fixed one takes no random number.
    pub fn value(&self, rng: &mut SampleRng) -> f64 {
        match self {
            Self::Fixed(value) => *value,
            Self::OneOf(values) => values[rng.index(values.len())],
            Self::Range { low, high, log: true } => (rng.between(low.ln(), high.ln())).exp(),
            Self::Range { low, high, log: false } => rng.between(*low, *high),
        }
    }

    /// All values that can be drawn, if they can be listed.
    pub fn values(&self) -> Option<Vec<f64>> {
        match self {
            Self::Fixed(value) => Some(vec![*value]),
            Self::OneOf(values) => Some(values.clone()),
            Self::Range { .. } => None,
        }
    }

    /// Smallest and largest value that can be drawn.
    pub fn bounds(&self) -> (f64, f64) {
        match self {
            Self::Fixed(value) => (*value, *value),
            Self::OneOf(values) => values
                .iter()
                .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(*v), high.max(*v))),
            Self::Range { low, high, .. } => (*low, *high),
        }
    }
}

impl Serialize for Draw {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Bounds {
            low: f64,
            high: f64,
            log: bool,
        }
        match self {
            Self::Fixed(value) => value.serialize(serializer),
            Self::OneOf(values) => values.serialize(serializer),
            &Self::Range { low, high, log } => Bounds { low, high, log }.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Draw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DrawVisitor)
    }
}

struct DrawVisitor;

impl<'de> Visitor<'de> for DrawVisitor {
    type Value = Draw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, a list of numbers or { low = …, high = …, log = true|false }")
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Draw, E> {
        if value.is_finite() {
            Ok(Draw::Fixed(value))
        } else {
            Err(E::custom(format!("{value} is not a finite number")))
        }
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Draw, E> {
        self.visit_f64(value as f64)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Draw, E> {
        self.visit_f64(value as f64)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Draw, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = seq.next_element::<f64>()? {
            if !value.is_finite() {
                return Err(A::Error::custom(format!("{value} is not a finite number")));
            }
            values.push(value);
        }
        if values.is_empty() {
            Err(A::Error::custom("an empty list: give at least one number"))
        } else {
            Ok(Draw::OneOf(values))
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Draw, A::Error> {
        let (mut low, mut high, mut log) = (None, None, false);
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "low" => low = Some(map.next_value::<f64>()?),
                "high" => high = Some(map.next_value::<f64>()?),
                "log" => log = map.next_value()?,
                other => return Err(A::Error::unknown_field(other, &["low", "high", "log"])),
            }
        }
        let low = low.ok_or_else(|| A::Error::missing_field("low"))?;
        let high = high.ok_or_else(|| A::Error::missing_field("high"))?;
        if !(low.is_finite() && high.is_finite() && low <= high) {
            return Err(A::Error::custom(format!(
                "low = {low} and high = {high}: give finite numbers, low not above high"
            )));
        }
        if log && low <= 0.0 {
            return Err(A::Error::custom(format!("low = {low} with log = true: give a positive number")));
        }
        Ok(Draw::Range { low, high, log })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize, Debug)]
    struct Holder {
        value: Draw,
    }

    fn read(text: &str) -> Result<Draw, toml::de::Error> {
        toml::from_str::<Holder>(text).map(|h| h.value)
    }

    #[test]
    fn the_three_forms_are_read() {
        assert_eq!(read("value = 3").unwrap(), Draw::Fixed(3.0));
        assert_eq!(read("value = [1, 2.5]").unwrap(), Draw::OneOf(vec![1.0, 2.5]));
        let range = Draw::Range { low: 1.0, high: 2.0, log: true };
        assert_eq!(read("value = { low = 1, high = 2, log = true }").unwrap(), range);
    }

    #[test]
    fn absurd_numbers_are_refused() {
        for text in [
            "value = nan",
            "value = []",
            "value = { low = 2, high = 1 }",
            "value = { low = 0, high = 1, log = true }",
            "value = 'x'",
        ] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn draws_stay_within_bounds() {
        let draw = Draw::Range { low: 2.0, high: 50.0, log: true };
        let mut rng = SampleRng::new(0, 0);
        assert!((0..1000).map(|_| draw.value(&mut rng)).all(|v| (2.0..=50.0).contains(&v)));
    }
}
