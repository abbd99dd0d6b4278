"""A hook of mkdocs: with POLCOUPLE_GALLERY=run in the environment it first runs the gallery."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any


def on_pre_build(**_: Any) -> None:
    """Run what is missing, or what another version of its script has made."""
    wanted = os.environ.get("POLCOUPLE_GALLERY")
    if wanted not in (None, "run"):
        raise SystemExit(f"POLCOUPLE_GALLERY={wanted}: 'run' runs the gallery, without it nothing is run")
    if wanted:
        script = Path(__file__).parents[1] / "examples" / "gallery" / "run.py"
        subprocess.run([sys.executable, str(script)], check=True)
