//! What a network computes, node by node in double precision.

use super::{Conv, Graph, Node, Window};

/// The value of a node, NHWC.
struct Value {
    h: usize,
    w: usize,
    c: usize,
    v: Vec<f64>,
}

impl Value {
    fn at(&self, y: isize, x: isize, c: usize) -> Option<f64> {
        let inside = y >= 0 && x >= 0 && (y as usize) < self.h && (x as usize) < self.w;
        inside.then(|| self.v[(y as usize * self.w + x as usize) * self.c + c])
    }

    /// What `f` makes of each window, told by its top, its left and the channel.
    fn windows(&self, window: Window, channels: usize, f: impl Fn(isize, isize, usize) -> f64) -> Self {
        let [h, w] = window.output(self.h, self.w).unwrap();
        let mut v = vec![];
        for y in 0..h {
            for x in 0..w {
                let top = (y * window.stride[0]) as isize - window.pad[0] as isize;
                let left = (x * window.stride[1]) as isize - window.pad[1] as isize;
                v.extend((0..channels).map(|c| f(top, left, c)));
            }
        }
        Self { h, w, c: channels, v }
    }

    /// What `f` makes of each window's values that lie inside the image.
    fn pooled(&self, window: Window, f: impl Fn(&[f64]) -> f64) -> Self {
        let [kh, kw] = window.size.map(|n| n as isize);
        self.windows(window, self.c, |top, left, c| {
            f(&(0..kh * kw).filter_map(|i| self.at(top + i / kw, left + i % kw, c)).collect::<Vec<_>>())
        })
    }

    fn map(&self, f: impl Fn(usize, f64) -> f64) -> Self {
        let v = self.v.iter().enumerate().map(|(j, x)| f(j, *x)).collect();
        Self { h: self.h, w: self.w, c: self.c, v }
    }

    fn convolved(&self, conv: &Conv, weight: impl Fn(usize) -> f64) -> Self {
        let [kh, kw] = conv.window.size;
        let ci = self.c / conv.groups;
        self.windows(conv.window, conv.out_channels, |top, left, o| {
            let group = o / (conv.out_channels / conv.groups);
            let mut sum = conv.bias.map_or(0.0, |b| weight(b + o));
            for i in 0..ci * kh * kw {
                let (c, ky, kx) = (i / (kh * kw), i / kw % kh, i % kw);
                let x = self.at(top + ky as isize, left + kx as isize, group * ci + c).unwrap_or(0.0);
                sum += x * weight(conv.weight + o * ci * kh * kw + i);
            }
            sum
        })
    }
}

/// Evaluates a graph node by node in double precision; images are NCHW, values NHWC.
pub(super) fn naive(graph: &Graph, height: usize, width: usize, image: &[f32]) -> Vec<Vec<f64>> {
    let weight = |i: usize| f64::from(graph.weights[i]);
    let mut values: Vec<Value> = vec![];
    for node in &graph.nodes {
        let value = match *node {
            Node::Input => {
                let c = graph.in_channels;
                let v = (0..height * width * c).map(|i| f64::from(image[i % c * height * width + i / c])).collect();
                Value { h: height, w: width, c, v }
            }
            Node::Conv(conv) => values[conv.input].convolved(&conv, weight),
            Node::Affine { input, scale, shift } => {
                let from = &values[input];
                from.map(|i, x| x * weight(scale + i % from.c) + weight(shift + i % from.c))
            }
            Node::Clip { input, low, high } => values[input].map(|_, x| x.max(f64::from(low)).min(f64::from(high))),
            Node::Add { a, b } => values[a].map(|i, x| x + values[b].v[i]),
            Node::MaxPool { input, window } => {
                values[input].pooled(window, |inside| inside.iter().copied().fold(f64::NEG_INFINITY, f64::max))
            }
            Node::AveragePool { input, window, count_padding } => values[input].pooled(window, |inside| {
                // These tests never slide a window beyond the padding.
                let n = if count_padding { window.size[0] * window.size[1] } else { inside.len() };
                inside.iter().sum::<f64>() / n as f64
            }),
            Node::GlobalAveragePool { input } => {
                let from = &values[input];
                let mean = |c| from.v.iter().skip(c).step_by(from.c).sum::<f64>() / (from.h * from.w) as f64;
                Value { h: 1, w: 1, c: from.c, v: (0..from.c).map(mean).collect() }
            }
        };
        values.push(value);
    }
    graph.outputs.iter().map(|&o| values[o].v.clone()).collect()
}
