"""Imports run one way, from the commands down to the lattice, and importing the package is cheap."""

import ast
import functools
import re
import resource
import subprocess
import sys
from pathlib import Path

import pytest

import polcouple

ROOT = Path(polcouple.__file__).parent

#: the rooms from the highest to the lowest; modules directly in the package lie below all of them
ROOMS = [
    "testing",
    "cli",
    "paradigms",
    "capacitance",
    "compare",
    "simulation",
    "check",
    "learning",
    "report",
    "analysis",
    "testing",
    "builder",
    "importing",
    "propagation",
    "coupling",
    "backends",
    "nn",
    "dftbplus",
    "dftb",
    "data",
    "engines",
    "frames",
    "case",
    "ipi",
    "rigid",
    "electrostatics",
    "lattice",
]
#: names of version 0.1, and the public names: they pass on what lies in rooms, and no room imports them
FORWARDING = ("pes", "forces", "electrodes", "classical", "ipi_output")


#: of a source; each is looked at several times
parsed = functools.cache(ast.parse)


def name_of(path):
    """Of a module, such as polcouple.case.model; a package's is without __init__."""
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {name_of(path): path for path in ROOT.rglob("*.py")}


def imported(name, tree):
    """(line, module) of every import of the package, inside functions and for types as well."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.partition(".")[0] == "polcouple":
                    yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{name}, line {node.lineno}: a relative import"
            if (node.module or "").partition(".")[0] == "polcouple":
                for alias in node.names:
                    inner = f"{node.module}.{alias.name}"
                    yield node.lineno, inner if inner in MODULES else node.module


def height(module):
    """Of a module's room: 0 is the lowest, that of modules directly in the package."""
    first = module.split(".")[1] if "." in module else ""
    if first in FORWARDING or not first:
        return len(ROOMS) + 1
    return len(ROOMS) - ROOMS.index(first) if first in ROOMS else 0


def faults(modules):
    """Imports that run upwards, as lines of text; ``modules`` are sources by name."""
    found = []
    for name, source in modules.items():
        for line, other in imported(name, parsed(source)):
            # the name of the package alone brings its version
            if other != "polcouple" and height(other) > height(name):
                found.append(f"{name}, line {line}, imports {other}")
    return found


def circles(modules):
    """Circles of imports, each as its names."""
    graph = {}
    for name, source in modules.items():
        graph[name] = {other for _, other in imported(name, parsed(source))} - {name, "polcouple"}
    done, found = set(), []

    def visit(name, trail):
        if name in trail:
            found.append([*trail[trail.index(name) :], name])
        elif name not in done:
            for other in sorted(graph.get(name, ())):
                visit(other, [*trail, name])
            done.add(name)

    for name in sorted(graph):
        visit(name, [])
    return found


@pytest.fixture(scope="module")
def sources():
    return {name: path.read_text() for name, path in MODULES.items()}


def test_every_folder_is_a_room():
    folders = {path.name for path in ROOT.iterdir() if (path / "__init__.py").exists()}
    assert folders == set(ROOMS)


def test_the_rooms_are_documented_in_their_order():
    page = (ROOT.parent / "docs" / "architecture.md").read_text()
    assert re.findall(r"^\| `(\w+)` \|", page, flags=re.MULTILINE) == ROOMS


def test_no_import_runs_upwards(sources):
    assert faults(sources) == []


def test_no_import_runs_in_a_circle(sources):
    assert circles(sources) == []


def test_faults_are_found():
    """An import inside a function and one for types count, too."""
    low = "def late():\n    from polcouple.compare.models import Model\n"
    typed = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import polcouple.case.model\n"
    both = {"polcouple.case.model": low, "polcouple.units": typed}
    assert faults(both) == [
        "polcouple.case.model, line 2, imports polcouple.compare.models",
        "polcouple.units, line 3, imports polcouple.case.model",
    ]
    ring = {"polcouple.case.a": "import polcouple.case.b", "polcouple.case.b": "import polcouple.case.a"}
    assert circles(ring) == [["polcouple.case.a", "polcouple.case.b", "polcouple.case.a"]]


def test_commands_are_read_in_one_room_only(sources):
    """Nothing below the commands knows of argparse."""
    for name, source in sources.items():
        if not name.startswith("polcouple.cli"):
            assert "argparse" not in source, name


def test_importing_the_package_loads_nothing_heavy():
    heavy = ("tensorflow", "keras", "openmm", "ase", "numba", "scipy", "numpy", "MDAnalysis", "matplotlib")
    program = (
        "import sys, time; start = time.process_time(); import polcouple;"
        f"print(time.process_time() - start, [name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    seconds, _, loaded = done.stdout.partition(" ")
    assert loaded.strip() == "[]"
    assert float(seconds) < 0.2


def test_help_is_there_at_once():
    """In processor time, the interpreter's start included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "polcouple.cli", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert "usage: polcouple" in done.stdout
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 0.3


def test_a_driver_starts_without_what_its_backend_does_not_need():
    """Good input is known before OpenMM, ASE and networks of energies are loaded."""
    heavy = ("tensorflow", "torch", "openmm", "ase", "polcouple.nn.grand.potential", "matplotlib")
    program = f"import sys, polcouple.cli.driver; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def defined(tree):
    """Names at the outermost level of a module."""
    names = set()
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {
                name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)
            }
    return names


@pytest.mark.parametrize("folder", ["benchmarks", "drivers", "examples"])
def test_scripts_import_what_is_there(sources, folder):
    """They are run by hand, so that a name that moved would be noticed late."""
    missing = []
    for path in sorted((ROOT.parent / folder).rglob("*.py")):
        for node in ast.walk(parsed(path.read_text())):
            if not isinstance(node, ast.ImportFrom) or not (node.module or "").startswith("polcouple."):
                continue
            for alias in node.names:
                if f"{node.module}.{alias.name}" in sources:
                    continue
                if alias.name not in defined(parsed(sources.get(node.module, ""))):
                    missing.append(f"{path.name}: {alias.name} of {node.module}")
    assert missing == []
