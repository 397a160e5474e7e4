//! Addresses of a list of results, and what follows from a view.

use super::form::{Number, address, count, encode, fill};
use super::views::{Filter, History, Listing, OneDetector, OneResult};
use super::words::Words;

impl Words {
    /// So many images.
    pub(crate) fn n_images(&self, n: impl Number) -> String {
        if n.number() == Some(1.0) { self.images_1.to_owned() } else { fill(self.images_n, &[count(n)]) }
    }

    /// The parts of the page: path, icon, name.
    pub(crate) fn parts(&self) -> [(&'static str, &'static str, &'static str); 7] {
        [
            ("/", "overview", self.overview),
            ("/upload", "upload", self.upload),
            ("/jobs", "jobs", self.jobs),
            ("/history", "history", self.history),
            ("/detectors", "detectors", self.detectors),
            ("/datasets", "datasets", self.datasets),
            ("/settings", "settings", self.settings),
        ]
    }

    /// Orders of a list: word of the API, name.
    pub(crate) fn sorts(&self) -> [(&'static str, &'static str); 5] {
        [
            ("-at", self.sort_newest),
            ("at", self.sort_oldest),
            ("-score", self.sort_highest),
            ("score", self.sort_lowest),
            ("name", self.sort_name),
        ]
    }
}

/// A word of the API and its name.
type Named = (&'static str, &'static str);

/// What a form or a list offers.
impl Words {
    /// Files of a list.
    pub(crate) fn formats(&self) -> [Named; 3] {
        [("csv", self.csv), ("json", self.json), ("parquet", self.parquet)]
    }

    /// How long a fit may take.
    pub(crate) fn qualities(&self) -> [Named; 3] {
        [("fast", self.quality_fast), ("balanced", self.quality_balanced), ("best", self.quality_best)]
    }

    /// Labels of an image.
    pub(crate) fn labels(&self) -> [Named; 3] {
        [("normal", self.normal), ("anomalous", self.anomalous), ("unlabelled", self.unlabelled)]
    }

    /// Light, dark, or as the system has it.
    pub(crate) fn themes(&self) -> [Named; 3] {
        [("auto", self.theme_auto), ("light", self.theme_light), ("dark", self.theme_dark)]
    }

    /// Columns of the table of regions, but for their number.
    pub(crate) fn region_columns(&self) -> [&'static str; 7] {
        let place = [self.region_left, self.region_top, self.region_width, self.region_height];
        let [left, top, width, height] = place;
        [self.region_peak, self.region_mean, self.region_area, left, top, width, height]
    }
}

impl Filter {
    /// What narrows and orders a list, as its address says it.
    fn pairs(&self) -> [(&str, &str); 7] {
        [
            ("verdict", &self.verdict),
            ("search", &self.search),
            ("mark", &self.mark),
            ("day", &self.day),
            ("line", &self.line),
            ("detector", &self.detector),
            ("sort", &self.sort),
        ]
    }
}

impl Listing {
    /// Whether results are rows of a table, not pictures.
    pub(crate) fn is_table(&self) -> bool {
        self.filter.view == "table"
    }

    /// Whether some results are left out.
    pub(crate) fn is_narrowed(&self) -> bool {
        self.filter.pairs().iter().any(|(key, value)| *key != "sort" && !value.is_empty())
    }

    fn with(&self, path: &str, more: &[(&str, &str)]) -> String {
        let own = self.filter.pairs();
        let kept = own.iter().filter(|(key, _)| !more.iter().any(|(other, _)| other == key));
        address(path, &kept.chain(more).copied().collect::<Vec<_>>())
    }

    /// This list in the other form.
    pub(crate) fn viewed(&self, view: &str) -> String {
        self.with(&self.base, &[("view", view)])
    }

    /// Another page of this list; the first where `after` is empty.
    pub(crate) fn paged(&self, after: &str) -> String {
        self.with(&self.base, &[("view", &self.filter.view), ("after", after)])
    }

    /// This list by another order; by the same one the other way round.
    pub(crate) fn sorted(&self, key: &str) -> String {
        let down = format!("-{key}");
        let has_down = key != "name";
        let next = if has_down && self.filter.sort != down { down.as_str() } else { key };
        self.with(&self.base, &[("sort", next), ("view", &self.filter.view)])
    }

