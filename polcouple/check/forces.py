"""Findings about the force components of i-PI's input: do they add up to all forces, once?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from polcouple.case.model import Case
from polcouple.check.finding import Finding
from polcouple.check.simulation import children, dynamics_of, load_input
from polcouple.errors import InputError, PolcoupleError
from polcouple.ipi.sockets import named_part, part_of
from polcouple.units import ATOMIC_TIME_TO_FS

#: longest time step in fs for the stretching of flexible water's bonds, and for everything else
_LONGEST_INNER_STEP, _LONGEST_OUTER_STEP = 1.0, 2.5


#: what a part has: terms inside molecules, all others with the backend that the command names, all others
#: with the case's fast_backend; and whether it is the electrode's alone
_TERMS: dict[str, tuple[int, int, int, int]] = {
    "all": (1, 1, 0, 0),
    "bonded": (1, 0, 0, 0),
    "nonbonded": (0, 1, 0, 0),
    "fast": (1, 0, 1, 0),
    "slow": (0, 1, -1, 0),
    "electrode": (0, 0, 0, 1),
}
#: what to add where force fields of other potentials are among the forces
_OTHERS = "; an <ffdirect> is polcouple's by <pes> custom </pes><pes_path> polcouple_pes.py </pes_path>"


def check_forces(simulation: Any, system: Any, case: Case) -> Iterator[Finding]:
    """Force components, their weights on the levels of multiple time stepping, and the steps."""
    own = {field.name.fetch(): field for field in own_fields(simulation)}
    others = other_fields(simulation)
    n_levels = max(len(dynamics_of(system.motion).nmts.fetch()), 1)
    parts: dict[str, int] = {}
    weights: dict[str, np.ndarray] = {}
    of_liquid: set[str] = set()
    beside = False
    n_beads = max(system.initialize.nbeads.fetch(), system.beads.nbeads.fetch())
    for component in children(system.forces, "force"):
        name = component.forcefield.fetch()
        if name in own:
            yield from _check_extras(component, name, n_beads)
        if name not in own.keys() | others.keys():
            yield Finding("error", f"i-PI: <force forcefield='{name}'> names no <ffsocket> or <ffdirect>")
            continue
        own_weights = component.mts_weights.fetch()
        if len(own_weights) != n_levels:
            yield Finding(
                "error",
                f"i-PI: force '{name}' has {len(own_weights)} mts_weights, <nmts> has {n_levels} levels;"
                " give one weight a level, outermost first",
            )
        total = own_weights.sum() * component.weight.fetch()
        if name in others:
            if not total and own_weights.any():
                yield Finding(
                    "note",
                    f"i-PI: '{name}' is added on inner levels and taken off on outer ones, so that averages"
                    " are not its own; serve it beside (polcouple-driver --potential)",
                )
                beside = True
            of_liquid |= {name} if total else set()
            continue
        try:
            part = part_of(_dictionary(own[name].parameters.fetch()), f"i-PI: force field '{name}'")
        except PolcoupleError:
            return  # the sockets' findings say so
        parts[part] = parts.get(part, 0) + 1
        weights[part] = own_weights
        if not abs(total - 1.0) <= 1e-9:
            yield Finding(
                "error",
                f"i-PI: the weights of force '{name}' sum to {total:g} over all levels; they must sum to 1",
            )
    if "slow" in parts and part != "slow":
        yield Finding(
            "warning",
            f"i-PI: the extras that it writes are those of the last force, here of part: {part}; put that of"
            " part: slow last, whose charges are not the fast_backend's",
        )
    yield from _check_sum(parts, sorted(of_liquid))
    if shares_liquid(simulation):
        yield from _check_reach([others[name] for name in sorted(of_liquid)], case)
    yield from _check_ensemble(system.ensemble, own)
    if beside and "all" in weights:
        weights["slow"] = weights.pop("all")
    yield from _check_steps(system.motion, weights)


def _check_extras(component: Any, name: str, n_beads: int) -> Iterator[Finding]:
    """What i-PI would do to the charges that come with the forces: they belong to one bead's positions."""
    contracted = component.nbeads.fetch()
    if contracted not in (0, n_beads):
        yield Finding(
            "error",
            f"i-PI: <force forcefield='{name}' nbeads='{contracted}'> contracts a ring polymer of {n_beads}"
            " beads, for whose charges i-PI 3.3 has no place; leave nbeads out of <force>",
        )
    if len(component.interpolate_extras.fetch()):
        yield Finding(
            "error",
            f"i-PI: <interpolate_extras> of force '{name}' sums and interpolates what are the charges of one"
            " configuration; leave it out",
        )


