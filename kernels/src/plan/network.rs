//! A network ready to run: its program, and the plans of the last sizes.

use super::build::Plan;
use super::error::PlanError;
use super::graph::Graph;
use super::program::Program;
use super::run::{self, Features, Workspace};
use crate::simd::Level;
use std::sync::{Arc, Mutex, PoisonError};

/// Image sizes whose plans are kept.
pub(super) const SIZES_KEPT: usize = 4;

/// What a run takes and gives, known before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Footprint {
    /// Bytes that are held at the peak: buffers, scratch memory and results, not the images.
    pub bytes: u64,
    /// Rows, columns and values per pixel of each output.
    pub outputs: Vec<[usize; 3]>,
}

/// A network ready for images of any size. Several threads may run it at once.
pub struct Network {
    pub(super) program: Program,
    /// The last sizes, the latest at the end.
    pub(super) plans: Mutex<Vec<Arc<Plan>>>,
    /// Buffers of earlier runs, kept because fresh memory is slow.
    idle: Mutex<Vec<Workspace>>,
}

impl std::fmt::Debug for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Network({} steps, {} outputs)", self.program.steps.len(), self.program.outputs.len())
    }
}

impl Network {
    /// Prepares what the outputs of `graph` need; the rest is left out.
    ///
    /// # Errors
    /// [`PlanError::Node`] for the first node that does not fit its operands or parameters, [`PlanError::Outputs`].
    pub fn new(graph: &Graph) -> Result<Self, PlanError> {
        Self::with_level(graph, Level::best(), true)
    }

    pub(super) fn with_level(graph: &Graph, level: Level, winograd: bool) -> Result<Self, PlanError> {
        let program = Program::new(graph, level, winograd)?;
        Ok(Self { program, plans: Mutex::default(), idle: Mutex::default() })
    }

    /// Runs the network on a batch of images of `height` x `width` in NCHW order; one result per output of the graph.
    ///
    /// # Errors
    /// [`PlanError::Node`] where the image is too small or too large for a node, [`PlanError::Images`] unless the values
    /// form whole images.
    pub fn run(&self, images: &[f32], height: usize, width: usize) -> Result<Vec<Features>, PlanError> {
        let plan = self.plan(height, width)?;
        let image = plan.input.len();
        if !images.len().is_multiple_of(image) {
            return Err(PlanError::Images { len: images.len(), image });
        }
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let held = idle().pop();
        let mut workspace = held.unwrap_or_default();
        // From inside the pool: a thread outside of it would sleep and be woken again in every step.
        let features = rayon::scope(|_| run::run(&self.program, &plan, images, &mut workspace));
        idle().push(workspace);
        Ok(features)
    }

    /// What a run on `n` images of `height` x `width` takes and gives.
    ///
    /// # Errors
    /// [`PlanError::Node`] where the image is too small or too large for a node.
    pub fn footprint(&self, n: usize, height: usize, width: usize) -> Result<Footprint, PlanError> {
        let plan = self.plan(height, width)?;
        let outputs = plan.outputs.iter().map(|(_, shape)| [shape.height, shape.width, shape.channels]);
        Ok(Footprint { bytes: run::bytes(&self.program, &plan, n), outputs: outputs.collect() })
    }

    /// The plan of a size, from those kept or made anew.
    pub(super) fn plan(&self, height: usize, width: usize) -> Result<Arc<Plan>, PlanError> {
        let mut plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        let known = plans.iter().position(|plan| (plan.input.height, plan.input.width) == (height, width));
        let plan = match known {
            Some(at) => plans.remove(at),
            None => Arc::new(Plan::new(&self.program, height, width)?),
        };
        if plans.len() == SIZES_KEPT {
            plans.remove(0);
        }
        plans.push(Arc::clone(&plan));
        Ok(plan)
    }
}
