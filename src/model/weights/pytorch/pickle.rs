//! A stack machine for the part of the pickle language that describes tensors in dictionaries.
//!
//! <https://docs.python.org/3/library/pickletools.html>. Protocols 0 to 5 are accepted as far as they use the
//! instructions below; any other instruction is refused by its code.

use std::collections::HashMap;
use std::rc::Rc;

use super::rebuild::{self, StorageRef, TensorRef};
use super::{FORMAT, WeightsError};

/// Most values on the stack, on the memo, or in one container.
const MAX_VALUES: usize = 1 << 20;
/// Deepest nesting of tuples.
const MAX_TUPLE_DEPTH: usize = 16;

/// What a pickle can describe.
#[derive(Debug, Clone)]
pub(super) enum Value {
    None,
    Bool(bool),
    Int(i64),
    /// A float, a byte string: read past, never used.
    Opaque,
    /// An integer of more than 8 bytes, little-endian.
    Long(Rc<[u8]>),
    Text(Rc<str>),
    Tuple(Rc<Tuple>),
    /// Index into the machine's dictionaries; dictionaries are shared and change after they were memoised.
    Dict(usize),
    /// Index into the machine's lists.
    List(usize),
    /// Module and name.
    Class(Rc<(String, String)>),
    Storage(Rc<StorageRef>),
    Tensor(Rc<TensorRef>),
}

/// A tuple with its depth, bounded so that dropping one cannot overflow the call stack.
#[derive(Debug)]
pub(super) struct Tuple {
    pub(super) items: Vec<Value>,
    depth: usize,
}

/// State of the machine while a pickle runs, and the containers it leaves.
#[derive(Debug, Default)]
pub(super) struct Machine {
    stack: Vec<Value>,
    marks: Vec<usize>,
    memo: HashMap<u32, Value>,
    dicts: Vec<Vec<(Value, Value)>>,
    lists: Vec<Vec<Value>>,
    storages: HashMap<Rc<str>, Rc<StorageRef>>,
}

