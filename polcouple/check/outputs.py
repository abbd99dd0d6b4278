"""Findings about what i-PI is to write: it looks at names and units when the run has begun."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from polcouple.check.finding import Finding
from polcouple.check.forces import other_fields
from polcouple.coupling.forces import EXTRAS
from polcouple.errors import nearest


def check_outputs(simulation: Any) -> Iterator[Finding]:
    """Properties, trajectories, extras and units that i-PI does not have."""
    from ipi.engine.properties import Properties, Trajectories

    properties, trajectories = Properties().property_dict, Trajectories().traj_dict
    for tag, element in simulation.output.extra:
        output = element.fetch()
        if tag == "properties":
            for text in output.outlist:
                yield from _asked(text, properties, "property")
        elif tag == "trajectory":
            yield from _asked(output.what, trajectories, "trajectory")
            yield from _unit("length", output.cell_units, f"cell_units='{output.cell_units}'")
            kinds = [kind.strip() for kind in output.extra_type.split(",")]
            unknown = [kind for kind in kinds if kind not in {"raw", *EXTRAS}]
            if output.what.strip() == "extras" and unknown and not other_fields(simulation):
                yield Finding(
                    "error",
                    f"i-PI: the driver has no extra_type '{unknown[0]}'{nearest(unknown[0], sorted(EXTRAS))};"
                    f" there are: {', '.join(sorted(EXTRAS))}",
                )


def _asked(text: str, known: dict[str, Any], kind: str) -> Iterator[Finding]:
    """Of a property or trajectory such as ``temperature(O){kelvin}``."""
    from ipi.engine.properties import getall

    try:
        name, unit, _, _ = getall(text)
    except ValueError as error:
        yield Finding("error", f"i-PI: {error} in <output>")
        return
    if name not in known:
        yield Finding("error", f"i-PI: has no {kind} '{name}'{nearest(name, list(known))}; see <output>")
        return
    yield from _unit(known[name].get("dimension", ""), unit, text)


def _unit(dimension: str, unit: str, where: str) -> Iterator[Finding]:
    from ipi.utils.units import UnitMap, unit_to_user

    if dimension not in UnitMap:  # numbers, and what has no dimension
        return
    try:
        unit_to_user(dimension, unit, 1.0)
    except (TypeError, ValueError, KeyError):
        known = ", ".join(name for name in UnitMap[dimension] if name)
        yield Finding("error", f"i-PI: '{unit}' is no unit of {where.partition('{')[0]}; there are: {known}")
