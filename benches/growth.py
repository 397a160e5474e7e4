"""How time and memory grow with images, image size and threads: runs the program itself.

    cargo build --release
    python3 benches/growth.py [--images 100,300,1000,3000,5000] [--sizes 224,320,448,640,1024] [--runs 3]

Makes simulated health data maps in a temporary folder, fits and inspects with pcore_tiny at 1 %, and prints tables with the
exponent of each column: the slope of its logarithm over that of the first column. Times are those of the whole program.
How time grows with the rows of a bank: `cargo bench --manifest-path kernels/Cargo.toml --bench growth`.
"""

import argparse
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", default="100,300,1000,3000,5000")
    parser.add_argument("--sizes", default="224,320,448,640,1024")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--memory", default="8GiB")
    parser.add_argument("--pcore", type=Path, default=ROOT / "target" / "release" / "pcore")
    args = parser.parse_args()
    images, sizes = ([int(x) for x in text.split(",")] for text in (args.images, args.sizes))
    with tempfile.TemporaryDirectory() as folder:
        job = Job(args, Path(folder))
        n_test = 200
        job.simulate("few", 100, n_test)
        table("training images", ["fit, s", "peak, MiB"], ((n, job.fit_images(n)) for n in images))
        per_size = ((n, job.at_size(n, n_test)) for n in sizes)
        table("image size, px", ["fit of 100, s", "inspection, ms per image", "peak, MiB"], per_size)
        table("threads", ["fit of 100, s", "inspection, ms per image"], ((n, job.with_threads(n, n_test)) for n in (1, 2)))


def table(first, columns, rows):
    print(f"\n| {first} | " + " | ".join(columns) + " |")
    print("|" + "---|" * (1 + len(columns)))
    found = []
    for n, values in rows:
        found.append((n, values))
        print(f"| {n} | " + " | ".join(f"{v:.2f}" if v < 100 else f"{v:.0f}" for v in values) + " |", flush=True)
    print("| exponent | " + " | ".join(f"{exponent([(n, v[i]) for n, v in found]):.2f}" for i in range(len(columns))) + " |")


def exponent(points):
    points = [(math.log(n), math.log(v)) for n, v in points]
    x, y = (statistics.fmean(p[i] for p in points) for i in (0, 1))
    return sum((a - x) * (b - y) for a, b in points) / sum((a - x) ** 2 for a, _ in points)


class Job:
    def __init__(self, args, folder):
        self.args, self.folder = args, folder

    def run(self, *arguments, threads=2):
        """Seconds and peak memory in MiB of one run of the program."""
        environment = {**os.environ, "PCORE_HOME": str(self.folder / "home"), "RAYON_NUM_THREADS": str(threads)}
        with open(self.folder / "log", "wb") as log:
            begun = time.perf_counter()
            child = subprocess.Popen([self.args.pcore, *arguments], env=environment, stdout=log, stderr=log)
            _, status, usage = os.wait4(child.pid, 0)
            seconds = time.perf_counter() - begun
            child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != 0:
            sys.exit(f"pcore {' '.join(map(str, arguments))}: exit {child.returncode}\n{(self.folder / 'log').read_text()}")
        return seconds, usage.ru_maxrss / 1024

    def simulate(self, name, n_train, n_test):
        self.run("synth", "hdmap", "--out", self.folder / name, "--train", str(n_train), "--good", str(n_test), "--fault", "0")

    def median(self, *arguments, runs=None, threads=2):
        runs = [self.run(*arguments, threads=threads) for _ in range(runs or self.args.runs)]
        return statistics.median(r[0] for r in runs), max(r[1] for r in runs)

    def fit(self, name, *options, **how):
        normal = self.folder / name / "domain_C" / "train" / "good"
        options = ["--quality", "fast", "--memory", self.args.memory, *options]
        return self.median("fit", "--domain", "C", "--normal", normal, *options, **how)

    def infer(self, n_test, **how):
        seconds, peak = self.median("infer", self.folder / "few" / "domain_C" / "test" / "good", "--domain", "C", **how)
        return 1e3 * seconds / n_test, peak

    def fit_images(self, n):
        self.simulate(f"train{n}", n, 1)
        return self.fit(f"train{n}", runs=1 if n > 1000 else None)

    def at_size(self, size, n_test):
        seconds, peak = self.fit("few", "--image-size", f"{size}x{size}")
        per_image, _ = self.infer(n_test)
        return seconds, per_image, peak

    def with_threads(self, n, n_test):
        seconds, _ = self.fit("few", threads=n)
        per_image, _ = self.infer(n_test, threads=n)
        return seconds, per_image


if __name__ == "__main__":
    main()
