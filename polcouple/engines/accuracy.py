"""How fine the Coulomb sum of a case must be."""

from __future__ import annotations

from polcouple.case.case import Case

#: forces on atoms of rigid molecules, which no springs pull at, over those of flexible water (0.3 to 0.4)
_RIGID = 0.4


def force_accuracy(case: Case) -> float:
    """Relative error of the forces in terms of flexible water's, which all parameters are chosen for.

    That of ``ewald_tolerance``; for imported rigid molecules so much finer that it is theirs.
    """
    tolerance = case.system.force_field.ewald_tolerance
    rigid = case.given is not None and len(case.topology.constraints) > 0
    return tolerance * _RIGID if rigid else tolerance
