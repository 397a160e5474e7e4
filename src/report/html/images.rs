//! The sections with images: gallery and table.

use std::cmp::Ordering;

use super::text::base64;
use super::{Legend, MAX_GALLERY_BYTES, MAX_GALLERY_ITEMS, MAX_TABLE_ROWS, Outcome, Report, ReportImage, html_escape};
use crate::report::gallery::{GalleryGroup, GalleryItem};
use crate::report::number::{short, tick};
use crate::report::picture::colour;

/// The pictures, group by group.
pub(super) fn gallery(report: &Report) -> String {
    let mut items: Vec<(&GalleryItem, &ReportImage)> =
        report.gallery.iter().filter_map(|item| Some((item, report.images.get(item.image_idx)?))).collect();
    items.sort_by_key(|(item, _)| item.group);
    let (mut n_shown, mut n_bytes) = (0, 0);
    let mut groups = String::new();
    for group in GalleryGroup::ALL {
        let mut cards = String::new();
        for (item, image) in items.iter().filter(|(item, _)| item.group == group) {
            if n_shown < MAX_GALLERY_ITEMS && n_bytes + item.png.len() <= MAX_GALLERY_BYTES {
                n_shown += 1;
                n_bytes += item.png.len();
                cards += &card(item, image);
            }
        }
        if !cards.is_empty() {
            groups += &format!(
                "<h3>{}</h3>\n<p class=\"small\">{}</p>\n<div class=\"gallery\">\n{cards}</div>\n",
                group.title(),
                group.explanation()
            );
        }
    }
    if groups.is_empty() {
        return groups;
    }
    let left_out = if n_shown < items.len() {
        format!(
            " {n_shown} of {} pictures are shown; a page holds at most {MAX_GALLERY_ITEMS} and {} MiB.",
            items.len(),
            MAX_GALLERY_BYTES >> 20
        )
    } else {
        String::new()
    };
    format!(
        "<section>\n<h2>Images</h2>\n{}<p class=\"small\">Brighter means more anomalous.{left_out} All images are in the \
table below.</p>\n{groups}</section>\n",
        legend(report.legend)
    )
}

/// The colour scale, once for all pictures.
fn legend(legend: Option<Legend>) -> String {
    let Some(legend) = legend else {
        return String::new();
    };
    let stops = (0..=16).map(|stop| {
        let [red, green, blue] = colour(stop as f32 / 16.0);
        format!("rgb({red},{green},{blue})")
    });
    let stops: Vec<String> = stops.collect();
    let mark = legend.contour.map_or_else(String::new, |contour| {
        format!("<i style=\"left:{:.1}%\"></i>", legend.scale.position(contour) * 100.0)
    });
    let line = legend
        .contour
        .map_or_else(String::new, |contour| format!("<span class=\"line contour\">exceeds {}</span>", tick(contour)));
    let truth = if legend.truth_outlined { "<span class=\"line truth\">true fault</span>" } else { "" };
    format!(
        "<div class=\"legend\"><span>{}</span><span class=\"bar\" style=\"background:linear-gradient(90deg,{})\">{mark}\
</span><span>\u{2265} {}</span>{line}{truth}</div>\n",
        tick(legend.scale.low()),
        stops.join(","),
        tick(legend.scale.high())
    )
}

fn card(item: &GalleryItem, image: &ReportImage) -> String {
    let path = html_escape(&image.row.path);
    let mut details = Vec::new();
    if let Some(defect) = &image.defect {
        details.push(format!("truth: {}", html_escape(defect)));
    }
    let condition = condition(image);
    if !condition.is_empty() {
        details.push(format!("condition: {condition}"));
    }
    format!(
        "<figure class=\"card\"><img src=\"data:image/png;base64,{}\" alt=\"Anomaly map of {path}\">\
<figcaption>{}<span class=\"scores\"><strong>{}</strong> / {}</span><span class=\"path\">{path}</span>\
<span class=\"details\">{}</span></figcaption></figure>\n",
        base64(&item.png),
        image.outcome().badge(),
        score(image.row.score),
        score(image.row.threshold),
        details.join(" \u{b7} ")
    )
}

