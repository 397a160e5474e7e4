//! The operands of instructions, and the instructions that are nothing but a value.

use std::rc::Rc;

use super::error::bad;
use super::value::Value;
use crate::model::weights::WeightsError;

/// Reads operands.
pub(super) struct Reader<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) at: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn take(&mut self, length: usize) -> Result<&'a [u8], WeightsError> {
        let end = self.at.checked_add(length).filter(|end| *end <= self.bytes.len());
        let end = end.ok_or_else(|| bad("the pickle ends in the middle of an instruction"))?;
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }

    pub(super) fn byte(&mut self) -> Result<u8, WeightsError> {
        Ok(self.take(1)?[0])
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], WeightsError> {
        let mut out = [0; N];
        out.copy_from_slice(self.take(N)?);
        Ok(out)
    }

    /// An unsigned length of 1, 4 or 8 bytes.
    fn length(&mut self, bytes: usize) -> Result<usize, WeightsError> {
        let mut wide = [0; 8];
        wide[..bytes].copy_from_slice(self.take(bytes)?);
        usize::try_from(u64::from_le_bytes(wide)).map_err(|_| bad("a length that does not fit"))
    }

    pub(super) fn line(&mut self) -> Result<&'a str, WeightsError> {
        let rest = &self.bytes[self.at..];
        let end = rest.iter().take(256).position(|b| *b == b'\n').ok_or_else(|| bad("a class name without an end"))?;
        self.at += end + 1;
        std::str::from_utf8(&rest[..end]).map_err(|_| bad("a class name that is no text"))
    }

    /// The value that an instruction stands for by itself; `None` of any other instruction.
    pub(super) fn literal(&mut self, code: u8) -> Result<Option<Value>, WeightsError> {
        Ok(Some(match code {
            b'N' => Value::None,
            0x88 => Value::Bool(true),
            0x89 => Value::Bool(false),
            b'J' => Value::Int(i64::from(i32::from_le_bytes(self.array()?))),
            b'K' => Value::Int(i64::from(self.byte()?)),
            b'M' => Value::Int(i64::from(u16::from_le_bytes(self.array()?))),
            0x8a => {
                let length = usize::from(self.byte()?);
                long(self.take(length)?)
            }
            b'G' => {
                self.take(8)?;
                Value::Opaque
            }
            b'X' => self.text(4)?,
            0x8c => self.text(1)?,
            0x8d => self.text(8)?,
            // Byte strings: Python 2 wrote text as these.
            b'T' => self.text(4)?,
            b'U' => self.text(1)?,
            b'B' => self.skip_bytes(4)?,
            b'C' => self.skip_bytes(1)?,
            0x8e => self.skip_bytes(8)?,
            _ => return Ok(None),
        }))
    }

    fn text(&mut self, length_bytes: usize) -> Result<Value, WeightsError> {
        let length = self.length(length_bytes)?;
        let bytes = self.take(length)?;
        Ok(match std::str::from_utf8(bytes) {
            Ok(text) => Value::Text(Rc::from(text)),
            Err(_) => Value::Opaque,
        })
    }

    fn skip_bytes(&mut self, length_bytes: usize) -> Result<Value, WeightsError> {
        let length = self.length(length_bytes)?;
        self.take(length)?;
        Ok(Value::Opaque)
    }
}

/// Two's complement little-endian integer.
fn long(digits: &[u8]) -> Value {
    if digits.len() > 8 {
        return Value::Long(Rc::from(digits));
    }
    let fill = if digits.last().is_some_and(|b| b & 0x80 != 0) { 0xff } else { 0 };
    let mut wide = [fill; 8];
    wide[..digits.len()].copy_from_slice(digits);
    Value::Int(i64::from_le_bytes(wide))
}
