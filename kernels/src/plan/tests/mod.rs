mod naive;

use super::*;
use crate::simd::Level;
use naive::naive;
use network::SIZES_KEPT;
use proptest::prelude::*;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Collects nodes and random parameters.
struct Maker {
    rng: ChaCha8Rng,
    nodes: Vec<Node>,
    weights: Vec<f32>,
}

impl Maker {
    fn new(seed: u64) -> Self {
        Self { rng: ChaCha8Rng::seed_from_u64(seed), nodes: vec![Node::Input], weights: vec![] }
    }

    fn node(&mut self, node: Node) -> NodeId {
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    fn random(&mut self, n: usize, low: f32, high: f32) -> usize {
        let at = self.weights.len();
        self.weights.extend((0..n).map(|_| self.rng.random_range(low..high)));
        at
    }

    fn conv(
        &mut self,
        input: NodeId,
        ci: usize,
        out_channels: usize,
        groups: usize,
        window: Window,
        bias: bool,
    ) -> NodeId {
        let fan = ci / groups * window.size[0] * window.size[1];
        let bound = (6.0 / fan as f32).sqrt();
        let weight = self.random(fan * out_channels, -bound, bound);
        let bias = bias.then(|| self.random(out_channels, -0.5, 0.5));
        self.node(Node::Conv(Conv { input, weight, bias, out_channels, groups, window }))
    }

    fn affine(&mut self, input: NodeId, c: usize) -> NodeId {
        let (scale, shift) = (self.random(c, 0.5, 1.5), self.random(c, -0.5, 0.5));
        self.node(Node::Affine { input, scale, shift })
    }

    fn graph(self, in_channels: usize, outputs: Vec<NodeId>) -> Graph {
        Graph { in_channels, nodes: self.nodes, outputs, weights: self.weights.into() }
    }
}

const RELU: [f32; 2] = [0.0, f32::INFINITY];

fn image(seed: u64, len: usize) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..len).map(|_| rng.random_range(-1.0..1.0)).collect()
}

/// Largest difference in each output relative to its largest magnitude, over all outputs.
fn difference(found: &[Features], expected: &[Vec<f64>]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let each = found.iter().zip(expected).map(|(f, e)| error_of(f, e) / magnitude(e));
    each.fold(0.0, f64::max)
}

fn error_of(found: &Features, expected: &[f64]) -> f64 {
    assert_eq!(found.values.len(), expected.len());
    found.values.iter().zip(expected).map(|(a, b)| (f64::from(*a) - b).abs()).fold(0.0, f64::max)
}

fn magnitude(values: &[f64]) -> f64 {
    values.iter().fold(1e-20f64, |m, x| m.max(x.abs()))
}

