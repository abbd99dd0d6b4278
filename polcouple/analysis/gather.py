"""What is gathered from a run for the comparison of liquids, in one pass over its positions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from polcouple.analysis.block_errors import LEAST_BLOCKS
from polcouple.analysis.density import DensityProfile, species_of
from polcouple.analysis.electrode_series import ChargeCorrelation, ChargeStatistics
from polcouple.analysis.ions import Survival
from polcouple.analysis.potential import PotentialProfile
from polcouple.analysis.runs import Run, require_whole
from polcouple.analysis.slab import Slab, faces, slabs_of
from polcouple.analysis.water import WaterOrientation
from polcouple.errors import InputError
from polcouple.units import ANGSTROM_TO_BOHR

#: frames that an analysis needs at least: twice the blocks of an error
LEAST_FRAMES = 2 * LEAST_BLOCKS
#: ions nearer than this are near the sheet: within their first layer on graphite-like sheets
NEAR_SHEET = 8.0 * ANGSTROM_TO_BOHR
#: an ion that is away for no longer has not left (R. W. Impey et al., 1983)
_ABSENCE_PS = 2.0
#: correlations reach over a quarter of the run, and over so many frames at most
_MOST_LAGS = 1000
_ONE_SHEET = "the sheet"


@dataclass(frozen=True, eq=False)
class Liquid:
    """All that was gathered from one run, its liquid as one of its electrodes sees it.

    Attributes:
        run, label: which run, and its name in figures.
        slab: its geometry, from that electrode.
        profiles: densities, one a species.
        orientation: of water.
        survival: of the ions near the sheet, by species.
        potential: across the cell, from the lower electrode.
        statistics: of the electrode's charges; ``correlation`` None where they do not change.
        charge_spacing_ps: between the charges' frames.
    """

    run: Run
    label: str
    slab: Slab
    profiles: Sequence[DensityProfile]
    orientation: WaterOrientation
    survival: dict[str, Survival]
    potential: PotentialProfile
    statistics: ChargeStatistics
    correlation: ChargeCorrelation | None
    charge_spacing_ps: float

    def add(self, positions: np.ndarray) -> None:
        """One more frame: positions (N, 3) in bohr of all atoms. The potential is not this electrode's."""
        heights = self.slab.heights(positions[:, 2])
        for profile in self.profiles:
            profile.add(positions)
            if profile.species.is_ion:
                self.survival[profile.species.name].add(heights[profile.species.indices] < NEAR_SHEET)
        self.orientation.add(positions)

    @property
    def at_sheet(self) -> str:
        """For titles: ", at electrode upper"; nothing where there is one sheet."""
        return "" if self.sheet == _ONE_SHEET else f", at {self.sheet}"

    @property
    def figure_suffix(self) -> str:
        """For names of figures and tables, which are unique on a page."""
        return "" if self.slab.normal > 0 else "_above"

    @property
    def sheet(self) -> str:
        """What distances are counted from: "the sheet", or the name of one of several electrodes."""
        electrodes = self.run.case.system.electrodes
        if len(electrodes) == 1:
            return _ONE_SHEET if self.slab.normal > 0 else "the sheet above"
        name = electrodes[int(np.abs(faces(self.run.case, self.slab)).argmin())].name
        return name if name.startswith("electrode") else f"electrode {name}"


def gather(run: Run, label: str) -> list[Liquid]:
    """Read a run through; its liquid as the electrode below and, where there is one, that above sees it."""
    from rich.progress import track

    case, slabs = run.case, slabs_of(run.case)
    statistics, spacing = _charge_statistics(run)
    correlation = None
    if statistics.deviations().max() > 0:
        correlation = ChargeCorrelation(statistics.mean().value, min(statistics.frames // 4, _MOST_LAGS))
        for _, charges in run.charges():
            correlation.add(charges)
    species = species_of(case)
    potential = PotentialProfile(case, slabs[0], statistics.mean().value)
    absence = int(_ABSENCE_PS / run.frame_spacing_ps)
    lags = min(len(run) // 4, _MOST_LAGS)
    found = [
        Liquid(
            run,
            label,
            slab,
            [DensityProfile(one, slab) for one in species],
            WaterOrientation(case, slab),
            {one.name: Survival(lags, min(absence, lags)) for one in species if one.is_ion},
            potential,
            statistics,
            correlation,
            spacing,
        )
        for slab in slabs
    ]
    for frame in track(run.frames(), description=f"{label}: liquid", total=len(run)):
        potential.add(frame.positions)
        for liquid in found:
            liquid.add(frame.positions)
    return found


def _charge_statistics(run: Run) -> tuple[ChargeStatistics, float]:
    """First pass over the charges, and the time between their frames in ps."""
    statistics = ChargeStatistics()
    last, spacing = None, None
    for step, charges in run.charges():
        if last is not None:
            spacing = spacing or step - last
            if step - last != spacing:
                raise InputError(
                    f"{run.charges_path}: no charges between steps {last} and {step}; repeat the run"
                )
        last = step
        statistics.add(charges)
    if spacing is None or statistics.frames < LEAST_FRAMES:
        raise InputError(
            f"{run.charges_path}: {statistics.frames} frames of charges, {LEAST_FRAMES} are needed; make a"
            " run that writes more with `polcouple run --stride N`"
        )
    assert last is not None
    require_whole(run.charges_path, last, spacing, run)
    return statistics, spacing * run.time_step_ps
