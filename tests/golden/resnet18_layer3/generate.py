"""Writes features.safetensors: what ONNX Runtime makes of a ResNet-18 with ImageNet weights, for one synthetic image.

The network is not part of this repository; only every 7th value of its feature maps is kept.

pip install numpy onnxruntime safetensors; python generate.py resnet18_layer3.onnx
"""

import hashlib
import sys
from pathlib import Path

import numpy as np
import onnxruntime as ort
from safetensors.numpy import save_file

STEP = 7

here = Path(__file__).parent
path = sys.argv[1]
# The test makes the same image; sums and products of small whole numbers are exact in float32.
c, y, x = np.meshgrid(np.arange(3), np.arange(64), np.arange(96), indexing="ij")
pixels = (((x * 7 + y * 13 + c * 29 + x * y) % 61 - 30) / 16).astype(np.float32)[None]
session = ort.InferenceSession(path, providers=["CPUExecutionProvider"])
layers = ["layer2", "layer3"]
maps = session.run(layers, {session.get_inputs()[0].name: pixels})
kept = {name: values.reshape(-1)[::STEP].copy() for name, values in zip(layers, maps)}
largest = {f"{name}.largest": np.array([np.abs(values).max()], np.float32) for name, values in zip(layers, maps)}
digest = hashlib.sha256(Path(path).read_bytes()).hexdigest()
save_file(kept | largest, here / "features.safetensors", metadata={"network_sha256": digest})
(here / "versions.txt").write_text(f"numpy {np.__version__}, onnxruntime {ort.__version__}\n")
print({name: values.shape for name, values in zip(layers, maps)})
