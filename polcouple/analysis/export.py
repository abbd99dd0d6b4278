"""A run's frames with the charges of all particles, for other programs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from polcouple.analysis.runs import Run, read_run
from polcouple.case.case import VIRTUAL_SITE
from polcouple.case.model import Case
from polcouple.errors import InputError
from polcouple.files import replacing
from polcouple.frames.writing import Format, Particles, Snapshot, dcd, extended_xyz, h5md, write_pdb, xtc
from polcouple.output_paths import require_suffix
from polcouple.units import BOHR_TO_ANGSTROM, DALTON_TO_ELECTRON_MASS

#: by the file's ending; those of :data:`_WITH_TOPOLOGY` get a .pdb beside them that names the particles
FORMATS: dict[str, Format] = {
    ".extxyz": extended_xyz,
    ".xyz": extended_xyz,
    ".dcd": dcd,
    ".xtc": xtc,
    ".h5md": h5md,
}
_WITH_TOPOLOGY = (".dcd", ".xtc", ".h5md")


@dataclass(frozen=True)
class Exported:
    """How many ``frames`` were written, of how many particles, and into which ``files``."""

    frames: int
    particles: int
    files: tuple[Path, ...]


def export_run(directory: Path, output: Path, skip_ps: float = 0.0) -> Exported:
    """Write a run's frames with the charges of the same steps, one after the other.

    All atoms are in the case's order, electrodes that i-PI has not are put back, and virtual sites follow
    as particles X. Charges are those that the run had on its electrodes and the force field's elsewhere.
    Positions are as i-PI wrote them, molecules may be split. A run that has not ended is written as far as
    it is.

    Args:
        output: a new file; its ending says the format, see :data:`FORMATS`.
        skip_ps: left out of the run.

    Raises:
        InputError: no run, one with beads, a format that is not known, a file that is there already,
            positions without charges of the same step, or no frame.
    """
    require_suffix(output, *FORMATS)
    files = [output]
    if output.suffix in _WITH_TOPOLOGY:
        files.append(output.with_suffix(".pdb"))
    if output.exists():
        raise _there_already(output)
    if not output.parent.is_dir():
        raise InputError(f"{output}: no directory {output.parent}; make it, or name another place")
    if skip_ps < 0:
        raise InputError(f"--skip {skip_ps:g}: give a time in ps that is not negative")
    from rich.progress import track

    run = read_run(directory, skip_ps, finished=False)
    particles, count = particles_of(run.case), 0
    with ExitStack() as stack:
        writing = [stack.enter_context(replacing(path)) for path in files]
        with FORMATS[output.suffix](writing[0], particles) as write:
            for frame in track(snapshots(run), description=output.name, total=len(run)):
                if not count and len(writing) > 1:
                    write_pdb(writing[1], particles, frame)
                    # that of the same run in another format may stay
                    if files[1].exists() and files[1].read_bytes() != writing[1].read_bytes():
                        raise _there_already(files[1])
                write(frame)
                count += 1
        if not count:
            raise InputError(
                f"{directory}: no frame of positions with charges to write; run on, or skip less"
            )
    return Exported(count, len(particles), tuple(files))


def _there_already(path: Path) -> InputError:
    return InputError(f"{path}: exists already; choose another name or remove it")


def snapshots(run: Run) -> Iterator[Snapshot]:
    """The run's frames with all charges, as :func:`particles_of` orders them.

    Raises:
        InputError: a step has positions and no charges, but for the last ones of a run at work.
    """
    case, charges = run.case, run.charges()
    step, own = -1, np.empty(0)
    for frame in run.frames():
        while step < frame.step:
            try:
                step, own = next(charges)
            except StopIteration:
                if run.last_step or step < 0:
                    raise _no_charges(run, frame.step) from None
                return  # charges of a run at work are not there yet
        if step != frame.step:
            raise _no_charges(run, frame.step)
        positions = case.electrolyte_positions(frame.positions)[len(case.electrolyte_indices) :]
        values = case.charges.copy()
        values[case.electrode_indices] = own
        yield Snapshot(
            frame.step,
            frame.step * run.time_step_ps,
            np.concatenate([frame.positions, positions]) * BOHR_TO_ANGSTROM,
            np.concatenate([values, case.topology.sites.charges]),
        )


def _no_charges(run: Run, step: int) -> InputError:
    return InputError(
        f"{run.charges_path}: no charges of step {step}, at which there are positions; let the stride of"
        " <trajectory filename='positions'> be a multiple of that of the charges (`polcouple run --stride`)"
    )


def particles_of(case: Case) -> Particles:
    """All atoms in the case's order, and its virtual sites after them, each in its parents' molecule."""
    topology, sites = case.topology, case.topology.sites
    liquid = case.electrolyte_indices
    molecules, numbers = np.unique(topology.molecules[liquid], return_inverse=True)
    residues = np.zeros(len(case), dtype=int)
    residues[liquid] = 1 + numbers
    names = ("electrode", *(topology.names[molecule] for molecule in molecules))
    return Particles(
        (*case.symbols, *(VIRTUAL_SITE,) * len(sites)),
        np.concatenate([residues, residues[sites.parents[:, 0]]]) if len(sites) else residues,
        names,
        np.concatenate([topology.masses / DALTON_TO_ELECTRON_MASS, np.zeros(len(sites))]),
        case.cell * BOHR_TO_ANGSTROM,
    )
