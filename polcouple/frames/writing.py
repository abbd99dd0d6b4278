"""Trajectories for other programs, written one frame after the other: extended xyz, DCD, XTC, H5MD."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from polcouple import __version__
from polcouple.number_words import significant

if TYPE_CHECKING:
    import h5py

#: frames of an H5MD file that are kept in memory
_BUFFERED = 16


@dataclass(frozen=True, eq=False)
class Particles:
    """What is the same in every frame.

    Attributes:
        symbols: chemical symbol of each of the n particles, X for a site that is no atom.
        residues: (n,) number of each particle's molecule from 0 on, and ``residue_names`` of all molecules.
        masses: (n,) in u.
        cell: (3, 3) lattice vectors in Angstrom, one per row.
    """

    symbols: tuple[str, ...]
    residues: np.ndarray
    residue_names: tuple[str, ...]
    masses: np.ndarray
    cell: np.ndarray

    def __len__(self) -> int:
        return len(self.symbols)


@dataclass(frozen=True, eq=False)
class Snapshot:
    """One frame: step, time in ps, positions (n, 3) in Angstrom and charges (n,) in e."""

    step: int
    time_ps: float
    positions: np.ndarray
    charges: np.ndarray


class FrameWriter(Protocol):
    """Appends frames to a file."""

    def __call__(self, frame: Snapshot) -> None:
        """Write one frame."""


class Format(Protocol):
    """Opens a new file of a format for :class:`Particles`; the frames are whole when the context ends."""

    def __call__(self, path: Path, particles: Particles) -> AbstractContextManager[FrameWriter]:
        """Open ``path``, whatever its ending."""


@contextmanager
def extended_xyz(path: Path, particles: Particles) -> Iterator[FrameWriter]:
    """ASE's extended xyz: cell, step and time in the comment, charges as a column."""
    lattice = " ".join(significant(number, 10) for number in particles.cell.ravel())
    with path.open("w") as stream:

        def write(frame: Snapshot) -> None:
            stream.write(
                f'{len(particles)}\nLattice="{lattice}" Properties=species:S:1:pos:R:3:charges:R:1'
                f' pbc="T T T" step={frame.step} time_ps={frame.time_ps:.10g}\n'
            )
            rows = zip(particles.symbols, frame.positions.tolist(), frame.charges.tolist(), strict=True)
            stream.writelines(
                f"{s:<2} {x:14.7f} {y:14.7f} {z:14.7f} {q:18.14f}\n" for s, (x, y, z), q in rows
            )

        yield write


@contextmanager
def dcd(path: Path, particles: Particles) -> Iterator[FrameWriter]:
    """DCD in single precision; it has a cell and no charges."""
    with _through_mdanalysis(path, particles, "DCD") as write:
        yield write


@contextmanager
def xtc(path: Path, particles: Particles) -> Iterator[FrameWriter]:
    """XTC to 0.001 nm; it has a cell, times and no charges."""
    with _through_mdanalysis(path, particles, "XTC") as write:
        yield write


@contextmanager
def h5md(path: Path, particles: Particles) -> Iterator[FrameWriter]:
    """H5MD 1.1 (P. de Buyl et al., Comput. Phys. Commun. 185, 1546 (2014)): cell, times, charges, elements.

    The charges are the particles' ``charge`` and, by the same data, the observable ``charge``, where
    MDAnalysis looks for what changes in time.
    """
    import h5py

    with h5py.File(path, "w") as file:
        about = file.create_group("h5md")
        about.attrs["version"] = np.array([1, 1])
        about.create_group("author").attrs["name"] = "polcouple"
        creator = about.create_group("creator")
        creator.attrs["name"], creator.attrs["version"] = "polcouple", __version__
        about.create_group("modules/units").attrs["version"] = np.array([1, 0])
        group = file.create_group("particles/trajectory")
        box = group.create_group("box")
        box.attrs["dimension"] = 3
        box.attrs["boundary"] = np.array(["periodic"] * 3, dtype=h5py.string_dtype())
        # atomic numbers, 0 of what is no atom
        group["species"] = _atomic_numbers(particles.symbols)
        group["mass"] = particles.masses
        group["mass"].attrs["unit"] = "u"
        step = group.create_dataset("position/step", (0,), np.int64, maxshape=(None,), chunks=(1024,))
        time = group.create_dataset("position/time", (0,), np.float64, maxshape=(None,), chunks=(1024,))
        time.attrs["unit"] = "ps"
        n = len(particles)
        values = {
            "position": _growing(group, "position/value", (n, 3), np.float32, "Angstrom"),
            "charge": _growing(group, "charge/value", (n,), np.float64, "e"),
            "box/edges": _growing(group, "box/edges/value", (3, 3), np.float64, "Angstrom"),
        }
        for name in ("charge", "box/edges"):
            group[f"{name}/step"], group[f"{name}/time"] = step, time
        file["observables/charge"] = group["charge"]
        waiting: list[Snapshot] = []

        def flush() -> None:
            done, more = len(step), len(waiting)
            if not more:
                return
            for dataset in (step, time, *values.values()):
                dataset.resize(done + more, axis=0)
            step[done:] = [frame.step for frame in waiting]
            time[done:] = [frame.time_ps for frame in waiting]
            values["position"][done:] = np.array([frame.positions for frame in waiting], np.float32)
            values["charge"][done:] = np.array([frame.charges for frame in waiting])
            values["box/edges"][done:] = np.broadcast_to(particles.cell, (more, 3, 3))
            waiting.clear()

        def write(frame: Snapshot) -> None:
            waiting.append(frame)
            if len(waiting) == _BUFFERED:
                flush()

        yield write
        flush()


