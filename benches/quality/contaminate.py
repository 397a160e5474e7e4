"""Plants defective test images among the training images of products, and measures what fits make of it.

    python3 benches/quality/contaminate.py --data DIR --program PCORE --out DIR [--share 0.1] [--draws 2] [--images N] [--only plain,both] [--fit FLAGS]

As many defective test images, drawn by a seeded shuffle, as make SHARE of the training folder, at most half of the
defects, are copied into it and left out of the test. `clean` is a fit without them, judged on the same test images.
With --images, of so many training images, drawn likewise.
Each line of OUT/figures.jsonl is one fit and evaluation; lines that are there are not measured again.
"""
import argparse
import json
import os
import pathlib
import random
import shlex
import shutil
import subprocess

VARIANTS = {
    "plain": [],
    "filter": ["--filter-patches", "0.05"],
    "dropped": ["--drop-suspects"],
    "both": ["--filter-patches", "0.05", "--drop-suspects"],
}
PLANTED = "planted_"


def images(folder):
    return sorted(p for p in folder.rglob("*") if p.is_file() and p.suffix.lower() in (".png", ".jpg", ".jpeg", ".bmp", ".tif"))


def copy(source, target):
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, target)


def tree(product, folder, train, planted):
    """A copy of a product with these training images, and with these test images among them in place of the test."""
    shutil.rmtree(folder, ignore_errors=True)
    rest = [path for part in ("test", "ground_truth") for path in images(product / part)]
    for path in [*train, *rest]:
        if path not in planted:
            copy(path, folder / path.relative_to(product))
    good = next(p for p in sorted((product / "train").iterdir()) if p.is_dir())
    for at, path in enumerate(planted):
        copy(path, folder / "train" / good.name / f"{PLANTED}{at:03}{path.suffix}")


class Program:
    def __init__(self, args):
        self.path, self.out, self.flags = args.program, pathlib.Path(args.out), shlex.split(args.fit)

    def call(self, verb, *rest):
        command = [self.path, verb, "-q", "--device", "cpu", "--json", *map(str, rest)]
        done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PCORE_HOME": str(self.out / "home")})
        if done.returncode:
            raise SystemExit(f"{command}: {done.stderr}")
        return json.loads(done.stdout)

    def fit(self, train, bundle, flags):
        found = self.call("fit", "--normal", train, "--bundle", bundle, *self.flags, *flags)
        told = found["manifest"].get("suspects") or {}
        names = lambda which: [suspect["name"] for suspect in told.get(which, [])]
        count = lambda names: [sum(PLANTED in n for n in names), sum(PLANTED not in n for n in names)]
        return {"suspects": count(names("kept")), "dropped": count(names("dropped"))}

    def eval(self, root, bundle):
        found = self.call("eval", root, "--bundle", bundle)
        return {key: found.get(key) for key in ("image_AUROC", "AUPRO", "recall", "false_alarm_rate", "n_normal", "n_anomalous")}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    parser.add_argument("--program", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--share", type=float, default=0.1)
    parser.add_argument("--draws", type=int, default=2)
    parser.add_argument("--images", type=int)
    parser.add_argument("--only", default=",".join(VARIANTS))
    parser.add_argument("--fit", default="")
    args = parser.parse_args()
    program, out = Program(args), pathlib.Path(args.out)
    out.mkdir(parents=True, exist_ok=True)
    figures = out / "figures.jsonl"
    known = {}
    if figures.exists():
        for line in figures.read_text().splitlines():
            row = json.loads(line)
            known[(row["product"], row["draw"], row["variant"])] = row

    def keep(product, draw, variant, row):
        row = {"product": product.name, "draw": draw, "variant": variant, **row}
        known[(product.name, draw, variant)] = row
        with figures.open("a") as file:
            file.write(json.dumps(row) + "\n")

    products = sorted(p for p in pathlib.Path(args.data).iterdir() if (p / "train").is_dir() and (p / "test").is_dir())
    for draw in [*range(args.draws), None]:
        for product in products:
            measure(program, product, draw, (known, keep), args)


def measure(program, product, draw, runs, args):
    """All variants of one product: with defects planted, and in draw None without."""
    known, keep = runs
    train = images(product / "train")
    if args.images:
        train = sorted(random.Random(0).sample(train, min(args.images, len(train))))
    defects = [p for p in images(product / "test") if p.parent.name != "good"]
    clean, root = program.out / f"{product.name}.pcore", program.out / "tree"
    planted = []
    if draw is not None:
        n = min(round(len(train) * args.share / (1 - args.share)), len(defects) // 2)
        planted = sorted(random.Random(draw).sample(defects, n))
    if (product.name, None, "plain") not in known:
        tree(product, root, train, [])
        told = program.fit(root, clean, [])
        keep(product, None, "plain", {**told, **program.eval(root, clean), "planted": 0})
    tree(product, root, train, planted)
    if planted and (product.name, draw, "clean") not in known:
        keep(product, draw, "clean", {**program.eval(root, clean), "planted": len(planted)})
    for variant in args.only.split(","):
        if (product.name, draw, variant) in known:
            continue
        before = known.get((product.name, draw, {"dropped": "plain", "both": "filter"}.get(variant)))
        if before and sum(before["suspects"]) == 0:
            # Nothing to drop: the same bundle.
            keep(product, draw, variant, {k: v for k, v in before.items() if k not in ("product", "draw", "variant")})
            continue
        bundle = program.out / "bundle.pcore"
        told = program.fit(root, bundle, VARIANTS[variant])
        keep(product, draw, variant, {**told, **program.eval(root, bundle), "planted": len(planted)})


if __name__ == "__main__":
    main()
