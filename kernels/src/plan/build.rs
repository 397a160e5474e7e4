//! From a program to a plan for one image size: shapes and buffers.

use super::error::PlanError;
use super::graph::{NodeId, Window};
use super::program::{Program, Work};
use super::shape::Shape;

/// Largest number of values that one image may have at any place in the network.
pub const MAX_VALUES: usize = 1 << 30;

/// Mark of a value that is computed inside a step.
const NONE: usize = usize::MAX;

/// Where everything is for images of one size.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) input: Shape,
    /// The steps of the program, in its order.
    pub(super) steps: Vec<Placed>,
    /// Values of an image held by each buffer. Buffer 0 holds the image.
    pub(super) buffers: Vec<usize>,
    /// Buffer and shape of each output; but for the image, an output has a buffer of its own.
    pub(super) outputs: Vec<(usize, Shape)>,
}

/// The buffers and shapes of a step.
#[derive(Debug)]
pub(super) struct Placed {
    pub(super) input: usize,
    pub(super) residual: Option<usize>,
    pub(super) output: usize,
    pub(super) from: Shape,
    pub(super) to: Shape,
}

impl Plan {
    /// Places `program` for images of `height` x `width`.
    pub(super) fn new(program: &Program, height: usize, width: usize) -> Result<Self, PlanError> {
        let input = Shape { height, width, channels: program.in_channels };
        check(0, input)?;
        let shapes = shapes(program, input)?;
        let (buffers, place) = assign_buffers(program, &shapes);
        let steps = program.steps.iter().map(|step| Placed {
            input: place[step.input],
            residual: step.residual.map(|r| place[r]),
            output: place[step.end],
            from: shapes[step.input],
            to: shapes[step.end],
        });
        let outputs = program.outputs.iter().map(|&o| (place[o], shapes[o]));
        Ok(Self { input, steps: steps.collect(), buffers, outputs: outputs.collect() })
    }
}

/// Refuses a shape that is empty or too large.
fn check(node: NodeId, shape: Shape) -> Result<(), PlanError> {
    let len = [shape.height, shape.width, shape.channels].into_iter().try_fold(1usize, usize::checked_mul);
    match len {
        Some(1..=MAX_VALUES) => Ok(()),
        _ => Err(PlanError::Node { node, problem: "its value is empty or too large" }),
    }
}

/// Shapes of the values that steps compute (the others keep that of the image).
fn shapes(program: &Program, input: Shape) -> Result<Vec<Shape>, PlanError> {
    let mut shapes = vec![input; program.channels.len()];
    for step in &program.steps {
        let (node, from) = (step.head, shapes[step.input]);
        let fail = |problem| PlanError::Node { node, problem };
        let slide = |window: Window| {
            let [height, width] =
                window.output(from.height, from.width).ok_or_else(|| fail("the window does not fit the image"))?;
            Ok::<_, PlanError>(Shape { height, width, channels: program.channels[step.end] })
        };
        let to = match &step.work {
            Work::Conv(conv) => slide(conv.window())?,
            Work::Pool(window, _) => slide(*window)?,
            Work::Map(_) => from,
            Work::GlobalMean => Shape { height: 1, width: 1, ..from },
        };
        check(node, to)?;
        if step.residual.is_some_and(|r| shapes[r] != to) {
            return Err(fail("the operands of a sum differ in shape"));
        }
        shapes[step.end] = to;
    }
    Ok(shapes)
}

/// Gives every value a buffer, used again after the value's last use; returns the buffers' sizes and each value's buffer.
fn assign_buffers(program: &Program, shapes: &[Shape]) -> (Vec<usize>, Vec<usize>) {
    // The last step that uses each value; the image and the outputs are never free.
    let mut last = vec![NONE; shapes.len()];
    for (s, step) in program.steps.iter().enumerate() {
        [Some(step.input), step.residual].into_iter().flatten().for_each(|o| last[o] = s);
    }
    let mut place = vec![0; shapes.len()];
    let mut buffers = vec![shapes.first().map_or(0, |shape| shape.len())];
    let computed = |value: NodeId| program.steps.iter().any(|step| step.end == value);
    for (value, shape) in shapes.iter().enumerate() {
        if !computed(value) {
            last[value] = NONE;
        } else if program.outputs.contains(&value) {
            last[value] = NONE;
            place[value] = buffers.len();
            buffers.push(shape.len());
        }
    }
    let mut free: Vec<usize> = vec![];
    for (s, step) in program.steps.iter().enumerate() {
        let need = shapes[step.end].len();
        if !program.outputs.contains(&step.end) {
            // The smallest free buffer that is large enough, else the largest one, which grows.
            let best = (0..free.len()).min_by_key(|&i| {
                let size = buffers[free[i]];
                if size >= need { (0, size) } else { (1, usize::MAX - size) }
            });
            let buffer = best.map_or_else(
                || {
                    buffers.push(0);
                    buffers.len() - 1
                },
                |i| free.swap_remove(i),
            );
            buffers[buffer] = buffers[buffer].max(need);
            place[step.end] = buffer;
        }
        for o in [Some(step.input), step.residual].into_iter().flatten() {
            if last[o] == s {
                free.push(place[o]);
                last[o] = NONE;
            }
        }
    }
    (buffers, place)
}
