"""Which shape the charges of a case's electrodes have, by what gives the charges."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from polcouple.backends.base import resolved_options
from polcouple.case.model import Case
from polcouple.electrostatics.clouds import Cloud


def charge_shapes(case: Case, backend: str, settings: Mapping[str, Any]) -> tuple[Cloud, ...]:
    """(n,) shapes of the electrodes' charges.

    A backend that has point charges alone gets the shapes of `dftb` with the case's settings.

    Args:
        backend: its name; ``settings`` are over those of system.yaml.

    Raises:
        InputError: unknown backend or setting, charges by shell, or no parameters of an element.
    """
    others, directory = case.system.backends, case.directory
    for name, own in ((backend, case.backend_settings(backend, settings)), ("dftb", others.get("dftb", {}))):
        found = resolved_options(name, own, directory, others).charge_clouds(case.electrode.symbols)
        if found is not None:
            return found
    raise AssertionError("dftb has shapes")
