"""Writes the golden files of this folder with Pillow 13.0.0 and NumPy 2.4.6.

    pip install pillow==13.0.0 numpy==2.4.6
    python generate.py

Each file holds little-endian float32 values, row by row, of one resized grey image of mode F. Its
name says how: METHOD_SOURCE_to_TARGET.f32, sizes as HEIGHTxWIDTH. For `crop` the short side goes to
the number after `short`, then the target is cut from the centre, sizes and offsets as in
torchvision's Resize and CenterCrop. The source image comes from a formula that the test repeats.
"""

from pathlib import Path

import numpy as np
from PIL import Image

FOLDER = Path(__file__).parent
BILINEAR = [
    ((31, 95), (256, 256)),
    ((97, 61), (33, 20)),
    ((200, 300), (64, 48)),
    ((17, 130), (40, 50)),
    ((130, 17), (50, 40)),
    ((64, 64), (64, 31)),
    ((1, 1), (5, 7)),
    ((5, 1), (9, 4)),
    ((300, 7), (3, 99)),
]
NEAREST = [((31, 95), (64, 48)), ((97, 61), (33, 20)), ((1, 1), (5, 7)), ((7, 5), (13, 31))]
CROPS = [((97, 61), 40, (32, 31)), ((50, 120), 64, (56, 57)), ((31, 95), 48, (40, 40))]


def source(height, width):
    """Pseudo-random values in [-1, 3), exact in float32: a level matters, clipping would show."""
    index = np.arange(height * width, dtype=np.uint64)
    mixed = (index * np.uint64(2654435761) + np.uint64(12345)) & np.uint64(0xFFFFFFFF)
    mixed = mixed ^ (mixed >> np.uint64(13))
    values = (mixed >> np.uint64(8)).astype(np.float32) / np.float32(2**22) - np.float32(1)
    return Image.fromarray(values.reshape(height, width))


def write(name, image):
    np.asarray(image, dtype="<f4").tofile(FOLDER / f"{name}.f32")


for (h, w), (th, tw) in BILINEAR:
    image = source(h, w).resize((tw, th), Image.Resampling.BILINEAR)
    write(f"bilinear_{h}x{w}_to_{th}x{tw}", image)
for (h, w), (th, tw) in NEAREST:
    image = source(h, w).resize((tw, th), Image.Resampling.NEAREST)
    write(f"nearest_{h}x{w}_to_{th}x{tw}", image)
for (h, w), short, (th, tw) in CROPS:
    rh, rw = (int(short * h / w), short) if w <= h else (short, int(short * w / h))
    top, left = int(round((rh - th) / 2.0)), int(round((rw - tw) / 2.0))
    image = source(h, w).resize((rw, rh), Image.Resampling.BILINEAR)
    write(f"crop_{h}x{w}_short{short}_to_{th}x{tw}", image.crop((left, top, left + tw, top + th)))
