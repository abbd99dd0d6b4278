"""A real DFTB+, wherever `dftb+` is on PATH; skipped elsewhere, and then nothing here has been shown."""

import shutil

import numpy as np
import pytest
from dftbplus_cases import RAW, recorded_sheet

from polcouple.backends.base import Environment, create_backend
from polcouple.dftbplus.errors import DftbPlusError
from polcouple.dftbplus.output import read_tags
from polcouple.electrostatics.site_potential import SitePotential

pytestmark = pytest.mark.skipif(
    shutil.which("dftb+") is None, reason="no dftb+ on PATH: DFTB+ itself was NOT tested"
)


@pytest.fixture(scope="module")
def sheet():
    return recorded_sheet()


def environment(sheet, positions=None, electrolyte=None):
    electrode = sheet[0]
    potential = SitePotential(electrode.positions, electrode.cell, electrode.pbc, 1e-9)
    electrolyte = electrolyte or sheet[1]
    return Environment(
        electrolyte,
        sheet[2] if positions is None else positions,
        lambda moved: potential(moved, electrolyte.charges),
    )


def backend(sheet, tmp_path, name="dftbplus", **settings):
    return create_backend(name, *sheet[:2], {"scc_tolerance": 1e-9, **settings}, tmp_path)


@pytest.mark.parametrize("shell_resolved", [False, True])
def test_recorded_charges_are_reproduced(sheet, tmp_path, shell_resolved):
    recorded = read_tags(RAW / ("sheet96_1_ase_defaults" if shell_resolved else "sheet96_1") / "results.tag")
    result = backend(sheet, tmp_path, shell_resolved=shell_resolved).solve(environment(sheet), -1.0)
    assert np.abs(result.charges - recorded["gross_atomic_charges"]).max() < 1e-7
    assert result.energy == pytest.approx(recorded["mermin_energy"][0], abs=1e-7)
    assert result.fermi_level == pytest.approx(recorded["fermi_level"][0], abs=1e-7)


def test_warm_start_needs_fewer_cycles_and_gives_the_same(sheet, tmp_path):
    program = backend(sheet, tmp_path)
    cold = program.solve(environment(sheet), -1.0)
    warm = program.solve(environment(sheet), -1.0, cold)
    assert warm.iterations < cold.iterations
    assert np.abs(warm.charges - cold.charges).max() < 1e-7


def test_charges_are_the_derivative_of_the_energy_by_the_potential(sheet, tmp_path):
    """Moving one point charge changes the energy as the electrode's charges act on it."""
    program = backend(sheet, tmp_path)
    step = np.zeros_like(sheet[2])
    step[7, 2] = 0.05
    here = environment(sheet)
    ends = [environment(sheet, sheet[2] + sign * step) for sign in (1, -1)]
    results = [program.solve(end, -1.0) for end in ends]
    middle = program.solve(here, -1.0)
    slope = results[0].energy - results[1].energy
    expected = middle.charges @ (ends[0].site_potentials - ends[1].site_potentials)
    assert abs(expected) > 1e-5
    assert slope == pytest.approx(expected, rel=2e-3, abs=1e-8)


def test_agrees_with_the_built_in_solver(sheet, tmp_path):
    theirs = backend(sheet, tmp_path).solve(environment(sheet), -1.0)
    ours = create_backend("dftb", *sheet[:2], {"accuracy": 1e-9}, tmp_path).solve(environment(sheet), -1.0)
    assert np.abs(theirs.charges - ours.charges).max() < 1e-6


def test_misspelt_keyword_is_refused_and_named(sheet, tmp_path):
    program = backend(sheet, tmp_path, overrides={"Hamiltonian_SccTolerence": 1e-5})
    with pytest.raises(DftbPlusError, match=r"(?i)scctolerence"):
        program.solve(environment(sheet), -1.0)


def test_too_few_cycles_are_a_status(sheet, tmp_path):
    result = backend(sheet, tmp_path, max_cycles=3).solve(environment(sheet), -1.0)
    assert not result.converged and np.isnan(result.charges).all()
