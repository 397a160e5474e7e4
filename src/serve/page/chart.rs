//! Charts as numbers, which the templates draw as SVG. Texts stand beside them in HTML: they keep their size on a phone.

use super::views::{Day, Found, Recent, Thresholds};

/// Columns of a chart's coordinates; the page stretches it.
pub(crate) const WIDTH: f64 = 600.0;
/// Rows of half a histogram.
const HALF: f64 = 90.0;
/// Rows of the chart of days.
const TALL: f64 = 120.0;
/// Bars of a histogram.
const N_BINS: usize = 48;
/// Days that a chart has at least, so that two days are not two walls.
const LEAST_DAYS: usize = 14;

/// A rectangle.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Bar {
    pub(crate) x: f64,
    pub(crate) y: f64,
    pub(crate) width: f64,
    pub(crate) height: f64,
    /// What it stands for: the name of a colour.
    pub(crate) class: &'static str,
}

fn tenth(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}

/// Held-out scores upwards, recent ones downwards, on one axis.
#[derive(Clone, Debug)]
pub(crate) struct Histogram {
    pub(crate) bars: Vec<Bar>,
    /// Scores at the left and at the right end.
    pub(crate) low: f64,
    pub(crate) high: f64,
    /// Where the threshold is; none where there is none.
    pub(crate) line: Option<f64>,
}

impl Histogram {
    /// None where there is not a single score.
    pub(crate) fn of(seen: &Thresholds) -> Option<Self> {
        let held: Vec<f64> = seen.held_out.iter().map(|score| f64::from(*score)).filter(|x| x.is_finite()).collect();
        let recent: Vec<f64> = seen.recent.iter().map(|recent| recent.score).filter(|x| x.is_finite()).collect();
        let threshold = seen.threshold.map(f64::from);
        let all = || held.iter().chain(&recent).copied().chain(threshold);
        if held.is_empty() && recent.is_empty() {
            return None;
        }
        let (low, high) = (all().fold(f64::INFINITY, f64::min), all().fold(f64::NEG_INFINITY, f64::max));
        let room = ((high - low) * 0.04).max(1e-6);
        let (low, high) = (low - room, high + room);
        let mut chart =
            Self { bars: vec![], low, high, line: threshold.map(|x| tenth((x - low) / (high - low) * WIDTH)) };
        chart.add(&held, &[], true);
        let is_defect = |recent: &&Recent| matches!(recent.mark.as_deref(), Some("defect" | "missed"));
        let defects = seen.recent.iter().filter(is_defect).map(|recent| recent.score).filter(|x| x.is_finite());
        chart.add(&recent, &defects.collect::<Vec<_>>(), false);
        Some(chart)
    }

    fn counted(&self, scores: &[f64]) -> [u32; N_BINS] {
        let mut counts = [0_u32; N_BINS];
        for score in scores {
            let bin = (score - self.low) / (self.high - self.low) * N_BINS as f64;
            counts[(bin as usize).min(N_BINS - 1)] += 1;
        }
        counts
    }

    /// The number of scores in a bar is told by its square root: one defect among hundreds is still seen. `defects` are some of them.
    fn add(&mut self, scores: &[f64], defects: &[f64], is_up: bool) {
        let (counts, bad) = (self.counted(scores), self.counted(defects));
        let most = f64::from(counts.iter().copied().max().unwrap_or(0).max(1)).sqrt();
        let step = WIDTH / N_BINS as f64;
        for (at, n) in counts.into_iter().enumerate().filter(|(_, n)| *n > 0) {
            let whole = tenth((f64::from(n).sqrt() / most * (HALF - 8.0)).max(2.0));
            let (x, width) = (tenth(at as f64 * step + 0.8), tenth(step - 1.6));
            let mut bar = |height: f64, class| {
                let y = if is_up { tenth(HALF - 1.0 - height) } else { HALF + 1.0 };
                self.bars.push(Bar { x, y, width, height, class });
            };
            bar(whole, if is_up { "c-held" } else { "c-recent" });
            if bad[at] > 0 {
                bar(tenth(whole * f64::from(bad[at]) / f64::from(n)), "c-defect");
            }
        }
    }
}

/// What the threshold does to what was seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Consequences {
    /// Recent results.
    pub(crate) n: usize,
    /// Of these, above the threshold.
    pub(crate) alarms: usize,
    /// Marked as normal, and of these above it.
    pub(crate) normals: usize,
    pub(crate) false_alarms: usize,
    /// Marked as defective, and of these not above it.
    pub(crate) defects: usize,
    pub(crate) misses: usize,
}

