"""Findings about force fields inside i-PI: whether they compute what the command asks for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from polcouple.check.finding import Finding
from polcouple.check.forces import is_own_file
from polcouple.check.simulation import children
from polcouple.errors import InputError
from polcouple.propagation.pes import Parameters
from polcouple.propagation.plan import RunPlan


def check_names(simulation: Any) -> Iterator[Finding]:
    """Force fields of one name, of which i-PI keeps one."""
    names = Counter(field.name.fetch() for tag, field in simulation.extra if tag.startswith("ff"))
    for name, count in names.items():
        if count > 1:
            yield Finding("error", f"i-PI: {count} force fields have the name '{name}'; give each its own")


def check_direct(simulation: Any, plan: RunPlan) -> Iterator[Finding]:
    """Every <ffdirect> that computes a case's forces; the command's options do not reach it."""
    for field in children(simulation, "ffdirect"):
        if not is_own_file(field):
            continue
        where = f"i-PI: <ffdirect name='{field.name.fetch()}'>"
        try:
            own = Parameters.from_ipi((), field.parameters.fetch())
        except InputError as error:
            yield Finding("error", f"{where}: {error}")
            continue
        if (plan.case / own.case).resolve() != plan.case.resolve():
            yield Finding("error", f"{where} computes the case {own.case}; write case: . in its <parameters>")
        asked: dict[str, tuple[object, object]] = {"platform": (own.platform, plan.platform)}
        if own.part != "bonded":
            asked |= {"backend": (own.backend, plan.backend), "refresh": (own.refresh, plan.refresh)}
            if plan.given:
                yield Finding(
                    "error",
                    f"{where} is not reached by the command's settings {', '.join(sorted(plan.given))}; write"
                    " them into system.yaml",
                )
        for name, (written, wanted) in asked.items():
            if written != wanted:
                yield Finding(
                    "error",
                    f"{where} has {name} {written}, the command asks for {wanted}; make them the same, by"
                    f" <parameters> or by --{name}",
                )
