"""The whole job: pcore against anomalib's PatchCore on the same images, network and weights, in turn.

    cargo build --release
    python benches/peers/whole_job.py DATA RESNET18.onnx [--threads 2] [--runs 3] [--inspections 11] [--venv DIR]

DATA is a folder in MVTec layout (train/good, test/*). RESNET18.onnx holds a ResNet-18 to layer3 with folded batch norm; both
sides get its weights. Makes a throw-away virtual environment with anomalib, torch and onnx. Both sides: 256 x 256, layer2 and
layer3, coreset 1 %, no pictures; with `--quality balanced --coreset 0.1` each side's own defaults. anomalib is timed inside a running Python (imports, loading of weights and the building of
objects are left out); pcore is timed as a program, from its start to its end. Prints seconds for the fit and milliseconds
per image for inspection with ratios pcore / anomalib, and the peak memory of each side.

`--threads` limits torch and pcore; data loading of anomalib has no workers of its own (they made it slower on two cores).
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

from environment import run_inside

PACKAGES = ["anomalib", "torch", "torchvision", "timm", "onnx"]
ROOT = Path(__file__).resolve().parents[2]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("weights", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=3, help="fits; anomalib's takes minutes")
    parser.add_argument("--inspections", type=int, default=11)
    parser.add_argument("--pcore", type=Path, default=ROOT / "target" / "release" / "pcore")
    parser.add_argument("--quality", default="fast", help="fast is one scale, as the peer has")
    parser.add_argument("--coreset", type=float, default=0.01, help="of the peer; its own default is 0.1")
    parser.add_argument(
        "--random-bank", action="store_true",
        help="the peer's rows are taken at random, for its inspections alone: choosing 10 %% takes it the better part of an hour",
    )
    parser.add_argument("--venv", help="environment to use instead of a new one")
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.inside:
        return compare(args, Path(args.inside))
    run_inside(PACKAGES, args.venv)


def compare(args, folder):
    ours, theirs = Pcore(args, folder), Anomalib(args, folder)
    fits, infers = [], []
    for _ in range(args.runs):
        fits.append((ours.fit(), theirs.fit()))
    for _ in range(args.inspections):
        infers.append((ours.infer(), theirs.infer()))
    images = theirs.n_test
    print(f"anomalib {theirs.version}, torch {theirs.torch.__version__}, {args.threads} threads each, {args.runs} fits and {args.inspections} inspections in turn")
    print(f"{theirs.n_train} images to fit, {images} to inspect\n")
    print("| what | pcore median | spread | anomalib median | spread | ratio of medians |")
    print("|---|---|---|---|---|---|")
    if not args.random_bank:
        row("whole fit, s", fits, 1)
    row("inspection, ms per image", infers, 1e3 / images)
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"\npeak memory: pcore {ours.peak_mib:.0f} MiB, Python with anomalib {own:.0f} MiB")


def row(what, pairs, scale):
    a, b = ([scale * x for x in side] for side in zip(*pairs))
    spread = lambda side: f"{min(side):.2f} to {max(side):.2f}"
    a_median, b_median = statistics.median(a), statistics.median(b)
    print(f"| {what} | {a_median:.2f} | {spread(a)} | {b_median:.2f} | {spread(b)} | {a_median / b_median:.3f} |", flush=True)


class Pcore:
    def __init__(self, args, folder):
        self.program, self.data, self.folder = str(args.pcore), args.data, folder
        self.quality = args.quality
        self.environment = {**os.environ, "PCORE_HOME": str(folder / "home"), "RAYON_NUM_THREADS": str(args.threads)}
        self.peak_mib = 0
        self.run("weights", "add", str(args.weights.resolve()), "--as", "resnet18")

    def run(self, *arguments):
        begun = time.perf_counter()
        with (self.folder / "said").open("w+") as said:
            process = subprocess.Popen([self.program, *arguments], env=self.environment, stdout=said, stderr=said)
            watch = threading.Thread(target=self.watch, args=(process.pid,))
            watch.start()
            code = process.wait()
            seconds = time.perf_counter() - begun
            watch.join()
            if code != 0:
                said.seek(0)
                sys.exit(f"pcore {' '.join(arguments)}: exit {code}\n{said.read()}")
        return seconds

    def watch(self, pid):
        """The largest resident set, as the system counts it; usage statistics of children would count this process's too."""
        try:
            while True:
                lines = Path(f"/proc/{pid}/status").read_text().splitlines()
                peak = next(line for line in lines if line.startswith("VmHWM"))
                self.peak_mib = max(self.peak_mib, int(peak.split()[1]) / 1024)
                time.sleep(0.05)
        except (OSError, StopIteration):
            pass

    def fit(self):
        options = ["--backbone", "resnet18", "--layers", "layer2,layer3", "--quality", self.quality]
        return self.run("fit", "--domain", "peer", "--normal", str(self.data / "train" / "good"), *options)

    def infer(self):
        return self.run("infer", str(self.data / "test"), "--domain", "peer", "--json")


