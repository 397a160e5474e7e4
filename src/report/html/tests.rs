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
        "1 of 2 faults found, 1 missed",
        "exceeds <strong>2.000</strong>: a limit set from 199 normal images",
        "at most <strong>1.0\u{a0}%</strong>. In this test 1 of 2 normal images did (50.0\u{a0}%).",
        "<span class=\"badge missed\">missed fault</span>",
        "<span class=\"badge alarm\">false alarm</span>",
        "By defect",
        "<svg class=\"chart\"",
    ] {
        assert!(page.contains(expected), "{expected}");
    }
    assert!(!page.contains("AUPRO") && !page.contains("By condition"));
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

#[test]
fn nothing_is_loaded_from_elsewhere() {
    let mut report = report();
    report.gallery.push(GalleryItem { group: GalleryGroup::MissedFault, image_idx: 3, png: vec![1, 2, 3] });
    let page = html_page(&report);
    assert!(page.contains("src=\"data:image/png;base64,AQID\""));
    assert_eq!(page.matches(" src=").count(), 1);
    for forbidden in ["http://", "https://", "//cdn", "url(", "@import", " href="] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
}

#[test]
fn a_shared_legend_is_drawn_once_above_the_pictures() {
    let mut report = report();
    let picture = || GalleryItem { group: GalleryGroup::MissedFault, image_idx: 3, png: vec![1] };
    report.gallery = vec![picture(), picture()];
    let scale = ColourScale::new(0.5, 2.5).unwrap();
    report.legend = Some(Legend { scale, contour: Some(1.0), truth_outlined: true });
    let page = html_page(&report);
    assert_eq!(page.matches("class=\"legend\"").count(), 1);
    for expected in ["<span>0.5</span>", "left:25.0%", "\u{2265} 2.5<", "exceeds 1<", "true fault"] {
        assert!(page.contains(expected), "{expected}");
    }
    report.legend = None;
    assert!(!html_page(&report).contains("class=\"legend\""));
}

#[test]
fn every_text_is_escaped() {
    let attack = "<script>alert('x')</script>\"&";
    let mut report = report();
    report.title = attack.to_owned();
    report.subtitle = attack.to_owned();
    report.facts.push((attack.to_owned(), attack.to_owned()));
    report.thresholds.push(ThresholdNote {
        condition: Some(attack.to_owned()),
        threshold: 1.0,
        n: 1,
        alpha: 0.5,
        source: ThresholdSource::HeldOut { grouped: false },
    });
    let image = &mut report.images[3];
    image.row.path = attack.to_owned();
    image.row.condition = Some(attack.to_owned());
    image.row.error = Some(attack.to_owned());
    image.defect = Some(attack.to_owned());
    let evaluation = report.evaluation.as_mut().unwrap();
    evaluation.per_condition.insert(attack.to_owned(), evaluation.overall);
    evaluation.per_defect.insert(attack.to_owned(), evaluation.overall);
    report.gallery.push(GalleryItem { group: GalleryGroup::MissedFault, image_idx: 3, png: vec![] });
    let page = html_page(&report);
    assert_eq!(page.matches("<script>").count(), 1, "the page's own");
    assert!(!page.contains("alert('x')"));
    assert_eq!(page.matches("&#60;script&#62;alert(&#39;x&#39;)&#60;/script&#62;&#34;&#38;").count(), 16);
}

#[test]
fn large_reports_are_cut_and_say_so() {
    let mut report = report();
    report.images = (0..MAX_TABLE_ROWS + 5).map(|i| image(&format!("{i}.png"), i as f32 / 100.0, false)).collect();
    let item = |image_idx| GalleryItem { group: GalleryGroup::FalseAlarm, image_idx, png: vec![0; 10] };
    report.gallery = (0..MAX_GALLERY_ITEMS + 3).map(item).collect();
    report.gallery.push(item(usize::MAX));
    let page = html_page(&report);
    assert_eq!(page.matches("<figure class=\"card\">").count(), MAX_GALLERY_ITEMS);
    assert!(page.contains("60 of 63 pictures are shown"));
    assert!(page.contains("The first 2000 of 2005 images; all are in results.csv."));
    assert_eq!(page.matches("<td class=\"path\">").count(), MAX_TABLE_ROWS);
    report.gallery = vec![item(0), GalleryItem { png: vec![0; MAX_GALLERY_BYTES], ..item(1) }];
    assert!(html_page(&report).contains("1 of 2 pictures are shown"));
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
    assert!(page.contains("50.0\u{a0}% of the inspected images") && page.contains("cut short"));
    assert!(page.contains("Histogram of calibrated score: 4 all images"), "all four in one series");
    assert!(!page.contains("ROC curve"));
    let empty = html_page(&Report::default());
    assert!(empty.contains("</html>") && !empty.contains("<svg") && !empty.contains("<table"));
}
