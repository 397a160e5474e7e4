//! The views of a bundle that gets further conditions.

use super::LiveError;
use crate::bundle::Contents;
use crate::condition::Policy;
use crate::detect::{DetectError, Detector, PartLevels, View};

/// The views that are calibrated from now on, and where each has its scores from.
pub(super) struct Views {
    pub(super) views: Vec<View>,
    /// Which of the views before has the scores of each.
    from: Vec<usize>,
    /// What the scores of parts mean, `[part][view]`; empty without parts.
    pub(super) levels: Vec<Vec<PartLevels>>,
}

impl Views {
    /// `policies_grow`: there was one condition, where all policies are the same, and are more now.
    pub(super) fn of(
        contents: &Contents,
        detector: &dyn Detector,
        n_conditions: usize,
        policies_grow: bool,
    ) -> Result<Self, LiveError> {
        let parse = |name: &String| DetectError::parse::<View>("calibration.views", name);
        let old: Vec<View> = contents.manifest.calibration.views.iter().map(parse).collect::<Result<_, _>>()?;
        let mut views: Vec<(View, usize)> = old.iter().copied().enumerate().map(|(at, view)| (view, at)).collect();
        if policies_grow {
            let every = |(view, at): (View, usize)| Policy::ALL.map(|policy| (View { policy, ..view }, at));
            views = views.into_iter().flat_map(every).collect();
            let default = View::plain(Policy::default());
            if let Some(at) = views.iter().position(|(view, _)| *view == default) {
                views[..=at].rotate_right(1);
            }
        }
        let (views, from): (Vec<View>, Vec<usize>) = views.into_iter().unzip();
        let levels = match detector.joining() {
            None => vec![],
            Some((levels, known)) => {
                let of_view = |part: &Vec<PartLevels>, at: usize| {
                    let own = known.iter().position(|view| *view == old[from[at]]).and_then(|own| part.get(own));
                    let missing = || DetectError::NoView { view: views[at].to_string() };
                    let mut levels = own.cloned().ok_or_else(missing)?;
                    levels.per_condition.resize(n_conditions, levels.all);
                    Ok::<_, DetectError>(levels)
                };
                let of_part = |part| (0..views.len()).map(|at| of_view(part, at)).collect::<Result<Vec<_>, _>>();
                levels.iter().map(of_part).collect::<Result<_, _>>()?
            }
        };
        Ok(Self { views, from, levels })
    }

    /// The held-out scores under these views.
    pub(super) fn spread(&self, contents: &mut Contents) {
        let scores = self.from.iter().flat_map(|at| contents.scores_under(*at).to_vec()).collect();
        contents.scores = scores;
        contents.manifest.calibration.views = self.views.iter().map(ToString::to_string).collect();
    }
}
