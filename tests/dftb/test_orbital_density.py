"""Densities in orbitals: DFTB+'s waveplot, plain sums over states, and wave functions that do not fit."""

import os
from pathlib import Path

import numpy as np
import pytest
from capacitor_cases import HOT, capacitor, one_sheet
from conftest import ROOT
from wave_function_cases import ALPHA, wave_functions

from polcouple.analysis.electron_density import mean_density
from polcouple.analysis.mean_orbitals import WaveFunctions
from polcouple.case.schema import Potential, Slab
from polcouple.coupling.charges import ChargeSolver
from polcouple.coupling.electrodes import create_electrodes
from polcouple.dftb.blocks import monkhorst_pack
from polcouple.dftb.hamiltonian import build_orbitals
from polcouple.dftb.orbital_density import density_matrices, orbital_grid
from polcouple.dftb.scf import FrozenElectrode
from polcouple.dftb.skf import DEFAULT_SLAKO, load_parameters
from polcouple.dftb.wave_functions import read_wave_functions
from polcouple.electrode import Electrode
from polcouple.electrostatics.ewald import ewald_potential
from polcouple.errors import InputError
from polcouple.units import KELVIN_TO_HARTREE

#: the wave functions of mio-1-1, which come with the set's release and not with polcouple
MIO = os.environ.get("POLCOUPLE_WFC")


def parameters():
    return load_parameters(DEFAULT_SLAKO, ["C"])


@pytest.mark.skipif(MIO is None, reason="POLCOUPLE_WFC names no wfc.hsd of mio-1-1")
def test_waveplot():
    """24 C with point charges on a mesh of k-points, at points of DFTB+ 25.1's grid."""
    with np.load(ROOT / "tests" / "data" / "waveplot" / "waveplot24_k441.npz") as data:
        d = dict(data)
    bohr = 1.0 / float(d["bohr_in_Angstrom"])
    electrode = Electrode(tuple(d["symbols"].tolist()), d["positions"] * bohr, d["cell"] * bohr)
    k_points = tuple(int(k) for k in d["kpts"])
    temperature = float(d["temperature_K"]) * KELVIN_TO_HARTREE
    frozen = FrozenElectrode(electrode, parameters(), temperature, k_points)
    phi = ewald_potential(electrode.positions, d["mm_positions"] * bohr, d["mm_charges"], electrode.cell)
    solution = frozen.solve(phi, float(d["total_charge_e"]), accuracy=1e-8)
    shells = read_wave_functions(Path(MIO), electrode.symbols, parameters())
    grid = orbital_grid(electrode, parameters(), shells, tuple(int(n) for n in d["grid_points"]))
    index = np.stack(np.unravel_index(d["points"], grid.shape), axis=-1)
    found = grid.at(index / grid.shape @ electrode.cell, density_matrices(frozen, solution))
    assert found == pytest.approx(d["density_e_per_bohr3"], rel=1e-4)
    atomic = np.concatenate(list(grid.atomic())).ravel()[d["points"]]
    assert atomic == pytest.approx(d["atomic_superposition_e_per_bohr3"], rel=1e-4)


@pytest.fixture
def rumpled():
    """24 C, displaced at random, half of them in other images of the cell."""
    sheet = one_sheet((3, 2)).electrode
    rng = np.random.default_rng(3)
    displaced = sheet.positions + rng.uniform(-0.2, 0.2, sheet.positions.shape)
    return Electrode(sheet.symbols, displaced + rng.integers(0, 2, (24, 3)) @ sheet.cell, sheet.cell)


