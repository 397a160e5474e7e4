//! The few calls a plain checkpoint makes, carried out as data.

use std::rc::Rc;

use super::containers::Containers;
use super::error::{FORMAT, bad};
use super::value::{StorageRef, TensorRef, Value};
use crate::model::weights::WeightsError;
use crate::model::weights::stored::{Dtype, MAX_RANK};

/// Whether a class or function may appear in a checkpoint at all.
pub(super) fn is_known(module: &str, name: &str) -> bool {
    storage_dtype(module, name).is_some()
        || matches!(
            (module, name),
            ("collections", "OrderedDict")
                | (
                    "torch._utils",
                    "_rebuild_tensor" | "_rebuild_tensor_v2" | "_rebuild_parameter" | "_rebuild_parameter_with_state"
                )
        )
}

/// Carries out one allowed call.
pub(super) fn reduce(
    containers: &mut Containers,
    module: &str,
    name: &str,
    arguments: &[Value],
) -> Result<Value, WeightsError> {
    match (module, name, arguments) {
        ("collections", "OrderedDict", []) => containers.new_dict(Vec::new()),
        // Python 2 wrote ordered dictionaries as a list of pairs.
        ("collections", "OrderedDict", [pairs]) => {
            let items = containers.pairs(pairs).ok_or_else(|| bad("OrderedDict of something other than pairs"))?;
            containers.new_dict(items)
        }
        ("torch._utils", "_rebuild_tensor", [storage, offset, shape, strides])
        | ("torch._utils", "_rebuild_tensor_v2", [storage, offset, shape, strides, ..]) => {
            tensor(storage, offset, shape, strides).map(|tensor| Value::Tensor(Rc::new(tensor)))
        }
        ("torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state", [data @ Value::Tensor(_), ..]) => {
            Ok(data.clone())
        }
        _ if is_known(module, name) => {
            Err(bad(&format!("call of {module}.{name} with {} arguments it does not take", arguments.len())))
        }
        _ => Err(WeightsError::RefusedCall { callable: format!("{module}.{name}") }),
    }
}

/// The storage a persistent id `("storage", class, key, location, count[, view])` names.
pub(super) fn storage(id: &Value) -> Result<StorageRef, WeightsError> {
    let Value::Tuple(id) = id else { return Err(bad("persistent id that is no tuple")) };
    let (class, key, count) = match id.items.as_slice() {
        [Value::Text(tag), Value::Class(class), Value::Text(key), _, Value::Int(count)]
        | [Value::Text(tag), Value::Class(class), Value::Text(key), _, Value::Int(count), Value::None]
            if &**tag == "storage" =>
        {
            (class, key, *count)
        }
        _ => return Err(bad("persistent id that names no plain storage")),
    };
    let dtype = storage_dtype(&class.0, &class.1)
        .ok_or_else(|| WeightsError::unsupported(FORMAT, format!("storage of class {}.{}", class.0, class.1)))?;
    let count = u64::try_from(count).map_err(|_| bad("storage with a negative number of elements"))?;
    Ok(StorageRef { key: Rc::clone(key), dtype, count })
}

fn tensor(storage: &Value, offset: &Value, shape: &Value, strides: &Value) -> Result<TensorRef, WeightsError> {
    let Value::Storage(storage) = storage else { return Err(bad("tensor without a storage")) };
    let Value::Int(offset) = offset else { return Err(bad("tensor without an offset")) };
    let offset = u64::try_from(*offset).map_err(|_| bad("tensor with a negative offset"))?;
    let shape = extents(shape).ok_or_else(|| bad("tensor with an invalid shape"))?;
    let strides = extents(strides).ok_or_else(|| bad("tensor with invalid strides"))?;
    if shape.len() != strides.len() {
        return Err(bad("tensor with a different number of extents and strides"));
    }
    Ok(TensorRef { storage: Rc::clone(storage), offset, shape, strides })
}

fn extents(value: &Value) -> Option<Vec<usize>> {
    let Value::Tuple(tuple) = value else { return None };
    if tuple.items.len() > MAX_RANK {
        return None;
    }
    tuple.items.iter().map(|v| if let Value::Int(n) = v { usize::try_from(*n).ok() } else { None }).collect()
}

fn storage_dtype(module: &str, name: &str) -> Option<Dtype> {
    if module != "torch" {
        return None;
    }
    let other = |name, bytes| Some(Dtype::Other { name, bytes });
    match name {
        "FloatStorage" => Some(Dtype::F32),
        "HalfStorage" => Some(Dtype::F16),
        "BFloat16Storage" => Some(Dtype::BF16),
        "DoubleStorage" => Some(Dtype::F64),
        "LongStorage" => other("I64", 8),
        "IntStorage" => other("I32", 4),
        "ShortStorage" => other("I16", 2),
        "CharStorage" => other("I8", 1),
        "ByteStorage" => other("U8", 1),
        "BoolStorage" => other("BOOL", 1),
        _ => None,
    }
}
