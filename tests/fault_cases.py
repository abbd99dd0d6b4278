"""Backends that are at fault, for processes that a test starts."""

import os
from pathlib import Path

#: backends found by name in a directory that sitecustomize adds to the package's path
BACKENDS = {
    "nan": "charges[3] = numpy.nan",
    "unbalanced": "charges[3] += 1e-3",
    "short": "charges = charges[:-1] * self.n / (self.n - 1)",
    # as a computation in C, which Python's signal handlers do not interrupt
    "hung": "self.calls += 1\n        if self.calls > 3: signal.pthread_sigmask(0, {2, 15}), time.sleep(99)",
}
#: the same in the driver alone: whoever asks before a run gets a good answer
BACKENDS |= {f"{name}_in_driver": f"if driver:\n            {BACKENDS[name]}" for name in tuple(BACKENDS)}
BACKEND = """
import signal, sys, time, numpy
driver = "polcouple.cli.driver" in sys.orig_argv
from polcouple.backends.base import BackendOptions, ChargeResult
class Options(BackendOptions): pass
class Backend:
    conservative = True
    calls = 0
    def __init__(self, electrode, electrolyte, options): self.n = len(electrode)
    def solve(self, environment, total_charge, guess=None):
        charges = numpy.full(self.n, total_charge / self.n)
        {fault}
        return ChargeResult(charges)
"""


def environment_with_faulty_backends(folder: Path) -> dict[str, str]:
    """Environment variables with which a process finds them; ``folder`` is made for their modules."""
    folder.mkdir()
    for name, fault in BACKENDS.items():
        (folder / f"{name}.py").write_text(BACKEND.format(fault=fault))
    (folder / "sitecustomize.py").write_text(
        f"import polcouple.backends; polcouple.backends.__path__.append({str(folder)!r})\n"
    )
    return os.environ | {"PYTHONPATH": str(folder)}
