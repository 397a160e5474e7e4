//! The page as a whole: complete, escaped, limited.

use super::*;
use crate::eval::{ScoredImage, evaluate};
use crate::report::{ColourScale, GalleryGroup, GalleryItem, ReportImage, ResultRow};
use crate::score::Verdict;

fn image(path: &str, score: f32, anomalous: bool) -> ReportImage {
    ReportImage {
        row: ResultRow {
            path: path.to_owned(),
            raw_score: Some(score),
            score: Some(score),
            threshold: Some(2.0),
            p_value: None,
            verdict: Some(Verdict::of(score, 2.0)),
            ms: Some(3.25),
            ..ResultRow::default()
        },
        anomalous: Some(anomalous),
        defect: anomalous.then(|| "crack".to_owned()),
    }
}

fn report() -> Report {
    let images = vec![
        image("good/0.png", 1.0, false),
        image("good/1.png", 2.5, false),
        image("crack/0.png", 5.0, true),
        image("crack/1.png", 1.5, true),
    ];
    let scored: Vec<ScoredImage> = images
        .iter()
        .map(|image| ScoredImage {
            anomalous: image.anomalous.unwrap(),
            raw_score: image.row.raw_score.unwrap(),
            calibrated_score: image.row.score.unwrap(),
            verdict: image.row.verdict.unwrap(),
            p_value: None,
            condition: None,
            defect: image.defect.clone(),
        })
        .collect();
    Report {
        title: "Line 7".to_owned(),
        began: "2026-03-01T08:30:59Z".to_owned(),
        evaluation: Some(evaluate(&scored, &[]).unwrap()),
        images,
        thresholds: vec![ThresholdNote {
            condition: None,
            threshold: 2.0,
            n: 199,
            alpha: 0.01,
            source: ThresholdSource::HeldOut { grouped: false },
        }],
        ..Report::default()
    }
}

#[test]
fn the_page_states_the_figures_and_what_the_threshold_means() {
    let page = html_page(&report());
    for expected in [
        "<title>Line 7</title>",
        "<p class=\"value\">0.7500</p>",
        "1 of 2 normal images",
        "1 of 2, 1 missed",
        "exceeds <strong>2.000</strong>: a limit set from 199 normal images",
        "at most <strong>1.0\u{a0}%</strong>. In this test 1 of 2 normal images did (50.0\u{a0}%).",
        "<span class=\"badge missed\">missed defect</span>",
        "<span class=\"badge alarm\">false alarm</span>",
        "By defect",
        "<svg class=\"chart\"",
    ] {
        assert!(page.contains(expected), "{expected}");
    }
    assert!(!page.contains("AUPRO") && !page.contains("By condition"));
}

#[test]
fn the_heading_says_the_product_the_outcome_in_a_sentence_and_the_date_and_no_path() {
    let report = Report { facts: vec![("images".to_owned(), "/data/line7/test".to_owned())], ..report() };
    let page = html_page(&report);
    let (header, rest) = page.split_once("</header>").unwrap();
    let header = header.split_once("<header>").unwrap().1;
    for expected in [
        "<h1>Line 7</h1>",
        "<p class=\"outcome\">1 of 2 defects are found, 1 missed; 1 false alarm among 2 normal images.</p>",
        "<time datetime=\"2026-03-01T08:30:59Z\">1 March 2026, 08:30 UTC</time>",
    ] {
        assert!(header.contains(expected), "{expected}: {header}");
    }
    assert!(!header.contains("/data/line7/test") && rest.contains("<dd>/data/line7/test</dd>"));
}

#[test]
fn conditions_are_spoken_of_only_where_there_are_several() {
    let mut report = report();
    for image in &mut report.images {
        image.row.condition = Some("all".to_owned());
    }
    let evaluation = report.evaluation.as_mut().unwrap();
    evaluation.per_condition.insert("all".to_owned(), evaluation.overall);
    let mut gate = crate::eval::GateAnswers::default();
    gate.add("all", crate::eval::Told::Condition("all"));
    evaluation.gate = Some(gate);
    report.gallery = vec![item(GalleryGroup::MissedDefect, 3)];
    let sections = |page: &str| page.split_once("</style>").unwrap().1.split("<script>").next().unwrap().to_lowercase();
    report.n_conditions = 1;
    let page = sections(&html_page(&report));
    assert!(!page.contains("condition") && !page.contains("calibrated") && !page.contains("gate"), "{page}");
    report.n_conditions = 2;
    let page = sections(&html_page(&report));
    for expected in
        ["by condition", "conditions told by the gate", "condition</button>", "condition: all", "calibrated"]
    {
        assert!(page.contains(expected), "{expected}");
    }
}

