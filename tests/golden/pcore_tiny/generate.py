"""Writes features.safetensors: what ONNX Runtime makes of weights/pcore_tiny.onnx.

pip install numpy onnxruntime safetensors; python generate.py
"""

from pathlib import Path

import numpy as np
import onnxruntime as ort
from safetensors.numpy import save_file

here = Path(__file__).parent
session = ort.InferenceSession(str(here / "../../../weights/pcore_tiny.onnx"), providers=["CPUExecutionProvider"])
# An odd, non-square size and two different images: swapped axes or mixed-up images can't hide.
pixels = np.random.default_rng(7).normal(size=(2, 3, 71, 50)).astype(np.float32)
layer2, layer3 = session.run(["layer2", "layer3"], {"input": pixels})
save_file({"pixels": pixels, "layer2": layer2, "layer3": layer3}, here / "features.safetensors")
(here / "versions.txt").write_text(f"numpy {np.__version__}, onnxruntime {ort.__version__}\n")
