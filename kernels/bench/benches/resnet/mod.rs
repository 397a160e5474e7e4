//! Networks with random weights: speed does not depend on their values.

use pcore_kernels::plan::{Conv, Graph, Node, NodeId, Window};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A graph, its multiplications by the plain algorithm per image, and the side of its images.
pub struct Layers {
    pub graph: Graph,
    pub n_macs: usize,
    pub size: usize,
}

/// One convolution with bias and ReLU.
pub fn one_conv(from: usize, to: usize, side: usize, stride: usize, size: usize) -> Layers {
    let mut m = Maker::new(from, size);
    let x = m.conv(0, from, to, Window::square(side, stride, side / 2), [size, size], true);
    m.finish(from, vec![x], size)
}

struct Maker {
    rng: ChaCha8Rng,
    nodes: Vec<Node>,
    weights: Vec<f32>,
    macs: usize,
    /// Channels, rows and columns of the last value.
    shape: [usize; 3],
}

impl Maker {
    fn new(channels: usize, size: usize) -> Self {
        let rng = ChaCha8Rng::seed_from_u64(1);
        Self { rng, nodes: vec![Node::Input], weights: vec![], macs: 0, shape: [channels, size, size] }
    }

    fn finish(self, in_channels: usize, outputs: Vec<NodeId>, size: usize) -> Layers {
        let graph = Graph { in_channels, nodes: self.nodes, outputs, weights: self.weights.into() };
        Layers { graph, n_macs: self.macs, size }
    }

    fn conv(&mut self, input: NodeId, ci: usize, co: usize, window: Window, [h, w]: [usize; 2], relu: bool) -> NodeId {
        let [h, w] = window.output(h, w).expect("the window fits");
        let fan = ci * window.size[0] * window.size[1];
        self.macs += fan * co * h * w;
        self.shape = [co, h, w];
        let weight = self.weights.len();
        let bound = (3.0 / fan as f32).sqrt();
        self.weights.extend((0..fan * co).map(|_| self.rng.random_range(-bound..bound)));
        let bias = Some(self.weights.len());
        self.weights.extend((0..co).map(|_| 0.1));
        self.nodes.push(Node::Conv(Conv { input, weight, bias, out_channels: co, groups: 1, window }));
        if relu {
            self.push(Node::Clip { input: self.nodes.len() - 1, low: 0.0, high: f32::INFINITY })
        } else {
            self.nodes.len() - 1
        }
    }

    fn push(&mut self, node: Node) -> NodeId {
        self.nodes.push(node);
        self.nodes.len() - 1
    }
}

/// A ResNet to its third stage.
pub fn resnet(blocks: [usize; 3], inner: usize, expansion: usize, bottleneck: bool, size: usize) -> Layers {
    let mut m = Maker::new(3, size);
    let mut x = m.conv(0, 3, 64, Window::square(7, 2, 3), [size, size], true);
    x = m.push(Node::MaxPool { input: x, window: Window::square(3, 2, 1) });
    let (mut c, mut hw) = (64, [size / 4, size / 4]);
    let mut outputs = vec![];
    for (stage, n) in blocks.into_iter().enumerate() {
        let width = inner << stage;
        let out = (64 << stage) * expansion;
        for block in 0..n {
            let stride = if stage > 0 && block == 0 { 2 } else { 1 };
            let down = Window::square(1, stride, 0);
            let y = if bottleneck {
                let a = m.conv(x, c, width, Window::square(1, 1, 0), hw, true);
                let b = m.conv(a, width, width, Window::square(3, stride, 1), hw, true);
                let hw = [m.shape[1], m.shape[2]];
                m.conv(b, width, out, Window::square(1, 1, 0), hw, false)
            } else {
                let a = m.conv(x, c, width, Window::square(3, stride, 1), hw, true);
                let hw = [m.shape[1], m.shape[2]];
                m.conv(a, width, out, Window::square(3, 1, 1), hw, false)
            };
            if stride == 2 || c != out {
                x = m.conv(x, c, out, down, hw, false);
            }
            hw = [m.shape[1], m.shape[2]];
            x = m.push(Node::Add { a: y, b: x });
            x = m.push(Node::Clip { input: x, low: 0.0, high: f32::INFINITY });
            c = out;
        }
        if stage > 0 {
            outputs.push(x);
        }
    }
    m.finish(3, outputs, size)
}
