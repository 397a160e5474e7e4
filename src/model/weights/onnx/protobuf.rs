//! The protobuf wire format: a message is a sequence of numbered fields.
//!
//! <https://protobuf.dev/programming-guides/encoding/>. Nothing is copied; a field is a view of the message.

use crate::model::weights::WeightsError;

/// Most integers in one attribute, and most inputs or outputs of a node.
pub(super) const MAX_ITEMS: usize = 1024;

/// Name in messages.
pub(super) const FORMAT: &str = "ONNX";

/// One field of a message.
pub(super) enum Field<'a> {
    /// An integer.
    Varint { number: u64, value: u64 },
    /// A string, a nested message or packed numbers, with its place in the file.
    Bytes { number: u64, bytes: &'a [u8], start: u64 },
    /// A float32 or a 32-bit integer.
    Fixed32 { number: u64, bits: u32 },
    /// A 64-bit number; none is needed.
    Fixed64,
}

/// Iterates over the fields of a message; ends after the first error.
pub(super) struct Message<'a> {
    bytes: &'a [u8],
    at: usize,
    start: u64,
}

impl<'a> Message<'a> {
    /// A message whose first byte is byte `start` of the file.
    pub(super) fn new(bytes: &'a [u8], start: u64) -> Self {
        Self { bytes, at: 0, start }
    }

    fn field(&mut self) -> Result<Field<'a>, WeightsError> {
        let tag = varint(self.bytes, &mut self.at)?;
        let number = tag >> 3;
        match tag & 7 {
            0 => Ok(Field::Varint { number, value: varint(self.bytes, &mut self.at)? }),
            1 => {
                self.take(8)?;
                Ok(Field::Fixed64)
            }
            2 => {
                let length = varint(self.bytes, &mut self.at)?;
                let start = self.start + self.at as u64;
                Ok(Field::Bytes { number, bytes: self.take(length)?, start })
            }
            5 => {
                let mut bits = [0; 4];
                bits.copy_from_slice(self.take(4)?);
                Ok(Field::Fixed32 { number, bits: u32::from_le_bytes(bits) })
            }
            kind => Err(WeightsError::malformed(
                FORMAT,
                format!("field of wire type {kind} at byte {}", self.start + self.at as u64),
            )),
        }
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], WeightsError> {
        let end = usize::try_from(length)
            .ok()
            .and_then(|length| self.at.checked_add(length))
            .filter(|end| *end <= self.bytes.len());
        let Some(end) = end else {
            let reason = format!(
                "a field of {length} bytes at byte {} does not fit: the file may be truncated",
                self.start + self.at as u64
            );
            return Err(WeightsError::malformed(FORMAT, reason));
        };
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }
}

impl<'a> Iterator for Message<'a> {
    type Item = Result<Field<'a>, WeightsError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at >= self.bytes.len() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.at = self.bytes.len();
        }
        Some(field)
    }
}

/// Packed integers.
pub(super) fn packed(bytes: &[u8]) -> Result<Vec<u64>, WeightsError> {
    let (mut at, mut values) = (0, Vec::new());
    while at < bytes.len() {
        if values.len() == MAX_ITEMS {
            return Err(WeightsError::TooLarge {
                what: "number of packed integers",
                limit: MAX_ITEMS as u64,
                found: MAX_ITEMS as u64 + 1,
            });
        }
        values.push(varint(bytes, &mut at)?);
    }
    Ok(values)
}

fn varint(bytes: &[u8], at: &mut usize) -> Result<u64, WeightsError> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = *bytes
            .get(*at)
            .ok_or_else(|| WeightsError::malformed(FORMAT, "a number is cut: the file may be truncated"))?;
        *at += 1;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(WeightsError::malformed(FORMAT, "a number of more than 64 bits"))
}