impl Consequences {
    /// Of the threshold that is in use; none where there is none.
    pub(crate) fn of(seen: &Thresholds) -> Option<Self> {
        let threshold = f64::from(seen.threshold?);
        let mut all = Self { n: seen.recent.len(), ..Self::default() };
        for recent in &seen.recent {
            let is_alarm = recent.score > threshold;
            all.alarms += usize::from(is_alarm);
            match recent.mark.as_deref() {
                Some("false_alarm" | "good") => {
                    all.normals += 1;
                    all.false_alarms += usize::from(is_alarm);
                }
                Some("defect" | "missed") => {
                    all.defects += 1;
                    all.misses += usize::from(!is_alarm);
                }
                _ => {}
            }
        }
        Some(all)
    }
}

/// Rates of false alarms that the slider offers, ascending: those that held-out images can vouch for, and the one in use.
pub(crate) fn alphas(seen: &Thresholds) -> Vec<f64> {
    const ROUND: [f64; 12] = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.015, 0.02, 0.03, 0.05, 0.075, 0.1, 0.2];
    let mut all: Vec<f64> = ROUND.into_iter().filter(|alpha| *alpha >= seen.smallest_alpha).collect();
    if seen.alpha > 0.0 && seen.alpha < 1.0 && !all.iter().any(|alpha| (alpha / seen.alpha - 1.0).abs() < 1e-6) {
        all.push(seen.alpha);
    }
    all.sort_by(f64::total_cmp);
    all
}

/// The place of a rate among those of the slider; the last one where it is none.
pub(crate) fn position(steps: &[f64], alpha: &f64) -> usize {
    steps.iter().position(|step| (step / alpha - 1.0).abs() < 1e-6).unwrap_or(last(steps))
}

/// The last place of the slider.
pub(crate) fn last(steps: &[f64]) -> usize {
    steps.len().saturating_sub(1)
}

/// Images by day as stacked bars, scores by day as curves.
#[derive(Clone, Debug)]
pub(crate) struct Trends {
    pub(crate) bars: Vec<Bar>,
    /// Images of the highest bar.
    pub(crate) most: i64,
    /// Points of curves, as SVG writes them; a day without scores breaks none.
    pub(crate) median: String,
    pub(crate) p95: String,
    pub(crate) low: f64,
    pub(crate) high: f64,
    pub(crate) has_scores: bool,
}

impl Trends {
    /// None where no day has an image.
    pub(crate) fn of(days: &[Day]) -> Option<Self> {
        let most = days.iter().map(|day| day.n).max().filter(|most| *most > 0)?;
        let step = WIDTH / days.len().max(LEAST_DAYS) as f64;
        let first = WIDTH - step * days.len() as f64;
        let mut bars = vec![];
        for (at, day) in days.iter().enumerate() {
            let normal = (day.n - day.n_anomalous - day.n_failed).max(0);
            let mut top = TALL;
            for (n, class) in [(normal, "c-normal"), (day.n_anomalous, "c-anomalous"), (day.n_failed, "c-failed")] {
                let height = n as f64 / most as f64 * (TALL - 4.0);
                if n > 0 {
                    top -= height;
                    let (x, width) = (tenth(first + at as f64 * step + step * 0.12), tenth(step * 0.76));
                    bars.push(Bar { x, y: tenth(top), width, height: tenth(height.max(0.5)), class });
                }
            }
        }
        let scores = || days.iter().flat_map(|day| [day.median_score, day.p95_score]).flatten();
        let (low, high) = (scores().fold(f64::INFINITY, f64::min), scores().fold(f64::NEG_INFINITY, f64::max));
        let has_scores = low.is_finite() && high.is_finite();
        let (low, high) = if has_scores { (low.min(0.0), high.max(low + 1e-6)) } else { (0.0, 1.0) };
        let curve = |value: fn(&Day) -> Option<f64>| {
            let points = days.iter().enumerate().filter_map(|(at, day)| Some((at, value(day)?)));
            let place = |(at, y): (usize, f64)| {
                let x = first + (at as f64 + 0.5) * step;
                format!("{:.1},{:.1}", x, TALL - 4.0 - (y - low) / (high - low) * (TALL - 8.0))
            };
            points.map(place).collect::<Vec<_>>().join(" ")
        };
        let (median, p95) = (curve(|day| day.median_score), curve(|day| day.p95_score));
        Some(Self { bars, most, median, p95, low, high, has_scores })
    }
}

