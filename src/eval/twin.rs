//! Slow, plain versions of every figure, for tests only: all pairs, or all
//! thresholds, straight from the definition.

use super::MaskedMap;

pub(super) fn auroc(scores: &[f32], anomalous: &[bool]) -> Option<f64> {
    let (mut won, mut n_pairs) = (0.0, 0u32);
    for (i, _) in scores.iter().enumerate().filter(|&(i, _)| anomalous[i]) {
        for (j, _) in scores.iter().enumerate().filter(|&(j, _)| !anomalous[j]) {
            n_pairs += 1;
            if scores[i] > scores[j] {
                won += 1.0;
            } else if scores[i] == scores[j] {
                won += 0.5;
            }
        }
    }
    (n_pairs > 0).then(|| won / f64::from(n_pairs))
}

pub(super) fn average_precision(scores: &[f32], anomalous: &[bool]) -> Option<f64> {
    let mut sum = 0.0;
    let mut last_recall = 0.0;
    for threshold in thresholds(scores) {
        let (tp, fp, n_anomalous, n_normal) = counts(scores, anomalous, threshold);
        if n_anomalous == 0.0 || n_normal == 0.0 {
            return None;
        }
        let recall = tp / n_anomalous;
        sum += (recall - last_recall) * (tp / (tp + fp));
        last_recall = recall;
    }
    (!scores.is_empty()).then_some(sum)
}

pub(super) fn f1_max(scores: &[f32], anomalous: &[bool]) -> Option<f64> {
    auroc(scores, anomalous)?;
    thresholds(scores).into_iter().map(|threshold| f1_at(scores, anomalous, threshold)).reduce(f64::max)
}

pub(super) fn f1_at(scores: &[f32], anomalous: &[bool], threshold: f32) -> f64 {
    let (tp, fp, n_anomalous, _) = counts(scores, anomalous, threshold);
    let (precision, recall) = (tp / (tp + fp), tp / n_anomalous);
    if tp == 0.0 { 0.0 } else { 2.0 * precision * recall / (precision + recall) }
}

/// Region numbers by repeated label propagation until nothing changes.
pub(super) fn components(mask: &[bool], width: usize) -> Vec<u32> {
    let mut ids: Vec<usize> = (0..mask.len()).collect();
    loop {
        let mut changed = false;
        for i in 0..mask.len() {
            for j in 0..mask.len() {
                let touches = (i / width).abs_diff(j / width) <= 1 && (i % width).abs_diff(j % width) <= 1;
                if mask[i] && mask[j] && touches && ids[j] < ids[i] {
                    ids[i] = ids[j];
                    changed = true;
                }
            }
        }
        if !changed {
            break;
        }
    }
    let mut roots: Vec<usize> = (0..mask.len()).filter(|&i| mask[i]).map(|i| ids[i]).collect();
    roots.sort_unstable();
    roots.dedup();
    (0..mask.len())
        .map(|i| if mask[i] { roots.iter().position(|&root| root == ids[i]).unwrap() as u32 + 1 } else { 0 })
        .collect()
}

pub(super) fn pixel_auroc(maps: &[MaskedMap<'_>]) -> Option<f64> {
    let scores: Vec<f32> = maps.iter().flat_map(|item| item.map.values.iter().copied()).collect();
    let labels: Vec<bool> = maps.iter().flat_map(|item| item.mask.iter().copied()).collect();
    auroc(&scores, &labels)
}

/// Every threshold in turn, every region counted anew, then the trapezoids.
pub(super) fn aupro(maps: &[MaskedMap<'_>], limit: f64) -> Option<f64> {
    let scores: Vec<f32> = maps.iter().flat_map(|item| item.map.values.iter().copied()).collect();
    let mut curve = vec![(0.0, 0.0)];
    for threshold in thresholds(&scores) {
        let (mut n_false, mut n_background) = (0.0, 0.0);
        let mut overlaps = Vec::new();
        for item in maps {
            let labels = components(item.mask, item.map.width_px);
            let found = |label: u32| {
                let pixels = labels.iter().zip(&item.map.values).filter(move |(l, _)| **l == label);
                let n = pixels.clone().count() as f64;
                (pixels.filter(|(_, value)| **value >= threshold).count() as f64, n)
            };
            let (above, n) = found(0);
            n_false += above;
            n_background += n;
            for label in 1..=labels.iter().copied().max().unwrap_or(0) {
                let (above, n) = found(label);
                overlaps.push(above / n);
            }
        }
        if overlaps.is_empty() || n_background == 0.0 {
            return None;
        }
        curve.push((n_false / n_background, overlaps.iter().sum::<f64>() / overlaps.len() as f64));
    }
    let mut area = 0.0;
    for pair in curve.windows(2) {
        let ((x0, y0), (x1, y1)) = (pair[0], pair[1]);
        if x0 >= limit {
            break;
        }
        let (x1, y1) = if x1 > limit { (limit, y0 + (y1 - y0) * (limit - x0) / (x1 - x0)) } else { (x1, y1) };
        area += (x1 - x0) * (y0 + y1) / 2.0;
    }
    (!scores.is_empty()).then(|| area / limit)
}

fn thresholds(scores: &[f32]) -> Vec<f32> {
    let mut distinct = scores.to_vec();
    distinct.sort_by(|a, b| b.total_cmp(a));
    distinct.dedup();
    distinct
}

fn counts(scores: &[f32], anomalous: &[bool], threshold: f32) -> (f64, f64, f64, f64) {
    let count = |wanted: bool, lowest: f32| {
        let images = scores.iter().zip(anomalous);
        images.filter(|(score, label)| **label == wanted && **score >= lowest).count() as f64
    };
    (count(true, threshold), count(false, threshold), count(true, f32::NEG_INFINITY), count(false, f32::NEG_INFINITY))
}