/// Reads operands.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Machine {
    /// Runs one pickle from the start of `bytes`; returns its value and its length.
    pub(super) fn run(&mut self, bytes: &[u8]) -> Result<(Value, usize), WeightsError> {
        let mut reader = Reader { bytes, at: 0 };
        loop {
            let code = reader.byte()?;
            if code == b'.' {
                return Ok((self.pop()?, reader.at));
            }
            self.step(code, &mut reader)?;
            if self.stack.len() > MAX_VALUES || self.marks.len() > MAX_VALUES || self.memo.len() > MAX_VALUES {
                return Err(WeightsError::TooLarge {
                    what: "number of pickled values",
                    limit: MAX_VALUES as u64,
                    found: MAX_VALUES as u64 + 1,
                });
            }
        }
    }

    /// The pairs of a dictionary.
    pub(super) fn items(&self, value: &Value) -> Option<&[(Value, Value)]> {
        if let Value::Dict(index) = value { self.dicts.get(*index).map(Vec::as_slice) } else { None }
    }

    /// The value a dictionary has for a text key.
    pub(super) fn entry(&self, dict: &Value, key: &str) -> Option<&Value> {
        self.items(dict)?.iter().find(|(k, _)| matches!(k, Value::Text(text) if **text == *key)).map(|(_, v)| v)
    }

    /// The strings of a list of strings.
    pub(super) fn texts(&self, value: &Value) -> Option<Vec<Rc<str>>> {
        let Value::List(index) = value else { return None };
        self.lists.get(*index)?.iter().map(|v| if let Value::Text(t) = v { Some(Rc::clone(t)) } else { None }).collect()
    }

    /// The pairs of a list of two-element tuples or lists.
    pub(super) fn pairs(&self, value: &Value) -> Option<Vec<(Value, Value)>> {
        let Value::List(index) = value else { return None };
        let pair = |value: &Value| {
            let items = match value {
                Value::Tuple(tuple) => &tuple.items,
                Value::List(index) => self.lists.get(*index)?,
                _ => return None,
            };
            if let [key, value] = items.as_slice() { Some((key.clone(), value.clone())) } else { None }
        };
        self.lists.get(*index)?.iter().map(pair).collect()
    }

    /// A storage the pickle named.
    pub(super) fn storage(&self, key: &str) -> Option<&StorageRef> {
        self.storages.get(key).map(Rc::as_ref)
    }

    /// Adds a dictionary.
    pub(super) fn new_dict(&mut self, items: Vec<(Value, Value)>) -> Result<Value, WeightsError> {
        limit(self.dicts.len())?;
        self.dicts.push(items);
        Ok(Value::Dict(self.dicts.len() - 1))
    }

    fn step(&mut self, code: u8, reader: &mut Reader<'_>) -> Result<(), WeightsError> {
        match code {
            0x80 => {
                let protocol = reader.byte()?;
                if protocol > 5 {
                    return Err(WeightsError::unsupported(FORMAT, format!("pickle protocol {protocol}")));
                }
            }
            0x95 => {
                reader.take(8)?;
            }
            b'(' => self.marks.push(self.stack.len()),
            b'0' => {
                self.pop()?;
            }
            b'1' => {
                self.pop_to_mark()?;
            }
            b'N' => self.stack.push(Value::None),
            0x88 => self.stack.push(Value::Bool(true)),
            0x89 => self.stack.push(Value::Bool(false)),
            b'J' => self.stack.push(Value::Int(i64::from(i32::from_le_bytes(reader.array()?)))),
            b'K' => self.stack.push(Value::Int(i64::from(reader.byte()?))),
            b'M' => self.stack.push(Value::Int(i64::from(u16::from_le_bytes(reader.array()?)))),
            0x8a => {
                let length = usize::from(reader.byte()?);
                let digits = reader.take(length)?;
                self.stack.push(long(digits));
            }
            b'G' => {
                reader.take(8)?;
                self.stack.push(Value::Opaque);
            }
            b'X' => self.text(4, reader)?,
            0x8c => self.text(1, reader)?,
            0x8d => self.text(8, reader)?,
            // Byte strings: Python 2 wrote text as these.
            b'T' => self.text(4, reader)?,
            b'U' => self.text(1, reader)?,
            b'B' => self.skip_bytes(4, reader)?,
            b'C' => self.skip_bytes(1, reader)?,
            0x8e => self.skip_bytes(8, reader)?,
            b')' => self.tuple(Vec::new())?,
            b't' => {
                let items = self.pop_to_mark()?;
                self.tuple(items)?;
            }
            0x85 => self.tuple_of(1)?,
            0x86 => self.tuple_of(2)?,
            0x87 => self.tuple_of(3)?,
            b'}' => {
                let dict = self.new_dict(Vec::new())?;
                self.stack.push(dict);
            }
            b']' => {
                limit(self.lists.len())?;
                self.lists.push(Vec::new());
                self.stack.push(Value::List(self.lists.len() - 1));
            }
            b'a' => {
                let item = self.pop()?;
                self.append(vec![item])?;
            }
            b'e' => {
                let items = self.pop_to_mark()?;
                self.append(items)?;
            }
            b's' => {
                let value = self.pop()?;
                let key = self.pop()?;
                self.set_items(vec![key, value])?;
            }
            b'u' => {
                let items = self.pop_to_mark()?;
                self.set_items(items)?;
            }
            b'q' => {
                let index = u32::from(reader.byte()?);
                self.memoise(index)?;
            }
            b'r' => {
                let index = u32::from_le_bytes(reader.array()?);
                self.memoise(index)?;
            }
            0x94 => self.memoise(self.memo.len() as u32)?,
            b'h' => {
                let index = u32::from(reader.byte()?);
                self.recall(index)?;
            }
            b'j' => {
                let index = u32::from_le_bytes(reader.array()?);
                self.recall(index)?;
            }
            b'c' => {
                let module = reader.line()?.to_owned();
                let name = reader.line()?.to_owned();
                self.class(module, name)?;
            }
            0x93 => match (self.pop()?, self.pop()?) {
                (Value::Text(name), Value::Text(module)) => self.class(module.to_string(), name.to_string())?,
                _ => return Err(bad("a class named by something other than two strings")),
            },
            b'R' => {
                let (Value::Tuple(arguments), callable) = (self.pop()?, self.pop()?) else {
                    return Err(bad("a call without a tuple of arguments"));
                };
                let Value::Class(class) = callable else {
                    return Err(bad("a call of something other than a function"));
                };
                let value = rebuild::reduce(self, &class.0, &class.1, &arguments.items)?;
                self.stack.push(value);
            }
            // State set on an object: only the `_metadata` of an ordered dictionary is expected, and not needed.
            b'b' => {
                self.pop()?;
                if !matches!(self.stack.last(), Some(Value::Dict(_))) {
                    return Err(bad("state set on something other than a dictionary"));
                }
            }
            b'Q' => {
                let storage = Rc::new(rebuild::storage(&self.pop()?)?);
                limit(self.storages.len())?;
                let known = self.storages.entry(Rc::clone(&storage.key)).or_insert_with(|| Rc::clone(&storage));
                if known.dtype != storage.dtype || known.count != storage.count {
                    return Err(bad(&format!("storage {} is named with two types or lengths", storage.key)));
                }
                self.stack.push(Value::Storage(storage));
            }
            other => {
                return Err(WeightsError::unsupported(
                    FORMAT,
                    format!("pickle instruction 0x{other:02x} at byte {}; save a plain state dict", reader.at - 1),
                ));
            }
        }
        Ok(())
    }

    fn class(&mut self, module: String, name: String) -> Result<(), WeightsError> {
        if !rebuild::is_known(&module, &name) {
            return Err(WeightsError::RefusedCall {
                callable: format!("{module}.{name}").escape_default().to_string(),
            });
        }
        self.stack.push(Value::Class(Rc::new((module, name))));
        Ok(())
    }

    fn text(&mut self, length_bytes: usize, reader: &mut Reader<'_>) -> Result<(), WeightsError> {
        let length = reader.length(length_bytes)?;
        let bytes = reader.take(length)?;
        self.stack.push(match std::str::from_utf8(bytes) {
            Ok(text) => Value::Text(Rc::from(text)),
            Err(_) => Value::Opaque,
        });
        Ok(())
    }

    fn skip_bytes(&mut self, length_bytes: usize, reader: &mut Reader<'_>) -> Result<(), WeightsError> {
        let length = reader.length(length_bytes)?;
        reader.take(length)?;
        self.stack.push(Value::Opaque);
        Ok(())
    }

    fn tuple_of(&mut self, count: usize) -> Result<(), WeightsError> {
        let floor = self.marks.last().copied().unwrap_or(0);
        let start = self
            .stack
            .len()
            .checked_sub(count)
            .filter(|start| *start >= floor)
            .ok_or_else(|| bad("stack underflow"))?;
        let items = self.stack.split_off(start);
        self.tuple(items)
    }

    fn tuple(&mut self, items: Vec<Value>) -> Result<(), WeightsError> {
        let depth = 1 + items.iter().map(|v| if let Value::Tuple(t) = v { t.depth } else { 0 }).max().unwrap_or(0);
        if depth > MAX_TUPLE_DEPTH {
            return Err(WeightsError::TooLarge {
                what: "nesting of tuples",
                limit: MAX_TUPLE_DEPTH as u64,
                found: depth as u64,
            });
        }
        self.stack.push(Value::Tuple(Rc::new(Tuple { items, depth })));
        Ok(())
    }

    fn append(&mut self, items: Vec<Value>) -> Result<(), WeightsError> {
        let Some(Value::List(index)) = self.stack.last() else {
            return Err(bad("items appended to something other than a list"));
        };
        let list = &mut self.lists[*index];
        limit(list.len() + items.len())?;
        list.extend(items);
        Ok(())
    }

    fn set_items(&mut self, items: Vec<Value>) -> Result<(), WeightsError> {
        let Some(Value::Dict(index)) = self.stack.last() else {
            return Err(bad("items set on something other than a dictionary"));
        };
        let dict = &mut self.dicts[*index];
        limit(dict.len() + items.len() / 2)?;
        let mut items = items.into_iter();
        while let Some(key) = items.next() {
            dict.push((key, items.next().ok_or_else(|| bad("a key without a value"))?));
        }
        Ok(())
    }

    fn memoise(&mut self, index: u32) -> Result<(), WeightsError> {
        let value = self.stack.last().cloned().ok_or_else(|| bad("stack underflow"))?;
        self.memo.insert(index, value);
        Ok(())
    }

    fn recall(&mut self, index: u32) -> Result<(), WeightsError> {
        let value = self.memo.get(&index).cloned().ok_or_else(|| bad(&format!("no memo {index}")))?;
        self.stack.push(value);
        Ok(())
    }

    fn pop(&mut self) -> Result<Value, WeightsError> {
        if self.marks.last().is_some_and(|mark| *mark >= self.stack.len()) {
            return Err(bad("stack underflow"));
        }
        self.stack.pop().ok_or_else(|| bad("stack underflow"))
    }

    fn pop_to_mark(&mut self) -> Result<Vec<Value>, WeightsError> {
        let mark = self.marks.pop().ok_or_else(|| bad("no mark on the stack"))?;
        if mark > self.stack.len() {
            return Err(bad("stack underflow"));
        }
        Ok(self.stack.split_off(mark))
    }
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], WeightsError> {
        let end = self.at.checked_add(length).filter(|end| *end <= self.bytes.len());
        let end = end.ok_or_else(|| bad("the pickle ends in the middle of an instruction"))?;
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, WeightsError> {
        Ok(self.take(1)?[0])
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], WeightsError> {
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

    fn line(&mut self) -> Result<&'a str, WeightsError> {
        let rest = &self.bytes[self.at..];
        let end = rest.iter().take(256).position(|b| *b == b'\n').ok_or_else(|| bad("a class name without an end"))?;
        self.at += end + 1;
        std::str::from_utf8(&rest[..end]).map_err(|_| bad("a class name that is no text"))
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

fn limit(count: usize) -> Result<(), WeightsError> {
    if count >= MAX_VALUES {
        return Err(WeightsError::TooLarge {
            what: "number of pickled values",
            limit: MAX_VALUES as u64,
            found: count as u64 + 1,
        });
    }
    Ok(())
}

fn bad(reason: &str) -> WeightsError {
    WeightsError::malformed(FORMAT, reason)
}