/// The scores of the last results against their threshold, the oldest at the left.
#[derive(Clone, Debug)]
pub(crate) struct Spark {
    pub(crate) bars: Vec<Bar>,
    /// Where the threshold is.
    pub(crate) line: f64,
}

impl Spark {
    /// Columns and rows.
    pub(crate) const WIDTH: f64 = 240.0;
    pub(crate) const HEIGHT: f64 = 36.0;

    /// None where nothing has a score. The threshold is at half the height, whatever it is.
    pub(crate) fn of(last: &[Found]) -> Option<Self> {
        let n = last.len().max(12);
        let step = Self::WIDTH / n as f64;
        let line = Self::HEIGHT / 2.0;
        let mut bars = vec![];
        for (at, found) in last.iter().enumerate() {
            let (Some(score), Some(threshold)) = (found.score, found.threshold) else { continue };
            let ratio = f64::from(score) / f64::from(threshold).max(1e-6);
            let height = tenth((ratio * line).clamp(2.0, Self::HEIGHT - 1.0));
            let is_alarm = found.verdict.as_deref() == Some("anomalous");
            bars.push(Bar {
                x: tenth(Self::WIDTH - (at + 1) as f64 * step + step * 0.2),
                y: tenth(Self::HEIGHT - height),
                width: tenth(step * 0.6),
                height,
                class: if is_alarm { "c-anomalous" } else { "c-normal" },
            });
        }
        if bars.is_empty() { None } else { Some(Self { bars, line }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen() -> Thresholds {
        let recent = [(1.0, None), (5.0, Some("defect")), (4.5, Some("false_alarm")), (2.0, Some("missed"))];
        Thresholds {
            held_out: vec![1.0, 1.5, 2.0, 3.0],
            recent: recent.map(|(score, mark)| Recent { score, mark: mark.map(str::to_owned) }).into(),
            alpha: 0.03,
            threshold: Some(4.0),
            smallest_alpha: 0.004,
        }
    }

    #[test]
    fn consequences_count_what_people_marked() {
        let all = Consequences { n: 4, alarms: 2, normals: 1, false_alarms: 1, defects: 2, misses: 1 };
        assert_eq!(Consequences::of(&seen()), Some(all));
        assert_eq!(Consequences::of(&Thresholds { threshold: None, ..seen() }), None);
    }

    #[test]
    fn every_bar_is_inside_its_chart() {
        let chart = Histogram::of(&seen()).unwrap();
        assert!(chart.line.is_some_and(|x| x > 0.0 && x < WIDTH));
        for bar in &chart.bars {
            assert!(bar.x >= 0.0 && bar.x + bar.width <= WIDTH && bar.y >= 0.0, "{bar:?}");
            assert!(bar.y + bar.height <= 2.0 * HALF, "{bar:?}");
        }
        assert!(Histogram::of(&Thresholds::default()).is_none());
        let same = Thresholds { held_out: vec![2.0; 5], ..Thresholds::default() };
        assert_eq!(Histogram::of(&same).unwrap().bars.len(), 1);
    }

    #[test]
    fn scores_that_are_no_numbers_are_left_out() {
        let broken = Thresholds { held_out: vec![f32::NAN, f32::INFINITY], ..Thresholds::default() };
        assert!(Histogram::of(&broken).is_none());
    }

    #[test]
    fn the_slider_offers_what_can_be_kept() {
        let all = alphas(&seen());
        assert_eq!(all.first(), Some(&0.005));
        assert_eq!(all.iter().filter(|alpha| **alpha == 0.03).count(), 1);
        let odd = alphas(&Thresholds { alpha: 0.012, ..seen() });
        assert!(odd.contains(&0.012) && odd.is_sorted());
    }

    #[test]
    fn a_day_is_a_bar_of_its_parts() {
        let day = |n, n_anomalous, score| Day { n, n_anomalous, median_score: score, ..Day::default() };
        let trends = Trends::of(&[day(10, 2, Some(1.0)), day(0, 0, None), day(5, 0, Some(2.0))]).unwrap();
        assert_eq!(trends.bars.len(), 3);
        assert_eq!(trends.most, 10);
        assert_eq!(trends.median.split(' ').count(), 2);
        assert!(trends.bars.iter().all(|bar| bar.x >= 0.0 && bar.x + bar.width <= WIDTH && bar.y >= 0.0));
        assert!(Trends::of(&[day(0, 0, None)]).is_none());
    }
}
