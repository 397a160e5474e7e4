"""Writes tiny/ beside this script: images, a station's folder made from them, and what it says of each image.

    pip install numpy==2.4.6 pillow==13.0.0 onnxruntime==1.31.1
    python generate_tiny.py

Stands for the station and its training notebook, independently of pcore: ONNX Runtime runs
weights/pcore_tiny.onnx, Pillow resizes. The gallery is a greedy coreset of single patches of layer3.
"""

import json
from pathlib import Path

import numpy as np
import onnxruntime as ort
from PIL import Image

HERE = Path(__file__).parent
OUT = HERE / "tiny"
MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
N_TRAIN, N_NORMAL, N_FAULT, N_ROWS, SIZE = 5, 4, 3, 96, (40, 56)


def picture(random, fault):
    """A woven texture; a fault is a bright smear."""
    height, width = SIZE
    y, x = np.mgrid[:height, :width].astype(np.float64)
    phase = random.uniform(0, 2 * np.pi, size=2)
    weave = np.sin(0.9 * x + phase[0]) * np.cos(0.7 * y + phase[1])
    grey = 120 + 40 * weave + 2 * random.normal(size=(height, width))
    colour = np.stack([grey, 0.9 * grey, 0.8 * grey], axis=-1)
    if fault:
        cy, cx = random.uniform(12, 28), random.uniform(18, 38)
        colour[((y - cy) / 3) ** 2 + ((x - cx) / 6) ** 2 < 1] = (240, 235, 60)
    return Image.fromarray((np.clip(colour, 0, 255) // 4 * 4).astype(np.uint8))


def network_input(image):
    """Short side to 256, centre 224 cut, in float: nothing is rounded to 8 bits after resizing."""
    width, height = image.size
    short = 256
    size = (short, int(short * height / width)) if width <= height else (int(short * width / height), short)
    left, top = round((size[0] - 224) / 2), round((size[1] - 224) / 2)
    planes = []
    for channel, mean, std in zip(image.split(), MEAN, STD):
        plane = Image.fromarray(np.asarray(channel, dtype=np.float32) / np.float32(255))
        plane = plane.resize(size, Image.Resampling.BILINEAR).crop((left, top, left + 224, top + 224))
        planes.append((np.asarray(plane) - np.float32(mean)) / np.float32(std))
    return np.stack(planes)[None].astype(np.float32)


def normalised(values):
    norms = np.sqrt((values.astype(np.float64) ** 2).sum(axis=1, keepdims=True) + 1e-12)
    return (values / norms).astype("<f4")


def main():
    session = ort.InferenceSession(str(HERE / "../../../weights/pcore_tiny.onnx"), providers=["CPUExecutionProvider"])

    def patches(image):
        (layer3,) = session.run(["layer3"], {"input": network_input(image)})
        grids.add(layer3.shape[2:])
        return normalised(layer3[0].reshape(layer3.shape[1], -1).T)

    grids = set()
    random = np.random.default_rng(20240917)
    (OUT / "images").mkdir(parents=True, exist_ok=True)
    (OUT / "station").mkdir(exist_ok=True)

    rows = np.concatenate([patches(picture(random, False)) for _ in range(N_TRAIN)]).astype(np.float64)
    picked, nearest = [0], None
    while len(picked) < N_ROWS:
        distance = 1 - rows @ rows[picked[-1]]
        nearest = distance if nearest is None else np.minimum(nearest, distance)
        picked.append(int(nearest.argmax()))
    bank = rows[picked].astype("<f4")
    bank.tofile(OUT / "station/gallery_f32.bin")

    # As the notebook does it: a quantile of the distances among the rows that were picked to be far apart.
    bank64 = bank.astype(np.float64)
    similarity = bank64 @ bank64.T
    np.fill_diagonal(similarity, -1)
    value, q = float(np.quantile(1 - similarity.max(axis=1), 0.998)), 0.998

    images = []
    for index in range(N_NORMAL + N_FAULT):
        fault = index >= N_NORMAL
        name = f"{'fault' if fault else 'good'}_{index}.png"
        picture(random, fault).save(OUT / "images" / name, optimize=True)
        found = patches(Image.open(OUT / "images" / name)).astype(np.float64)
        score = float((1 - (found @ bank64.T).max(axis=1)).max())
        images.append({"image": name, "score": score})
    print(value, [round(i["score"], 5) for i in images])
    for image in images:
        assert abs(image["score"] - value) > 1e-3, "too near to the threshold to be a test"
        image["rejected"] = bool(np.float32(image["score"]) > np.float32(value))
    (grid,) = grids

    threshold = {"value": value, "metric": "cosine", "q": q, "ntotal": N_ROWS}
    (OUT / "station/threshold.json").write_text(json.dumps(threshold, indent=2))
    meta = {
        "input_size": 224, "mean": MEAN.tolist(), "std": STD.tolist(), "grid": list(grid), "metric": "cosine",
        "backbone": "pcore_tiny", "layers": ["layer3"], "data_name": "weave",
    }
    (OUT / "station/meta.json").write_text(json.dumps(meta, indent=2) + "\n")
    (OUT / "expected.json").write_text(json.dumps(images, indent=1) + "\n")


if __name__ == "__main__":
    main()
