"""Writes station/ (the files of a line station) and expected.json beside this script.

Needs numpy. The station's rules are written out here once more, independently of pcore:
an image scores max over its patches of 1 - max over the bank of the dot product, and is
rejected when the score, in float32, is greater than float32(value).
"""

import json
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
N_ROWS, DIM, GRID = 24, 16, (3, 2)


def normalised(values):
    norms = np.sqrt((values.astype(np.float64) ** 2).sum(axis=1, keepdims=True) + 1e-12)
    return (values / norms).astype("<f4")


def main():
    random = np.random.default_rng(20240501)
    bank = normalised(random.normal(size=(N_ROWS, DIM)))
    station = HERE / "station"
    station.mkdir(exist_ok=True)
    bank.tofile(station / "gallery_f32.bin")

    images, value = [], 0.0509
    for noise in (0.0, 0.02, 0.05, 0.09, 0.2, 1.0):
        picked = random.integers(0, N_ROWS, size=GRID[0] * GRID[1])
        patches = normalised(bank[picked] + noise * random.normal(size=(len(picked), DIM)))
        distances = 1.0 - (patches.astype(np.float64) @ bank.astype(np.float64).T).max(axis=1)
        score = distances.max()
        images.append({
            "patches": [[float(x) for x in patch] for patch in patches],
            "score": float(score),
            "rejected": bool(np.float32(score) > np.float32(value)),
        })

    threshold = {"metric": "cosine", "q": 0.998, "value": value, "ntotal": N_ROWS}
    (station / "threshold.json").write_text(json.dumps(threshold, indent=2))
    meta = {
        "backbone": "wrn50_l3", "layers": ["layer3"], "input_size": 224,
        "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225], "grid": list(GRID),
        "metric": "cosine", "data_name": "병뚜껑", "model_dir": "runs/1",
    }
    (station / "meta.json").write_text(json.dumps(meta, ensure_ascii=False, indent=4) + "\n", encoding="utf-8")
    (HERE / "expected.json").write_text(json.dumps({"dim": DIM, "images": images}) + "\n")


if __name__ == "__main__":
    main()
