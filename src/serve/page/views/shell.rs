//! What pages have in common.

use super::super::words::Lang;

/// What every page has around it.
#[derive(Clone, Debug)]
pub(crate) struct Shell {
    /// The reader's language.
    pub(crate) lang: Lang,
    /// `light`, `dark`, or `auto` as the system has it.
    pub(crate) theme: String,
    /// Who is signed in; none on the page where one signs in, and where there are no accounts.
    pub(crate) user: Option<String>,
    /// `viewer`, `operator` or `admin`.
    pub(crate) role: String,
    /// The path of this page.
    pub(crate) path: String,
    /// Of pcore.
    pub(crate) version: String,
}

impl Shell {
    /// Whether the reader may inspect, mark results, and change detectors and data sets.
    pub(crate) fn may_operate(&self) -> bool {
        ["operator", "admin"].contains(&self.role.as_str())
    }

    /// Whether the reader may change lines and accounts, and delete detectors.
    pub(crate) fn may_admin(&self) -> bool {
        self.role == "admin"
    }

    /// Whether a part of the navigation is where the reader is.
    pub(crate) fn is_at(&self, part: &str) -> bool {
        match part {
            "/" => self.path == "/" || self.path.starts_with("/lines"),
            "/history" => self.path.starts_with("/history") || self.path.starts_with("/results"),
            part => self.path.starts_with(part),
        }
    }
}

/// A label and what stands behind it.
#[derive(Clone, Debug)]
pub(crate) struct Fact {
    pub(crate) label: String,
    pub(crate) value: String,
}

/// Something to choose: what is sent, and what is shown.
#[derive(Clone, Debug)]
pub(crate) struct Choice {
    pub(crate) id: String,
    pub(crate) name: String,
}
