//! What the address of a list says.

use crate::serve::http::problem::Problem;
use crate::serve::page::views::Filter as Shown;
use crate::serve::store::{Filter, Sort};
use serde::Deserialize;

/// What is asked of a list; empty is as left out.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ListAddress {
    verdict: String,
    search: String,
    sort: String,
    mark: String,
    day: String,
    line: String,
    detector: String,
    pub(super) job: String,
    view: String,
    pub(super) after: String,
}

impl ListAddress {
    /// What is narrowed to.
    ///
    /// # Errors
    /// What is no number or no word.
    pub(super) fn filter(&self) -> Result<Filter, Problem> {
        let text = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        let number = |text: &String, what: &str| -> Result<Option<i64>, Problem> {
            let bad = |_| Problem::bad(format!("{what}={text}: expected a number"));
            text.is_empty().then_some(None).map_or_else(|| text.parse().map(Some).map_err(bad), Ok)
        };
        let mark = text(&self.mark).map(|mark| mark.parse()).transpose();
        Ok(Filter {
            job: number(&self.job, "job")?,
            line: number(&self.line, "line")?,
            detector: text(&self.detector),
            verdict: text(&self.verdict),
            mark: mark.map_err(|error: crate::serve::record::UnknownWord| Problem::bad(error.to_string()))?,
            day: text(&self.day),
            search: text(&self.search),
        })
    }

    /// What stands first.
    ///
    /// # Errors
    /// A word that is none.
    pub(super) fn sort(&self) -> Result<Sort, Problem> {
        if self.sort.is_empty() {
            return Ok(Sort::default());
        }
        Sort::of_word(&self.sort)
            .ok_or_else(|| Problem::bad(format!("sort={}: expected one of those of the list", self.sort)))
    }

    /// The same for the page.
    pub(super) fn shown(&self) -> Shown {
        let Self { verdict, search, sort, mark, day, line, detector, view, .. } = self.clone();
        let sort = if sort.is_empty() { "-at".to_owned() } else { sort };
        Shown { verdict, search, sort, mark, day, line, detector, view }
    }

    /// As an address has it, without the job and the page.
    pub(super) fn address(&self) -> String {
        let pairs = [
            ("verdict", &self.verdict),
            ("search", &self.search),
            ("mark", &self.mark),
            ("day", &self.day),
            ("line", &self.line),
            ("detector", &self.detector),
            ("sort", &self.sort),
        ];
        let given: Vec<(&str, &str)> =
            pairs.iter().filter(|(_, value)| !value.is_empty()).map(|(key, value)| (*key, value.as_str())).collect();
        crate::serve::page::form::address("", &given)
    }
}
