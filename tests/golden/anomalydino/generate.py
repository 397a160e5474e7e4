"""Writes expected.json: AnomalyDINO (Damm et al., WACV 2025) on made-up tokens, with NumPy and SciPy.

    pip install numpy==2.4.6 scipy==1.17.1
    python generate.py

Tokens and pixels come from formulas that the test repeats. The steps: first principal component of an image's own tokens (SVD,
the largest weight positive), threshold 10, flipped where the middle (border .2) holds at most 35 % of it, dilation and closing by
3 x 3; cosine distance to the nearest of all reference tokens, 0 outside of the object; the mean of the largest int(.05 n) distances.
And a turned image: bilinear, borders reflected about their pixels.
"""

import json
from pathlib import Path

import numpy as np
from scipy import ndimage

ROWS, COLS, DIM = 12, 16, 24


def noise(seed, n):
    """Numbers in [-1, 1), exact in float32."""
    index = np.arange(n, dtype=np.uint64) + np.uint64(seed * 1_000_003)
    mixed = (index * np.uint64(2654435761) + np.uint64(12345)) & np.uint64(0xFFFFFFFF)
    mixed = mixed ^ (mixed >> np.uint64(13))
    return (mixed >> np.uint64(8)).astype(np.float32) / np.float32(2**23) - np.float32(1)


def tokens(seed, centre, height):
    """An ellipse of tokens far from the others along one direction, which `height` scales."""
    y, x = np.mgrid[0:ROWS, 0:COLS].astype(np.float32)
    inside = ((y - centre[0]) / 4) ** 2 + ((x - centre[1]) / 5) ** 2 <= 1
    values = noise(seed, ROWS * COLS * DIM).reshape(-1, DIM) * np.float32(2)
    return values + inside.reshape(-1, 1).astype(np.float32) * (np.float32(height) * noise(999, DIM))


def mask(rows):
    centred = rows.astype(np.float64) - rows.astype(np.float64).mean(0)
    axis = np.linalg.svd(centred, full_matrices=False)[2][0]
    axis = axis * np.sign(axis[np.argmax(np.abs(axis))])
    along = (centred @ axis).reshape(ROWS, COLS)
    seen = along > 10
    middle = seen[int(ROWS * 0.2) : int(ROWS * 0.8), int(COLS * 0.2) : int(COLS * 0.8)]
    if middle.sum() <= middle.size * 0.35:
        seen = -along > 10
    square = np.ones((3, 3), bool)
    seen = ndimage.binary_dilation(seen, square)
    seen = ndimage.binary_dilation(seen, square)
    return ndimage.binary_erosion(seen, square, border_value=1).reshape(-1)


def turned(image, degrees):
    height, width = image.shape
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    y, x = y - (height - 1) / 2, x - (width - 1) / 2
    sin, cos = np.sin(np.radians(degrees)), np.cos(np.radians(degrees))
    at = [sin * x + cos * y + (height - 1) / 2, cos * x - sin * y + (width - 1) / 2]
    # SciPy's `mirror` is OpenCV's BORDER_REFLECT_101.
    return ndimage.map_coordinates(image.astype(np.float64), at, order=1, mode="mirror")


def main():
    references = np.concatenate([tokens(seed, (5.5, 7.5), 8) for seed in (2, 3)]).astype(np.float64)
    references /= np.linalg.norm(references, axis=1, keepdims=True)
    images = []
    for seed, centre, height in ((10, (5.5, 7.5), 8), (11, (6.5, 6.0), -9)):
        rows = tokens(seed, centre, height)
        seen = mask(rows)
        unit = rows.astype(np.float64) / np.linalg.norm(rows.astype(np.float64), axis=1, keepdims=True)
        distances = np.where(seen, 1 - (unit @ references.T).max(1), 0.0)
        top = np.sort(distances)[::-1][: int(len(distances) * 0.05)]
        images.append(
            {
                "seed": seed,
                "centre": centre,
                "height": height,
                "mask": "".join("#" if s else "." for s in seen),
                "distances": [round(float(d), 7) for d in distances],
                "score": float(top.mean()),
            }
        )
    image = noise(7, 9 * 13).reshape(9, 13)
    turns = [{"degrees": d, "values": [round(float(v), 7) for v in turned(image, d).reshape(-1)]} for d in (45, 120, 315)]
    text = json.dumps({"images": images, "turned": turns}, indent=1)
    Path(__file__).with_name("expected.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