def _check_ensemble(ensemble: Any, fields: Mapping[str, Any]) -> Iterator[Finding]:
    """What i-PI adds to the forces or takes from their energy."""
    for bias in children(ensemble.bias, "force"):
        name = bias.forcefield.fetch()
        if name in fields:
            yield Finding(
                "error",
                f"i-PI: <bias> adds the force field '{name}', whose forces the case counts already; take it"
                " out of <bias>",
            )
    found = ensemble.hamiltonian_weights.fetch()
    if not np.all(np.asarray(found) == 1.0):
        yield Finding(
            "error",
            "i-PI: <hamiltonian_weights> scale the energies that i-PI writes, not the forces; leave them out",
        )


def shares_liquid(simulation: Any) -> bool:
    """Whether the liquid's own forces come from other programs: a force field has ``part: electrode``."""
    fields = children(simulation, "ffsocket", "ffdirect")
    return any(named_part_of(field) == "electrode" for field in fields)


def _references(simulation: Any) -> set[str]:
    """See :func:`polcouple.ipi.sockets.reference_fields`."""
    forces = [force for one in children(simulation, "system") for force in children(one.forces, "force")]
    weights = {force.forcefield.fetch(): force.mts_weights.fetch() for force in forces}
    return {name for name, own in weights.items() if len(own) > 1 and own.any() and abs(own.sum()) < 1e-9}


def own_fields(simulation: Any) -> list[Any]:
    """The <ffsocket> and <ffdirect> of this package; see :func:`polcouple.ipi.sockets.own_sockets`."""
    references = _references(simulation)
    sockets = [one for one in children(simulation, "ffsocket") if one.name.fetch() not in references]
    if shares_liquid(simulation):
        sockets = [field for field in sockets if named_part_of(field) is not None]
    return [*sockets, *(field for field in children(simulation, "ffdirect") if is_own_file(field))]


def other_fields(simulation: Any) -> dict[str, Any]:
    """The force fields of other programs by name."""
    own = own_fields(simulation)
    fields = [field for tag, field in simulation.extra if tag.startswith("ff")]
    return {field.name.fetch(): field for field in fields if field not in own}


def is_own_file(direct: Any) -> bool:
    """Whether an <ffdirect> finds its potential by a case's polcouple_pes.py."""
    return bool(direct.pes_path.fetch().rpartition("/")[2] == "polcouple_pes.py")


def named_part_of(field: Any) -> str | None:
    """The part that a force field asks for; None where it says none."""
    return named_part(_dictionary(field.parameters.fetch()))


