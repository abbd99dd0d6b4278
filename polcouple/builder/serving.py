"""Which backends can compute the charges of an electrode's elements, in words."""

from __future__ import annotations

from collections.abc import Iterable

from polcouple.dftb.parameter_sets import Assumption, installed_sets, where_to_find
from polcouple.dftb.skf import DEFAULT_SLAKO, load_parameters, skf_paths
from polcouple.errors import InputError


def serving_backends(elements: Iterable[str]) -> str:
    """One line: ``metal`` serves any electrode, ``dftb`` and ``response`` those with Slater-Koster files."""
    wanted = sorted(set(elements))
    named = ", ".join(wanted)
    if all(path.is_file() for path in skf_paths(DEFAULT_SLAKO, wanted).values()):
        return f"electrode of {named}: --backend response, dftb or metal"
    sets = []
    for name, directory in installed_sets().items():
        # a family's name stands for its only set
        if name != directory.name or not all(p.is_file() for p in skf_paths(directory, wanted).values()):
            continue
        try:
            made_for = load_parameters(directory, wanted).made_for
        except InputError:  # of a hybrid functional, with f shells, or of phases that contradict
            continue
        if Assumption.THIRD_ORDER not in made_for:
            by_shell = " --set shell_resolved=true" if Assumption.SHELL_RESOLVED in made_for else ""
            sets.append(f"--slako {name}{by_shell}")
    if sets:
        return f"electrode of {named}: --backend response or dftb with {' or '.join(sets)}, or metal"
    pairs = [f"{a}-{b}" for a in wanted for b in wanted]
    return (
        f"electrode of {named}: --backend metal; response and dftb have no Slater-Koster files for it:"
        f" {where_to_find(pairs)}"
    )
