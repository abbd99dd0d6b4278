"""What separate trajectories say of the liquid and of the electrode's charges in time."""

from __future__ import annotations

from collections.abc import Sequence

from polcouple.analysis.gather import LEAST_FRAMES, gather
from polcouple.analysis.runs import Run, labels, require_frames
from polcouple.analysis.same_system import require_same_system
from polcouple.compare.liquid_differences import difference_section
from polcouple.report import held_potential
from polcouple.report.charge_sections import charge_section, potential_section
from polcouple.report.liquid_sections import liquid_sections
from polcouple.report.section import Section


def sections(runs: Sequence[Run]) -> list[Section]:
    """Compare the runs' liquids and charges; the first run is what the others are held against.

    The runs are read once for positions and twice for charges, frame by frame; memory does not depend on
    their length.

    Raises:
        InputError: runs of different systems, or too short to be analysed.
    """
    require_same_system(runs)
    for run in runs:
        require_frames(run, LEAST_FRAMES)
    found = [gather(run, label) for run, label in zip(runs, labels(runs), strict=True)]
    parts = []
    for seen_from_one in zip(*found, strict=True):
        parts += liquid_sections(seen_from_one)
    liquids = [faces[0] for faces in found]
    parts += [charge_section(liquids), potential_section(liquids)]
    if runs[0].case.system.potential is not None:
        parts.append(held_potential.section(runs, labels(runs)))
    quantities = [quantity for _, found in parts for quantity in found]
    return [difference_section(liquids, quantities), *(section for section, _ in parts)]