    /// How a column is ordered, as `aria-sort` says it.
    pub(crate) fn ordered(&self, key: &str) -> Option<&'static str> {
        match self.filter.sort.strip_prefix('-') {
            Some(sort) => (sort == key).then_some("descending"),
            None => (self.filter.sort == key).then_some("ascending"),
        }
    }

    /// All of its results as a file.
    pub(crate) fn file(&self, format: &str) -> String {
        self.with(&self.api, &[("format", format)])
    }

    /// A result, opened from this list: its neighbours are those of the list.
    pub(crate) fn opened(&self, id: &i64) -> String {
        let job = self.base.strip_prefix("/jobs/").unwrap_or_default();
        self.with(&format!("/results/{id}"), &[("job", job)])
    }
}

impl History {
    /// The list of a day.
    pub(crate) fn of_day(&self, day: &str) -> String {
        self.listing.with(&self.listing.base, &[("day", day)])
    }
}

impl OneDetector {
    /// Its place in the API.
    pub(crate) fn api(&self) -> String {
        format!("/api/v1/detectors/{}", encode(&self.detector.id))
    }
}

impl OneResult {
    /// The score in thresholds; 0 where there is none.
    pub(crate) fn true_ratio(&self) -> f64 {
        match (self.found.score, self.found.threshold) {
            (Some(score), Some(threshold)) if threshold > 0.0 => f64::from(score) / f64::from(threshold),
            _ => 0.0,
        }
    }

    /// The same, between 0 and 2.
    pub(crate) fn ratio(&self) -> f64 {
        let ratio = self.true_ratio();
        if ratio.is_finite() { ratio.clamp(0.0, 2.0) } else { 0.0 }
    }

    /// What can be said of it: an alarm is false or a defect, anything else is good or a miss.
    pub(crate) fn marks(&self) -> [&'static str; 2] {
        if self.found.verdict.as_deref() == Some("anomalous") { ["defect", "false_alarm"] } else { ["good", "missed"] }
    }
}

#[cfg(test)]
mod tests {
    use super::super::words::EN;
    use super::*;

    fn listing() -> Listing {
        let filter =
            Filter { verdict: "anomalous".into(), search: "a&b".into(), sort: "-score".into(), ..Filter::default() };
        Listing { base: "/jobs/7".into(), api: "/api/v1/jobs/7/results".into(), filter, ..Listing::default() }
    }

    #[test]
    fn one_image_is_no_images() {
        let [one, many] = [1, 2].map(|n| EN.n_images(n));
        assert_eq!((one.as_str(), many.as_str()), ("1 image", "2 images"));
    }

    #[test]
    fn a_list_keeps_what_it_is_narrowed_to() {
        let list = listing();
        assert_eq!(list.opened(&3), "/results/3?verdict=anomalous&search=a%26b&sort=-score&job=7");
        assert_eq!(list.file("csv"), "/api/v1/jobs/7/results?verdict=anomalous&search=a%26b&sort=-score&format=csv");
        assert_eq!(list.paged("x y"), "/jobs/7?verdict=anomalous&search=a%26b&sort=-score&after=x%20y");
        assert!(list.viewed("table").ends_with("&view=table"));
        assert!(list.is_narrowed());
    }

    #[test]
    fn a_column_that_is_ordered_turns_round() {
        let mut list = listing();
        assert_eq!(list.ordered("score"), Some("descending"));
        assert!(list.sorted("score").contains("sort=score"));
        list.filter.sort = "score".into();
        assert!(list.sorted("score").contains("sort=-score"));
        assert_eq!(list.ordered("name"), None);
    }

    #[test]
    fn only_what_fits_the_verdict_can_be_said() {
        let mut result = OneResult::default();
        assert_eq!(result.marks(), ["good", "missed"]);
        result.found.verdict = Some("anomalous".into());
        assert_eq!(result.marks(), ["defect", "false_alarm"]);
        result.found.score = Some(f32::INFINITY);
        result.found.threshold = Some(1.0);
        assert_eq!(result.ratio(), 0.0);
    }
}
