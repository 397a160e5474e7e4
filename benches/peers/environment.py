"""What the scripts share: a throw-away virtual environment, and a Rust bench that is asked for one run at a time."""

import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path


def run_inside(packages, home=None):
    """Runs the calling script again with `--inside FOLDER`, in the environment `home` or in a new one with `packages`.

    FOLDER is a temporary folder, removed at the end together with a new environment.
    """
    with tempfile.TemporaryDirectory() as folder:
        python = Path(home or Path(folder) / "venv") / "bin" / "python"
        if not home:
            venv.create(Path(folder) / "venv", with_pip=True)
            subprocess.run([python, "-m", "pip", "install", "-q", *packages], check=True)
        subprocess.run([python, *sys.argv, "--inside", folder], check=True)


class Served:
    """The newest bench `name` of a target folder; it says one line first (`greeting`), then answers one line per line."""

    def __init__(self, target, name, words, threads):
        built = [file for file in (Path(target) / "release" / "deps").glob(f"{name}-*") if not file.suffix]
        built = max(built, key=lambda file: file.stat().st_mtime)
        env = os.environ | {"RAYON_NUM_THREADS": str(threads)}
        self.process = subprocess.Popen(
            [built, *map(str, words)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env
        )
        self.greeting = self.process.stdout.readline()

    def run(self):
        """The numbers of its answer."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return tuple(map(float, self.process.stdout.readline().split()))

    def close(self):
        self.process.stdin.close()
        self.process.wait()