def _check_sum(parts: dict[str, int], of_liquid: list[str]) -> Iterator[Finding]:
    """Whether the parts, with other programs' force fields ``of_liquid``, are all forces once."""
    names = [f"'{name}'" for name in of_liquid]
    found = ", ".join([f"{count} x {part}" for part, count in parts.items()] + names) or "none"
    terms = np.sum([count * np.array(_TERMS[part]) for part, count in parts.items()], axis=0)
    if np.array_equal(terms, _TERMS["all"]) and not names:
        return
    if "electrode" not in parts:
        yield Finding(
            "error",
            f"i-PI: the forces add up to {found}; use one with {{part: all}}, or one with {{part: bonded}}"
            " and one with {part: nonbonded}, or one with {part: fast} and one with {part: slow}"
            + _OTHERS
            * bool(names),
        )
    elif parts != {"electrode": 1}:
        yield Finding(
            "error",
            f"i-PI: the forces add up to {found}; beside one with {{part: electrode}} the liquid's own forces"
            " come from another program, so take the others of polcouple out",
        )
    elif not of_liquid:
        yield Finding(
            "error",
            "i-PI: {part: electrode} leaves out the liquid's own forces and no other force field gives them;"
            " add a <force> of one, or write {part: all}",
        )
    else:
        yield Finding(
            "note",
            f"i-PI: {' and '.join(names)} must give the liquid's bonds and all interactions among its own"
            " atoms in the periodic cell, and nothing else, which is not checked: what electrode, walls and"
            " slab do to it comes from {part: electrode}, with the liquid's charges of system.yaml",
        )


def _check_reach(fields: list[Any], case: Case) -> Iterator[Finding]:
    """Whether the force fields of other programs get all of the liquid's atoms."""
    reached: set[int] = set()
    for field in fields:
        active = set(np.atleast_1d(field.activelist.fetch()).tolist())
        everything = -1 in active
        if not everything and hasattr(field, "pes_path"):
            yield Finding(
                "error",
                f"i-PI: <activelist> of '{field.name.fetch()}' has no effect in an <ffdirect>; serve it at an"
                " <ffsocket>",
            )
        reached |= set(range(len(case.ipi_indices))) if everything else active
    liquid = np.flatnonzero(np.isin(case.ipi_indices, case.electrolyte_indices))
    missing = [atom for atom in liquid.tolist() if atom not in reached]
    if fields and missing:
        yield Finding(
            "error",
            f"i-PI: {len(missing)} atoms of the liquid are in no other program's <activelist>, the first is"
            f" {missing[0]}; list all of them",
        )


def require_whole_forces(path: Path, case: Case) -> None:
    """Refuse an input whose force components do not add up to all forces, once.

    Raises:
        InputError: they do not, or i-PI does not accept the input.
    """
    simulation = load_input(path)
    for system in children(simulation, "system"):
        for finding in check_forces(simulation, system, case):
            if finding.severity == "error":
                raise InputError(f"{path}: {finding.text}")


def _dictionary(parameters: dict[str, Any]) -> str:
    """Of a driver's parameters, those that the part of the forces depends on, as i-PI writes them."""
    return "{" + ", ".join(f"{k}: {v}" for k, v in parameters.items() if "part" in str(k)) + "}"


def _check_steps(motion: Any, weights: dict[str, np.ndarray]) -> Iterator[Finding]:
    """The time step at which each part is evaluated."""
    dynamics = dynamics_of(motion)
    divisions = np.cumprod([1, *dynamics.nmts.fetch()])[-max(len(dynamics.nmts.fetch()), 1) :]
    steps = dynamics.timestep.fetch() * ATOMIC_TIME_TO_FS / divisions
    if dynamics is motion.constrained_dynamics:
        return  # check_rigid looks at them
    for part in ("nonbonded", "slow"):
        if len(weights.get(part, [])) > 1 and weights[part][1:].any():
            yield Finding(
                "warning",
                f"i-PI: the {part} forces are evaluated on an inner level, which saves nothing; give them"
                " weight on the first level only",
            )
    for part, part_weights in weights.items():
        longest = _LONGEST_INNER_STEP if part in ("all", "bonded", "fast") else _LONGEST_OUTER_STEP
        for step, weight in zip(steps, part_weights, strict=False):
            if weight and step > longest + 1e-6:
                yield Finding(
                    "warning",
                    f"i-PI: {step:g} fs between {part} forces is long, {longest:g} fs is the most for"
                    " flexible water; shorten <timestep> or raise <nmts>",
                )
