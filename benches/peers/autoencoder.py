"""A training step of the autoencoder in PyTorch and in pcore, by turns.

python benches/peers/autoencoder.py TRAINING_BENCH [SIDE BATCH CHANNELS]

TRAINING_BENCH is the program that `cargo bench --bench training --no-run` builds. The twin has the same layers, loss and optimiser
(tests/golden/autoencoder holds the two to each other). Two threads each; medians of wall time.
"""

import statistics
import subprocess
import sys
import time

import torch
import torch.nn.functional as F

LEAK = 0.2
RUNS = 21


def autoencoder(side, channels):
    levels = (side // 4).bit_length() - 1
    widths = [channels] + [min(32 << (level - 1), 256) for level in range(1, levels)] + [64]
    layers = []
    for level in range(levels):
        layers += [torch.nn.Conv2d(widths[level], widths[level + 1], 4, 2, 1), torch.nn.LeakyReLU(LEAK)]
    for level in reversed(range(levels)):
        layers += [torch.nn.ConvTranspose2d(widths[level + 1], widths[level], 4, 2, 1), torch.nn.LeakyReLU(LEAK)]
    return torch.nn.Sequential(*layers[:-1])


def loss(x, y):
    channels = x.shape[1]
    t = torch.arange(11) - 5.0
    k = torch.exp(-((t / 1.5) ** 2) / 2)
    k = k / k.sum()
    rows, columns = k.view(1, 1, 11, 1).repeat(channels, 1, 1, 1), k.view(1, 1, 1, 11).repeat(channels, 1, 1, 1)
    f = lambda z: F.conv2d(F.conv2d(z, rows, groups=channels), columns, groups=channels)
    mx, my, xx, yy, xy = f(x), f(y), f(x * x), f(y * y), f(x * y)
    above = (2 * mx * my + 1e-4) * (2 * (xy - mx * my) + 9e-4)
    ssim = above / ((mx * mx + my * my + 1e-4) * (xx - mx * mx + yy - my * my + 9e-4))
    return 0.7 * ((x - y) ** 2).mean() + 0.3 * (1 - ssim).mean()


def main():
    side, batch, channels = (int(number) for number in (sys.argv[2:] or [128, 8, 3]))
    torch.set_num_threads(2)
    net = autoencoder(side, channels)
    optimiser = torch.optim.AdamW(net.parameters(), 1e-3, weight_decay=1e-5)
    images = torch.rand(batch, channels, side, side)

    def step():
        begun = time.perf_counter()
        value = loss(images, net(images * 2 - 1) * 0.5 + 0.5)
        optimiser.zero_grad()
        value.backward()
        optimiser.step()
        return (time.perf_counter() - begun) * 1e3

    own = subprocess.Popen(
        [sys.argv[1], str(side), str(batch), str(channels), "--serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    print("pcore on", own.stdout.readline().strip(), "and torch", torch.__version__)

    def served():
        own.stdin.write("\n")
        own.stdin.flush()
        return float(own.stdout.readline())

    for _ in range(3):
        step(), served()
    pairs = [(step(), served()) for _ in range(RUNS)]
    theirs, ours = (statistics.median(side) for side in zip(*pairs))
    print(f"{batch} images of {side} x {side} x {channels}: torch {theirs:.1f} ms, pcore {ours:.1f} ms, ratio {ours / theirs:.2f}")
    own.stdin.close()
    own.wait()


main()
