//! Detector, gate and held-out scores.

use super::again::Again;
use super::defects::Defective;
use super::describe::{DescribedImages, Describing, Pools};
use super::groups::Groups;
use super::held_out::{HeldOut, calibrate, leave_each_out, one_per_group};
use super::look::{Glance, fingerprint, n_ahead};
use super::room;
use super::suspects::{ByOthers, Suspect, find, of_each, together};
use crate::bundle::{PooledImage, PooledImages};
use crate::condition::{Admission, Chosen, Examples, Gate, GateKind, Policy, choose};
use crate::dataset::Sample;
use crate::detect::{
    Defects, Described, DetectError, Detector, Drawn, FeaturePipeline, FittedPart, PartLevels, Said, Training, View,
    go_on, joined, leave_out, leave_out_of, levels_of,
};
use crate::flow::Flow;
use crate::image::{Placement, Roi};
use crate::progress::Progress;
use crate::score::AnomalyMap;
use crate::train::plan::{MOST_DRAWN, MOST_DRAWN_VALUES, SCREENED_AT_MOST};
use crate::train::split::Split;
use crate::train::{FitPlan, PartPlan, TrainError};
use std::cmp::Reverse;
use std::slice;
use std::sync::Arc;

/// The images of a fit.
pub(super) struct Learning<'a> {
    pub(super) plan: &'a FitPlan,
    pub(super) samples: &'a [&'a Sample],
    pub(super) glances: &'a [Glance<'a>],
    /// What is looked at of each, where that is not all.
    pub(super) roi: Option<Arc<Roi>>,
    /// Rows and columns of each.
    pub(super) size_px: Vec<(usize, usize)>,
    /// The condition of each.
    pub(super) label: &'a [usize],
    /// Training images that the detector knows from before.
    pub(super) n_before: usize,
    pub(super) conditions: &'a [String],
    pub(super) groups: Groups,
    /// Those that are learned from, and those held out.
    pub(super) split: Split,
    /// Whether images of which none calibrate are scored by the others too.
    pub(super) screens: bool,
}

/// What was learned.
pub(super) struct Learned {
    pub(super) detector: Box<dyn Detector>,
    pub(super) gate: Chosen,
    /// Those that were calibrated, the default one first.
    pub(super) views: Vec<View>,
    /// Under these views.
    pub(super) held: Vec<HeldOut>,
    pub(super) suspects: Vec<Suspect>,
    /// What those that are learned from look like to the first part's network.
    pub(super) pooled: PooledImages,
}

/// A detector, the scores of each image that calibrates it, and the suspects.
type Judged = (Box<dyn Detector>, Vec<HeldOut>, Vec<Suspect>);

/// What images pass on the way to a held-out score.
#[derive(Clone, Copy)]
struct Passing<'a> {
    gate: &'a Gate,
    views: &'a [View],
    flow: &'a Flow,
}

impl<'a> Learning<'a> {
    /// The same images, split otherwise.
    pub(super) fn with(&self, split: Split) -> Self {
        let (roi, size_px, groups) = (self.roi.clone(), self.size_px.clone(), self.groups.clone());
        Self { roi, size_px, groups, split, screens: false, ..*self }
    }
}

