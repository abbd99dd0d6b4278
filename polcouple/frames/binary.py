"""XTC and DCD, through MDAnalysis: no names of atoms, single precision or less."""

from __future__ import annotations

import struct
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from polcouple.errors import InputError
from polcouple.frames.raw import RawFrame, cell_of
from polcouple.units import ANGSTROM_TO_BOHR, NM_TO_BOHR

#: relative resolution of single precision
_SINGLE = float(np.finfo(np.float32).eps)


def read_xtc(path: Path) -> Iterator[RawFrame]:
    """Frames of GROMACS's compressed trajectories, in nm with the precision that each frame names.

    Raises:
        InputError: the file is damaged.
    """
    from MDAnalysis.lib.formats.libmdaxdr import XTCFile

    try:
        with XTCFile(str(path)) as file:
            for frame in file:
                places, box = frame.x.astype(float), frame.box.astype(float)
                # few atoms are stored as they are
                precision = float(frame.prec) if frame.prec > 0 else 1e9
                yield RawFrame(
                    places * NM_TO_BOHR,
                    box * NM_TO_BOHR if box.any() else None,
                    None,
                    False,
                    (1.0 / precision + _SINGLE * np.abs(places)) * NM_TO_BOHR,
                    _SINGLE * float(np.abs(box).max()) * NM_TO_BOHR,
                )
    except (OSError, ValueError, RuntimeError) as error:
        raise InputError(f"{path}: not a complete XTC file ({error})") from None


def read_dcd(path: Path) -> Iterator[RawFrame]:
    """Frames of CHARMM's, NAMD's and OpenMM's trajectories, in Angstrom.

    Raises:
        InputError: the file is damaged.
    """
    from MDAnalysis.coordinates.DCD import DCDReader

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="MDAnalysis")
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        try:
            reader = DCDReader(str(path))
            if reader.n_frames < (announced := _announced(path)):
                raise EOFError(f"{reader.n_frames} of {announced} frames")
            for moment in reader:
                places = moment.positions.astype(float)
                sides = moment.dimensions
                cell = None if sides is None or not sides[:3].all() else cell_of(sides.astype(float))
                yield RawFrame(
                    places * ANGSTROM_TO_BOHR,
                    None if cell is None else cell * ANGSTROM_TO_BOHR,
                    None,
                    False,
                    _SINGLE * np.abs(places) * ANGSTROM_TO_BOHR,
                    # of angles of up to 180 degrees, in single precision too
                    0.0 if cell is None else 8 * _SINGLE * float(np.abs(cell).max()) * ANGSTROM_TO_BOHR,
                )
        except (OSError, ValueError, EOFError, IndexError) as error:
            raise InputError(f"{path}: not a complete DCD file ({error})") from None


def _announced(path: Path) -> int:
    """Frames that the header of a DCD file promises; MDAnalysis counts those that are there."""
    with path.open("rb") as stream:
        head = stream.read(16)
    # the length of the first record, 84, comes before the mark, in four or eight bytes of either order
    after = head.index(b"CORD") + 4
    return int(struct.unpack("<i" if head[0] == 84 else ">i", head[after : after + 4])[0])
