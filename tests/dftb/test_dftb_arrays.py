"""The same charges from NumPy and from JAX, which computes on the CPU here or on a GPU that it sees."""

import sys

import numpy as np
import pytest
from dftb_cases import NOTHING, graphene, load_case, rough_potentials

from polcouple.backends.base import create_backend
from polcouple.dftb.arrays import namespace, to_device, to_host
from polcouple.dftb.scf import FrozenElectrode
from polcouple.dftb.skf import DEFAULT_SLAKO, load_parameters
from polcouple.errors import InputError
from polcouple.units import KELVIN_TO_HARTREE

ROOM = 300.0 * KELVIN_TO_HARTREE


def _solvers(electrode, **settings):
    parameters = load_parameters(DEFAULT_SLAKO, electrode.symbols)
    libraries = ("numpy", "jax")
    return [
        FrozenElectrode(electrode, parameters, ROOM, array_library=name, **settings) for name in libraries
    ]


def _agree(a, b, tolerance=1e-9):
    assert a.converged and b.converged and a.cycles == b.cycles
    assert np.abs(a.charges - b.charges).max() < tolerance
    assert abs(a.energy - b.energy) < 1e-9
    assert abs(a.fermi_level - b.fermi_level) < tolerance


@pytest.mark.parametrize(
    ("electrode", "charge", "settings"),
    [
        (graphene(6, 3), -1.0, {}),
        (graphene(3, 1), 0.4, {"k_points": (1, 2, 1), "shell_resolved": True}),
        pytest.param(load_case("ribbonCH_molecule").electrode, 0.0, {}, marks=pytest.mark.slow),
    ],
    ids=["sheet", "k-points and shells", "flake with hydrogen"],
)
def test_solutions_and_responses_agree(electrode, charge, settings):
    solvers = _solvers(electrode, **settings)
    n = len(electrode)
    potentials = rough_potentials(n, amplitude=0.005)
    moved = potentials + rough_potentials(n, seed=1, amplitude=0.0005)
    cold = [solver.solve(potentials, charge, accuracy=1e-8) for solver in solvers]
    _agree(*cold)
    assert np.abs(cold[0].charges - charge / n).max() > 1e-3
    warm = [
        solver.solve(moved, charge, before.guess, 1e-8) for solver, before in zip(solvers, cold, strict=True)
    ]
    _agree(*warm)
    other = [
        solver.solve(moved, charge - 0.3, before.guess, 1e-8)
        for solver, before in zip(solvers, warm, strict=True)
    ]
    _agree(*other)
    (_, a), (_, b) = (solver.bare_reference(charge) for solver in solvers)
    assert np.abs(a.charge_kernel - b.charge_kernel).max() < 1e-9 * np.abs(a.charge_kernel).max()
    assert np.abs(a.fukui - b.fukui).max() < 1e-9
    assert abs(a.hardness - b.hardness) < 1e-9 * max(abs(a.hardness), 1.0)


def test_single_precision_and_short_cuts_agree_to_the_accuracy_asked_for():
    solvers = _solvers(graphene(6, 3))
    potentials = rough_potentials(72, amplitude=0.005)
    assert all(solver.derivatives(-1.0).hardness > 0.0 for solver in solvers)
    _agree(*(solver.solve(potentials, -1.0, accuracy=1e-6) for solver in solvers), tolerance=1e-7)


def test_matrices_lie_where_the_library_computes():
    numpy_solver, jax_solver = _solvers(graphene(2, 1))
    assert all(isinstance(block.vectors, np.ndarray) for block in numpy_solver.prepared.blocks)
    assert not any(isinstance(block.vectors, np.ndarray) for block in jax_solver.prepared.blocks)
    array = to_device(np.arange(3.0), "jax")
    assert namespace(array).__name__ == "jax.numpy" and array.dtype == np.float64
    assert namespace(np.zeros(1)) is np
    assert isinstance(to_host(array), np.ndarray)


@pytest.mark.usefixtures("own_cache")
@pytest.mark.parametrize("name", ["dftb", "response"])
def test_option_of_the_backends(name):
    backend = create_backend(name, graphene(2, 1), NOTHING, {"array_library": "jax"})
    assert type(backend.frozen_electrode.prepared.blocks[0].vectors) is type(to_device(np.zeros(1), "jax"))
    with pytest.raises(InputError, match=r"array_library.*cupy"):
        create_backend(name, graphene(2, 1), NOTHING, {"array_library": "cupy"})


def test_without_jax_nothing_is_prepared(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "jax", None)
    settings = {"array_library": "jax", "cache_directory": tmp_path / "cache"}
    with pytest.raises(InputError, match=r"array_library: jax .* pip install 'polcouple\[gpu\]'"):
        create_backend("dftb", graphene(2, 1), NOTHING, settings)
    assert not (tmp_path / "cache").exists()
