"""Search and coreset: faiss and torch, to be read beside `cargo bench --manifest-path kernels/Cargo.toml --bench kernels -- search coreset`.

    python benches/peers/search.py [--threads 2] [--runs 11] [--venv DIR]

Makes a throw-away virtual environment with numpy, faiss-cpu and torch. Times `faiss.IndexFlatL2` on 784 queries of 1536
values against 10,000 and 100,000 rows, and greedy k-center selection of 1 % out of 100,000 x 128 as anomalib writes it:
one pass over all rows per pick, in torch. Prints medians and least times in ms.
"""

import argparse
import time

from environment import run_inside

PACKAGES = ["numpy", "faiss-cpu", "torch"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--runs", type=int, default=11)
    parser.add_argument("--venv", help="environment to use instead of a new one")
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.inside:
        search(args)
        return coreset(args)
    run_inside(PACKAGES, args.venv)


def report(what, times):
    times.sort()
    print(f"{what:<52} median {times[len(times) // 2]:9.2f} ms  least {times[0]:9.2f} ms", flush=True)


def search(args):
    import faiss
    import numpy as np

    faiss.omp_set_num_threads(args.threads)
    rng = np.random.default_rng(0)
    queries = rng.random((784, 1536), "f4")
    for rows in (10_000, 100_000):
        index = faiss.IndexFlatL2(1536)
        index.add(rng.random((rows, 1536), "f4"))
        index.search(queries, 1)
        times = []
        for _ in range(args.runs):
            start = time.perf_counter()
            index.search(queries, 1)
            times.append((time.perf_counter() - start) * 1e3)
        report(f"faiss {faiss.__version__} IndexFlatL2, {rows} rows, k 1", times)


def coreset(args):
    import torch

    torch.set_num_threads(args.threads)
    rows = torch.randn(100_000, 128, generator=torch.Generator().manual_seed(0))
    least = torch.full((len(rows), 1), float("inf"))
    picked, passes = 0, 60
    start = time.perf_counter()
    for _ in range(passes):
        least = torch.minimum(least, torch.linalg.norm(rows - rows[picked : picked + 1], dim=1, keepdim=True))
        picked = int(torch.argmax(least))
    per_pick = (time.perf_counter() - start) * 1e3 / passes
    for picks in (1_000, 10_000):
        print(f"torch {torch.__version__} k-center, {picks} picks, from {passes} passes: {per_pick * picks:.0f} ms")


if __name__ == "__main__":
    main()
