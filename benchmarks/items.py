"""What is measured: every item a name and a function that returns what goes into the JSON file."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.results import ROOT

CASE = ROOT / "ipi_inputs" / "graphene_nacl"

#: LAMMPS' accuracy of the particle mesh: its manual's, the loosest in public inputs of ELECTRODE, the one for
#: forces as accurate as the case's, and that of ELECTRODE's own examples
USUAL_ACCURACY, LOOSE_ACCURACY, EQUAL_ACCURACY, EXAMPLE_ACCURACY = 1e-4, 1e-5, 2e-6, 1e-7

_STEPS = 400


def _openmm(method: str, blocks: int) -> dict[str, float]:
    from benchmarks.openmm_steps import milliseconds
    from polcouple.case.model import read_case

    return {"total": float(np.median(milliseconds(read_case(CASE), method, blocks)))}  # type: ignore[arg-type]


def _lammps(algorithm: str, accuracy: float, blocks: int, in_plane: bool = True) -> dict[str, float]:
    from benchmarks.lammps_electrode import milliseconds
    from polcouple.case.model import read_case

    with tempfile.TemporaryDirectory() as scratch:
        case = read_case(CASE)
        times = milliseconds(case, algorithm, accuracy, Path(scratch), blocks, in_plane)  # type: ignore[arg-type]
    return {"total": float(np.median(times))}


def _ipi(backend: str, count: int = _STEPS, **settings: Any) -> dict[str, float]:
    from benchmarks.ipi_steps import steps

    with tempfile.TemporaryDirectory() as scratch:
        return steps(CASE, Path(scratch), backend, count, **settings)


def _agreement() -> dict[str, float]:
    from benchmarks.agreement import force_errors

    return force_errors(CASE)


def _qm(carbons: int) -> dict[str, float]:
    from benchmarks.qm import measure

    return measure(carbons)


def _site_potentials() -> object:
    from benchmarks.scaling import site_potentials

    return site_potentials()


def _response() -> object:
    from benchmarks.scaling import response

    return response()


def _network_growth() -> object:
    from benchmarks.scaling import networks

    return networks()


def _networks() -> object:
    from benchmarks.networks import table

    return [asdict(row) for row in table(1000)]


#: short measurements that take turns, so that all of a round meet the machine at the same speed
SHORT: dict[str, Callable[[], dict[str, float]]] = {
    "openmm_fixed": partial(_openmm, "fixed", 8),
    "ipi_fixed": partial(_ipi, "fixed", 120),
    "ipi_response": partial(_ipi, "response", 120),
    "ipi_nn": partial(_ipi, "nn", 120),
    "ipi_response_mts": partial(_ipi, "response", 60, input_name="input_mts.xml"),
    "openmm_matrix": partial(_openmm, "matrix", 4),
    "lammps_mat_inv": partial(_lammps, "mat_inv", USUAL_ACCURACY, 6),
    "lammps_mat_inv_own": partial(_lammps, "mat_inv", USUAL_ACCURACY, 6, in_plane=False),
    "lammps_mat_inv_loose": partial(_lammps, "mat_inv", LOOSE_ACCURACY, 6),
    "lammps_mat_inv_equal": partial(_lammps, "mat_inv", EQUAL_ACCURACY, 4),
}


def _turns(rounds: int, names: tuple[str, ...] = tuple(SHORT)) -> object:
    return [{name: SHORT[name]() for name in names} for _ in range(rounds)]


ITEMS: dict[str, Callable[[], object]] = {
    "openmm_fixed": partial(_openmm, "fixed", 40),
    "openmm_matrix": partial(_openmm, "matrix", 25),
    "openmm_cg": partial(_openmm, "cg", 8),
    "lammps_fixed": partial(_lammps, "fixed", USUAL_ACCURACY, 25),
    "lammps_mat_inv": partial(_lammps, "mat_inv", USUAL_ACCURACY, 25),
    "lammps_cg": partial(_lammps, "cg", USUAL_ACCURACY, 20),
    "lammps_mat_inv_own": partial(_lammps, "mat_inv", USUAL_ACCURACY, 25, in_plane=False),
    "lammps_mat_inv_loose": partial(_lammps, "mat_inv", LOOSE_ACCURACY, 20),
    "lammps_mat_inv_example": partial(_lammps, "mat_inv", EXAMPLE_ACCURACY, 5),
    "lammps_fixed_equal": partial(_lammps, "fixed", EQUAL_ACCURACY, 20),
    "lammps_mat_inv_equal": partial(_lammps, "mat_inv", EQUAL_ACCURACY, 20),
    "lammps_cg_equal": partial(_lammps, "cg", EQUAL_ACCURACY, 12),
    "ipi_fixed": partial(_ipi, "fixed"),
    "ipi_response": partial(_ipi, "response"),
    "ipi_nn": partial(_ipi, "nn"),
    "ipi_response_10": partial(_ipi, "response", interval=10),
    "ipi_nn_10": partial(_ipi, "nn", interval=10),
    "ipi_response_inet": partial(_ipi, "response", way="inet"),
    "ipi_response_shm": partial(_ipi, "response", way="shm"),
    "ipi_response_ffdirect": partial(_ipi, "response", way="ffdirect"),
    "ipi_response_mts": partial(_ipi, "response", 200, input_name="input_mts.xml"),
    "turns": partial(_turns, 8),
    "turns_backends": partial(_turns, 12, ("ipi_fixed", "ipi_response", "ipi_nn")),
    "agreement": _agreement,
    "networks": _networks,
    "site_potentials": _site_potentials,
    "response": _response,
    "network_growth": _network_growth,
    **{f"qm_{carbons}": partial(_qm, carbons) for carbons in (84, 336, 756, 1344)},
}
