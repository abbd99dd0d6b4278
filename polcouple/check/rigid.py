"""Findings about rigid molecules: what the case asks for against what i-PI's input keeps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from polcouple.case.model import Case
from polcouple.check.finding import Finding
from polcouple.errors import PolcoupleError
from polcouple.units import ATOMIC_TIME_TO_FS, BOHR_TO_ANGSTROM, DALTON_TO_ELECTRON_MASS

#: lengths that differ by more, relative, are others
_SAME_LENGTH = 1e-6
#: steps of rigid water in fs beyond which energy drifts, and beyond which its motion is not followed at all
_LONG_STEP, _LONGEST_STEP = 2.5, 5.0
#: what these are for, in u, and the step in fs that is usual for it
_HYDROGEN, _USUAL_STEP = 1.00794, 2.0
#: of hydrogens on springs in fs
_LONGEST_SPRING_STEP = 1.0
_MODE = "<motion mode='constrained_dynamics'>"


def check_rigid(system: Any, case: Case) -> Iterator[Finding]:
    """Whether i-PI's motion is of the case's kind, and keeps the case's distances and no others."""
    motion, (pairs, lengths) = system.motion, case.constraints
    pairs = np.searchsorted(case.ipi_indices, pairs)  # as i-PI counts its atoms
    mode = motion.mode.fetch()
    if len(pairs) and mode != "constrained_dynamics":
        yield Finding(
            "error",
            f"i-PI: <motion mode='{mode}'> does not keep the shape of the case's rigid molecules; use {_MODE}"
            " (docs/rigid.md), or a flexible model",
        )
    if mode != "constrained_dynamics":
        return
    if not len(pairs):
        yield Finding(
            "error",
            f"i-PI: {_MODE}, and the case has no rigid molecules; use dynamics, or `model: rigid`",
        )
        return
    yield from _check_steps(motion.constrained_dynamics, _lightest(system, case), case)
    try:
        kept, values = _kept(motion, system.initialize.nbeads.fetch(), case)
    except PolcoupleError as error:
        yield Finding("error", f"i-PI: {error}")
        return
    wanted = _by_pair(pairs, lengths)
    found = _by_pair(kept, values)
    missing, added = wanted.keys() - found.keys(), found.keys() - wanted.keys()
    for off, what in ((missing, "lack a <constraint>"), (added, "have a <constraint> too many")):
        if off:
            i, j = min(off)
            yield Finding(
                "error",
                f"i-PI: {len(off)} pairs of atoms {what}, the first {i} and {j}, against the case's"
                " rigid molecules; list all of their distances and no others",
            )
    for (i, j), length in wanted.items():
        if abs(found.get((i, j), length) / length - 1.0) > _SAME_LENGTH:
            yield Finding(
                "error",
                f"i-PI: the constraint of atoms {i} and {j} is {found[i, j] * BOHR_TO_ANGSTROM:.6f} Angstrom,"
                f" the case's molecule has {length * BOHR_TO_ANGSTROM:.6f}; correct <values>",
            )
            break


def _check_steps(dynamics: Any, lightest: float, case: Case) -> Iterator[Finding]:
    """The time steps of what is rigid, ``lightest`` of it in u, and of what springs hold beside it."""
    outer = dynamics.timestep.fetch() * ATOMIC_TIME_TO_FS
    # librations slow down as the root of the mass
    longer = np.sqrt(max(lightest / _HYDROGEN, 1.0))
    if outer > _LONG_STEP * longer + 1e-6:
        yield Finding(
            "error" if outer > _LONGEST_STEP * longer + 1e-6 else "warning",
            f"i-PI: a <timestep> of {outer:g} fs is too long for rigid molecules whose lightest atom has"
            f" {lightest:.3g} u, {_USUAL_STEP * longer:.2g} fs is usual; shorten it",
        )
    loose = [i for i in np.flatnonzero(case.topology.flexible).tolist() if case.symbols[i] == "H"]
    inner = outer / np.prod(dynamics.nmts.fetch())
    if loose and inner > _LONGEST_SPRING_STEP + 1e-6:
        yield Finding(
            "warning",
            f"i-PI: {inner:g} fs is long for hydrogens whose bonds are springs, such as atom {loose[0]},"
            f" {_LONGEST_SPRING_STEP:g} fs is the most; shorten <timestep> or raise <nmts>",
        )


def _lightest(system: Any, case: Case) -> float:
    """Mass in u of the lightest atom in a constraint, as i-PI's input or else the case has it."""
    from ipi.utils.units import unit_to_internal

    masses = case.of_ipi(case.topology.masses)
    for tag, element in system.initialize.extra:
        if tag == "masses" and element.mode.fetch() == "manual":
            given = element.fetch()
            values = given.value * unit_to_internal("mass", given.units, 1.0)
            masses = values if len(values) == len(masses) else masses
    kept = np.searchsorted(case.ipi_indices, case.constraints[0])
    return float(masses[kept].min()) / DALTON_TO_ELECTRON_MASS


def _kept(motion: Any, n_beads: int, case: Case) -> tuple[np.ndarray, np.ndarray]:
    """Pairs and lengths that i-PI will keep, of a motion that polcouple's class accepts.

    Raises:
        PolcoupleError: it does not.
    """
    from polcouple.rigid.motion import (
        ConstrainedDynamics,
        constrained_distances,
        require_one_bead,
        require_unfrozen,
    )

    require_one_bead(n_beads)
    dynamics = ConstrainedDynamics(**motion.constrained_dynamics.fetch())
    pairs, lengths = constrained_distances(dynamics.constraint_list, case.of_ipi(case.positions), case.cell)
    atoms = motion.fixatoms.fetch()
    require_unfrozen(pairs, 3 * atoms if len(atoms) else motion.fixatoms_dof.fetch())
    return pairs, lengths


def _by_pair(pairs: np.ndarray, lengths: np.ndarray) -> dict[tuple[int, int], float]:
    ordered = np.sort(pairs, axis=1).tolist()
    return {(i, j): length for (i, j), length in zip(ordered, lengths.tolist(), strict=True)}
