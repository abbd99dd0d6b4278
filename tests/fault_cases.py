"""Backends that are at fault, for processes that a test starts."""

import os
from pathlib import Path

import pytest
from plugin_cases import install

#: backends of a package of their own, in a directory of the path
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
from polcouple.backends.capabilities import Capabilities
class Options(BackendOptions): pass
class Backend:
    capabilities = Capabilities(conservative=True)
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
        (folder / f"faulty_{name}.py").write_text(BACKEND.format(fault=fault))
    install(folder, "faulty", "1.0", "polcouple.backends", {name: f"faulty_{name}" for name in BACKENDS})
    paths = [str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]
    return os.environ | {"PYTHONPATH": os.pathsep.join(paths)}


def find_faulty_backends(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """This process finds them too, as do the programs that it starts."""
    monkeypatch.setenv("PYTHONPATH", environment_with_faulty_backends(folder)["PYTHONPATH"])
    monkeypatch.syspath_prepend(folder)
