"""Fixtures shared by all tests."""

import fcntl
import hashlib
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

# before anything starts TensorFlow or BLAS; the threads of BLAS would spin beside the other programs' on the
# two cores that the tests share
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

ROOT = Path(__file__).parent.parent
SMALL = ROOT / "ipi_inputs" / "graphene_nacl_small"
REFERENCE = ROOT / "ipi_inputs" / "graphene_nacl"
CAPACITOR = ROOT / "ipi_inputs" / "graphene_capacitor_small"


def pytest_xdist_auto_num_workers():
    """One more than there are processors: many tests wait for programs at the ends of sockets."""
    return len(os.sched_getaffinity(0)) + 1


def pytest_configure(config):
    """Of several workers one compiles a loop, and the others wait for what it leaves on disk."""
    if not hasattr(config, "workerinput"):
        return
    from numba.core.compiler_lock import global_compiler_lock
    from numba.core.dispatcher import Dispatcher

    compile_here = Dispatcher.compile
    locks = config.cache.mkdir("compile")

    def compile_once(self, signature):
        function = self.py_func
        name = f"{function.__module__}.{function.__qualname__}{signature}"
        path = locks / hashlib.sha256(name.encode()).hexdigest()
        # the order of the locks is that of the calls, so that no two workers wait for one another
        with global_compiler_lock, path.open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            return compile_here(self, signature)

    Dispatcher.compile = compile_once


@pytest.fixture(scope="session")
def small_case():
    """The case of about 600 atoms."""
    from polcouple.case.model import read_case

    return read_case(SMALL)


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    """Prepared data of the test's own."""
    monkeypatch.setenv("POLCOUPLE_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def label_here(monkeypatch):
    """Labels made by a thread of this process, without the second or two that a process takes to start."""
    from polcouple.learning import label, label_moving

    @contextmanager
    def executors(workers, scheduler):
        yield lambda: ThreadPoolExecutor(1), 2

    for module in (label, label_moving):
        monkeypatch.setattr(module, "executors", executors)


@pytest.fixture
def small_directory(tmp_path):
    """A copy of the small case's files that a test may change."""
    directory = tmp_path / "case"
    directory.mkdir()
    for path in SMALL.iterdir():
        if path.is_file():
            shutil.copy(path, directory)
    return directory


@pytest.fixture
def sheet(tmp_path):
    """The 24 carbons of the quantum case alone, at its held level; the shipped tables suffice."""
    from mobile_cases import QUANTUM, change

    directory = tmp_path / "sheet"
    shutil.copytree(QUANTUM, directory)
    lines = (directory / "init.xyz").read_text().splitlines()
    (directory / "init.xyz").write_text("\n".join(["24", *lines[1:26]]) + "\n")
    section = {"name": "sheet", "first_atom": 0, "last_atom": 23, "total_charge_e": 0.0, "mobile": True}
    change(directory, topology=[{"species": "electrode", "count": 24}], electrodes=[section], backends={})
    return directory
