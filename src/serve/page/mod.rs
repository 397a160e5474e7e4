//! What people see: pages that the server renders. A script makes them live; reading needs none.
//!
//! ```text
//! records of the store -> views -> templates (`*.html` beside this file), words, form, chart -> HTML
//! ```
//!
//! All texts go through the escaper of the templates; nothing is inserted unescaped. A page has no script, style or handler in it:
//! the content security policy allows only the files of [`assets`].

pub(crate) mod assets;
mod chart;
#[cfg(test)]
mod fixtures;
pub(crate) mod form;
#[cfg(test)]
mod hostile;
mod listing;
pub(crate) mod views;
pub(crate) mod words;

use askama::Template;
use views::Shell;
use words::{Lang, Words};

macro_rules! pages {
    ($($(#[$doc:meta])* $function:ident: $page:ident($view:ident) = $path:literal;)+) => {
        $(
            #[derive(Template)]
            #[template(path = $path)]
            struct $page<'a> {
                sh: &'a Shell,
                w: &'static Words,
                #[allow(dead_code, reason = "not every page says a time span")]
                lang: Lang,
                v: &'a views::$view,
            }

            $(#[$doc])*
            ///
            /// # Errors
            /// Never, but for memory that is not there.
            pub(crate) fn $function(sh: &Shell, v: &views::$view) -> Result<String, askama::Error> {
                $page { sh, w: sh.lang.words(), lang: sh.lang, v }.render()
            }
        )+
    };
}

pages! {
    /// `/`: lines and recent jobs, or the first steps.
    overview: OverviewPage(Overview) = "page/overview.html";
    /// `/lines/{id}`: a line as it runs.
    line: LinePage(Live) = "page/line.html";
    /// `/upload`: images for a detector.
    upload: UploadPage(Upload) = "page/upload.html";
    /// `/jobs`.
    jobs: JobsPage(Jobs) = "page/jobs.html";
    /// `/jobs/{id}`: how far a job is, and what came of it.
    job: JobPage(OneJob) = "page/job.html";
    /// `/results/{id}`: a result at large.
    result: ResultPage(OneResult) = "page/result.html";
    /// `/history`: results by day, and the list of all.
    history: HistoryPage(History) = "page/history.html";
    /// `/detectors`.
    detectors: DetectorsPage(Detectors) = "page/detectors.html";
    /// `/detectors/{id}`: what a detector is, its threshold, and what can be done with it.
    detector: DetectorPage(OneDetector) = "page/detector.html";
    /// `/datasets`.
    datasets: DatasetsPage(Datasets) = "page/datasets.html";
    /// `/datasets/{id}`: the images of a data set.
    dataset: DatasetPage(OneDataset) = "page/dataset.html";
    /// `/settings`: accounts, tokens, and this server.
    settings: SettingsPage(Settings) = "page/settings.html";
    /// `/login`.
    login: LoginPage(Login) = "page/login.html";
    /// Whatever went wrong.
    error: ErrorPage(Failure) = "page/error.html";
}

#[cfg(test)]
mod tests;
