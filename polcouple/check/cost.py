"""Findings about the charge backend: its files, and its measured time against i-PI's patience."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from polcouple.backends.base import ChargeBackend, backend_options, options_class
from polcouple.backends.mobile import MobileBackend
from polcouple.case.model import Case
from polcouple.check.finding import Finding
from polcouple.check.forces import own_fields
from polcouple.check.simulation import children
from polcouple.errors import PolcoupleError
from polcouple.ipi.parts import Part
from polcouple.number_words import fixed
from polcouple.units import ANGSTROM_TO_BOHR

#: a safe timeout is this many times the slowest evaluation seen
_TIMEOUT_MARGIN = 5.0
#: latency beyond this share of an evaluation costs more than it need, if it is longer than this (s)
_LATENCY_SHARE, _SHORT_LATENCY = 0.1, 1e-4
#: atoms move by about this much in a step (bohr)
_STEP = 0.01 * ANGSTROM_TO_BOHR
#: charge an atom of an electrode at a held level that is meant (e)
_LARGEST_CHARGE = 0.05
#: the largest force in an equilibrated liquid is a fifth of this (Hartree/bohr)
_LARGEST_FORCE = 0.5


@dataclass(frozen=True)
class Cost:
    """Wall time in s of the first evaluation of energy and forces, and of a later one."""

    first: float
    later: float


def check_slater_koster(backend: str, settings: Mapping[str, Any], case: Case) -> Iterator[Finding]:
    """Pairs of electrode elements without a .skf file, for a backend that has the option ``slako``."""
    try:
        if "slako" not in options_class(backend).model_fields:
            return
        options = backend_options(backend, settings).in_directory(case.directory)
    except PolcoupleError:
        return  # creating the backend reports it
    missing = [path for path in options.files(case.electrode.symbols) if not path.is_file()]
    if missing:
        names = ", ".join(path.name for path in missing)
        yield Finding(
            "error",
            f"{missing[0].parent}: no {names}; name the set or the directory that has them with --slako",
        )


def measure(
    case: Case,
    backend: ChargeBackend | MobileBackend,
    part: Part,
    platform: str,
    threads: int | None,
    once: bool = False,
) -> tuple[Cost, list[Finding]]:
    """Evaluate a part of the forces as the driver would.

    Of the initial structure and, unless ``once``, of one a step away and of the initial one again.

    Raises:
        PolcoupleError: whatever the backend or the engine refuses.
    """
    from polcouple.coupling.forces import ForceProvider

    provider = ForceProvider(case, backend, part, platform, threads)
    moved = case.positions.copy()
    shape = (len(case.electrolyte_indices), 3)
    moved[case.electrolyte_indices] += np.random.default_rng(1).normal(scale=_STEP, size=shape)
    for hydrogen in (1, 2):  # waters as a whole: they may be rigid
        atoms = case.water_oxygens + hydrogen
        moved[atoms] = case.positions[atoms] + (moved - case.positions)[case.water_oxygens]
    seconds = []
    largest = 0.0
    for positions in (case.positions,) if once else (case.positions, moved, case.positions):
        start = time.perf_counter()
        evaluation = provider.evaluate(positions, case.cell)
        seconds.append(time.perf_counter() - start)
        largest = max(largest, float(np.linalg.norm(evaluation.forces, axis=1).max()))
    findings = [Finding("warning", warning) for warning in sorted(provider.warnings)]
    if case.mobile and case.system.potential is not None:
        findings.append(_of_held_level(case, float(cast(float, evaluation.extras["total_charge"]))))
    if largest > _LARGEST_FORCE:
        findings.append(
            Finding(
                "error",
                f"init.xyz: the largest force is {largest:.2g} Hartree/bohr, in a liquid about"
                f" {_LARGEST_FORCE / 5:g}; minimise the structure or build it anew with `polcouple build`",
            )
        )
    return Cost(seconds[0], min(seconds[1:] or seconds)), findings


def _of_held_level(case: Case, charge: float) -> Finding:
    """The charge that a held Fermi level gives a mobile electrode: a level far off is most likely a slip."""
    assert case.system.potential is not None
    level = case.system.potential.fermi_level_ev
    text = f"Fermi level {level:g} eV: the electrode carries {fixed(charge, 3, sign=True)} e at the start"
    if abs(charge) > _LARGEST_CHARGE * len(case.electrode):
        return Finding(
            "warning",
            f"{text}, {fixed(charge / len(case.electrode), 2, sign=True)} an atom; is the level meant?",
        )
    return Finding("note", text)


def check_patience(simulation: Any, cost: Cost, backend: str) -> Iterator[Finding]:
    """Timeout and latency of each socket against the time of an evaluation."""
    yield Finding(
        "note",
        f"backend {backend}: {cost.first:.3g} s for the first evaluation, {cost.later:.3g} s for a later one",
    )
    slowest = max(cost.first, cost.later)
    enough = f"write <timeout> {max(60, round(2 * _TIMEOUT_MARGIN * slowest))} </timeout> or more"
    own = own_fields(simulation)
    for socket in children(simulation, "ffsocket"):
        if socket not in own:
            continue
        name, timeout, latency = socket.name.fetch(), socket.timeout.fetch(), socket.latency.fetch()
        if 0 < timeout <= slowest:
            yield Finding(
                "error",
                f"i-PI: the timeout of '{name}', {timeout:g} s, is shorter than an evaluation of backend"
                f" {backend}, {slowest:.3g} s; {enough}",
            )
        elif 0 < timeout < _TIMEOUT_MARGIN * slowest:
            yield Finding(
                "warning",
                f"i-PI: the timeout of '{name}', {timeout:g} s, leaves little room beside {slowest:.3g} s for"
                f" an evaluation of backend {backend}; {enough}",
            )
        if latency > max(_LATENCY_SHARE * cost.later, _SHORT_LATENCY):
            yield Finding(
                "warning",
                f"i-PI: the latency of '{name}', {latency:g} s, slows down evaluations of {cost.later:.3g} s;"
                " write <latency> 1e-4 </latency>",
            )
