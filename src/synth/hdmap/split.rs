//! The folders of a simulated data set.

use std::fmt;

/// The folder a map belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Split {
    /// `train/good`.
    TrainGood,
    /// `test/good`.
    TestGood,
    /// `test/fault`.
    TestFault,
}

impl Split {
    /// All folders, in the order they are written.
    pub const ALL: [Split; 3] = [Split::TrainGood, Split::TestGood, Split::TestFault];

    /// The folder below the domain folder, with `/`.
    pub fn folder(self) -> &'static str {
        match self {
            Split::TrainGood => "train/good",
            Split::TestGood => "test/good",
            Split::TestFault => "test/fault",
        }
    }
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.folder())
    }
}
