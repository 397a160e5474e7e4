"""Writes golden.json: what PyTorch and scikit-image say, for src/model/reconstruction/tests.rs.

Run in a folder of its own: pip install numpy torch scikit-image; python generate.py > golden.json
"""

import json
import math

import numpy as np
import torch
import torch.nn.functional as F
from skimage.metrics import structural_similarity

LEVELS, CHANNELS, SIDE, N, STEPS, RATE, DECAY = 3, 3, 32, 4, 20, 1e-3, 1e-5
LEAK = 0.2


def drawn(n, number):
    """Values from -1 to 1 that every language makes alike."""
    at = np.arange(n, dtype=np.int64)
    return (((at * 7919 + number * 104729) * 65537) % 2003 / 1001.0 - 1.0).astype(np.float32)


def widths():
    return [CHANNELS] + [min(32 << (level - 1), 256) for level in range(1, LEVELS)] + [64]


class Autoencoder(torch.nn.Module):
    def __init__(self):
        super().__init__()
        w = widths()
        self.layers = torch.nn.ModuleList(
            [torch.nn.Conv2d(w[i], w[i + 1], 4, 2, 1) for i in range(LEVELS)]
            + [torch.nn.ConvTranspose2d(w[i + 1], w[i], 4, 2, 1) for i in reversed(range(LEVELS))]
        )
        for number, layer in enumerate(self.layers):
            # Stored as [4, 4, from, to], where a transposed convolution leads from `to` to `from`.
            to, from_ = layer.weight.shape[:2]
            values = drawn(16 * from_ * to, number).reshape(4, 4, from_, to) * np.float32(0.08)
            layer.weight.data = torch.from_numpy(values).permute(3, 2, 0, 1).contiguous()
            layer.bias.data = torch.from_numpy(drawn(len(layer.bias), number + 50) * np.float32(0.05))

    def forward(self, x):
        x = x * 2 - 1
        for number, layer in enumerate(self.layers):
            x = layer(x)
            if number + 1 < len(self.layers):
                x = F.leaky_relu(x, LEAK)
        return x * 0.5 + 0.5


def windows():
    t = torch.arange(11) - 5.0
    k = torch.exp(-((t / 1.5) ** 2) / 2)
    return k / k.sum()


def ssim(x, y):
    k, c = windows(), x.shape[1]
    rows, columns = k.view(1, 1, 11, 1).repeat(c, 1, 1, 1), k.view(1, 1, 1, 11).repeat(c, 1, 1, 1)
    f = lambda z: F.conv2d(F.conv2d(z, rows, groups=c), columns, groups=c)
    mx, my, xx, yy, xy = f(x), f(y), f(x * x), f(y * y), f(x * y)
    above = (2 * mx * my + 1e-4) * (2 * (xy - mx * my) + 9e-4)
    return above / ((mx * mx + my * my + 1e-4) * (xx - mx * mx + yy - my * my + 9e-4))


def loss(x, y, shown):
    """The mean of the rows that are shown of each image."""
    total = 0.0
    for own, (x, y) in zip(shown, zip(x, y)):
        x, y = x[None, :, :own], y[None, :, :own]
        total = total + 0.7 * ((x - y) ** 2).mean() + 0.3 * (1 - ssim(x, y)).mean()
    return total / len(shown)


torch.manual_seed(0)
net = Autoencoder()
images = torch.from_numpy(drawn(N * SIDE * SIDE * CHANNELS, 99).reshape(N, SIDE, SIDE, CHANNELS) * np.float32(0.5) + np.float32(0.5))
# A gradient from left to right, so that there is something to learn.
ramp = torch.arange(SIDE, dtype=torch.float32)[None, None, :, None] / SIDE
images = (images * 0.3 + ramp * 0.7).permute(0, 3, 1, 2).contiguous()
shown = [32, 20, 32, 27]
optimiser = torch.optim.AdamW(net.parameters(), RATE, weight_decay=DECAY)
losses = []
for step in range(STEPS):
    for group in optimiser.param_groups:
        group["lr"] = RATE * 0.5 * (1 + math.cos(math.pi * step / STEPS))
    value = loss(images, net(images), shown)
    losses.append(float(value))
    optimiser.zero_grad()
    value.backward()
    optimiser.step()

pairs = []
for number in range(3):
    x = drawn(40 * 40, number).reshape(40, 40) * 0.5 + 0.5
    y = x * (0.9 - 0.2 * number) + 0.1 * (drawn(40 * 40, number + 7).reshape(40, 40) * 0.5 + 0.5)
    pairs.append(
        float(
            structural_similarity(
                x.astype(np.float64), y.astype(np.float64), gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=1.0
            )
        )
    )
print(json.dumps({"losses": losses, "shown": shown, "ssim": pairs}, indent=1))
