"""The accuracy asked of charges reaches the site potentials, whoever computes them."""

import ase
import ase.io
import numpy as np
import pytest
from conftest import SMALL
from dftb_cases import NOTHING, graphene, load_case, rough_potentials, shared_solver

import polcouple.coupling.charges
from polcouple.backends.base import Environment, backend_options, create_backend
from polcouple.cli.commands import main
from polcouple.compare.models import Backends, parse_models
from polcouple.compare.replay import replay
from polcouple.coupling.charges import ChargeSolver
from polcouple.coupling.electrodes import create_coupled
from polcouple.coupling.forces import ForceProvider
from polcouple.electrode import Electrode
from polcouple.electrostatics.site_potential import SitePotential
from polcouple.units import BOHR_TO_ANGSTROM


@pytest.fixture
def asked(monkeypatch):
    """Accuracies that the coupling asks site potentials for."""
    found = []

    def potential(sites, cell, pbc, accuracy=np.nan):
        found.append(accuracy)
        return SitePotential(sites, cell, pbc, accuracy)

    monkeypatch.setattr(polcouple.coupling.charges, "SitePotential", potential)
    return found


@pytest.mark.parametrize(
    ("name", "settings", "expected"),
    [
        ("dftb", {}, 1e-7),
        ("dftb", {"accuracy": 1e-3}, 1e-6),
        ("dftb", {"accuracy": 1e-8}, 1e-9),
        ("dftb", {"accuracy": 1e-11}, 1e-10),
        ("fixed", {}, 1e-6),
        ("response", {}, 1e-6),
        ("nn", {"fallback": "dftb", "fallback_settings": {"accuracy": 1e-8}}, 1e-9),
        ("nn", {}, 1e-6),
    ],
)
def test_rule(name, settings, expected):
    assert backend_options(name, settings).capabilities().potential_accuracy == pytest.approx(
        expected, rel=1e-12
    )


def test_every_way_to_charges_asks_for_it(asked, small_case, tmp_path):
    settings = {"accuracy": 1e-8}
    backend = create_coupled(small_case, "dftb", settings)
    assert backend.capabilities.potential_accuracy == pytest.approx(1e-9)
    ForceProvider(small_case, backend, threads=1)
    ForceProvider(small_case, backend, threads=1, observer=lambda *_: None)
    ChargeSolver(small_case, backend)
    models = parse_models(["dftb:accuracy=1e-8", "response"], small_case)
    frames = [small_case.positions] * 2
    replay(Backends(small_case), frames, np.arange(2.0), True, models, tmp_path / "store")
    atoms = ase.Atoms(
        small_case.symbols,
        small_case.positions * BOHR_TO_ANGSTROM,
        cell=small_case.cell * BOHR_TO_ANGSTROM,
        pbc=True,
    )
    ase.io.write(tmp_path / "frames.extxyz", atoms)
    words = ["--backend", "dftb", "--set", "accuracy=1e-8", "-o", str(tmp_path / "out.npz")]
    with pytest.raises(SystemExit) as ended:
        main(["charges", str(SMALL), str(tmp_path / "frames.extxyz"), *words])
    assert ended.value.code == 0
    assert asked == pytest.approx([1e-9] * 5)
    ForceProvider(small_case, create_coupled(small_case, "fixed"), threads=1, observer=lambda *_: None)
    assert asked[-1] == pytest.approx(1e-7)


@pytest.mark.parametrize("accuracy", [1e-6, 1e-7])
def test_charges_in_a_liquid_beside_those_of_dftbplus(accuracy):
    """With potentials right to 1e-6 Hartree/e whatever is asked, they are off by 1.3e-6 e."""
    needed = backend_options("dftb", {"accuracy": accuracy}).capabilities().potential_accuracy
    solver, guess = shared_solver("nacl336_0005"), None
    for name in ("nacl336_0005", "nacl336_0040"):
        case = load_case(name)
        potential = SitePotential(case.electrode.positions, case.electrode.cell, case.electrode.pbc, needed)
        phi = potential(case.source_positions, case.source_charges)
        solution = solver.solve(phi, case.total_charge, guess, accuracy)
        guess = solution.guess
        assert solution.converged
        assert np.abs(solution.charges - case.charges).max() < accuracy


def test_warning_below_what_site_potentials_reach():
    sheet = graphene(3, 2)
    flake = Electrode(sheet.symbols, sheet.positions, sheet.cell, (False, False, False))
    for electrode, accuracy, warned in ((sheet, 1e-10, 1), (sheet, 1e-9, 0), (flake, 1e-10, 0)):
        backend = create_backend("dftb", electrode, NOTHING, {"accuracy": accuracy})
        environment = Environment(NOTHING, np.zeros((0, 3)), rough_potentials(24))
        warnings = backend.solve(environment, 0.0).warnings
        assert len(warnings) == warned
        assert all("accuracy 1e-10 e" in warning and "1e-09 e" in warning for warning in warnings)
