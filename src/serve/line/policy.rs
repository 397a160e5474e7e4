//! What is done with images that come faster than they are inspected.

use crate::serve::store::StoreError;
use crate::serve::work::Station;
use serde::{Deserialize, Serialize};
use std::str::FromStr;
use utoipa::ToSchema;

/// What is done with images that come too fast.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::serve) enum Policy {
    /// The source waits: files stay where they are, a camera's frames in its pipe, a request is refused for a moment.
    Block,
    /// The oldest image that waits is dropped, and counted.
    DropOldest,
    /// All are accepted; they wait on the disk.
    Spill,
}

impl Policy {
    /// The word for it.
    pub(in crate::serve) fn as_str(self) -> &'static str {
        match self {
            Self::Block => "block",
            Self::DropOldest => "drop_oldest",
            Self::Spill => "spill",
        }
    }
}

impl FromStr for Policy {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let all = [Self::Block, Self::DropOldest, Self::Spill];
        let unknown = || format!("policy {text:?}: expected block, drop_oldest or spill");
        all.into_iter().find(|policy| policy.as_str() == text).ok_or_else(unknown)
    }
}

/// Drops the oldest images of a line that wait, until no more than `capacity` do.
///
/// # Errors
/// What the database says.
pub(in crate::serve) fn make_room(station: &Station, line: i64, capacity: i64) -> Result<(), StoreError> {
    let too_many = station.store.n_waiting(line)? - capacity;
    if too_many > 0 {
        let n = station.store.drop_oldest(line, too_many)?;
        tracing::warn!(line, n, "images came too fast: the oldest ones were dropped");
    }
    Ok(())
}
