"""A throw-away virtual environment for a script that needs packages."""

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