/// Every image as a row, failed ones first, then from the highest score down.
pub(super) fn table(images: &[ReportImage]) -> String {
    if images.is_empty() {
        return String::new();
    }
    let mut order: Vec<&ReportImage> = images.iter().collect();
    order.sort_by(|a, b| {
        let failed = |image: &ReportImage| image.outcome() != Outcome::Failed;
        let by_margin = match (a.margin(), b.margin()) {
            (Some(a), Some(b)) => b.total_cmp(&a),
            _ => Ordering::Equal,
        };
        failed(a).cmp(&failed(b)).then(by_margin)
    });
    let rows: String = order.iter().take(MAX_TABLE_ROWS).map(|image| row(image)).collect();
    let left_out = if images.len() > MAX_TABLE_ROWS {
        format!(
            "<p class=\"small\">The first {MAX_TABLE_ROWS} of {} images; all are in results.csv.</p>\n",
            images.len()
        )
    } else {
        String::new()
    };
    let mut outcomes: Vec<Outcome> = images.iter().map(ReportImage::outcome).collect();
    outcomes.sort_unstable();
    outcomes.dedup();
    let options = outcomes.iter().map(|outcome| format!("<option>{}</option>", outcome.word()));
    let head =
        |name: &str, class: &str| format!("<th scope=\"col\"{class}><button type=\"button\">{name}</button></th>");
    format!(
        "<section>\n<h2>All images</h2>\n{left_out}<div class=\"tools\" hidden><input type=\"search\" id=\"find\" \
placeholder=\"Find a path, condition or defect\" aria-label=\"Find a path, condition or defect\">\
<select id=\"outcome\" aria-label=\"Outcome\"><option value=\"\">every outcome</option>{}</select>\
<output id=\"count\"></output></div>\n\
<div class=\"scroll tall\" tabindex=\"0\" role=\"region\" aria-label=\"All images\"><table class=\"images\" id=\"images\">\
<thead><tr>{}{}{}{}{}{}{}</tr></thead><tbody>\n{rows}</tbody></table></div>\n</section>\n",
        options.collect::<String>(),
        head("Outcome", ""),
        head("Score", " class=\"number\""),
        head("Threshold", " class=\"number wide\""),
        head("Path", ""),
        head("Condition", ""),
        head("Truth", ""),
        head("ms", " class=\"number wide\"")
    )
}

fn row(image: &ReportImage) -> String {
    let truth = match (&image.defect, image.anomalous) {
        (Some(defect), _) => html_escape(defect),
        (None, Some(true)) => "anomalous".to_owned(),
        (None, Some(false)) => "normal".to_owned(),
        (None, None) => String::new(),
    };
    let error = image
        .row
        .error
        .as_deref()
        .map_or_else(String::new, |error| format!("<span class=\"error\">{}</span>", html_escape(error)));
    let sort_key = |value: Option<f32>| value.map_or_else(String::new, |value| format!(" data-v=\"{value}\""));
    format!(
        "<tr><td>{}</td><td class=\"number\"{}>{}</td><td class=\"number wide\"{}>{}</td><td class=\"path\">{}{error}</td>\
<td>{}</td><td>{truth}</td><td class=\"number wide\">{}</td></tr>\n",
        image.outcome().badge(),
        sort_key(image.row.score),
        score(image.row.score),
        sort_key(image.row.threshold),
        score(image.row.threshold),
        html_escape(&image.row.path),
        condition(image),
        image.row.ms.map_or_else(String::new, |ms| format!("{ms:.1}"))
    )
}

/// The condition's name, escaped; nothing where it was not told.
fn condition(image: &ReportImage) -> String {
    match &image.row.condition {
        Some(condition) => html_escape(condition),
        None if image.row.unknown_condition == Some(true) => "<em>unknown</em>".to_owned(),
        None => String::new(),
    }
}

fn score(value: Option<f32>) -> String {
    value.map_or_else(|| "-".to_owned(), short)
}
