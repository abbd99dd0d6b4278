"""A finished run directory of `polcouple run`, its frames streamed one by one.

Positions come through MDAnalysis, which keeps one frame in memory and the file offsets of the others. i-PI
appends to its files: after a restart from a checkpoint some steps are written twice, and the later one, from
which the run went on, counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from polcouple.analysis.trajectory import open_trajectory
from polcouple.case.model import Case, read_case
from polcouple.case.structure_guard import Rounding, StructureGuard
from polcouple.errors import InputError
from polcouple.frames.ipi import units_of
from polcouple.ipi.files import run_files
from polcouple.ipi.initialize import start_file
from polcouple.ipi.input import read_xml, step_of, time_step_ps
from polcouple.ipi.output import iterate_extras, last_of_each
from polcouple.propagation.record import RECORD, MadeOf, file_words, read_record
from polcouple.units import ANGSTROM_TO_BOHR

if TYPE_CHECKING:
    import MDAnalysis

_STEP = re.compile(r"Step:\s*(\d+)")


@dataclass(frozen=True, eq=False)
class Frame:
    """One instant of a run.

    Attributes:
        step: of i-PI.
        positions: (N, 3) in bohr of all the case's atoms, as i-PI wrote them: molecules may be split over the
            cell's faces.
    """

    step: int
    positions: np.ndarray


@dataclass(frozen=True, eq=False)
class Run:
    """A run directory; read it with :func:`read_run`.

    Attributes:
        directory: of the run.
        case: its system.
        made_of: what decides it, from its record.
        time_step_ps: between two steps of i-PI (the outer level of multiple time stepping).
        first_step: frames before it are left out.
        last_step: where the run ended; 0 of one that was read before its end.
        positions_path, charges_path: i-PI's trajectories.
        length_unit: of the written positions, in bohr.
    """

    directory: Path
    case: Case
    made_of: MadeOf
    time_step_ps: float
    first_step: int
    last_step: int
    positions_path: Path
    charges_path: Path
    length_unit: float = ANGSTROM_TO_BOHR

    @property
    def backend(self) -> str:
        """That gave the charges."""
        return self.made_of.backend

    @property
    def interval(self) -> int:
        """Evaluations between refreshes of the charges."""
        return self.made_of.refresh

    @property
    def name(self) -> str:
        """Backend and directory, for legends and tables; or a directory that begins with the backend."""
        directory = self.directory.name
        return directory if directory.startswith(self.backend) else f"{self.backend} ({directory})"

    @cached_property
    def steps(self) -> np.ndarray:
        """(n_frames,) steps at which positions were written, ascending."""
        return self._index[1]

    def __len__(self) -> int:
        return len(self.steps)

    @property
    def frame_spacing_ps(self) -> float:
        """Time between two frames of positions."""
        return float(self.steps[1] - self.steps[0]) * self.time_step_ps

    @cached_property
    def universe(self) -> MDAnalysis.Universe:
        """The trajectory as MDAnalysis sees it: Angstrom, the case's cell, elements, charges, waters as HOH.

        Its atoms are those that i-PI has.

        Its frames are those of the file, including such as :meth:`frames` leaves out.
        """
        return open_trajectory(self.case, self.positions_path, self.length_unit)

    def frames(self) -> Iterator[Frame]:
        """Positions, one frame after the other; a frozen electrode's are the case's and not
        the file's.

        Raises:
            InputError: a frame does not belong to the case, or the file is damaged.
        """
        return (self.frame(number) for number in range(len(self)))

    def frame(self, number: int) -> Frame:
        """One of :meth:`frames`, by its number.

        Raises:
            InputError: as :meth:`frames`.
        """
        place, step = (int(one[number]) for one in self._index)
        electrode = self.case.electrode_indices
        where = f"{self.positions_path}: step {step}"
        try:
            written = self.universe.trajectory[place].positions.astype(float) * ANGSTROM_TO_BOHR
        except (OSError, ValueError, EOFError):
            raise InputError(f"{where}: the frame is damaged; repeat the run") from None
        positions = self.case.whole(written)
        try:
            self._guard.check(positions, self.case.cell, _rounding(positions[electrode], self.length_unit))
        except InputError as error:
            raise InputError(f"{where}: {error}") from None
        if not self.case.mobile:
            positions[electrode] = self.case.electrode.positions
        return Frame(step, positions)

    def charges(self) -> Iterator[tuple[int, np.ndarray]]:
        """Step and electrode charges (n_electrode,) in e, of one frame of i-PI's extras after the other.

        Raises:
            InputError: the file is missing, damaged or of another electrode.
        """
        n_electrode = len(self.case.electrode)
        kept = last_of_each(np.array([step for step, _ in iterate_extras(self.charges_path)], dtype=int))
        for number, (step, values) in enumerate(iterate_extras(self.charges_path)):
            if kept[number] and step >= self.first_step:
                if len(values) != n_electrode:
                    raise InputError(
                        f"{self.charges_path}: {len(values)} charges at step {step}, the electrode has"
                        f" {n_electrode} atoms; these are outputs of another case"
                    )
                yield step, values

    @cached_property
    def _guard(self) -> StructureGuard:
        return StructureGuard(self.case)

    @cached_property
    def _index(self) -> tuple[np.ndarray, np.ndarray]:
        """Numbers in the file of the frames that count, and their steps."""
        complete = self.universe.trajectory.n_frames
        steps = np.fromiter(_steps(self.positions_path), dtype=int)[:complete]
        numbers = np.flatnonzero(last_of_each(steps) & (steps >= self.first_step))
        return numbers, steps[numbers]


def read_run(
    directory: Path | str, skip_ps: float = 0.0, finished: bool = True, system: str | None = None
) -> Run:
    """Open a run; the frames of its first ``skip_ps`` (equilibration) are left out.

    Args:
        finished: refuse a run that has not come to its end; else what it has written so far is read.
        system: prefix of the system whose files are meant; needed where there are several.

    Raises:
        InputError: no run, an unfinished one, one with beads, or one whose outputs cannot be used.
    """
    directory = Path(directory)
    path = directory / "input.xml"
    if not path.is_file():
        raise InputError(f"{directory}: no run here; give a directory that `polcouple run` made")
    if not (directory / RECORD).is_file() and (own := sorted(directory.glob(f"*/{RECORD}"))):
        names = ", ".join(str(one.parent) for one in own)
        raise InputError(f"{directory}: a case, not a run; its runs: {names}")
    root = read_xml(path)
    case = read_case(directory, start_file(root, path))
    last_step = _require_finished(directory) if finished else 0
    files = run_files(directory, system)
    files.require_analysable()
    made_of = _made_of(directory)
    _require_its_force_field(case, made_of, directory)
    time_step = time_step_ps(root, path)
    positions = files.positions()[0]
    return Run(
        directory,
        case,
        made_of,
        time_step,
        round(skip_ps / time_step),
        last_step,
        positions,
        files.extras("charges")[0],
        _check_header(case, positions),
    )


def labels(runs: Sequence[Run]) -> list[str]:
    """A name of its own for each run: its backend where that tells them apart, else with its directory."""
    backends, names = [run.backend for run in runs], [run.name for run in runs]
    paths = [f"{run.backend} ({run.directory})" for run in runs]
    return next((found for found in (backends, names, paths) if len(set(found)) == len(runs)), paths)


def require_frames(run: Run, least: int) -> None:
    """Refuse a run with fewer than ``least`` frames of positions.

    Raises:
        InputError: saying how many there are.
    """
    if run.last_step and run.first_step > run.last_step:
        end_ps = run.last_step * run.time_step_ps
        raise InputError(f"{run.directory}: the run is {end_ps:.4g} ps long; skip less")
    if len(run) < least:
        skipped = " after what is skipped" if run.first_step else ""
        raise InputError(
            f"{run.directory}: {len(run)} frames{skipped}, {least} are needed; run on with"
            " --restart, skip less, or make another run with `polcouple run --stride N`"
        )
    if len(set(np.diff(run.steps))) > 1:
        raise InputError(f"{run.positions_path}: its frames are not equally far apart; repeat the run")
    spacing = int(run.steps[1] - run.steps[0])
    require_whole(run.positions_path, int(run.steps[-1]), spacing, run)


def require_whole(path: Path, last: int, spacing: int, run: Run) -> None:
    """Refuse an output that ends before its run did.

    Args:
        path: of the output; ``last`` is the step of its last frame, ``spacing`` the steps between frames.

    Raises:
        InputError: frames are missing at the end.
    """
    if last + spacing <= run.last_step:
        raise InputError(
            f"{path}: ends at step {last}, its run at step {run.last_step}; a part of the file is missing,"
            " repeat the run"
        )


def _require_finished(directory: Path) -> int:
    """The step at which the run ended."""
    restart = directory / "RESTART"
    again = f"finish it with `polcouple run CASE --output {directory} --until N --restart`"
    if not restart.is_file():
        raise InputError(f"{directory}: the run has not finished (no RESTART); wait for it, or {again}")
    continued = directory / "restart.xml"
    newest = read_xml(continued if continued.is_file() else directory / "input.xml")
    total, reached = int(newest.findtext("total_steps") or 0), step_of(read_xml(restart))
    if reached < total:
        raise InputError(f"{directory}: the run stands at step {reached} of {total}; {again}")
    return reached


def _made_of(directory: Path) -> MadeOf:
    """What the run is made of, from its record."""
    record = read_record(directory)
    if record is None:
        raise InputError(
            f"{directory}: no {RECORD}, which says how the run was made; a run of an earlier version gets it"
            f" with `polcouple run CASE --output {directory} --backend NAME --steps N --restart`"
        )
    return record.made_of


def _require_its_force_field(case: Case, made_of: MadeOf, directory: Path) -> None:
    """Refuse a run whose file of an imported force field, which stays in the case, is another one now."""
    if case.given is None:
        return
    began, now = made_of.system["force_field"]["openmm_system"], file_words(case.given.path)
    if began != now:
        raise InputError(
            f"{case.given.path}: changed since {directory} was run ({now}, then {began}); put the file back"
        )


def _check_header(case: Case, path: Path) -> float:
    """The first frame has the case's atoms and cell; the unit of its positions in bohr."""
    with path.open(errors="replace") as stream:
        count, comment = stream.readline().strip(), stream.readline()
        atoms = zip(case.ipi_indices, stream, strict=False)
        names = [(line.split() or [""])[0] for _, line in atoms]
    if count != str(len(case.ipi_indices)) or names != [case.symbols[i] for i in case.ipi_indices]:
        raise InputError(f"{path}: its atoms are not those of the case beside it")
    unit, cell_unit = units_of(comment, f"{path}: line 2")
    lengths = np.array(comment.partition("CELL(abcABC):")[2].split()[:3], dtype=float) * cell_unit
    if np.abs(lengths - np.linalg.norm(case.cell, axis=1)).max() > 1e-3 * ANGSTROM_TO_BOHR:
        raise InputError(f"{path}: its cell is not that of the case beside it")
    return unit


def _steps(path: Path) -> Iterator[int]:
    """Steps in the comment lines of i-PI's xyz file."""
    with path.open(errors="replace") as stream:
        for line in stream:
            if line.startswith("#"):
                match = _STEP.search(line)
                yield int(match.group(1)) if match else -1


def _rounding(positions: np.ndarray, unit: float) -> Rounding:
    """Of electrode positions (n, 3) in bohr that i-PI wrote in ``unit`` with six significant digits."""
    written = np.maximum(np.abs(positions) / unit, np.finfo(float).tiny)
    last_digit = 10.0 ** (np.floor(np.log10(written)) - 5)
    # MDAnalysis keeps them in single precision
    return Rounding((0.5 * last_digit * unit + np.finfo(np.float32).eps * np.abs(positions)).ravel())