def write_pdb(path: Path, particles: Particles, frame: Snapshot) -> None:
    """Elements, molecules, cell and places of one frame, as a topology for MDAnalysis, VMD and others."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore")
        universe = _universe(particles)
        _set(universe, particles, frame)
        import MDAnalysis

        with MDAnalysis.Writer(str(path), len(particles), format="PDB", multiframe=False) as writer:
            writer.write(universe.atoms)


@contextmanager
def _through_mdanalysis(path: Path, particles: Particles, name: str) -> Iterator[FrameWriter]:
    import MDAnalysis

    universe = _universe(particles)
    options: dict[str, Any] = {}
    writer: Any = None
    waiting: list[Snapshot] = []

    def put(frame: Snapshot) -> None:
        _set(universe, particles, frame)
        writer.write(universe.atoms)

    def write(frame: Snapshot) -> None:
        # DCD's header tells the time of the first frame and between frames
        nonlocal writer
        if writer is not None:
            put(frame)
            return
        waiting.append(frame)
        if len(waiting) == 2:
            begin()

    def begin() -> None:
        nonlocal writer
        if name == "DCD":
            first, last = waiting[0], waiting[-1]
            steps = max(last.step - first.step, 1)
            spacing = (last.time_ps - first.time_ps) or 1.0
            options.update(dt=spacing, nsavc=steps, istart=first.step // steps)
        writer = MDAnalysis.Writer(str(path), len(particles), format=name, **options)
        for frame in waiting:
            put(frame)

    try:
        yield write
        if writer is None and waiting:
            begin()
    finally:
        if writer is not None:
            writer.close()


def _universe(particles: Particles) -> Any:
    from MDAnalysis import Universe

    universe = Universe.empty(
        len(particles),
        n_residues=len(particles.residue_names),
        atom_resindex=particles.residues,
        trajectory=True,
    )
    universe.add_TopologyAttr("names", list(particles.symbols))
    universe.add_TopologyAttr("elements", [s if s != "X" else "" for s in particles.symbols])
    universe.add_TopologyAttr("resnames", [name[:4] for name in particles.residue_names])
    universe.add_TopologyAttr("resids", np.arange(1, len(particles.residue_names) + 1))
    return universe


def _set(universe: Any, particles: Particles, frame: Snapshot) -> None:
    from MDAnalysis.lib.mdamath import triclinic_box

    moment = universe.trajectory.ts
    moment.positions = frame.positions
    moment.dimensions = triclinic_box(*particles.cell)
    moment.time, moment.frame = frame.time_ps, frame.step
    moment.data["step"] = frame.step


def _growing(
    group: h5py.Group, name: str, shape: tuple[int, ...], kind: type[np.floating[Any]], unit: str
) -> h5py.Dataset:
    """An empty dataset of frames of this shape."""
    found = group.create_dataset(name, (0, *shape), kind, maxshape=(None, *shape), chunks=(1, *shape))
    found.attrs["unit"] = unit
    return found


def _atomic_numbers(symbols: tuple[str, ...]) -> np.ndarray:
    from ase.data import atomic_numbers

    return np.array([atomic_numbers[symbol] for symbol in symbols])
