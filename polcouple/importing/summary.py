"""What an import understood, for the user to compare with what was meant."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path

import numpy as np

from polcouple.case.model import Case
from polcouple.number_words import significant
from polcouple.units import BOHR_TO_ANGSTROM

#: how two electrodes of one residue name are told apart
BY_HEIGHT = (
    "two electrodes of one residue name are told apart by the heights of their atoms, as in --electrode"
    " 'resname GRA and prop z < 10' --electrode 'resname GRA and prop z > 10' (z in Angstrom)"
)
#: atoms of one electrode that are farther apart along z may be two electrodes (Angstrom)
_TWO_SHEETS = 8.0


def two_sheets(name: str, heights: np.ndarray, length: float) -> str | None:
    """A hint where an electrode's atoms have room for a liquid between them on either side.

    Args:
        heights: (n,) of its atoms in a cell as high as ``length``; Angstrom.
    """
    ordered = np.sort(heights % length)
    gaps = np.diff(ordered, append=ordered[0] + length)
    if (gaps > _TWO_SHEETS).sum() < 2 or gaps[-1] <= _TWO_SHEETS:
        return None
    last = int(gaps[:-1].argmax())
    return (
        f"{name}: its atoms are in two groups, up to z = {ordered[last]:.2f} and from {ordered[last + 1]:.2f}"
        f" Angstrom, and share one charge; {BY_HEIGHT}"
    )


def electrode_line(
    name: str, atoms: np.ndarray, total: float, positions: np.ndarray, residues: tuple[str, ...],
    elements: tuple[str, ...], constraints: np.ndarray,
) -> str:  # fmt: skip
    """One electrode: its atoms by element and residue, heights, charge, and that it has rigid molecules.

    Args:
        atoms: indices of the electrode's atoms.
        total: charge in e.
        positions: (N, 3) of all atoms in bohr.
        residues, elements: of all atoms.
        constraints: (c, 2) atoms that the files hold at a distance.
    """
    counts = Counter(elements[i] for i in atoms)
    own = ", ".join(f"{count} {element}" for element, count in counts.items())
    heights = positions[atoms, 2] * BOHR_TO_ANGSTROM
    low, high = f"{heights.min():.2f}", f"{heights.max():.2f}"
    z = low if low == high else f"{low} to {high}"
    kinds = ", ".join(dict.fromkeys(residues[i] for i in atoms))
    held = np.isin(constraints, atoms).all(axis=1)
    rigid = ""
    if held.any():
        names = ", ".join(dict.fromkeys(residues[i] for i in constraints[held, 0]))
        rigid = f"; holds rigid molecules ({names}), which are frozen with it"
    return f"{name}: {own} ({kinds}), z {z} Angstrom, charge {significant(round(total, 6), 6)} e{rigid}"


def liquid_line(case: Case, time_step: str | None) -> str:
    """The liquid: how many molecules of each name, which are rigid, and the time step of input.xml."""
    topology = case.topology
    liquid = np.unique(topology.molecules[case.electrolyte_indices])
    rigid = {topology.names[m] for m in topology.molecules[case.constraints[0].ravel()]}
    counts = Counter(topology.names[m] for m in liquid)
    parts = [f"{count} {name}{' rigid' if name in rigid else ''}" for name, count in counts.items()]
    steps = f"; input.xml steps {time_step} fs" if time_step else ""
    return f"liquid: {', '.join(parts)}{steps}"


def time_step_of(path: Path) -> str | None:
    """<timestep> of an input that was written in femtoseconds, as it stands there."""
    text = ET.parse(path).findtext(".//timestep")
    return None if text is None else f"{float(text):g}"