class Anomalib:
    def __init__(self, args, folder):
        import logging
        import warnings

        warnings.filterwarnings("ignore")
        logging.disable(logging.WARNING)
        import anomalib
        import torch
        from anomalib.data import Folder, PredictDataset
        from anomalib.engine import Engine
        from anomalib.models import Patchcore

        torch.set_num_threads(args.threads)
        self.torch, self.version, self.folder = torch, anomalib.__version__, folder
        self.kinds, self.onnx = (Folder, PredictDataset, Engine, Patchcore), str(args.weights)
        self.data, self.coreset = args.data.resolve(), args.coreset
        if args.random_bank:
            from anomalib.models.components import KCenterGreedy

            def sample_coreset(sampler, *_, **__):
                chosen = torch.randperm(len(sampler.embedding))[: sampler.coreset_size]
                return sampler.embedding[chosen]

            KCenterGreedy.sample_coreset = sample_coreset
        self.n_train = len(list((self.data / "train" / "good").iterdir()))
        self.n_test = sum(1 for path in (self.data / "test").rglob("*") if path.is_file())

    def weights_into(self, model):
        """Convolutions as they are; batch norm becomes the addition of the folded bias."""
        import onnx
        from onnx import numpy_helper

        torch = self.torch
        found = {t.name: torch.tensor(numpy_helper.to_array(t)) for t in onnx.load(self.onnx).graph.initializer}
        (extractor,) = [m for m in model.modules() if hasattr(m, "conv1") and hasattr(m, "layer1") and hasattr(m, "bn1")]
        done = 0
        with torch.no_grad():
            for name, module in extractor.named_modules():
                if not isinstance(module, torch.nn.Conv2d) or f"{name}.weight" not in found:
                    continue
                module.weight.copy_(found[f"{name}.weight"])
                norm = extractor.get_submodule(name.replace("conv", "bn").replace("downsample.0", "downsample.1"))
                norm.weight.copy_(torch.full_like(norm.weight, (1.0 + norm.eps) ** 0.5))
                norm.bias.copy_(found[f"{name}.bias"])
                norm.running_mean.zero_()
                norm.running_var.fill_(1.0)
                done += 2
        if done != len(found):
            sys.exit(f"{len(found)} tensors in {self.onnx}, {done} taken")

    def fit(self):
        Folder, _, Engine, Patchcore = self.kinds
        model = Patchcore(
            backbone="resnet18", layers=["layer2", "layer3"], pre_trained=False, coreset_sampling_ratio=self.coreset,
            visualizer=False, evaluator=False,
        )
        self.weights_into(model)
        data = Folder(
            name="peer", root=self.data, normal_dir="train/good", train_batch_size=8, eval_batch_size=8, num_workers=0,
            test_split_mode="none", val_split_mode="none",
        )
        engine = Engine(
            accelerator="cpu", devices=1, default_root_dir=self.folder / "anomalib", logger=False, barebones=False,
            enable_progress_bar=False, enable_model_summary=False, limit_val_batches=0,
        )
        begun = time.perf_counter()
        engine.fit(model, datamodule=data)
        seconds = time.perf_counter() - begun
        self.model, self.engine = model, engine
        return seconds

    def infer(self):
        _, PredictDataset, _, _ = self.kinds
        begun = time.perf_counter()
        n = 0
        for folder in sorted(p for p in (self.data / "test").iterdir() if p.is_dir()):
            dataset = PredictDataset(path=folder, image_size=(256, 256))
            batches = self.engine.predict(self.model, dataset=dataset, return_predictions=True)
            n += sum(len(batch.pred_score) for batch in batches)
        seconds = time.perf_counter() - begun
        if n != self.n_test:
            sys.exit(f"anomalib inspected {n} of {self.n_test} images")
        return seconds


if __name__ == "__main__":
    main()
