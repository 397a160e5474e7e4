//! A stack machine for the part of the pickle language that describes tensors in dictionaries.
//!
//! <https://docs.python.org/3/library/pickletools.html>. Protocols 0 to 5 are accepted as far as they use the
//! instructions below; any other instruction is refused by its code.

use std::collections::HashMap;
use std::rc::Rc;

use super::containers::{Containers, MAX_VALUES, limit};
use super::error::{FORMAT, bad};
use super::operand::Reader;
use super::rebuild;
use super::value::{StorageRef, Value};
use crate::model::weights::WeightsError;

/// State of the machine while a pickle runs, and the containers it leaves.
#[derive(Debug, Default)]
pub(super) struct Machine {
    stack: Vec<Value>,
    marks: Vec<usize>,
    memo: HashMap<u32, Value>,
    pub(super) containers: Containers,
    storages: HashMap<Rc<str>, Rc<StorageRef>>,
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

    /// A storage the pickle named.
    pub(super) fn storage(&self, key: &str) -> Option<&StorageRef> {
        self.storages.get(key).map(Rc::as_ref)
    }

    fn step(&mut self, code: u8, reader: &mut Reader<'_>) -> Result<(), WeightsError> {
        if let Some(value) = reader.literal(code)? {
            self.stack.push(value);
            return Ok(());
        }
        let is_done = self.arrange(code, reader)? || self.remember(code, reader)? || self.call(code, reader)?;
        if is_done {
            return Ok(());
        }
        Err(WeightsError::unsupported(
            FORMAT,
            format!("pickle instruction 0x{code:02x} at byte {}; save a plain state dict", reader.at - 1),
        ))
    }

    /// The instructions of the stack and of containers; whether `code` is one of them, as with those below.
    fn arrange(&mut self, code: u8, reader: &mut Reader<'_>) -> Result<bool, WeightsError> {
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
            b')' => self.stack.push(Value::tuple(Vec::new())?),
            b't' => {
                let items = self.pop_to_mark()?;
                self.stack.push(Value::tuple(items)?);
            }
            0x85..=0x87 => self.tuple_of(usize::from(code - 0x84))?,
            b'}' => {
                let dict = self.containers.new_dict(Vec::new())?;
                self.stack.push(dict);
            }
            b']' => {
                limit(self.containers.lists.len())?;
                self.containers.lists.push(Vec::new());
                self.stack.push(Value::List(self.containers.lists.len() - 1));
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
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The instructions of the memo.
    fn remember(&mut self, code: u8, reader: &mut Reader<'_>) -> Result<bool, WeightsError> {
        match code {
            b'q' => self.memoise(u32::from(reader.byte()?))?,
            b'r' => self.memoise(u32::from_le_bytes(reader.array()?))?,
            0x94 => self.memoise(self.memo.len() as u32)?,
            b'h' => self.recall(u32::from(reader.byte()?))?,
            b'j' => self.recall(u32::from_le_bytes(reader.array()?))?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The instructions that name classes, call them, or refer to a storage.
    fn call(&mut self, code: u8, reader: &mut Reader<'_>) -> Result<bool, WeightsError> {
        match code {
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
                let value = rebuild::reduce(&mut self.containers, &class.0, &class.1, &arguments.items)?;
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
                let id = self.pop()?;
                self.storage_of(&id)?;
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn storage_of(&mut self, id: &Value) -> Result<(), WeightsError> {
        let storage = Rc::new(rebuild::storage(id)?);
        limit(self.storages.len())?;
        let known = self.storages.entry(Rc::clone(&storage.key)).or_insert_with(|| Rc::clone(&storage));
        if known.dtype != storage.dtype || known.count != storage.count {
            return Err(bad(&format!("storage {} is named with two types or lengths", storage.key)));
        }
        self.stack.push(Value::Storage(storage));
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

    fn tuple_of(&mut self, count: usize) -> Result<(), WeightsError> {
        let floor = self.marks.last().copied().unwrap_or(0);
        let start = self
            .stack
            .len()
            .checked_sub(count)
            .filter(|start| *start >= floor)
            .ok_or_else(|| bad("stack underflow"))?;
        let items = self.stack.split_off(start);
        self.stack.push(Value::tuple(items)?);
        Ok(())
    }

    fn append(&mut self, items: Vec<Value>) -> Result<(), WeightsError> {
        let Some(Value::List(index)) = self.stack.last() else {
            return Err(bad("items appended to something other than a list"));
        };
        let list = &mut self.containers.lists[*index];
        limit(list.len() + items.len())?;
        list.extend(items);
        Ok(())
    }

    fn set_items(&mut self, items: Vec<Value>) -> Result<(), WeightsError> {
        let Some(Value::Dict(index)) = self.stack.last() else {
            return Err(bad("items set on something other than a dictionary"));
        };
        let dict = &mut self.containers.dicts[*index];
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