/// A basic or bottleneck residual network with a stem, as `ResNet`s have.
fn residual_network(seed: u64, widths: &[usize], bottleneck: bool) -> Graph {
    let mut m = Maker::new(seed);
    let relu = |m: &mut Maker, input| m.node(Node::Clip { input, low: RELU[0], high: RELU[1] });
    let mut c = 16;
    let mut x = m.conv(0, 3, c, 1, Window::square(7, 2, 3), false);
    x = m.affine(x, c);
    x = relu(&mut m, x);
    x = m.node(Node::MaxPool { input: x, window: Window::square(3, 2, 1) });
    let mut outputs = vec![];
    for (stage, &width) in widths.iter().enumerate() {
        for block in 0..2 {
            let stride = if stage > 0 && block == 0 { 2 } else { 1 };
            let out = if bottleneck { 2 * width } else { width };
            let mut y = x;
            let convs = if bottleneck {
                vec![(1, 1, width), (3, stride, width), (1, 1, out)]
            } else {
                vec![(3, stride, width), (3, 1, out)]
            };
            let mut cy = c;
            for (i, &(size, stride, to)) in convs.iter().enumerate() {
                y = m.conv(y, cy, to, 1, Window::square(size, stride, size / 2), i == 1);
                y = m.affine(y, to);
                if i + 1 < convs.len() {
                    y = relu(&mut m, y);
                }
                cy = to;
            }
            if stride == 2 || c != out {
                x = m.conv(x, c, out, 1, Window::square(1, stride, 0), false);
                x = m.affine(x, out);
            }
            x = m.node(Node::Add { a: y, b: x });
            x = relu(&mut m, x);
            c = out;
        }
        outputs.push(x);
    }
    m.graph(3, outputs)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn a_convolution_with_all_that_follows_equals_the_naive_one(
        seed: u64, height in 1usize..24, width in 1usize..24, groups in prop_oneof![3 => Just(1usize), 1 => 1usize..5],
        ci in prop_oneof![1usize..9, Just(16usize), Just(32usize)], co in prop_oneof![1usize..9, Just(16usize), Just(48usize)],
        size in [1usize..6, 1usize..6], square3: bool, stride in [1usize..3, 1usize..3], pad in [0usize..3, 0usize..3, 0usize..3, 0usize..3],
        depthwise: bool, follow in 0usize..16,
    ) {
        let (ci, co, groups) = if depthwise && groups > 1 { (ci, ci, ci) } else { (ci * groups, co * groups, groups) };
        let window = if square3 { Window { size: [3, 3], stride: [1, 1], pad } } else { Window { size, stride, pad } };
        prop_assume!(window.output(height, width).is_some());
        let mut m = Maker::new(seed);
        let mut x = m.conv(0, ci, co, groups, window, follow & 1 > 0);
        if follow & 2 > 0 {
            x = m.affine(x, co);
        }
        if follow & 4 > 0 {
            let other = m.conv(0, ci, co, 1, window, true);
            x = m.node(Node::Add { a: other, b: x });
        }
        if follow & 8 > 0 {
            x = m.node(Node::Clip { input: x, low: -1.5, high: 2.0 });
        }
        let graph = m.graph(ci, vec![x]);
        let pixels = image(seed, ci * height * width);
        let expected = naive(&graph, height, width, &pixels);
        for level in Level::supported() {
            for winograd in [false, true] {
                let network = Network::with_level(&graph, level, winograd).unwrap();
                let error = difference(&network.run(&pixels, height, width).unwrap(), &expected);
                prop_assert!(error < if winograd { 1e-4 } else { 1e-5 }, "{error} at {} winograd {winograd}", level.name());
            }
        }
    }

    #[test]
    fn pooling_and_elementwise_steps_equal_the_naive_ones(
        seed: u64, height in 3usize..14, width in 3usize..14, c in 1usize..40, size in 2usize..4, stride in 1usize..4, pad in 0usize..2,
        count_padding: bool,
    ) {
        pools_as_the_naive_one(seed, [height, width, c], Window::square(size, stride, pad), count_padding);
    }
}

/// The mean over all places may be next to nothing, of values that are not: it is held to the size of those.
fn pools_as_the_naive_one(seed: u64, [height, width, c]: [usize; 3], window: Window, count_padding: bool) {
    let mut m = Maker::new(seed);
    let a = m.affine(0, c);
    let b = m.node(Node::Clip { input: a, low: -0.5, high: 0.75 });
    let sum = m.node(Node::Add { a: b, b: 0 });
    let doubled = m.node(Node::Add { a: sum, b: sum });
    let max = m.node(Node::MaxPool { input: doubled, window });
    let mean = m.node(Node::AveragePool { input: doubled, window, count_padding });
    let all = m.node(Node::Add { a: max, b: mean });
    let global = m.node(Node::GlobalAveragePool { input: all });
    let graph = m.graph(c, vec![b, all, global]);
    let pixels = image(seed, c * height * width);
    let expected = naive(&graph, height, width, &pixels);
    for level in Level::supported() {
        let network = Network::with_level(&graph, level, true).unwrap();
        let found = network.run(&pixels, height, width).unwrap();
        let error = difference(&found[..2], &expected[..2]);
        assert!(error < 2e-6, "{error} at {}", level.name());
        let error = error_of(&found[2], &expected[2]) / magnitude(&expected[1]);
        assert!(error < 2e-6, "{error} of the mean at {}", level.name());
    }
}

#[test]
fn a_mean_near_nought_is_as_exact_as_the_values_it_is_of() {
    pools_as_the_naive_one(14_704_577_193_875_647_330, [7, 9, 1], Window::square(2, 2, 1), true);
}

#[test]
fn residual_networks_equal_the_naive_evaluation() {
    for (bottleneck, widths, height, width) in [(false, [16, 32, 48], 70, 64), (true, [16, 32, 64], 64, 96)] {
        let graph = residual_network(3, &widths, bottleneck);
        let pixels = image(4, 3 * height * width);
        let expected = naive(&graph, height, width, &pixels);
        for level in Level::supported() {
            let network = Network::with_level(&graph, level, true).unwrap();
            let error = difference(&network.run(&pixels, height, width).unwrap(), &expected);
            assert!(error < 2e-5, "{error} at {}", level.name());
        }
    }
}