#[test]
fn the_slider_has_every_score_its_truth_and_the_threshold_in_raw_scores() {
    let mut report = Report { cut: "set".to_owned(), ..report() };
    for (at, image) in report.images.iter_mut().enumerate() {
        // Calibrated scores are a line of raw ones: here raw = 3 + 0.5 * score.
        image.row.raw_score = image.row.score.map(|score| 3.0 + 0.5 * score);
        image.row.path = format!("{at}.png");
    }
    let page = html_page(&report);
    assert!(page.contains(r#"data-scores="3.5,4.25,5.5,3.75" data-truth="nnaa" data-command="set ""#), "{page}");
    assert!(page.contains(r#"min="3.5" max="5.5" step="any" value="4""#));
    // Thresholds by condition have no common number: scores count in thresholds.
    report.images[0].row.threshold = Some(4.0);
    let page = html_page(&report);
    assert!(page.contains(r#"data-scores="0.25,1.25,2.5,0.75" data-truth="nnaa" data-command="""#), "{page}");
    report.images.clear();
    assert!(!html_page(&report).contains("id=\"slider\""));
}

#[test]
fn too_few_images_for_the_rate_asked_for_is_said() {
    let mut report = report();
    report.thresholds[0].n = 39;
    let page = html_page(&report);
    assert!(
        page.contains("at most <strong>2.5\u{a0}%</strong>. But 39 normal images can promise no rate below 2.5\u{a0}%")
    );
    report.thresholds.push(ThresholdNote {
        condition: Some("cold".to_owned()),
        threshold: 9.0,
        n: 9,
        alpha: 0.01,
        source: ThresholdSource::HeldOut { grouped: false },
    });
    let page = html_page(&report);
    assert!(
        page.contains("<th scope=\"row\">cold</th><td>9.000</td><td>9</td><td>1.0\u{a0}%</td><td>10.0\u{a0}%</td>")
    );
}

#[test]
fn a_given_limit_promises_nothing_and_leave_one_out_is_called_what_it_is() {
    let mut report = report();
    let mut page_of = |source, n_conditions: usize| {
        let note = ThresholdNote { condition: None, threshold: 2.0, n: 40, alpha: 0.05, source };
        report.thresholds = vec![note; n_conditions];
        html_page(&report)
    };
    for n_conditions in [1, 2] {
        let page = page_of(ThresholdSource::Given, n_conditions);
        assert!(page.contains("a limit that was given. It does not come from normal images"));
        assert!(!page.contains("at most") && !page.contains("5.0\u{a0}%"), "{n_conditions}");
        let left_out = page_of(ThresholdSource::LeaveOneOut { grouped: false }, n_conditions);
        assert!(left_out.contains("each scored without its own patches") && left_out.contains("approximation"));
        assert!(!left_out.contains("had not seen"));
        let grouped = page_of(ThresholdSource::LeaveOneOut { grouped: true }, n_conditions);
        assert!(grouped.contains("groups of normal images") && grouped.contains("without the patches of its group"));
        let held_out = page_of(ThresholdSource::HeldOut { grouped: false }, n_conditions);
        assert!(held_out.contains("that the detector had not seen") && !held_out.contains("approximation"));
    }
}

/// A picture in the page and beside it.
fn item(group: GalleryGroup, image_idx: usize) -> GalleryItem {
    GalleryItem { group, image_idx, thumb: vec![1, 2, 3], place: Some(format!("{image_idx} a.png.jpg")) }
}

#[test]
fn nothing_is_loaded_from_elsewhere() {
    let mut report = report();
    report.gallery.push(item(GalleryGroup::MissedDefect, 3));
    let page = html_page(&report);
    assert!(page.contains("src=\"data:image/jpeg;base64,AQID\""));
    assert_eq!(page.matches(" src=").count(), 1);
    assert_eq!(page.matches(" href=").count(), 1);
    for forbidden in ["http:", "https:", "//cdn", "url(", "@import", "<link"] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
    assert!(page.contains("default-src 'none'; img-src data: 'self' file:; style-src 'unsafe-inline'"));
}

#[test]
fn every_alarm_and_every_missed_defect_has_a_picture_that_links_to_its_overlay() {
    let mut report = report();
    report.images[1].row.overlay = Some("overlays/1 a.png.png".to_owned());
    report.gallery = vec![
        item(GalleryGroup::MissedDefect, 3),
        item(GalleryGroup::FalseAlarm, 1),
        item(GalleryGroup::FoundDefect, 2),
    ];
    report.gallery[2].thumb.clear();
    let page = html_page(&report);
    // Where no overlay of its own was written, the link goes to the map in the page's folder; small pictures without room
    // in the page come from there too.
    for expected in [
        "<figure class=\"card wide\"><a href=\"report_files/map/3%20a.png.jpg\"><img loading=\"lazy\" src=\"data:",
        "<figure class=\"card\"><a href=\"overlays/1%20a.png.png\" data-p=\"1%20a.png.jpg\"><img",
        "<a href=\"report_files/map/2%20a.png.jpg\"><img loading=\"lazy\" src=\"report_files/thumb/2%20a.png.jpg\"",
        "alt=\"Heat map of crack/1.png\"",
    ] {
        assert!(page.contains(expected), "{expected}");
    }
    // More than a screen of them are folded away, and none is left out.
    let many = 40;
    report.images = (0..many).map(|i| image(&format!("{i}.png"), 3.0, true)).collect();
    report.gallery = (0..many).map(|i| item(GalleryGroup::FoundDefect, i)).collect();
    let page = html_page(&report);
    assert_eq!(page.matches("<figure class=\"card\">").count(), many);
    assert!(page.contains("<summary>28 more</summary>") && !page.contains("pictures are shown"));
    // Two pages of print have room for four groups.
    report.gallery = GalleryGroup::ALL.map(|group| item(group, 0)).to_vec();
    assert_eq!(html_page(&report).matches(" on-screen\"").count(), 1);
    report.gallery.pop();
    assert_eq!(html_page(&report).matches(" on-screen\"").count(), 0);
}

#[test]
fn pictures_enlarge_in_place_by_keys_too_and_are_links_without_script() {
    let mut report = report();
    report.gallery.push(item(GalleryGroup::MissedDefect, 3));
    let page = html_page(&report);
    for expected in [
        "<dialog class=\"view\" id=\"view\" aria-labelledby=\"view-said\">",
        "id=\"view-heat\" aria-pressed=\"true\">Heat map <kbd>H</kbd>",
        "id=\"view-both\"",
        "id=\"view-close\"",
        "view.showModal()",
        "ArrowLeft: () => show(at - 1), ArrowRight: () => show(at + 1), h: turnHeat, b: turnBoth",
        "report_files/image/${place(link)}",
    ] {
        assert!(page.contains(expected), "{expected}");
    }
    // A dialog that no script opens is not seen, and a page without pictures has none.
    assert!(!page.contains("<dialog open") && !html_page(&self::report()).contains("<dialog"));
}

#[test]
fn a_shared_legend_is_drawn_once_above_the_pictures() {
    let mut report = report();
    report.gallery = vec![item(GalleryGroup::MissedDefect, 3), item(GalleryGroup::MissedDefect, 3)];
    let scale = ColourScale::new(0.5, 2.5).unwrap();
    report.legend = Some(Legend { scale, contour: Some(1.0), truth_outlined: true });
    let page = html_page(&report);
    assert_eq!(page.matches("class=\"legend\"").count(), 1);
    for expected in ["<span>0.5</span>", "left:25.0%", "\u{2265} 2.5<", "exceeds 1<", "true defect"] {
        assert!(page.contains(expected), "{expected}");
    }
    report.legend = None;
    assert!(!html_page(&report).contains("class=\"legend\""));
}

fn image_row(report: &mut Report) -> &mut ResultRow {
    &mut report.images[3].row
}

#[test]
fn every_text_is_escaped() {
    let attack = "<script>alert('x')</script>\"&";
    let mut report = report();
    report.title = attack.to_owned();
    report.began = attack.to_owned();
    report.facts.push((attack.to_owned(), attack.to_owned()));
    report.thresholds.push(ThresholdNote {
        condition: Some(attack.to_owned()),
        threshold: 1.0,
        n: 1,
        alpha: 0.5,
        source: ThresholdSource::HeldOut { grouped: false },
    });
    report.n_conditions = 2;
    let image = &mut report.images[3];
    image.row.path = attack.to_owned();
    image.row.condition = Some(attack.to_owned());
    image.row.error = Some(attack.to_owned());
    image.defect = Some(attack.to_owned());
    let evaluation = report.evaluation.as_mut().unwrap();
    evaluation.per_condition.insert(attack.to_owned(), evaluation.overall);
    evaluation.per_defect.insert(attack.to_owned(), evaluation.overall);
    image_row(&mut report).overlay = Some(attack.to_owned());
    let place = Some(attack.to_owned());
    report.gallery.push(GalleryItem { group: GalleryGroup::MissedDefect, image_idx: 3, thumb: vec![], place });
    let page = html_page(&report);
    assert_eq!(page.matches("<script>").count(), 1, "the page's own");
    assert!(!page.contains("alert('x')"));
    assert_eq!(page.matches("&#60;script&#62;alert(&#39;x&#39;)&#60;/script&#62;&#34;&#38;").count(), 17);
}

/// Of a run of so many images, each an alarm with a picture of 10 kB.
fn large(n: usize, folder: &str) -> Report {
    let mut report = report();
    report.images =
        (0..n).map(|i| image(&format!("{folder}/{i:05}.png"), 2.5 + i as f32 / 100.0, i.is_multiple_of(2))).collect();
    for row in &mut report.images {
        row.row.raw_score = row.row.score.map(|score| score / 3.0);
    }
    let item = |i: usize| GalleryItem {
        group: if i.is_multiple_of(2) { GalleryGroup::FoundDefect } else { GalleryGroup::FalseAlarm },
        image_idx: i,
        thumb: vec![7; 10_000],
        place: Some(format!("{folder}/{i:05}.png.jpg")),
    };
    report.gallery = (0..n).map(item).collect();
    report
}

#[test]
fn a_report_of_5000_images_stays_within_5_megabytes_with_every_picture() {
    let report = large(5_000, "line7/2026-03-01/camera_2");
    let page = html_page(&report);
    assert!(page.len() <= MAX_PAGE_BYTES, "{}", page.len());
    assert_eq!(page.matches("<figure class=\"card\">").count(), 5_000);
    let inside = page.matches("src=\"data:").count();
    assert!(inside > 50 && page.len() > MAX_PAGE_BYTES * 9 / 10, "as many are in it as have room: {inside}");
    assert_eq!(page.matches("src=\"report_files/thumb/").count(), 5_000 - inside);
    assert!(page.contains("The first 2000 of 5000 images; all are in results.csv."));
    assert_eq!(page.matches("<td class=\"path\">").count(), MAX_TABLE_ROWS);
}

#[test]
fn names_of_any_length_do_not_take_the_page_beyond_5_megabytes_and_what_is_left_out_is_said() {
    let report = large(5_000, &"deep/".repeat(60));
    let page = html_page(&report);
    assert!(page.len() <= MAX_PAGE_BYTES, "{}", page.len());
    let n_cards = page.matches("<figure class=\"card\">").count();
    assert!(n_cards > 1_000 && page.contains(&format!("{n_cards} of 5000 pictures are shown")), "{n_cards}");
    let n_rows = page.matches("<td class=\"path\">").count();
    assert!(page.contains(&format!("The first {n_rows} of 5000 images")) && n_rows > 1_000, "{n_rows}");
    let mut stranger = self::report();
    stranger.gallery = vec![item(GalleryGroup::FalseAlarm, usize::MAX)];
    assert!(!html_page(&stranger).contains("class=\"card"), "a picture of no image");
}

#[test]
fn without_truth_the_page_counts_and_without_images_it_still_stands() {
    let mut report = report();
    report.evaluation = None;
    for image in &mut report.images {
        image.anomalous = None;
        image.defect = None;
    }
    let failed =
        ResultRow { path: "broken.tif".to_owned(), error: Some("cut short".to_owned()), ..ResultRow::default() };
    report.images.push(ReportImage { row: failed, anomalous: None, defect: None });
    let page = html_page(&report);
    assert!(page.contains("2 of 4 images are anomalous; 1 image could not be inspected."));
    assert!(!page.contains("Truth</button>"), "there is none");
    assert!(page.contains("50.0\u{a0}% of the inspected images") && page.contains("cut short"));
    assert!(page.contains("Histogram of score: 4 all images"), "all four in one series");
    assert!(!page.contains("ROC curve"));
    let empty = html_page(&Report::default());
    assert!(empty.contains("</html>") && !empty.contains("<svg") && !empty.contains("<table"));
}
