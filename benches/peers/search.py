"""Search and coreset: pcore against faiss and torch on the same values and machine, run by run in turn.

    cargo bench --manifest-path kernels/bench/Cargo.toml --bench serve --no-run
    python benches/peers/search.py [--threads 2] [--runs 11] [--venv DIR]

Makes a throw-away virtual environment with numpy, faiss-cpu and torch. Search: 784 queries of 1536 values against 10,000
and 100,000 rows, exact, by `faiss.IndexFlatL2`; uniform values, and patch-like ones (32 heaps near a surface of twelve
dimensions, plus noise). Coreset: greedy k-center of 1 % and 10 % of 100,000 x 128 as anomalib writes it in torch, one pass
over all rows per pick; 1 % is run whole and its picks are compared, 10 % is reckoned from the same passes. Prints medians
and least wall times in ms, and the ratio of medians pcore / peer.
"""

import argparse
import time
from pathlib import Path

from environment import Served, run_inside

PACKAGES = ["numpy", "faiss-cpu", "torch"]
ROOT = Path(__file__).resolve().parents[2]
DIM, QUERIES = 1536, 784


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=11)
    parser.add_argument("--venv", help="environment to use instead of a new one")
    parser.add_argument("--target", type=Path, default=ROOT / "kernels/bench/target", help="target folder of kernels/bench")
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if not args.inside:
        return run_inside(PACKAGES, args.venv)
    folder = Path(args.inside)
    print(f"{args.threads} threads each, {args.runs} runs in turn, wall time in ms")
    print("| case | pcore median | least | peer median | least | ratio of medians | same answers |")
    print("|---|---|---|---|---|---|---|")
    search(args, folder)
    coreset(args, folder)


def indices(pcore):
    return [int(word) for word in pcore.greeting.split()]


def row(case, ours, theirs, same):
    (a, a0), (b, b0) = ((sorted(times)[len(times) // 2], min(times)) for times in (ours, theirs))
    print(f"| {case} | {a:.1f} | {a0:.1f} | {b:.1f} | {b0:.1f} | {a / b:.4f} | {same} |", flush=True)


def search(args, folder):
    import faiss
    import numpy as np

    faiss.omp_set_num_threads(args.threads)
    for kind in (uniform, patch_like):
        kind(np.random.default_rng(1), QUERIES).tofile(folder / "queries")
        queries = np.fromfile(folder / "queries", "f4").reshape(-1, DIM)
        for n in (10_000, 100_000):
            values = kind(np.random.default_rng(2), n)
            values.tofile(folder / "rows")
            index = faiss.IndexFlatL2(DIM)
            index.add(values)
            for k in (1, 9):
                pcore = Served(args.target, "serve", ["search", folder / "rows", folder / "queries", DIM, k], args.threads)
                ours, theirs = [], []
                for _ in range(args.runs):
                    ours.append(pcore.run()[0])
                    start = time.perf_counter()
                    _, found = index.search(queries, k)
                    theirs.append((time.perf_counter() - start) * 1e3)
                pcore.close()
                same = (np.array(indices(pcore)).reshape(-1, k) == found).mean()
                case = f"{QUERIES} x {DIM} against {n} {kind.__name__} rows, k {k}: faiss {faiss.__version__} IndexFlatL2"
                row(case, ours, theirs, f"{same:.2%}")


def uniform(rng, n):
    return rng.random((n, DIM), "f4")


def patch_like(rng, n):
    import numpy as np

    fixed, latent = np.random.default_rng(7), 12
    mix, centers = fixed.random((latent, DIM)) - 0.5, 4 * fixed.random((32, latent)) - 2
    z = centers[rng.integers(0, 32, n)] + rng.random((n, latent)) - 0.5
    return (np.maximum(z @ mix, 0) + 0.1 * (rng.random((n, DIM)) - 0.5)).astype("f4")


def coreset(args, folder):
    import numpy as np
    import torch

    torch.set_num_threads(args.threads)
    values = np.random.default_rng(3).standard_normal((100_000, 128)).astype("f4")
    values.tofile(folder / "rows")
    rows = torch.from_numpy(values)
    least = torch.full((len(rows), 1), float("inf"))
    picks, times = [0], []
    for _ in range(1_000):
        start = time.perf_counter()
        least = torch.minimum(least, torch.linalg.norm(rows - rows[picks[-1] : picks[-1] + 1], dim=1, keepdim=True))
        picks.append(int(torch.argmax(least)))
        times.append((time.perf_counter() - start) * 1e3)
    # The last pass is for a pick that is not made.
    picks.pop()
    for n in (1_000, 10_000):
        pcore = Served(args.target, "serve", ["coreset", folder / "rows", 128, n], args.threads)
        ours = [pcore.run()[0] for _ in range(args.runs if n == 1_000 else 3)]
        pcore.close()
        same = sum(a == b for a, b in zip(indices(pcore), picks))
        row(f"coreset, {n} of 100,000 x 128: torch {torch.__version__}", ours, [sum(times) * n / 1_000], f"{same} of 1000")


if __name__ == "__main__":
    main()
