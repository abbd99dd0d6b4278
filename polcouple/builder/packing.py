"""Starting structures: molecules put between two heights at random, without overlaps, by packmol.

Packmol: L. Martinez, R. Andrade, E. G. Birgin and J. M. Martinez, J. Comput. Chem. 30, 2157 (2009).
"""

from __future__ import annotations

import shutil
import subprocess
import sysconfig
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from polcouple.errors import InputError

#: distance in Angstrom kept between an electrode's face and the first atoms
FACE_CLEARANCE = 2.3
#: distance in Angstrom from a face at which the volume of the liquid begins: half that of graphite's layers
FACE_EXCLUSION = 1.7
#: molecules per cubic Angstrom of liquid water
WATER_DENSITY = 0.0334
#: what can be relaxed into a liquid, as a multiple of its own density
_HIGHEST_DENSITY = 1.09
#: smallest distance in Angstrom between atoms of different molecules
_TOLERANCE = 2.0
#: of packmol's search; it needs one to ten where there is room
_LOOPS = 40


@dataclass(frozen=True, eq=False)
class Kind:
    """Molecules of one kind.

    Attributes:
        name: for messages.
        symbols: chemical symbols of the n atoms of one.
        places: (n, 3) where they are in one, in Angstrom.
        count: how many there are.
        charge: of one in e.
        mass: of one in u.
        volume: of one in the liquid, in cubic Angstrom.
    """

    name: str
    symbols: tuple[str, ...]
    places: np.ndarray
    count: int
    charge: float
    mass: float
    volume: float = 1.0 / WATER_DENSITY


def water_places(length: float, angle: float) -> np.ndarray:
    """(3, 3) of O, H, H in Angstrom, of the bonds' length in Angstrom and the angle in degrees."""
    bend = np.deg2rad(angle)
    return length * np.array([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [np.cos(bend), np.sin(bend), 0.0]])


def liquid_height(gap: float, n_faces: int) -> float:
    """Height in Angstrom that is the liquid's, of ``gap`` from the lower face to its top or the upper one."""
    return gap - n_faces * FACE_EXCLUSION


def gap_for(kinds: Sequence[Kind], area: float, n_faces: int) -> float:
    """The gap in Angstrom at which the liquid has its own density."""
    return sum(kind.count * kind.volume for kind in kinds) / area + n_faces * FACE_EXCLUSION


def check_density(kinds: Sequence[Kind], sides: np.ndarray, gap: float, n_faces: int) -> None:
    """Refuse more molecules and ions than fit into ``gap`` (Angstrom).

    Raises:
        InputError: with the density and the gap that the liquid's own density needs.
    """
    area = float(sides[0] * sides[1])
    space = area * max(liquid_height(gap, n_faces), 1e-9)
    count, taken = sum(kind.count for kind in kinds), sum(kind.count * kind.volume for kind in kinds)
    if taken > _HIGHEST_DENSITY * space:
        raise InputError(
            f"too dense to pack: {count} molecules and ions on {sides[0]:.2f} x {sides[1]:.2f} Angstrom in a"
            f" gap of {gap:g} Angstrom are {count / space:.4f} per cubic Angstrom (liquid:"
            f" {count / taken:.4f}); a gap of {gap_for(kinds, area, n_faces):.1f} Angstrom gives the liquid's"
            " density"
        )


def pack_liquid(kinds: Sequence[Kind], vectors: np.ndarray, top: float, seed: int) -> list[np.ndarray]:
    """Positions (count, n, 3) in Angstrom of each kind, between ``FACE_CLEARANCE`` and ``top``.

    Molecules are whole and turned at random. Across the plane's boundaries atoms keep their distance, too.

    Args:
        vectors: (2, 2) in-plane lattice vectors in Angstrom, the first along x.
        top: height of the highest atom in Angstrom.
        seed: the same structure for the same seed.

    Raises:
        InputError: packmol is missing, or finds no way to place the molecules.
    """
    present = [kind for kind in kinds if kind.count]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number, kind in enumerate(present):
            lines = [str(len(kind.symbols)), ""]
            lines += [
                f"{symbol} {x:.6f} {y:.6f} {z:.6f}"
                for symbol, (x, y, z) in zip(kind.symbols, kind.places, strict=True)
            ]
            (folder / f"{number}.xyz").write_text("\n".join(lines) + "\n")
        text = folder / "packmol.inp"
        text.write_text(_input(present, vectors, top, seed))
        with text.open() as stream:  # packmol goes back to the start of its input, which a pipe cannot
            done = subprocess.run(
                [packmol_program()], cwd=folder, stdin=stream, capture_output=True, text=True, check=False
            )
        count = sum(kind.count for kind in present)
        if done.returncode != 0:
            said = " ".join((done.stdout + done.stderr).split())[-200:]
            raise InputError(
                f"packmol finds no place for {count} molecules between {FACE_CLEARANCE:g} and {top:g}"
                f" Angstrom (exit code {done.returncode}); give fewer or a larger --gap, or another --seed:"
                f" ...{said}"
            )
        packed = np.loadtxt(folder / "packed.xyz", skiprows=2, usecols=(1, 2, 3), ndmin=2)
    found, start = [], 0
    for kind in kinds:
        stop = start + kind.count * len(kind.symbols)
        found.append(packed[start:stop].reshape(kind.count, len(kind.symbols), 3))
        start = stop
    return found


def _input(kinds: Sequence[Kind], vectors: np.ndarray, top: float, seed: int) -> str:
    """Packmol's. Its periodic cells are upright: where ours leans, a seam is left free along a side."""
    (width, _), (lean, depth) = vectors
    seam = _TOLERANCE if abs(lean) > 1e-6 else 0.0
    cell = f"0. {-seam} {-_TOLERANCE} {width} {depth + seam} {top + _TOLERANCE}"
    box = f"0. {0.5 * seam} {FACE_CLEARANCE} {width} {depth - 0.5 * seam} {top}"
    lines = [
        f"tolerance {_TOLERANCE}", f"seed {seed}", "filetype xyz", "output packed.xyz", f"pbc {cell}",
        f"nloop {_LOOPS}",
    ]  # fmt: skip
    for number, kind in enumerate(kinds):
        lines += [
            f"structure {number}.xyz", f"  number {kind.count}", f"  inside box {box}", "end structure",
        ]  # fmt: skip
    return "\n".join(lines) + "\n"


def packmol_program() -> str:
    """Path of packmol, of this Python's own scripts or else of the search path.

    Raises:
        InputError: it is not there.
    """
    found = shutil.which("packmol", path=sysconfig.get_path("scripts")) or shutil.which("packmol")
    if found is None:
        raise InputError("packmol is not there, which packs the liquid: pip install packmol")
    return found
