"""Phonons of graphene in mio-1-1, from differences of polcouple's forces.

    python -m benchmarks.phonons [--cells 6] [--k-points 5] [--figure docs/figures] [--peer DFTB+] [--ipi]

The force constants are differences of the forces of :class:`polcouple.MovingDftb` over displacements of
the two atoms of one cell of N x N (12 calculations). Frequencies are exact at the wave vectors of the
supercell and interpolated between them, each force constant going to the nearest images (Parlinski, Li and
Kawazoe, Phys. Rev. Lett. 78, 4063 (1997)). The sum of forces is set to zero as `response` does it; what it
was is printed.

The branch ZA, of atoms that move out of the plane, comes from a strip of cells along one direction, whose
wave vectors are small, and is fitted with rho omega^2 = t q^2 + kappa q^4 + c q^6: t is the sheet's tension,
zero at the lattice constant of least energy, and kappa its bending rigidity.

With ``--peer`` DFTB+ makes a Hessian of 18 carbons (`SecondDerivatives`), with ``--ipi`` i-PI does.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from polcouple.dftb.moving.dftb import NOTHING, MovingDftb
from polcouple.dftb.moving.ensemble import TotalCharge
from polcouple.lattice.projected import coordinate_orbits, symmetrised, without_uniform
from polcouple.units import (
    ANGSTROM_TO_BOHR,
    BOHR_TO_ANGSTROM,
    DALTON_TO_ELECTRON_MASS,
    FS_TO_ATOMIC_TIME,
    HARTREE_TO_EV,
    KELVIN_TO_HARTREE,
)

#: side of the primitive cell at which the free energy is least, Angstrom, by the electrons' temperature in K
LATTICE = {300.0: 2.47135, 3000.0: 2.471527}
#: of carbon, as i-PI has it
MASS = 12.0107 * DALTON_TO_ELECTRON_MASS
#: of the differences, bohr, and accuracy of the charges, e
STEP, ACCURACY = 0.003, 1e-10
#: an angular frequency in atomic units in cm-1
TO_CM = FS_TO_ATOMIC_TIME * 1e15 / (2.0 * np.pi * 2.99792458e10)
#: wave vectors in units of the reciprocal vectors; those of the lattice have an angle of 60 degrees
POINTS = {"Γ": (0.0, 0.0), "M": (0.5, 0.5), "K": (2.0 / 3.0, 1.0 / 3.0)}
PATH = ("Γ", "M", "K", "Γ")
#: cells of the strip, and k-points across it
_STRIP, _ACROSS = 27, 27


@dataclass(frozen=True, eq=False)
class Constants:
    """Force constants of a sheet of graphene.

    Attributes:
        shape: cells along both vectors.
        side: of the primitive cell in bohr.
        raw: (parts, 2, 3, 2, 3) second derivatives by an atom of each part and one of the first, unchanged.
        kept: the same, symmetric and without forces when all atoms move alike.
    """

    shape: tuple[int, int]
    side: float
    raw: np.ndarray
    kept: np.ndarray

    @property
    def net_force(self) -> float:
        """The largest sum of ``raw`` over all atoms, Hartree/bohr^2."""
        return float(np.abs(self.raw.sum(axis=(0, 1))).max())

    def modes(self, fractional: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Frequencies (6,) in cm-1, imaginary ones negative, rising, and modes (2, 3, 6) at a wave vector."""
        values, vectors = np.linalg.eigh(self._dynamical(np.asarray(fractional)))
        return TO_CM * np.sign(values) * np.sqrt(np.abs(values)), vectors.reshape(2, 3, 6)

    def out_of_plane(self, fractional: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Frequencies (2,) of atoms that move out of the plane, and (4,) of the others, both rising."""
        dynamical = self._dynamical(np.asarray(fractional)).reshape(2, 3, 2, 3)
        found = []
        for axes in ([2], [0, 1]):
            own = dynamical[:, axes][:, :, :, axes].reshape(2 * len(axes), -1)
            values = np.linalg.eigvalsh(own)
            found.append(TO_CM * np.sign(values) * np.sqrt(np.abs(values)))
        return found[0], found[1]

    def _dynamical(self, fractional: np.ndarray) -> np.ndarray:
        """(6, 6), each force constant shared by the images that are nearest."""
        lattice, motif = vectors_and_motif(self.side)
        total = np.zeros((2, 3, 2, 3), dtype=complex)
        around = np.stack(np.meshgrid(*2 * [np.arange(-1, 2)], indexing="ij"), axis=-1).reshape(-1, 2)
        for part, cell in enumerate(np.ndindex(*self.shape)):
            images = np.array(cell) + around * np.array(self.shape)
            for first in range(2):
                for second in range(2):
                    apart = images @ lattice[:2] + motif[first] - motif[second]
                    distances = np.linalg.norm(apart, axis=1)
                    near = images[distances < distances.min() + 1e-6 * self.side]
                    phase = np.exp(-2j * np.pi * (near @ fractional)).mean()
                    total[first, :, second] += phase * self.kept[part, first, :, second]
        matrix = total.reshape(6, 6) / MASS
        return np.asarray(0.5 * (matrix + matrix.conj().T))


def vectors_and_motif(side: float) -> tuple[np.ndarray, np.ndarray]:
    """Lattice vectors (3, 3), the third 30 Angstrom high, and the two atoms (2, 3) of the primitive cell."""
    vectors = np.array(
        [[side, 0.0, 0.0], [0.5 * side, 0.75**0.5 * side, 0.0], [0.0, 0.0, 30.0 * ANGSTROM_TO_BOHR]]
    )
    return vectors, np.array([np.zeros(3), (vectors[0] + vectors[1]) / 3.0])


def sheet(side: float, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Positions (n, 3) and cell (3, 3) of so many primitive cells, cell by cell, in bohr."""
    vectors, motif = vectors_and_motif(side)
    origins = np.array(list(np.ndindex(*shape))) @ vectors[:2]
    return (origins[:, None] + motif).reshape(-1, 3), vectors * np.array([[shape[0]], [shape[1]], [1]])


def constants(
    shape: tuple[int, int], k_points: tuple[int, int], kelvin: float, axes: tuple[int, ...] = (0, 1, 2)
) -> Constants:
    """Force constants at an electronic temperature; those by other coordinates than ``axes`` are zero."""
    side = LATTICE[kelvin] * ANGSTROM_TO_BOHR
    positions, cell = sheet(side, shape)
    dftb = MovingDftb(("C",) * len(positions), kelvin * KELVIN_TO_HARTREE, k_points=(*k_points, 1))
    start, columns = None, np.zeros((len(positions), 3, 2, 3))
    for atom in range(2):
        for axis in axes:
            forces = []
            for step in (STEP, -STEP):
                moved = positions.copy()
                moved[atom, axis] += step
                found = dftb.solve(moved, cell, TotalCharge(0.0), NOTHING, start, ACCURACY)
                if not found.converged:
                    raise RuntimeError(f"no convergence: {found.residual:.1e} e")
                start = found.populations
                forces.append(found.forces)
            columns[:, :, atom, axis] = (forces[1] - forces[0]) / (2.0 * STEP)
    return of_columns(shape, side, columns)


def of_columns(shape: tuple[int, int], side: float, columns: np.ndarray) -> Constants:
    """From second derivatives (n, 3, 2, 3) by all atoms and the first two."""
    orbits = np.arange(len(columns)).reshape(-1, 2)
    square = symmetrised(columns.reshape(-1, 6), coordinate_orbits(orbits, 3), (*shape, 1))
    kept = without_uniform(square, orbits, 3)
    parts = (-1, 2, 3, 2, 3)
    return Constants(shape, side, columns.reshape(parts), kept.reshape(parts))


def named(found: Constants) -> dict[str, float]:
    """Frequencies in cm-1 of modes that have names; K only where the supercell has it."""
    across, within = found.out_of_plane(np.array(POINTS["Γ"]))
    modes = {"E2g at Γ": float(within[2:].mean()), "ZO at Γ": float(across[1])}
    if all(count % 3 == 0 for count in found.shape):
        across, within = found.out_of_plane(np.array(POINTS["K"]))
        modes |= {"A1' at K": float(within[3]), "ZA, ZO at K": float(across.mean())}
    if all(count % 2 == 0 for count in found.shape):
        modes |= {"highest at M": float(found.modes(np.array(POINTS["M"]))[0][5])}
    return modes


def reciprocal(side: float) -> np.ndarray:
    """(2, 2) the reciprocal vectors of the primitive cell in 1/bohr, 2 pi included."""
    return np.asarray(2.0 * np.pi * np.linalg.inv(vectors_and_motif(side)[0][:2, :2]).T)


def along_path(steps: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Wave vectors (n, 2), how far along the path they are (n,), and where its corners are (4,)."""
    corners = np.array([POINTS[name] for name in PATH])
    lengths = np.linalg.norm(np.diff(corners, axis=0) @ reciprocal(1.0), axis=1)
    waves, at = [corners[0]], [0.0]
    for begin, end, length in zip(corners[:-1], corners[1:], lengths, strict=True):
        parts = np.arange(1, steps + 1) / steps
        waves += list(begin + parts[:, None] * (end - begin))
        at += list(at[-1] + parts * length)
    return np.array(waves), np.array(at), np.concatenate([[0.0], np.cumsum(lengths)])


@dataclass(frozen=True, eq=False)
class Bending:
    """The branch ZA at small wave vectors: q (n,) in 1/bohr, omega (n,) in atomic units, t, kappa and c."""

    q: np.ndarray
    omega: np.ndarray
    tension: float
    rigidity: float
    next: float

    def frequency(self, q: np.ndarray, side: float) -> np.ndarray:
        """Of the fit, of a sheet with this primitive cell, in atomic units."""
        squares = (self.tension * q**2 + self.rigidity * q**4 + self.next * q**6) / density(side)
        return np.asarray(np.sign(squares) * np.sqrt(np.abs(squares)))


def bending(kelvin: float, most: int = 5) -> Bending:
    """From a strip of cells along one direction, its first ``most`` wave vectors."""
    found = constants((_STRIP, 1), (1, _ACROSS), kelvin, axes=(2,))
    vectors = vectors_and_motif(found.side)[0]
    height = np.linalg.norm(np.cross(vectors[0], vectors[1])) / found.side
    waves = np.arange(1, most + 1) / _STRIP
    omega = np.array([found.out_of_plane(np.array([wave, 0.0]))[0][0] for wave in waves]) / TO_CM
    q = 2.0 * np.pi * waves / height
    terms = np.stack([q**2, q**4, q**6], axis=1)
    weights = 1.0 / q**4
    squares = density(found.side) * omega * np.abs(omega)
    fitted = np.linalg.lstsq(terms * weights[:, None], squares * weights, rcond=None)[0]
    return Bending(q, omega, *map(float, fitted))


def density(side: float) -> float:
    """Mass of a unit of area."""
    return 2.0 * MASS / (0.75**0.5 * side**2)


def main() -> None:
    """Print the tables, and draw the figure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=int, default=6)
    parser.add_argument("--k-points", type=int, default=5)
    parser.add_argument("--kelvin", type=float, default=3000.0, choices=sorted(LATTICE))
    parser.add_argument("--meshes", action="store_true", help="of k-points, of 3 x 3 cells")
    parser.add_argument("--figure", type=Path)
    parser.add_argument("--peer", help="DFTB+'s program")
    parser.add_argument("--ipi", action="store_true")
    args = parser.parse_args()
    if args.meshes:
        print_meshes()
    shape, mesh = (args.cells, args.cells), (args.k_points, args.k_points)
    own = constants(shape, mesh, args.kelvin)
    print(f"{args.cells} x {args.cells} cells, {args.k_points} x {args.k_points} k-points, {args.kelvin:g} K")
    print_named(own)
    print(f"  sum of forces when all atoms move alike: {own.net_force:.1e} Hartree/bohr^2", flush=True)
    bent = bending(args.kelvin)
    print_bending(bent)
    other = compared(args.peer, args.kelvin) if args.peer else None
    if args.ipi:
        print_ipi(args.kelvin)
    if args.figure:
        from benchmarks.phonons_figure import draw

        draw(args.figure / "phonons.png", own, other, bent)


def compared(command: str, kelvin: float) -> Constants:
    """DFTB+'s force constants of 18 carbons, after a word on how far those made here are from them."""
    from benchmarks.phonons_peer import dftbplus_constants

    shape, mesh = (3, 3), (9, 9)
    own, other = constants(shape, mesh, kelvin), dftbplus_constants(command, shape, mesh, kelvin)
    apart = np.abs(own.raw - other.raw).max()
    print(f"DFTB+, 3 x 3 cells, 9 x 9 k-points: Hessian apart by at most {apart:.1e} Hartree/bohr^2,")
    both = [[one.modes(wave)[0] for wave in commensurate(3)] for one in (own, other)]
    print(f"  frequencies but those at zero wave vector by {np.abs(np.subtract(*both)).max():.1e} cm-1")
    print_named(other)
    return other


def print_ipi(kelvin: float) -> None:
    """i-PI's vibrations of 18 carbons with the `dftb` backend beside the same made here."""
    from benchmarks.phonons_peer import ipi_frequencies

    cells, mesh = 3, 5
    theirs = ipi_frequencies(kelvin, cells, mesh)
    found = constants((cells, cells), (mesh, mesh), kelvin)
    ours = [found.modes(wave)[0] for wave in (np.zeros(2), *commensurate(cells))]
    apart = np.abs(theirs - np.sort(np.ravel(ours)))[3:].max()
    print(
        f"i-PI, {len(theirs) // 3} carbons: highest {theirs[-1]:.1f} cm-1, apart by at most {apart:.1e} cm-1"
    )


def print_meshes() -> None:
    """Named modes by the mesh of k-points, with electrons at both temperatures."""
    for kelvin in LATTICE:
        for mesh in (3, 5, 9, 15):
            print(f"3 x 3 cells, {mesh} x {mesh} k-points, {kelvin:g} K", flush=True)
            print_named(constants((3, 3), (mesh, mesh), kelvin))


def print_named(found: Constants) -> None:
    """A line for each."""
    for name, value in named(found).items():
        print(f"  {name:<14} {value:8.1f} cm-1", flush=True)


def print_bending(bent: Bending) -> None:
    """The branch ZA, and what it tells."""
    for q, omega in zip(bent.q, bent.omega, strict=True):
        print(f"  ZA at {q / BOHR_TO_ANGSTROM:.4f} 1/Angstrom: {TO_CM * omega:.3f} cm-1")
    tension = bent.tension * HARTREE_TO_EV / BOHR_TO_ANGSTROM**2
    print(f"  bending rigidity {bent.rigidity * HARTREE_TO_EV:.3f} eV, tension {tension:.1e} eV/Angstrom^2")


def commensurate(cells: int) -> np.ndarray:
    """Wave vectors (n, 2) that the supercell has, but for zero."""
    return np.array([wave for wave in np.ndindex(cells, cells) if any(wave)]) / cells


if __name__ == "__main__":
    main()
