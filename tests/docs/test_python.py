"""Blocks of Python, YAML, TOML and XML in the pages: they run, or they are what is read in their place."""

import importlib
import shutil
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import ase
import numpy as np
import pytest
import yaml
from ase.build import molecule
from conftest import ROOT, SMALL
from doc_blocks import PAGES, blocks
from grand_cases import CELL, ELEMENTS, random_grand
from grand_cases import atoms as grand_atoms
from pydantic import TypeAdapter

import polcouple
from polcouple.analysis.electron_density import mean_density
from polcouple.case.schema import FORMATS
from polcouple.nn.model_files import save_model
from polcouple.propagation.propagate import step_reached
from polcouple.report.electron_density import Output, write_density

#: what does not fit the files and the small systems of these tests
OTHERWISE = {
    "electron_density": ('"FRAMES"', '"frames.xyz"'),
    "import": ("cutoff=12.0, switch=11.0", "cutoff=10.0, switch=9.0"),
}


def run_python(page, names, before=None):
    """The page's blocks one after the other, as a reader would run them, in the working directory."""
    old, new = OTHERWISE.get(page.stem, ("", ""))
    assert old in page.read_text()
    for block in blocks(page):
        if block.language == "python" and (before is None or block.line < before):
            text = block.text.replace(old, new) if old else block.text
            exec(compile("\n" * (block.line - 1) + text, str(page), "exec"), names)
    return names


def small_names(directory):
    """Electrode and liquid of the small case."""
    case = polcouple.read_case(SMALL)
    outside = case.electrolyte_indices
    return {
        "electrode": case.electrode,
        "positions": case.positions[outside],
        "charges": case.electrolyte.charges,
        "site_potentials": polcouple.ChargeSolver(case, polcouple.create_electrodes(case, "response"))
        .environment(case.positions)
        .site_potentials,
    }


def density_names(directory):
    """CASE, its frames, and the cube that the page's first command writes."""
    shutil.copytree(SMALL, directory / "CASE")
    case = polcouple.read_case("CASE")
    shutil.copy(SMALL / "init.xyz", "frames.xyz")
    found = mean_density(case, "fixed", iter([case.positions]), spacing=1.0)
    write_density(found, Output(directory / "density", ("excess",), 0.0), {})
    return {}


def grand_names(directory):
    """A model of random weights and atoms that it knows."""
    potential = random_grand()
    save_model(directory / "mine", potential.description(), potential.arrays(), "# a card")
    kinds, positions = grand_atoms()
    return {"atoms": ase.Atoms([ELEMENTS[kind] for kind in kinds], positions, cell=CELL, pbc=True)}


def import_names(directory):
    """Files of GROMACS by the names that the page gives them."""
    for suffix in ("top", "gro"):
        shutil.copy(ROOT / "examples" / "ionic_liquid" / f"il.{suffix}", directory / f"system.{suffix}")
    return {"Path": Path, "polcouple": polcouple}


#: what a page supposes to be there; every other page's Python runs from nothing
NAMES = {
    "dftb": small_names,
    "electron_density": density_names,
    "grand_potentials": grand_names,
    "import": import_names,
    "potential_networks": lambda directory: {"atoms": molecule("CH3CH2NH2")},
    "site_potentials": small_names,
}
#: tests/test_gallery.py runs its scripts as they are
GALLERY = ROOT / "docs" / "gallery.md"
WITH_PYTHON = [
    page for page in PAGES if page != GALLERY and any(block.language == "python" for block in blocks(page))
]
LIBRARY = ROOT / "docs" / "library.md"


@pytest.mark.parametrize("page", [p for p in WITH_PYTHON if p != LIBRARY], ids=lambda page: page.stem)
def test_python(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names = run_python(page, NAMES.get(page.stem, lambda directory: {})(tmp_path))
    atoms = names.get("atoms")
    if atoms is not None and atoms.calc is not None:
        assert np.isfinite(atoms.get_potential_energy())


def library_names(directory, monkeypatch, before=None):
    shutil.copytree(SMALL, directory / "small")
    monkeypatch.chdir(directory)
    return run_python(LIBRARY, {}, before)


def test_library(tmp_path, monkeypatch, capsys):
    """All of the library's page but what runs i-PI."""
    runs = LIBRARY.read_text().partition("\n## Checks, runs, comparisons")[0].count("\n") + 2
    names = library_names(tmp_path, monkeypatch, runs)
    assert names["evaluation"].extras["total_charge"] == pytest.approx(-1.0)
    assert len(names["frames"]) == 3
    assert "'response'" in capsys.readouterr().out


@pytest.mark.slow
def test_whole_library(tmp_path, monkeypatch, capsys):
    names = library_names(tmp_path, monkeypatch)
    said = capsys.readouterr().out
    assert "did you mean 'temperature_kelvin'?" in said
    assert names["run"] == Path("small/run_fixed")
    assert (tmp_path / "report" / "report.html").stat().st_size > 0
    assert step_reached(names["run"]) == 4


def of_language(*languages):
    return [
        pytest.param(block, id=f"{page.stem}-{block.line}")
        for page in PAGES
        for block in blocks(page)
        if block.language in languages
    ]


@pytest.mark.parametrize("block", of_language("yaml"))
def test_yaml_is_of_a_case(block):
    """Sections of system.yaml are those that are read; an ellipsis stands for what the page leaves out."""
    content = yaml.safe_load(block.text.replace("{O: ..., H: ..., Na: ..., Cl: ...}", "{}"))
    fields = FORMATS["polcouple-case-1"].model_fields
    for key, value in content.items():
        kind = fields[key].annotation
        if key == "force_field":
            # the page shows a part of it
            value = {"cutoff_angstrom": 10.0, "ewald_tolerance": 5e-5} | value
        TypeAdapter(kind).validate_python(value)
        if key == "backends":
            for name, settings in value.items():
                options = importlib.import_module(f"polcouple.backends.{name}").Options
                options.model_validate(settings)


@pytest.mark.parametrize("block", of_language("xml"))
def test_xml_is_well_formed(block):
    ElementTree.fromstring(f"<simulation>{block.text}</simulation>")


@pytest.mark.parametrize("block", of_language("toml"))
def test_entry_points_are_those_that_are_looked_up(block):
    from polcouple.backends import base as backends
    from polcouple.engines import base as engines

    looked_up = {backends._backends.group, engines._engines.group}
    groups = [line.split('"')[1] for line in block.text.splitlines() if line.startswith("[project.entry")]
    assert set(groups) == looked_up