impl Learning<'_> {
    /// Fits every part, and calibrates what they make together.
    pub(super) fn learn(
        &self,
        pipelines: Vec<FeaturePipeline>,
        mut flows: Vec<Flow>,
        (level, policies): (Option<Gate>, &[Policy]),
        progress: &dyn Progress,
    ) -> Result<Learned, TrainError> {
        let (room_bytes, image_bytes) = (flows[0].room_bytes, flows[0].image_bytes);
        let (mut parts, mut screened, mut first) = (vec![], vec![], None);
        for (index, (part, features)) in self.plan.parts.iter().zip(pipelines).enumerate() {
            let flow = &mut flows[index];
            if index > 0 {
                // What the parts before hold is held.
                *flow = room::flow(self.plan, part, &features, (self.samples.len(), &self.size_px))?;
                // The images are as large as they were; what is made of them may be larger.
                let more_bytes = flow.image_bytes.saturating_sub(image_bytes) * n_ahead(flow);
                flow.room_bytes = flow.room_bytes.min(room_bytes.saturating_add(more_bytes));
            }
            let flow = &*flow;
            let learns = self.gate_learns(level.as_ref());
            let pools = match first {
                Some(_) => Pools::None,
                None if learns => Pools::All,
                None => Pools::Few,
            };
            let (mut fitted, pooled) = self.fit(part, features, (flow, pools), progress)?;
            screened.push(self.screen(&mut fitted, policies, progress)?);
            if first.is_none() {
                let taught = if learns { &*pooled } else { &[] };
                first = Some((self.gate(taught, level.clone())?, self.pooled(pools, &pooled)));
            }
            parts.push(fitted);
        }
        let (gate, pooled) = first.ok_or(TrainError::NoParts)?;
        go_on(progress)?;
        let views = default_first(fitting_views(parts.iter().map(|part| part.fit.detector().views(policies))));
        let flow =
            flows.iter().min_by_key(|flow| (flow.batch, Reverse(flow.image_bytes))).ok_or(TrainError::NoParts)?;
        let passing = Passing { gate: &gate.gate, views: &views, flow };
        let (detector, held, suspects) = match <[FittedPart; 1]>::try_from(parts) {
            Ok([part]) => self.alone(part, screened.concat(), passing, progress)?,
            Err(parts) => self.together(parts, &screened, passing, progress)?,
        };
        Ok(Learned { detector, gate, views, held: self.one_per_group(held), suspects, pooled })
    }

    /// A single part.
    fn alone(
        &self,
        part: FittedPart,
        screened: Vec<ByOthers>,
        passing: Passing<'_>,
        progress: &dyn Progress,
    ) -> Result<Judged, TrainError> {
        let held = self.held_out(&part, passing, progress)?;
        let scored = [of_each(&held), screened].concat();
        let suspects = self.suspects(&scored, (slice::from_ref(&part), &[]), passing)?;
        Ok((part.fit.into_detector(), held, suspects))
    }

    /// Several parts: what the scores of each mean is known first, then what their sum does.
    fn together(
        &self,
        mut parts: Vec<FittedPart>,
        screened: &[Vec<ByOthers>],
        passing: Passing<'_>,
        progress: &dyn Progress,
    ) -> Result<Judged, TrainError> {
        if self.leaves_out() {
            FittedPart::keep_said(&mut parts, passing.views.len());
        }
        let (mut levels, mut of_parts): (Vec<Vec<PartLevels>>, Vec<Vec<ByOthers>>) = (vec![], vec![]);
        for part in &parts {
            let held = self.held_out(part, passing, progress)?;
            of_parts.push(of_each(&held));
            let held = self.one_per_group(held);
            let under = |view: usize| held.iter().map(|h| (h.condition, h.raw_scores[view])).collect::<Vec<_>>();
            let of_view = |view| levels_of(&under(view), self.conditions.len());
            levels.push((0..passing.views.len()).map(of_view).collect::<Result<Vec<_>, _>>()?);
        }
        // Suspects are told by what the parts say one by one, so that all images are told alike.
        let scored = [together(&of_parts, &levels), together(screened, &levels)].concat();
        let suspects = self.suspects(&scored, (&parts, &levels), passing)?;
        if !self.leaves_out() {
            let detector = joined(parts, levels, passing.views);
            let held = self.calibrate(&*detector, passing, progress)?;
            return Ok((detector, held, suspects));
        }
        let Some(described) = parts[0].described.as_ref() else { return Err(TrainError::NoParts) };
        let training = self.training(described);
        let read = (&*levels, passing.views);
        let leave = |index, admission| leave_out(&parts, read, &training, index, admission);
        let held = leave_each_out("calibrating", &leave, &training, progress)?;
        Ok((joined(parts, levels, passing.views), held, suspects))
    }

    /// The scores of a part's images by the others where none of these calibrate; the descriptors go then, unless maps of suspects
    /// are to be drawn.
    fn screen(
        &self,
        part: &mut FittedPart,
        policies: &[Policy],
        progress: &dyn Progress,
    ) -> Result<Vec<ByOthers>, TrainError> {
        if self.leaves_out() {
            return Ok(vec![]);
        }
        let Some(described) = part.described.take().filter(|_| self.screens) else { return Ok(vec![]) };
        if !self.plan.drop_suspects && self.split.bank.len() > SCREENED_AT_MOST {
            progress.note(&format!(
                "suspects are looked for among the {} held-out images alone: scoring the {} others takes long; `FitPlan::drop_suspects` does it",
                self.split.held_out.len(),
                self.split.bank.len()
            ));
            return Ok(vec![]);
        }
        let training = self.training(&described);
        let views = default_first(part.fit.detector().views(policies));
        let leave = |index, admission| leave_out_of(&*part.fit, &training, index, admission, &views[..1]);
        let scored = of_each(&leave_each_out("screening", &leave, &training, progress)?);
        part.described = self.plan.draw_suspects.then_some(described);
        Ok(scored)
    }

    /// The suspects among images that were scored by the others; what each is nearest to says the first part that knows.
    fn suspects(
        &self,
        scored: &[ByOthers],
        (parts, levels): (&[FittedPart], &[Vec<PartLevels>]),
        passing: Passing<'_>,
    ) -> Result<Vec<Suspect>, DetectError> {
        let mut found = find(scored, self.conditions.len());
        let mut n_values = 0;
        for (rank, suspect) in found.iter_mut().enumerate() {
            let Ok(index) = self.split.bank.binary_search(&suspect.image) else {
                suspect.is_held_out = true;
                continue;
            };
            let admission = Admission::certain(self.label[suspect.image]);
            for FittedPart { fit, described, .. } in parts {
                if let (Some(described), None) = (described, suspect.neighbour) {
                    suspect.neighbour =
                        fit.nearest_other(&self.training(described), index, admission, passing.views[0])?;
                }
            }
            // What is only kept to be shown does not change the bundle.
            suspect.nearest = suspect.neighbour.filter(|_| self.leaves_out());
            if self.plan.draw_suspects && rank < MOST_DRAWN {
                suspect.map = self.map_of(index, (parts, levels), passing, admission)?;
                n_values += suspect.map.as_ref().map_or(0, |(map, _)| map.values.len());
                if n_values > MOST_DRAWN_VALUES {
                    suspect.map = None;
                }
            }
        }
        Ok(found)
    }

    /// What would be drawn of the image of this index, had it never been seen, and where it lies in that.
    fn map_of(
        &self,
        index: usize,
        (parts, levels): (&[FittedPart], &[Vec<PartLevels>]),
        passing: Passing<'_>,
        admission: Admission,
    ) -> Result<Option<(AnomalyMap, Placement)>, DetectError> {
        let Some(described) = parts.first().and_then(|part| part.described.as_ref()) else { return Ok(None) };
        let training = self.training(described);
        let drawn = match parts {
            [only] => leave_out_of(&*only.fit, &training, index, admission, &passing.views[..1])?,
            several => leave_out(several, (levels, &passing.views[..1]), &training, index, admission)?,
        };
        let Some(Drawn { map, .. }) = drawn else { return Ok(None) };
        let (height_px, width_px) = self.size_px[training.images[index]];
        let placement =
            |part: &FittedPart| part.fit.detector().features().preprocessing().placement(height_px, width_px);
        // A joined map lies as that of the part that it is as large as.
        let own = parts.iter().map(placement).find(|own| own.input_px() == (map.height_px, map.width_px));
        Ok(own.map(|own| (map, own)))
    }

    pub(super) fn training<'a>(&'a self, described: &'a Described) -> Training<'a> {
        let (images, label, n_conditions) = (&*self.split.bank, self.label, self.conditions.len());
        let (group_of, size_px, seed) = (&*self.groups.of_image, &*self.size_px, self.plan.seed);
        let n_before = self.n_before;
        let (pixels, fingerprint, run) = (None, "", &self.plan.training_run);
        Training {
            described,
            images,
            label,
            n_before,
            n_conditions,
            group_of,
            size_px,
            seed,
            pixels,
            fingerprint,
            defects: None,
            run,
        }
    }

    /// Whether images are left out in turn, and none were held out.
    pub(super) fn leaves_out(&self) -> bool {
        self.split.held_out.is_empty()
    }

    pub(super) fn fit(
        &self,
        part: &PartPlan,
        features: FeaturePipeline,
        (flow, pools): (&Flow, Pools),
        progress: &dyn Progress,
    ) -> Result<(FittedPart, Vec<Vec<f32>>), TrainError> {
        let (samples, glances, images) = (self.samples, self.glances, &*self.split.bank);
        let (method, n_conditions) = (&*part.method, self.conditions.len());
        let describing = Describing { features: &features, method, samples, glances, images, n_conditions, pools };
        let DescribedImages { described, pooled } = describing.run(self.plan, flow, progress)?;
        go_on(progress)?;
        let again = Again { samples, glances, images, flow };
        let fingerprint = &fingerprint(samples, glances);
        let wanted = if method.learns_from_defects() { &*self.plan.defects } else { &[] };
        let defective = Defective::open((wanted, self.plan.defect_boxes.as_ref()), flow, (samples, glances))?;
        let defects = defective.as_ref().map(|own| own as &dyn Defects);
        let training = Training { pixels: Some(&again), fingerprint, defects, ..self.training(&described) };
        let fit = part.method.fit(features, &training, progress)?;
        Ok((FittedPart { fit, described: Some(described), said: Said::default() }, pooled))
    }

    /// The images that are learned from, by their pooled descriptors, of which the means are kept.
    pub(super) fn pooled(&self, pools: Pools, pooled: &[Vec<f32>]) -> PooledImages {
        let (n, dim) = (self.split.bank.len(), pooled.first().map_or(0, |pooled| pooled.len() / 2));
        let wanted = self.split.bank.iter().enumerate().filter(|(at, _)| pools.wants(*at, n));
        let image = |(_, image): (usize, &usize)| PooledImage {
            condition: self.label[*image],
            group: self.groups.of_image[*image],
            brightness: self.glances[*image].light[0],
        };
        let values: Vec<f32> = pooled.iter().flat_map(|pooled| &pooled[..dim]).copied().collect();
        PooledImages::of(dim, &wanted.map(image).collect::<Vec<_>>(), &values)
    }

    /// Whether a gate is learned from the images, and not from their level alone.
    fn gate_learns(&self, level: Option<&Gate>) -> bool {
        self.conditions.len() > 1 && (level.is_none() || !matches!(self.plan.gate, GateKind::Auto | GateKind::P90))
    }

    /// Learns from these images alone: the held-out ones must pass the gate as new images do.
    fn gate(&self, pooled: &[Vec<f32>], level: Option<Gate>) -> Result<Chosen, TrainError> {
        let taught = if pooled.is_empty() { &[][..] } else { &self.split.bank };
        let intensity = |i: &usize| self.glances[*i].intensity.as_ref().map(<[f32; 8]>::as_slice);
        let examples = Examples {
            intensity: taught.iter().filter_map(intensity).collect(),
            pooled: pooled.iter().map(Vec::as_slice).collect(),
            conditions: taught.iter().map(|i| self.label[*i] as u32).collect(),
        };
        Ok(choose(self.plan.gate, level, &examples, self.conditions.len())?)
    }

    /// The scores of images that a part does not know, or acts as if it did not.
    fn held_out(
        &self,
        part: &FittedPart,
        passing: Passing<'_>,
        progress: &dyn Progress,
    ) -> Result<Vec<HeldOut>, TrainError> {
        let Some(described) = part.described.as_ref().filter(|_| self.leaves_out()) else {
            return self.calibrate(part.fit.detector(), passing, progress);
        };
        let training = self.training(described);
        let leave = |index, admission| part.leave_out(&training, index, admission, passing.views);
        leave_each_out("calibrating", &leave, &training, progress)
    }

    fn calibrate(
        &self,
        detector: &dyn Detector,
        Passing { gate, views, flow }: Passing<'_>,
        progress: &dyn Progress,
    ) -> Result<Vec<HeldOut>, TrainError> {
        let held_out = (&*self.split.held_out, self.label);
        let seen = (self.samples, self.glances);
        calibrate(detector, flow, seen, held_out, (gate, views), progress)
    }

    pub(super) fn one_per_group(&self, held: Vec<HeldOut>) -> Vec<HeldOut> {
        if self.groups.are_used() {
            one_per_group(held, &self.groups.of_image, &self.groups.units.condition)
        } else {
            held
        }
    }
}

/// The views that all parts have.
fn fitting_views(of_parts: impl Iterator<Item = Vec<View>>) -> Vec<View> {
    of_parts.reduce(|all, own| all.into_iter().filter(|view| own.contains(view)).collect()).unwrap_or_default()
}

/// The views that are calibrated, the plain one of the default policy first.
fn default_first(mut views: Vec<View>) -> Vec<View> {
    if let Some(at) = views.iter().position(|view| *view == View::plain(Policy::default())) {
        views[..=at].rotate_right(1);
    }
    views
}
