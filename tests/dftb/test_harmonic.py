"""The harmonic electrode against forces and charges of moving DFTB; its sum rules; its cache."""

from pathlib import Path

import numpy as np
import pytest

from polcouple.backends.dftb_options import HamiltonianOptions
from polcouple.builder.surfaces import graphene_sheet
from polcouple.dftb.moving import harmonic as module
from polcouple.dftb.moving.dftb import MovingDftb
from polcouple.dftb.moving.ensemble import TotalCharge
from polcouple.dftb.moving.harmonic import Harmonic, harmonic
from polcouple.electrode import Electrode
from polcouple.errors import InputError
from polcouple.lattice.matrix import dense
from polcouple.units import ANGSTROM_TO_BOHR, DALTON_TO_ELECTRON_MASS, KELVIN_TO_HARTREE

#: a frequency of 1 in atomic units in cm-1
HARTREE_TO_CM = 219474.6313632
#: frequencies in cm-1 and how many modes of 3 x 3 cells of graphene have them: DFTB+ 25.1,
#: SecondDerivatives, mio-1-1, 5 x 5 k-points, 3000 K, SCCTolerance 1e-10, displacements of 0.003 bohr
DFTBPLUS_MODES = (
    (264.512, 6), (517.939, 4), (575.397, 4), (575.400, 2), (718.039, 6), (784.353, 1), (1034.654, 2),
    (1124.800, 6), (1415.757, 4), (1495.106, 2), (1671.735, 2), (1671.736, 4), (1750.766, 6), (1781.679, 2),
)  # fmt: skip


