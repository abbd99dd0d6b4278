"""The electrode that a model was made for: kept in its weights.h5, compared with the one it is to serve."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from polcouple.electrode import Electrode
from polcouple.errors import ModelMismatchError
from polcouple.lattice.cell import base_area, same_lattice, widest_gap
from polcouple.units import BOHR_TO_ANGSTROM

#: largest displacement of an electrode atom or cell vector a model accepts (bohr)
_GEOMETRY_TOLERANCE = 1e-3
#: a sheet and its image above it are at least this far apart where the cell's height may be another (bohr):
#: the tables of the published parameter sets end before (at 29 bohr, carbon's at 11), so that Coulomb's law
#: alone couples the two
_LEAST_VACUUM = 30.0


def stored_electrode(arrays: Mapping[str, np.ndarray]) -> Electrode:
    """The electrode that a model was made for, from the arrays of weights.h5."""
    return Electrode(
        tuple(arrays["electrode/symbols"].astype(str)),
        arrays["electrode/positions"],
        arrays["electrode/cell"],
        tuple(arrays["electrode/pbc"].tolist()),
    )


def electrode_arrays(electrode: Electrode) -> dict[str, np.ndarray]:
    """The electrode as arrays for weights.h5 (bohr)."""
    return {
        "electrode/symbols": np.array(electrode.symbols, dtype="S3"),
        "electrode/positions": electrode.positions,
        "electrode/cell": electrode.cell,
        "electrode/pbc": np.array(electrode.pbc),
    }


def require_electrode(model: str, own: Electrode, electrode: Electrode, any_height: bool = False) -> None:
    """Refuse a model made for another electrode; a rigid shift and folding into the cell make no difference.

    Args:
        model: its name, for messages.
        own: the electrode that it was made for.
        electrode: the one that it is to serve.
        any_height: accept another third lattice vector over the same sheet.

    Raises:
        ModelMismatchError: number, order, elements, geometry or cell differ.
    """
    difference = _difference(own, electrode)
    if difference is not None and any_height:
        difference = difference_of_sheets(own, electrode)
    if difference is not None:
        raise ModelMismatchError(f"model {model} is for {difference}; train one with `polcouple train`")


def fits_electrode(own: Electrode, electrode: Electrode, any_height: bool = False) -> bool:
    """Whether :func:`require_electrode` accepts it."""
    try:
        require_electrode("", own, electrode, any_height)
    except ModelMismatchError:
        return False
    return True


def difference_of_sheets(own: Electrode, electrode: Electrode) -> str | None:
    """What a model is for that is not this electrode, whatever the third lattice vector is; None: nothing."""
    if own.symbols != electrode.symbols or own.pbc != electrode.pbc or not all(own.pbc):
        return _difference(own, electrode)
    normal = np.cross(own.cell[0], own.cell[1]) / base_area(own.cell) ** 0.5
    bases = [np.vstack([one.cell[:2], normal]) for one in (own, electrode)]
    if not same_lattice(bases[1], bases[0], _GEOMETRY_TOLERANCE):
        return f"another electrode ({_cells_apart(own, electrode, vectors=2)})"
    (ours, own_vacuum), (theirs, vacuum) = in_one_piece(own), in_one_piece(electrode)
    if min(own_vacuum, vacuum) < _LEAST_VACUUM:
        return (
            f"another electrode ({_cells_apart(own, electrode)}, and the sheet and its image above are"
            f" {min(own_vacuum, vacuum) * BOHR_TO_ANGSTROM:.1f} Angstrom apart, where"
            f" {_LEAST_VACUUM * BOHR_TO_ANGSTROM:.1f} are needed to take it to another height)"
        )
    offset = theirs - ours
    return _apart(offset - offset[0], bases[0], (True, True, False))


def same_or_repeated(own: Electrode, electrode: Electrode) -> bool:
    """Whether the other electrode has the same atoms, or so many times those of ``own`` in the plane."""
    return own.symbols == electrode.symbols or bool(_times_as_large(own, electrode))


def has_own_cell(own: Electrode, electrode: Electrode) -> bool:
    """Whether the two electrodes repeat by the same lattice, or not at all."""
    if own.pbc != electrode.pbc:
        return False
    return not any(own.pbc) or same_lattice(electrode.cell, own.cell, _GEOMETRY_TOLERANCE)


def in_one_piece(electrode: Electrode) -> tuple[np.ndarray, float]:
    """A sheet not torn by its cell's faces, and the empty space between it and its image above.

    Returns:
        (n, 3) positions in bohr that the widest gap along the third lattice vector does not separate, and
        that gap's width in bohr, measured at right angles to the other two vectors.
    """
    fractional = electrode.positions @ np.linalg.inv(electrode.cell)
    start, gap = widest_gap(fractional[:, 2], 1.0)
    middle = start + 0.5 * gap
    fractional[:, 2] = (fractional[:, 2] - middle) % 1.0 + middle
    height = abs(float(np.linalg.det(electrode.cell))) / base_area(electrode.cell)
    return fractional @ electrode.cell, gap * height


def formula(symbols: tuple[str, ...]) -> str:
    """Composition, such as ``336 C``."""
    return " ".join(f"{symbols.count(symbol)} {symbol}" for symbol in sorted(set(symbols)))


def _difference(own: Electrode, electrode: Electrode) -> str | None:
    """What a model is for that is not this electrode, or None."""
    if own.symbols != electrode.symbols:
        return (
            f"an electrode of {formula(own.symbols)}, this one is {formula(electrode.symbols)}"
            + _times_as_large(own, electrode)
        )
    if own.pbc != electrode.pbc:
        return f"another electrode (its pbc is {own.pbc}, this one's {electrode.pbc})"
    if not has_own_cell(own, electrode):
        return f"another electrode ({_cells_apart(own, electrode)})"
    offset = electrode.positions - own.positions
    return _apart(offset - offset[0], own.cell, own.pbc)


def _apart(offset: np.ndarray, cell: np.ndarray, pbc: tuple[bool, bool, bool]) -> str | None:
    """The atom that lies elsewhere, for (n, 3) displacements in bohr, or None."""
    if any(pbc):
        fractional = offset @ np.linalg.inv(cell)
        offset = (fractional - np.where(pbc, np.rint(fractional), 0.0)) @ cell
    distances = np.linalg.norm(offset, axis=1)
    if np.abs(offset).max() <= _GEOMETRY_TOLERANCE:
        return None
    atom = int(distances.argmax())
    return (
        "another electrode (its geometry or order of atoms differs: atom"
        f" {atom} (from 0) lies {distances[atom] * BOHR_TO_ANGSTROM:.3f} Angstrom from this one's)"
    )


def _cells_apart(own: Electrode, electrode: Electrode, vectors: int = 3) -> str:
    """The one of the first lattice ``vectors`` that differs most in length."""
    lengths = [np.linalg.norm(one.cell[:vectors], axis=1) * BOHR_TO_ANGSTROM for one in (own, electrode)]
    axis = int(np.abs(lengths[0] - lengths[1]).argmax())
    if abs(lengths[0][axis] - lengths[1][axis]) > 1e-3:
        return (
            f"its cell vector {'abc'[axis]} is {lengths[0][axis]:.3f} Angstrom long, this one's"
            f" {lengths[1][axis]:.3f}"
        )
    return "the angles of its cell differ"


def _times_as_large(own: Electrode, electrode: Electrode) -> str:
    """Words on a sheet that repeats the own one in the plane, else an empty string."""
    if not (all(own.pbc) and all(electrode.pbc)) or len(own) == 0:
        return ""
    times = base_area(electrode.cell) / base_area(own.cell)
    whole = round(times)
    if whole < 2 or abs(times - whole) > 1e-3 or len(electrode) != whole * len(own):
        return ""
    return f", {whole} times as large in the plane: a net holds for the lateral cell it was trained in"