def test_sum_over_states(rumpled, tmp_path):
    """Bloch functions written out, image by image, for a mesh of k-points in the electrode's own frame."""
    shells = read_wave_functions(wave_functions(tmp_path / "wfc.hsd"), ["C"], parameters())
    frozen = FrozenElectrode(rumpled, parameters(), 0.01, (2, 1, 1))
    solution = frozen.solve(np.zeros(24), -0.4)
    grid = orbital_grid(rumpled, parameters(), shells, (4, 4, 4))
    points = np.random.default_rng(1).random((5, 3)) * [1.0, 1.0, 0.05] @ rumpled.cell
    found = grid.at(points, density_matrices(frozen, solution))
    expected = np.zeros(5)
    blocks, filling = frozen.states(solution)
    k_points = monkhorst_pack((2, 1, 1))[0].repeat(len(blocks) // 1, axis=0)
    steps = np.stack(np.meshgrid(*[np.arange(-3, 4)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    orbitals, start = build_orbitals(rumpled.symbols, parameters()), 0
    for block, k in zip(blocks, k_points, strict=True):
        levels = filling.occupations[start : start + len(block)] * block.degeneracy
        start += len(block)
        for number, point in enumerate(points):
            waves = np.zeros(len(orbitals), complex)
            for atom, place in enumerate(rumpled.positions):
                to_point = point - place - steps @ rumpled.cell
                near = np.linalg.norm(to_point, axis=1) < 9.0
                x, y, z = (to_point[near] @ grid.frame.T).T
                r = np.sqrt(x**2 + y**2 + z**2)
                phase = np.exp(2j * np.pi * steps[near] @ k) * np.exp(-ALPHA * r)
                s = 2.0 * ALPHA**1.5 / np.sqrt(4.0 * np.pi)
                p = np.sqrt((2.0 * ALPHA) ** 5 / 24.0 * 3.0 / (4.0 * np.pi))
                waves[4 * atom : 4 * atom + 4] = [(phase * f).sum() for f in (s, p * y, p * z, p * x)]
            states = block.vectors.T @ waves[block.orbitals]
            expected[number] += float(levels @ np.abs(states) ** 2)
    assert found == pytest.approx(expected, rel=1e-9)


def test_points_outside_the_cell_have_the_density_of_their_images(rumpled, tmp_path):
    """Neutral atoms image by image, and whole lattice vectors added to points."""
    shells = read_wave_functions(wave_functions(tmp_path / "wfc.hsd"), ["C"], parameters())
    frozen = FrozenElectrode(rumpled, parameters(), 0.01, (2, 1, 1))
    densities = density_matrices(frozen, frozen.solve(np.zeros(24), -0.4))
    grid = orbital_grid(rumpled, parameters(), shells, (4, 4, 4))
    rng = np.random.default_rng(4)
    points = rumpled.positions[:20] + rng.normal(size=(20, 3))
    shifted = points + rng.integers(-2, 3, (20, 3)) @ rumpled.cell
    assert grid.at(shifted, densities) == pytest.approx(grid.at(points, densities), rel=1e-9)
    steps = np.stack(np.meshgrid(*[np.arange(-4, 5)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    s, p = shells["C"]
    for point, found in zip(shifted, grid.atomic_at(shifted), strict=True):
        to_point = (point - rumpled.positions)[:, None] - steps @ rumpled.cell
        r = np.linalg.norm(to_point, axis=2).ravel()
        r = r[r < s.cutoff]
        # a closed shell of l is a sphere: (2 l + 1)/(4 pi)
        expected = sum(one.occupation * one(r) ** 2 for one in (s, p)).sum() / (4.0 * np.pi)
        assert found == pytest.approx(expected, rel=1e-9)


def test_planes_are_values_at_points_and_atoms_their_electrons(rumpled, tmp_path):
    shells = read_wave_functions(wave_functions(tmp_path / "wfc.hsd"), ["C"], parameters())
    frozen = FrozenElectrode(rumpled, parameters(), 0.01)
    densities = density_matrices(frozen, frozen.solve(np.zeros(24), 0.0))
    grid = orbital_grid(rumpled, parameters(), shells, (24, 28, 60))
    whole = np.concatenate(list(grid.planes(densities)))
    index = np.array([[0, 0, 0], [5, 20, 1], [23, 27, 59]])
    assert whole[tuple(index.T)] == pytest.approx(grid.at(index / grid.shape @ rumpled.cell, densities))
    volume = abs(np.linalg.det(rumpled.cell)) / whole.size
    atomic = np.concatenate(list(grid.atomic()))
    assert atomic.sum() * volume == pytest.approx(96.0, rel=0.04)  # the grid is coarse at the nuclei
    assert atomic.min() >= 0.0 and whole.min() > -1e-12


@pytest.mark.slow
def test_means_and_states_of_a_window(tmp_path, own_cache):
    """The mean over frames is that of the densities; windows that touch add up."""
    case = one_sheet((3, 2))
    path = wave_functions(tmp_path / "wfc.hsd")
    other = case.positions.copy()
    other[case.electrolyte_indices, 2] += 1.5

    def states(frames, window):
        found = mean_density(case, "dftb", frames, 1.2, HOT, WaveFunctions(path, window))
        return [np.concatenate(list(found.orbitals.planes(name))) for name in ("valence", "states")]

    both, low = states([case.positions, other], (-0.06, 0.0))
    alone = [states([frame], (0.0, 0.1)) for frame in (case.positions, other)]
    assert both == pytest.approx(0.5 * (alone[0][0] + alone[1][0]), abs=1e-7)
    _, all_of_it = states([case.positions, other], (-0.06, 0.1))
    high = 0.5 * (alone[0][1] + alone[1][1])
    assert low.max() > 1e-3 and high.max() > 1e-3
    assert all_of_it == pytest.approx(low + high, abs=1e-6)
    # at the Fermi level graphene has nothing but pi states, which have a node in the plane
    row = round(case.electrode.positions[0, 2] / case.cell[2, 2] * low.shape[2])
    assert low[:, :, row].max() < 1e-6 * low.max()


def test_wave_functions_that_do_not_fit(tmp_path):
    case, path = one_sheet((3, 2)), tmp_path / "wfc.hsd"
    good = wave_functions(path).read_text()
    faults = {
        "has no wave functions of C": good.replace("C =", "Si ="),
        "give the wave functions of the same set": good.replace("Occupation = 2.0", "Occupation = 1.0", 1),
        "no wave functions in DFTB": good[:-3],
        "are not complete": good.replace("Cutoff", "Cutof"),
        "is 0.810, not 1": wave_functions(tmp_path / "other.hsd", scale=0.9).read_text(),
    }
    for message, text in faults.items():
        path.write_text(text)
        with pytest.raises(InputError, match=message) as refused:
            read_wave_functions(path, ["C"], parameters())
        assert str(path) in str(refused.value)
    with pytest.raises(InputError, match="cannot be read"):
        read_wave_functions(tmp_path / "none.hsd", ["C"], parameters())
    path.write_text(good)
    frames = iter(())  # nothing is read of them
    with pytest.raises(InputError, match="'metal' has no orbitals; use dftb"):
        mean_density(case, "metal", frames, 1.0, {}, WaveFunctions(path))
    with pytest.raises(InputError, match="ends before it begins"):
        mean_density(case, "dftb", frames, 1.0, {}, WaveFunctions(path, (0.1, 0.0)))


@pytest.mark.slow
def test_two_electrodes(tmp_path, own_cache):
    """At a voltage each has the states of its own solution: the grid is the sum of both densities."""
    case = capacitor(potential=Potential(voltage_volt=0.8), slab=Slab(displacement_volt_per_angstrom=0.0))
    path = wave_functions(tmp_path / "wfc.hsd")
    found = mean_density(case, "dftb", [case.positions], 1.0, HOT, WaveFunctions(path))
    difference = np.concatenate(list(found.orbitals.planes("difference")))
    shells = read_wave_functions(path, ["C"], parameters())
    electrodes = create_electrodes(case, "dftb", HOT)
    result = ChargeSolver(case, electrodes)(case.positions)
    expected = np.zeros(difference.shape)
    for electrode, backend, part in zip(case.electrodes, electrodes.backends, result.parts, strict=True):
        assert part.charges.sum() != pytest.approx(0.0, abs=1e-3)
        grid = orbital_grid(electrode, parameters(), shells, found.grid.shape)
        densities = density_matrices(backend.frozen_electrode, backend.solution(part))
        expected += np.concatenate(list(grid.planes(densities))) - np.concatenate(list(grid.atomic()))
    assert difference == pytest.approx(expected, abs=1e-7)
