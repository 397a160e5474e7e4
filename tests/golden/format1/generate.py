"""Makes the bundles of format 1 in this folder, and `expected.json`: what the program that wrote them says of the test maps.

Usage: python3 generate.py PROGRAM, the last program that writes format 1 (commit 8f0f33c). Needs pillow and numpy.
"""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy
from PIL import Image

HERE = Path(__file__).resolve().parent
PROGRAM = str(Path(sys.argv[1]).resolve())
# The maps, and how they are described: tests/cli/format1.rs makes the same ones.
SYNTH = ["synth", "hdmap", "--out", ".", "--train", "24", "--good", "6", "--fault", "6"]
BUNDLES = {
    "one": ["--coreset", "20", "--conditions", "none"],
    "level": ["--coreset", "24", "--conditions", "p90"],
    "intensity": ["--coreset", "24", "--conditions", "index:12", "--gate", "knn"],
    "embedding": ["--coreset", "24", "--conditions", "index:12", "--gate", "embedding", "--alpha", "0.1"],
    "index": ["--coreset", "48", "--conditions", "index:12", "--gate", "knn", "--index", "ivf"],
    "cosine": ["--coreset", "24", "--metric", "cosine", "--image-score", "reweighted:5", "--holdout", "0.25"],
    "context": ["--coreset", "16", "--conditions", "index:12", "--context", "h:2", "--neighbourhood", "5", "--map-neighbours", "1", "--sigma", "0"],
    "constant": ["--coreset", "20", "--threshold", "0.5", "--projection", "16", "--group", "name:{}#"],
}
# One bundle that `import` made of the line station's files.
STATION = HERE.parent / "onnxdemo" / "tiny"
RUNS = [["--policy", "gated"], ["--policy", "mixed"], ["--policy", "soft"], ["--calibrate", "density"], ["--calibrate", "global"]]
KEPT = ["raw_score", "score", "threshold", "verdict", "condition", "gate_confidence", "unknown_condition"]


def run(work, *arguments):
    # Other instruction sets round otherwise; AVX2 is nearly everywhere.
    environment = dict(os.environ, PCORE_SIMD="avx2", PCORE_HOME=str(work / "home"))
    command = [PROGRAM, *arguments, "--device", "cpu"] if arguments[0] != "synth" else [PROGRAM, *arguments]
    return subprocess.run(command, cwd=work, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout


def said(work, images, bundle, extra):
    out = work / "out"
    text = run(work, "infer", str(images), "--bundle", str(bundle), "--json", "--out", str(out), "--maps", "tiff", *extra)
    rows = {}
    maps = sorted((out / "maps").rglob("*.tiff"))
    for line, path in zip(text.splitlines(), maps, strict=True):
        row = json.loads(line)
        values = numpy.asarray(Image.open(path), dtype="<f4")
        name = "/".join(Path(row["path"]).parts[-2:])
        rows[name] = {key: row[key] for key in KEPT} | {"map_sha256": hashlib.sha256(values.tobytes()).hexdigest()}
    subprocess.run(["rm", "-r", str(out)], check=True)
    return rows


def main():
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        run(work, *SYNTH)
        expected = {}
        for name, arguments in BUNDLES.items():
            bundle = HERE / f"{name}.pcore"
            run(work, "fit", "--domain", "C", "--normal", ".", "--image-size", "64", "--bundle", str(bundle), *arguments)
            expected[name] = [{"arguments": extra, "rows": said(work, "domain_C/test", bundle, extra)} for extra in RUNS]
        bundle = HERE / "station.pcore"
        run(work, "import", str(STATION / "station"), "--bundle", str(bundle))
        expected["station"] = [{"arguments": [], "rows": said(work, STATION / "images", bundle, [])}]
        (HERE / "expected.json").write_text(json.dumps(expected) + "\n")


main()
