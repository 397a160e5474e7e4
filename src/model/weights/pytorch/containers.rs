//! The dictionaries and lists that a pickle makes.

use super::value::Value;
use crate::model::weights::WeightsError;
use std::rc::Rc;

/// Most values on the stack, on the memo, or in one container.
pub(super) const MAX_VALUES: usize = 1 << 20;

/// All of them, by index: they are shared, and change after they were memoised.
#[derive(Debug, Default)]
pub(super) struct Containers {
    pub(super) dicts: Vec<Vec<(Value, Value)>>,
    pub(super) lists: Vec<Vec<Value>>,
}

impl Containers {
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

    /// Adds a dictionary.
    pub(super) fn new_dict(&mut self, items: Vec<(Value, Value)>) -> Result<Value, WeightsError> {
        limit(self.dicts.len())?;
        self.dicts.push(items);
        Ok(Value::Dict(self.dicts.len() - 1))
    }
}

pub(super) fn limit(count: usize) -> Result<(), WeightsError> {
    if count >= MAX_VALUES {
        return Err(WeightsError::TooLarge {
            what: "number of pickled values",
            limit: MAX_VALUES as u64,
            found: count as u64 + 1,
        });
    }
    Ok(())
}
