"""Networks: pcore against ONNX Runtime on the same weights and machine, run by run in turn.

    cargo bench --bench network --no-run
    python benches/peers/network.py [--threads 2] [--runs 11] [--resnet18 resnet18_layer3.onnx] [CASE ...]

Makes a throw-away virtual environment with numpy, onnx, onnxruntime and safetensors, writes the random weights of
WideResNet-50 and DINOv2-S/14 in both formats, and prints for each case the median and least wall time and the least
processor time per thread, in ms per image, with the ratio pcore / ONNX Runtime. ONNX Runtime's threads sleep between
runs (no spinning), or they would take the processor from pcore. `--venv DIR` uses an environment that is there.
"""

import argparse
import os
from pathlib import Path

from environment import Served, run_inside

PACKAGES = ["numpy", "onnx", "onnxruntime", "safetensors"]
ROOT = Path(__file__).resolve().parents[2]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", help="part of a case's name")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=11)
    parser.add_argument("--resnet18", help="ONNX file of a ResNet-18 with folded batch norm")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--venv", help="environment to use instead of a new one")
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.inside:
        return measure(args, Path(args.inside))
    run_inside(PACKAGES, args.venv)


def measure(args, folder):
    import numpy as np
    import onnxruntime as ort

    print(f"onnxruntime {ort.__version__}, {args.threads} threads each, {args.runs} runs in turn, ms per image")
    print("| case | pcore median | least | processor | onnxruntime median | least | processor | ratio of medians | of processor |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name, network, weights, onnx_file, size, batch, layers in cases(args, folder):
        if args.cases and not any(part in name for part in args.cases):
            continue
        options = ort.SessionOptions()
        options.intra_op_num_threads = args.threads
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        session = ort.InferenceSession(onnx_file, options, providers=["CPUExecutionProvider"])
        pixels = np.random.default_rng(1).uniform(-2, 2.5, (batch, 3, size, size)).astype("f4")
        feed = {session.get_inputs()[0].name: pixels}
        session.run(None, feed)
        words = [network, weights, size, batch, layers, "--device", args.device, "--serve"]
        pcore = Served(ROOT / "target", "network", words, args.threads)
        ours, theirs = [], []
        for _ in range(args.runs):
            ours.append(pcore.run())
            theirs.append(peer(session, feed, args.threads, batch))
        pcore.close()
        a, b = summary(ours), summary(theirs)
        figures = " | ".join(f"{x:.2f}" for x in (*a, *b))
        print(f"| {name} {size} batch {batch} | {figures} | {a[0] / b[0]:.2f} | {a[2] / b[2]:.2f} |", flush=True)


def cases(args, folder):
    """Name, pcore's network and weights, ONNX file, size, batch, layers."""
    tiny = str(ROOT / "weights" / "pcore_tiny.onnx")
    yield "pcore_tiny", "pcore_tiny", "-", tiny, 256, 1, "layer2,layer3"
    if args.resnet18:
        for batch in (1, 8):
            # The file also puts out layer1; both sides then compute the same outputs.
            yield "resnet18", "resnet18", args.resnet18, args.resnet18, 256, batch, "layer1,layer2,layer3"
    wide = wide_resnet50(folder)
    for batch in (1, 8):
        yield "wide_resnet50_2", "wide_resnet50_2", *wide, 224, batch, "layer2,layer3"
    for size in (224, 518):
        yield "dinov2_vits14", "dinov2_vits14", *dinov2_small(folder, size), size, 1, "blocks.8,blocks.11"


def peer(session, feed, threads, batch):
    import time

    start, before = time.perf_counter(), processor_ms()
    session.run(None, feed)
    return (time.perf_counter() - start) * 1e3 / batch, (processor_ms() - before) / threads / batch


def processor_ms():
    total = 0
    for task in os.listdir("/proc/self/task"):
        try:
            total += int(Path(f"/proc/self/task/{task}/schedstat").read_text().split()[0])
        except OSError:
            pass
    return total / 1e6


def summary(runs):
    wall = sorted(run[0] for run in runs)
    return wall[len(wall) // 2], wall[0], min(run[1] for run in runs)


class Net:
    """An ONNX graph and the safetensors file of the same weights."""

    def __init__(self, input_shape):
        import numpy as np

        self.nodes, self.constants, self.tensors = [], [], {}
        self.rng = np.random.default_rng(0)
        self.input_shape = input_shape

    def op(self, kind, inputs, n_outputs=1, **attributes):
        from onnx import helper

        outputs = [f"v{len(self.nodes)}_{i}" for i in range(n_outputs)]
        self.nodes.append(helper.make_node(kind, inputs, outputs, **attributes))
        return outputs[0] if n_outputs == 1 else outputs

    def constant(self, values, dtype="f4"):
        import numpy as np
        from onnx import numpy_helper

        name = f"c{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values, dtype), name))
        return name

    def normal(self, *shape, scale):
        return (self.rng.standard_normal(shape) * scale).astype("f4")

    def save(self, folder, name, outputs, opset):
        import onnx
        from onnx import TensorProto, helper
        from safetensors.numpy import save_file

        info = helper.make_tensor_value_info
        outputs = [info(output, TensorProto.FLOAT, None) for output in outputs]
        graph = helper.make_graph(
            self.nodes, name, [info("x", TensorProto.FLOAT, self.input_shape)], outputs, self.constants
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
        model.ir_version = 9
        file = folder / f"{name}.onnx"
        onnx.save(model, file)
        save_file(self.tensors, folder / f"{name}.safetensors")
        return str(folder / f"{name}.safetensors"), str(file)


def wide_resnet50(folder):
    """Up to layer3, batch norm folded: what both sides run in the end."""
    net = Net(["n", 3, 224, 224])

    def conv(x, name, inputs, outputs, size, stride):
        weight = net.normal(outputs, inputs, size, size, scale=(1 / (inputs * size * size)) ** 0.5)
        bias = net.normal(outputs, scale=0.1)
        net.tensors[f"{name}.weight"], net.tensors[f"{name}.bias"] = weight, bias
        pads = [size // 2] * 4
        names = [x, net.constant(weight), net.constant(bias)]
        return net.op("Conv", names, kernel_shape=[size] * 2, strides=[stride] * 2, pads=pads)

    x = net.op("Relu", [conv("x", "conv1", 3, 64, 7, 2)])
    x = net.op("MaxPool", [x], kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    channels, outputs = 64, []
    for stage, blocks in enumerate([3, 4, 6]):
        inner, wide = 128 << stage, 256 << stage
        for block in range(blocks):
            at, stride = f"layer{stage + 1}.{block}", 2 if stage > 0 and block == 0 else 1
            y = net.op("Relu", [conv(x, f"{at}.conv1", channels, inner, 1, 1)])
            y = net.op("Relu", [conv(y, f"{at}.conv2", inner, inner, 3, stride)])
            y = conv(y, f"{at}.conv3", inner, wide, 1, 1)
            if block == 0:
                x = conv(x, f"{at}.downsample.0", channels, wide, 1, stride)
            x = net.op("Relu", [net.op("Add", [y, x])])
            channels = wide
        outputs.append(x)
    return net.save(folder, "wide_resnet50_2", outputs[1:], 17)


def dinov2_small(folder, size):
    """DINOv2-S/14 with the positions of its own grid (518 pixels), or of the size's where that differs."""
    import numpy as np

    dim, heads, side = 384, 6, size // 14
    net = Net(["n", 3, size, size])
    length = dim // heads

    def vector(name, low, high):
        net.tensors[name] = net.rng.uniform(low, high, dim).astype("f4")
        return net.tensors[name]

    def linear(x, name, inputs, outputs, scale=None):
        weight, bias = net.normal(outputs, inputs, scale=inputs**-0.5), net.normal(outputs, scale=0.02)
        net.tensors[f"{name}.weight"], net.tensors[f"{name}.bias"] = weight, bias
        if scale is not None:
            weight, bias = weight * scale[:, None], bias * scale
        return net.op("Add", [net.op("MatMul", [x, net.constant(weight.T)]), net.constant(bias)])

    def norm(x, name):
        scale, shift = vector(f"{name}.weight", 0.8, 1.2), vector(f"{name}.bias", -0.1, 0.1)
        return net.op("LayerNormalization", [x, net.constant(scale), net.constant(shift)], axis=-1, epsilon=1e-6)

    weight = net.normal(dim, 3, 14, 14, scale=588**-0.5)
    bias = net.normal(dim, scale=0.02)
    net.tensors |= {"patch_embed.proj.weight": weight, "patch_embed.proj.bias": bias}
    net.tensors["cls_token"] = net.normal(1, 1, dim, scale=0.02)
    net.tensors["pos_embed"] = positions = net.normal(1, 1 + side * side, dim, scale=0.02)
    x = net.op("Conv", ["x", net.constant(weight), net.constant(bias)], kernel_shape=[14, 14], strides=[14, 14])
    x = net.op("Transpose", [net.op("Reshape", [x, net.constant([0, dim, -1], "i8")])], perm=[0, 2, 1])
    x = net.op("Add", [net.op("Concat", [net.constant(net.tensors["cls_token"]), x], axis=1), net.constant(positions)])
    outputs, split, joined = [], net.constant([0, 0, heads, length], "i8"), net.constant([0, 0, dim], "i8")
    half = net.constant(np.float32(length**-0.5))
    for block in range(12):
        at = f"blocks.{block}"
        parts = net.op("Split", [linear(norm(x, f"{at}.norm1"), f"{at}.attn.qkv", dim, 3 * dim)], 3, axis=2, num_outputs=3)
        perms = [0, 2, 1, 3], [0, 2, 3, 1], [0, 2, 1, 3]
        q, k, v = (net.op("Transpose", [net.op("Reshape", [p, split])], perm=perm) for p, perm in zip(parts, perms))
        scores = net.op("Softmax", [net.op("Mul", [net.op("MatMul", [q, k]), half])], axis=-1)
        mixed = net.op("Reshape", [net.op("Transpose", [net.op("MatMul", [scores, v])], perm=[0, 2, 1, 3]), joined])
        x = net.op("Add", [linear(mixed, f"{at}.attn.proj", dim, dim, vector(f"{at}.ls1.gamma", 0.2, 1)), x])
        hidden = net.op("Gelu", [linear(norm(x, f"{at}.norm2"), f"{at}.mlp.fc1", dim, 4 * dim)])
        x = net.op("Add", [linear(hidden, f"{at}.mlp.fc2", 4 * dim, dim, vector(f"{at}.ls2.gamma", 0.2, 1)), x])
        if block in (8, 11):
            outputs.append(x)
    vector("norm.weight", 0.8, 1.2), vector("norm.bias", -0.1, 0.1)
    return net.save(folder, f"dinov2_vits14_{size}", outputs, 20)


if __name__ == "__main__":
    main()
