"""Graphene in a field across it, by PBE: polarisability out of the plane, and the density that a field adds.

pip install pyscf
python examples/out_of_plane.py

Two atoms, 6 x 6 k-points, GTH pseudopotentials, gth-tzvp with a wider d function, 14 Angstrom of cell; two
minutes. It prints the constants of polcouple/nn/density/graphene.py.
"""

from __future__ import annotations

import numpy as np
from pyscf.gto import basis
from pyscf.pbc import dft, gto
from pyscf.pbc.scf import addons

from polcouple.electrode import Electrode
from polcouple.nn.density.basis import DensityBasis
from polcouple.nn.density.model import density_at
from polcouple.units import BOHR_TO_ANGSTROM

LATTICE, HEIGHT = 2.46, 14.0
FIELD = 0.005  # Hartree/(e bohr)
DIFFUSE = 0.18  # exponent of the d function, 1/bohr^2
EXPONENTS = (0.2, 0.4, 0.8, 1.6)


def graphene() -> gto.Cell:
    """Two atoms in the middle of the cell."""
    cell = gto.Cell()
    a = LATTICE
    cell.a = np.array([[a, 0, 0], [-a / 2, a * np.sqrt(3) / 2, 0], [0, 0, HEIGHT]])
    cell.atom = [["C", (0, 0, HEIGHT / 2)], ["C", (0, a / np.sqrt(3), HEIGHT / 2)]]
    cell.basis = {"C": [*basis.load("gth-tzvp", "C"), [2, [DIFFUSE, 1.0]]]}
    cell.pseudo, cell.ke_cutoff, cell.verbose = "gth-pbe", 60.0, 3
    cell.build()
    return cell


def added_density(cell: gto.Cell) -> tuple[np.ndarray, np.ndarray]:
    """Points (p, 3) in bohr and the density (p,) that the field adds there, electrons per bohr^3.

    The potential is a triangle along z, linear for a quarter of the cell on either side of the sheet.
    """
    points = cell.get_uniform_grids(wrap_around=False)
    length = cell.lattice_vectors()[2, 2]
    z = points[:, 2] - length / 2
    triangle = FIELD * np.where(abs(z) < length / 4, z, np.sign(z) * (length / 2 - abs(z)))
    k_points = cell.make_kpts([6, 6, 1])
    orbitals = [cell.pbc_eval_gto("GTOval_sph", points, kpt=k) for k in k_points]
    weight = cell.vol / len(z)
    field = np.array([(one.conj().T * (weight * triangle)) @ one for one in orbitals])
    solver = dft.KRKS(cell, k_points)
    solver.xc, solver.conv_tol = "pbe", 1e-8
    solver = addons.smearing_(solver.multigrid_numint(), sigma=0.005, method="fermi")
    without, start, densities = solver.get_hcore(), None, []
    for core in (without, without + field):
        solver.get_hcore = lambda *_, core=core: core
        solver.kernel(start)
        start = solver.make_rdm1()
        each = [
            np.einsum("gi,ij,gj->g", one, matrix, one.conj()).real
            for one, matrix in zip(orbitals, start, strict=True)
        ]
        densities.append(np.mean(each, axis=0))
    return points, densities[1] - densities[0]


def main() -> None:
    """Print polarisability, shares and width."""
    cell = graphene()
    points, added = added_density(cell)
    weight, lattice = cell.vol / len(points), cell.lattice_vectors()
    z = points[:, 2] - lattice[2, 2] / 2
    moment = -float(added @ z) * weight
    apparent = moment / FIELD
    alone = apparent / (1.0 + 4.0 * np.pi * apparent / cell.vol)  # without the field of the cell's images
    cubed = BOHR_TO_ANGSTROM**3
    print(f"polarisability {alone * cubed:.4f} Angstrom^3 a cell, {alone / 2:.4f} bohr^3 an atom")
    atoms = Electrode(("C", "C"), cell.atom_coords(), lattice)
    functions = DensityBasis(EXPONENTS, 3, 0)
    wanted, columns = added / (0.5 * moment), []
    for harmonic in (2, 12):
        for number in range(len(EXPONENTS)):
            one = np.zeros((2, len(EXPONENTS), 16))
            one[:, number, harmonic] = 1.0
            columns.append(density_at(functions, atoms, one, points))
    rows = np.array(columns).T
    dipoles = np.concatenate([0.5 / np.sqrt(EXPONENTS), np.zeros(len(EXPONENTS))])
    matrix = np.block([[rows.T @ rows, dipoles[:, None]], [dipoles[None], np.zeros((1, 1))]])
    shares = np.linalg.solve(matrix, np.append(rows.T @ wanted, -1.0))[:-1]
    error = np.abs(wanted - rows @ shares).sum() / np.abs(wanted).sum()
    spread = -float(shares * dipoles @ np.tile(0.5 / np.array(EXPONENTS), 2))
    print(f"shares {shares.round(4).tolist()}, error {100 * error:.1f} %")
    print(f"width {(2 * spread) ** -0.5:.3f} /bohr")


if __name__ == "__main__":
    main()