#[test]
fn filters_too_large_for_the_cache_give_the_naive_result_alone_and_in_a_batch() {
    // Two slabs of in channels, a last panel that is not full, and more tiles than are held at a time.
    let (ci, co, height, width) = (144, 112, 29, 39);
    let mut m = Maker::new(16);
    let x = m.conv(0, ci, co, 1, Window::square(3, 1, 1), true);
    let other = m.conv(0, ci, co, 1, Window::square(1, 1, 0), true);
    let x = m.node(Node::Add { a: x, b: other });
    let x = m.node(Node::Clip { input: x, low: -4.0, high: 4.0 });
    let graph = m.graph(ci, vec![x]);
    let pixels = image(17, 3 * ci * height * width);
    let first = naive(&graph, height, width, &pixels[..ci * height * width]);
    for level in Level::supported() {
        let network = Network::with_level(&graph, level, true).unwrap();
        let together = network.run(&pixels, height, width).unwrap().remove(0).values;
        for (i, pixels) in pixels.chunks(ci * height * width).enumerate() {
            let alone = network.run(pixels, height, width).unwrap();
            let (n, values) = (alone[0].values.len(), &alone[0].values);
            assert!(together[i * n..][..n] == **values, "image {i} at {}", level.name());
            if i == 0 {
                let error = difference(&alone, &first);
                assert!(error < 2e-5, "{error} at {}", level.name());
            }
        }
    }
}

#[test]
fn weights_shared_out_to_the_threads_give_the_naive_result_for_any_batch_and_threads() {
    // A last panel that is not full; tiles that overlap; one, two and all images at a time.
    let (ci, co, height, width) = (160, 440, 13, 37);
    let mut m = Maker::new(18);
    let x = m.conv(0, ci, co, 1, Window::square(3, 2, 1), true);
    let other = m.conv(0, ci, 1200, 1, Window::square(1, 1, 0), true);
    let other = m.conv(other, 1200, co, 1, Window::square(1, 2, 0), true);
    let x = m.node(Node::Add { a: x, b: other });
    let x = m.node(Node::Clip { input: x, low: -4.0, high: 4.0 });
    let graph = m.graph(ci, vec![x]);
    let pixels = image(19, 3 * ci * height * width);
    let first = naive(&graph, height, width, &pixels[..ci * height * width]);
    for level in Level::supported() {
        let network = Network::with_level(&graph, level, true).unwrap();
        let alone: Vec<_> =
            pixels.chunks(ci * height * width).map(|i| network.run(i, height, width).unwrap().remove(0)).collect();
        let error = difference(&alone[..1], &first);
        assert!(error < 2e-5, "{error} at {}", level.name());
        // Up to three threads share out the panels, twenty do not.
        for threads in [1, 3, 20] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let together = pool.install(|| network.run(&pixels, height, width).unwrap().remove(0).values);
            let expected = alone.iter().flat_map(|image| &image.values);
            assert!(together.iter().eq(expected), "{threads} threads at {}", level.name());
        }
    }
}

#[test]
fn an_image_does_not_depend_on_batch_or_threads() {
    let (height, width) = (64, 48);
    let graph = residual_network(5, &[16, 32], true);
    let pixels = image(6, 7 * 3 * height * width);
    let network = Network::new(&graph).unwrap();
    let expected: Vec<Vec<Features>> =
        pixels.chunks(3 * height * width).map(|i| network.run(i, height, width).unwrap()).collect();
    for threads in [1, 2, 3] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let found = pool.install(|| network.run(&pixels, height, width).unwrap());
        for (o, found) in found.iter().enumerate() {
            let size = found.height * found.width * found.channels;
            for (i, values) in found.values.chunks(size).enumerate() {
                assert!(values == expected[i][o].values, "image {i}, output {o}, {threads} threads");
            }
        }
    }
}

#[test]
fn residual_sum_and_bounds_are_fused_and_buffers_used_again() {
    let graph = residual_network(7, &[16, 16], false);
    let network = Network::new(&graph).unwrap();
    let plan = network.plan(64, 64).unwrap();
    // Stem, pool, then two convolutions per block and one for the change of stride.
    assert_eq!(plan.steps.len(), 2 + 4 * 2 + 1);
    assert!(plan.buffers.len() <= 7, "{:?}", plan.buffers);
}

#[test]
fn what_no_output_needs_is_left_out() {
    let mut graph = residual_network(8, &[16, 16], false);
    let pixels = image(9, 3 * 40 * 40);
    let all = Network::new(&graph).unwrap().run(&pixels, 40, 40).unwrap();
    graph.outputs.truncate(1);
    let network = Network::new(&graph).unwrap();
    assert_eq!(network.program.steps.len(), 2 + 2 * 2);
    assert_eq!(network.run(&pixels, 40, 40).unwrap()[0], all[0]);
}