@pytest.fixture(scope="module")
def electrode() -> Electrode:
    """32 carbons, 8 equal parts of four."""
    sheet, sides = graphene_sheet(4, 2)
    cell = np.diag([*sides, 20.0]) * ANGSTROM_TO_BOHR
    return Electrode(("C",) * len(sheet), sheet * ANGSTROM_TO_BOHR, cell)


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> HamiltonianOptions:
    return HamiltonianOptions(cache_directory=tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def made(electrode: Electrode, options: HamiltonianOptions) -> Harmonic:
    return harmonic(electrode, options)


def test_against_differences_of_an_atom_in_another_part(electrode: Electrode, made: Harmonic) -> None:
    dftb = MovingDftb(electrode.symbols, 3000.0 * KELVIN_TO_HARTREE)
    direction = np.array([0.36, 0.48, 0.8])
    ends = []
    for sign in (1.0, -1.0):
        u = np.zeros_like(electrode.positions)
        u[13] = sign * 0.003 * direction
        ends.append(dftb.solve(electrode.positions + u, electrode.cell, TotalCharge(0.0), accuracy=1e-10))
    plus, minus = (end.forces for end in ends)
    u = np.zeros_like(electrode.positions)
    u[13] = direction
    _, forces, charges = made.terms(u, np.zeros(len(electrode)))
    assert np.abs(made.forces - forces - (minus - plus) / 0.006).max() < 2e-5
    assert np.abs(forces).max() > 0.2
    assert np.abs(charges - (ends[0].charges - ends[1].charges) / 0.006).max() < 2e-6
    assert np.abs(charges).max() > 1e-2
    slope = (ends[0].fermi_level - ends[1].fermi_level) / 0.006
    assert float(made.level_slope[13] @ direction) == pytest.approx(slope, abs=2e-6)


def test_phonons_of_graphene_are_those_of_dftbplus(tmp_path: Path) -> None:
    side = 2.471527 * ANGSTROM_TO_BOHR
    vectors = side * np.array([[1.0, 0.0, 0.0], [0.5, 0.75**0.5, 0.0], [0.0, 0.0, 12.0]])
    origins = np.array([i * vectors[0] + j * vectors[1] for i in range(3) for j in range(3)])
    motif = np.array([np.zeros(3), (vectors[0] + vectors[1]) / 3.0])
    cell = vectors * np.array([[3.0], [3.0], [1.0]])
    sheet = Electrode(("C",) * 18, (origins[:, None] + motif).reshape(-1, 3), cell)
    made = harmonic(sheet, HamiltonianOptions(k_points=(5, 5, 1), cache_directory=tmp_path))
    hessian = dense(made.matrix).reshape(18, 4, 18, 4)[:, :3, :, :3].reshape(54, 54)
    squares = np.linalg.eigvalsh(hessian)[3:] / (12.0107 * DALTON_TO_ELECTRON_MASS)
    found = np.sqrt(squares) * HARTREE_TO_CM
    assert np.abs(found - np.repeat(*zip(*DFTBPLUS_MODES, strict=True))).max() < 2e-3


def test_sum_rules(electrode: Electrode, made: Harmonic) -> None:
    n = len(electrode)
    matrix = dense(made.matrix).reshape(n, 4, n, 4)
    assert np.abs(matrix - matrix.transpose(2, 3, 0, 1)).max() < 1e-15
    assert np.abs(matrix.sum(axis=0)).max() < 1e-13
    assert np.abs(made.forces.sum(axis=0)).max() < 1e-15
    assert np.abs(made.level_slope.sum(axis=0)).max() < 1e-15
    hessian = matrix[:, :3, :, :3].reshape(3 * n, 3 * n)
    lowest = np.linalg.eigvalsh(hessian)
    assert np.abs(lowest[:3]).max() < 1e-13 and lowest[3] > 1e-3


def test_displacements_of_images_that_have_all_moved(electrode: Electrode, made: Harmonic) -> None:
    rng = np.random.default_rng(5)
    u = 0.1 * rng.standard_normal(electrode.positions.shape)
    images = rng.integers(-2, 3, u.shape) @ electrode.cell
    found = made.displacements(electrode.positions + u + images + [3.0, 70.0, -9.0])
    assert np.abs(found - (u - u[0])).max() < 1e-12
    far = electrode.positions.copy()
    far[7, 0] += 0.3 * electrode.cell[0, 0]
    with pytest.raises(InputError, match=r"electrode atom 7 \(from 0\) has moved by a quarter of the cell"):
        made.displacements(far)


def test_what_was_interrupted_goes_on(
    electrode: Electrode, made: Harmonic, tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    options = HamiltonianOptions(cache_directory=tmp_path_factory.mktemp("other"))
    whole, calls = module._Differences._displaced, []

    def until_the_ninth(self: module._Differences, atom: int, axis: int, step: float) -> object:
        calls.append(atom)
        if len(calls) == 9:
            raise KeyboardInterrupt
        return whole(self, atom, axis, step)

    monkeypatch.setattr(module._Differences, "_displaced", until_the_ninth)
    with pytest.raises(KeyboardInterrupt):
        harmonic(electrode, options)
    again = harmonic(electrode, options)
    assert len(calls) == 9 + 2 * 8
    assert np.abs(dense(again.matrix) - dense(made.matrix)).max() < 1e-6


def test_atoms_that_are_not_at_rest(electrode: Electrode, options: HamiltonianOptions) -> None:
    moved = electrode.positions + 0.1 * np.random.default_rng(6).standard_normal(electrode.positions.shape)
    with pytest.raises(InputError, match="the electrode's atoms are not at rest at the start: a force of 0"):
        harmonic(Electrode(electrode.symbols, moved, electrode.cell), options)


def test_a_sheet_whose_levels_are_degenerate(options: HamiltonianOptions) -> None:
    """24 carbons at the Gamma point have four levels at the Fermi level, which any distortion splits."""
    sheet, sides = graphene_sheet(3, 2)
    cell = np.diag([*sides, 20.0]) * ANGSTROM_TO_BOHR
    made = harmonic(Electrode(("C",) * len(sheet), sheet * ANGSTROM_TO_BOHR, cell), options)
    hessian = dense(made.matrix).reshape(24, 4, 24, 4)[:, :3, :, :3].reshape(72, 72)
    assert np.linalg.eigvalsh(hessian)[3] > 1e-3


def test_a_sheet_that_buckles(options: HamiltonianOptions) -> None:
    """Compressed by 4 %, a long sheet has waves that grow."""
    sheet, sides = graphene_sheet(8, 1)
    scale = 0.96 * ANGSTROM_TO_BOHR
    cell = np.diag([sides[0] * scale, sides[1] * scale, 40.0])
    with pytest.raises(InputError, match="do not stay where they are: its Hessian has an eigenvalue of -"):
        harmonic(Electrode(("C",) * len(sheet), sheet * scale, cell), options)
