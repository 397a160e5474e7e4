//! Floating-point numbers that survive JSON bit for bit.
//!
//! `serde_json` writes the shortest decimal that names a number, but its default parser can be off by a
//! last bit for decimals of more than 15 digits, and a threshold that moves by one bit can turn a verdict.
//! So a number is written as a JSON number where that reads back exactly (every decimal a person would
//! type does), and as a JSON string of the same digits otherwise; both forms are read.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeOwned, Error as _, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::unique::UniqueMap;

/// A number that can be written exactly.
pub(crate) trait Number: Copy + fmt::Display + Serialize + std::str::FromStr {
    /// Nearest number of this type.
    fn from_f64(value: f64) -> Self;
    /// Same bits, so that -0 differs from 0.
    fn same_bits(self, other: Self) -> bool;
}

/// A type made of numbers, and the twin of it that goes to the file.
pub(crate) trait Wired: Sized {
    /// What is written.
    type Wire: Serialize + DeserializeOwned;
    fn to_wire(&self) -> Self::Wire;
    fn from_wire(wire: Self::Wire) -> Self;
}

/// For `#[serde(with = "exact")]`.
pub(crate) fn serialize<T: Wired, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    value.to_wire().serialize(serializer)
}

/// For `#[serde(with = "exact")]`.
pub(crate) fn deserialize<'de, T: Wired, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    T::Wire::deserialize(deserializer).map(T::from_wire)
}

/// One number on its way to or from the file.
pub(crate) struct Exact<T>(T);

impl<T: Number> Serialize for Exact<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let as_number = serde_json::to_string(&self.0).map_err(serde::ser::Error::custom)?;
        let reads_back = serde_json::from_str::<Exact<T>>(&as_number).is_ok_and(|read| read.0.same_bits(self.0));
        match as_number.parse::<f64>() {
            // By its shortest decimal also where numbers are kept as f64 on the way, as among a detector's settings.
            Ok(number) if reads_back => serializer.serialize_f64(number),
            Ok(_) | Err(_) => serializer.collect_str(&self.0),
        }
    }
}

impl<'de, T: Number> Deserialize<'de> for Exact<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NumberVisitor<T>(PhantomData<T>);

        impl<T: Number> Visitor<'_> for NumberVisitor<T> {
            type Value = Exact<T>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a number, or a string holding one")
            }

            fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Self::Value, E> {
                Ok(Exact(T::from_f64(value)))
            }

            fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Self::Value, E> {
                Ok(Exact(T::from_f64(value as f64)))
            }

            fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Self::Value, E> {
                Ok(Exact(T::from_f64(value as f64)))
            }

            fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Self::Value, E> {
                value.parse().map(Exact).map_err(|_| E::custom(format_args!("`{value}` is not a number")))
            }
        }

        deserializer.deserialize_any(NumberVisitor(PhantomData)).map_err(D::Error::custom)
    }
}

impl Number for f32 {
    fn from_f64(value: f64) -> Self {
        value as f32
    }

    fn same_bits(self, other: Self) -> bool {
        self.to_bits() == other.to_bits()
    }
}

impl Number for f64 {
    fn from_f64(value: f64) -> Self {
        value
    }

    fn same_bits(self, other: Self) -> bool {
        self.to_bits() == other.to_bits()
    }
}

impl Wired for f32 {
    type Wire = Exact<f32>;

    fn to_wire(&self) -> Self::Wire {
        Exact(*self)
    }

    fn from_wire(wire: Self::Wire) -> Self {
        wire.0
    }
}

impl Wired for f64 {
    type Wire = Exact<f64>;

    fn to_wire(&self) -> Self::Wire {
        Exact(*self)
    }

    fn from_wire(wire: Self::Wire) -> Self {
        wire.0
    }
}

impl<T: Wired> Wired for Option<T> {
    type Wire = Option<T::Wire>;

    fn to_wire(&self) -> Self::Wire {
        self.as_ref().map(T::to_wire)
    }

    fn from_wire(wire: Self::Wire) -> Self {
        wire.map(T::from_wire)
    }
}

impl Wired for Vec<f32> {
    type Wire = Vec<Exact<f32>>;

    fn to_wire(&self) -> Self::Wire {
        self.iter().copied().map(Exact).collect()
    }

    fn from_wire(wire: Self::Wire) -> Self {
        wire.into_iter().map(|number| number.0).collect()
    }
}

impl Wired for [f32; 3] {
    type Wire = [Exact<f32>; 3];

    fn to_wire(&self) -> Self::Wire {
        self.map(Exact)
    }

    fn from_wire(wire: Self::Wire) -> Self {
        wire.map(|number| number.0)
    }
}

impl Wired for Vec<[f32; 2]> {
    type Wire = Vec<[Exact<f32>; 2]>;

    fn to_wire(&self) -> Self::Wire {
        self.iter().map(|pair| pair.map(Exact)).collect()
    }

    fn from_wire(wire: Self::Wire) -> Self {
        wire.into_iter().map(|pair| pair.map(|number| number.0)).collect()
    }
}

impl Wired for BTreeMap<String, f64> {
    type Wire = UniqueMap<Exact<f64>>;

    fn to_wire(&self) -> Self::Wire {
        UniqueMap(self.iter().map(|(name, number)| (name.clone(), Exact(*number))).collect())
    }

    fn from_wire(wire: Self::Wire) -> Self {
        wire.0.into_iter().map(|(name, number)| (name, number.0)).collect()
    }
}