#[test]
fn outputs_come_as_often_and_in_the_order_asked_for() {
    let mut graph = residual_network(10, &[16, 32], true);
    let [first, second] = graph.outputs[..] else { panic!("two outputs") };
    graph.outputs = vec![second, 0, first, second];
    let pixels = image(11, 2 * 3 * 40 * 36);
    let found = Network::new(&graph).unwrap().run(&pixels, 40, 36).unwrap();
    let expected: Vec<Vec<Vec<f64>>> = pixels.chunks(3 * 40 * 36).map(|i| naive(&graph, 40, 36, i)).collect();
    for (o, found) in found.iter().enumerate() {
        let each: Vec<f64> = expected.iter().flat_map(|image| image[o].clone()).collect();
        assert!(difference(std::slice::from_ref(found), &[each]) < 2e-5, "output {o}");
    }
}

#[test]
fn sizes_may_change_and_only_a_few_plans_are_kept() {
    let graph = residual_network(12, &[16], false);
    let network = Network::new(&graph).unwrap();
    let sizes = [(40, 40), (64, 32), (33, 47), (80, 80), (40, 40), (34, 34), (64, 32)];
    for (height, width) in sizes {
        let pixels = image(13, 3 * 3 * height * width);
        let alone = Network::new(&graph).unwrap().run(&pixels, height, width).unwrap();
        assert_eq!(network.run(&pixels, height, width).unwrap(), alone);
        assert!(network.plans.lock().unwrap().len() <= SIZES_KEPT);
    }
}

#[test]
fn several_threads_may_run_one_network() {
    let graph = residual_network(14, &[16, 16], false);
    let network = Network::new(&graph).unwrap();
    let pixels = image(15, 3 * 48 * 48);
    let expected = network.run(&pixels, 48, 48).unwrap();
    std::thread::scope(|scope| {
        let runs: Vec<_> = (0..4)
            .map(|i| {
                scope.spawn({
                    let (network, pixels) = (&network, &pixels);
                    move || {
                        network.run(&vec![0.5; 3 * 32 * (32 + i)], 32, 32 + i).unwrap();
                        network.run(pixels, 48, 48).unwrap()
                    }
                })
            })
            .collect();
        assert!(runs.into_iter().all(|run| run.join().unwrap() == expected));
    });
}

#[test]
fn refuses_graphs_that_do_not_fit() {
    let plan = |nodes: Vec<Node>, outputs: Vec<NodeId>, n: usize| {
        let graph = Graph { in_channels: 2, nodes, outputs, weights: vec![0.0; n].into() };
        Network::new(&graph)?.plan(8, 8).map(|_| ())
    };
    let conv = |out_channels, groups, window| {
        Node::Conv(Conv { input: 0, weight: 0, bias: None, out_channels, groups, window })
    };
    let three = Window::square(3, 1, 1);
    assert!(matches!(plan(vec![Node::Input], vec![1], 0), Err(PlanError::Outputs { .. })));
    assert!(matches!(plan(vec![], vec![], 0), Err(PlanError::Outputs { .. })));
    let cases = [
        (vec![Node::Add { a: 0, b: 0 }], 0),
        (vec![Node::Input, conv(4, 1, three)], 71),
        (vec![Node::Input, conv(4, 3, three)], 72),
        (vec![Node::Input, conv(4, 0, three)], 72),
        (vec![Node::Input, conv(4, 1, Window::square(3, 0, 1))], 72),
        (vec![Node::Input, conv(4, 1, Window::square(9, 1, 0))], 9000),
        (vec![Node::Input, conv(usize::MAX / 2, 1, three)], 72),
        (vec![Node::Input, Node::Affine { input: 0, scale: 0, shift: usize::MAX }], 72),
        (vec![Node::Input, Node::Clip { input: 0, low: 1.0, high: 0.0 }], 0),
        (vec![Node::Input, Node::MaxPool { input: 0, window: Window::square(2, 1, 2) }], 0),
        (vec![Node::Input, Node::GlobalAveragePool { input: 0 }, Node::Add { a: 0, b: 1 }], 0),
    ];
    for (nodes, n) in cases {
        let last = nodes.len() - 1;
        assert_eq!(
            plan(nodes.clone(), vec![last], n).map_err(|e| matches!(e, PlanError::Node { .. })),
            Err(true),
            "{nodes:?}"
        );
    }
    assert_eq!(plan(vec![Node::Input, conv(4, 1, three)], vec![1], 72), Ok(()));
    let graph = Graph { in_channels: 2, nodes: vec![Node::Input], outputs: vec![0], weights: vec![].into() };
    let network = Network::new(&graph).unwrap();
    assert_eq!(network.run(&[0.0; 9], 2, 2), Err(PlanError::Images { len: 9, image: 8 }));
    assert_eq!(
        network.run(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0], 2, 2).unwrap()[0].values,
        [0.0, 4.0, 1.0, 5.0, 2.0, 6.0, 3.0, 7.0]
    );
}
