"""Physics of the frozen-electrode solver: derivatives, sum rules, symmetry, accuracy asked for and given."""

import warnings

import numpy as np
import pytest
from dftb_cases import graphene, load_case, rough_potentials, shared_solver

from polcouple.dftb.anchor import Anchor
from polcouple.dftb.blocks import monkhorst_pack
from polcouple.dftb.filling import fermi_filling
from polcouple.dftb.scf import FrozenElectrode
from polcouple.dftb.skf import DEFAULT_SLAKO, load_parameters
from polcouple.electrode import Electrode
from polcouple.errors import InputError
from polcouple.units import KELVIN_TO_HARTREE

CARBON = load_parameters(DEFAULT_SLAKO, ["C"])
ROOM = 300.0 * KELVIN_TO_HARTREE


def _sheet(nx=3, ny=2, **settings):
    electrode = graphene(nx, ny)
    return FrozenElectrode(electrode, CARBON, settings.pop("temperature", ROOM), **settings)


def _tilted(electrode, buckled=0.0):
    """The same electrode, turned in space and with lattice vectors mixed; optionally not flat."""
    rng = np.random.default_rng(3)
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    positions = electrode.positions + rng.normal(scale=buckled, size=electrode.positions.shape)
    cell = electrode.cell.copy()
    cell[1] += cell[0]
    return Electrode(electrode.symbols, positions @ turn.T, cell @ turn.T)


@pytest.mark.parametrize(
    ("settings", "charge"),
    [
        ({}, 0.0),
        ({}, -1.3),
        ({"shell_resolved": True}, 0.7),
        ({"k_points": (2, 3, 1)}, -0.5),
        ({"temperature": 10 * ROOM}, 1.0),
    ],
)
def test_response_equals_finite_differences(settings, charge):
    solver = _sheet(**settings)
    phi = rough_potentials(24)
    solution = solver.solve(phi, charge, accuracy=1e-11)
    response = solver.linear_response(solution)
    assert solution.converged
    assert abs(solution.charges.sum() - charge) < 1e-10
    assert np.abs(response.charge_kernel - response.charge_kernel.T).max() < 1e-12
    assert np.abs(response.charge_kernel.sum(axis=1)).max() < 1e-9
    assert np.linalg.eigvalsh(response.charge_kernel).max() < 1e-9
    assert abs(response.fukui.sum() - 1.0) < 1e-9

    step = 1e-4
    for atom in (0, 7):
        ends = [
            solver.solve(phi + sign * step * np.eye(24)[atom], charge, solution.guess, accuracy=1e-11)
            for sign in (1.0, -1.0)
        ]
        slope = (ends[0].energy - ends[1].energy) / (2.0 * step)
        assert abs(slope - solution.charges[atom]) < 2e-7
        moved = (ends[0].charges - ends[1].charges) / (2.0 * step)
        assert np.abs(moved - response.charge_kernel[atom]).max() < 2e-5
        level = (ends[0].fermi_level - ends[1].fermi_level) / (2.0 * step)
        assert abs(level + response.fukui[atom]) < 2e-5

    ends = [solver.solve(phi, charge + sign * step, solution.guess, accuracy=1e-11) for sign in (1.0, -1.0)]
    charged = (ends[0].charges - ends[1].charges) / (2.0 * step)
    assert np.abs(charged - response.fukui).max() < 2e-5
    assert abs((ends[0].energy - ends[1].energy) / (2.0 * step) + solution.fermi_level) < 1e-6
    level = (ends[0].fermi_level - ends[1].fermi_level) / (2.0 * step)
    assert abs(level + response.hardness) < 1e-4


def test_bare_reference_does_not_depend_on_what_was_solved_before():
    fresh, used = _sheet(), _sheet()
    for seed in range(2):
        used.solve(rough_potentials(24, seed, amplitude=0.3), -1.0, accuracy=1e-10)
    (a, response_a), (b, response_b) = fresh.bare_reference(-1.0), used.bare_reference(-1.0)
    assert np.abs(a.charges - b.charges).max() < 1e-9
    assert np.abs(response_a.charge_kernel - response_b.charge_kernel).max() < 1e-6


def test_uniform_potential_moves_levels_and_no_charge():
    solver = _sheet()
    phi = rough_potentials(24)
    a = solver.solve(phi, -1.0, accuracy=1e-10)
    b = solver.solve(phi + 0.5, -1.0, accuracy=1e-10)
    assert np.abs(a.charges - b.charges).max() < 1e-9
    assert abs(b.fermi_level - a.fermi_level + 0.5) < 1e-8
    assert abs(b.energy - a.energy + 0.5) < 1e-8


def test_planar_sheet_splits_wherever_it_lies_and_a_buckled_one_does_not():
    electrode = graphene(3, 2)
    phi = rough_potentials(24)
    flat = FrozenElectrode(electrode, CARBON, ROOM)
    tilted = FrozenElectrode(_tilted(electrode), CARBON, ROOM)
    assert sorted(len(block) for block in flat.prepared.blocks) == [24, 72]
    assert sorted(len(block) for block in tilted.prepared.blocks) == [24, 72]
    assert [len(b) for b in FrozenElectrode(_tilted(electrode, 0.01), CARBON, ROOM).prepared.blocks] == [96]
    a, b = (solver.solve(phi, -1.0, accuracy=1e-10) for solver in (flat, tilted))
    assert np.abs(a.charges - b.charges).max() < 1e-8
    assert abs(a.energy - b.energy) < 1e-8


def test_distant_sheets_are_blocks_of_their_own_and_share_the_fermi_level():
    one = graphene(3, 2, height=120.0)
    other = one.positions + np.array([0.0, 0.0, 60.0])
    pair = Electrode(one.symbols * 2, np.concatenate([one.positions, other]), one.cell)
    solver = FrozenElectrode(pair, CARBON, ROOM)
    assert sorted(len(block) for block in solver.prepared.blocks) == [24, 24, 72, 72]
    field = np.repeat([0.05, -0.05], 24)
    solution = solver.solve(field, 0.0, accuracy=1e-8)
    assert solution.converged
    assert solution.charges[:24].sum() < -1e-3
    assert abs(solution.charges.sum()) < 1e-10


def test_translated_and_permuted_atoms_give_the_same_answer():
    electrode = graphene(3, 2)
    order = np.random.default_rng(1).permutation(24)
    positions = electrode.positions[order] + [1.3, -40.0, 7.0]
    moved = Electrode(electrode.symbols, positions, electrode.cell)
    phi = rough_potentials(24)
    a = FrozenElectrode(electrode, CARBON, ROOM).solve(phi, -1.0, accuracy=1e-10)
    b = FrozenElectrode(moved, CARBON, ROOM).solve(phi[order], -1.0, accuracy=1e-10)
    assert np.abs(a.charges[order] - b.charges).max() < 1e-8


def test_supercell_equals_k_points():
    small, large = graphene(2, 1), graphene(6, 2)
    phi = rough_potentials(8)
    mesh = FrozenElectrode(small, CARBON, 10 * ROOM, k_points=(3, 2, 1))
    a = mesh.solve(phi, -0.2, accuracy=1e-10)
    # an even division does not contain Gamma: the supercell needs the shifted mesh along y
    b = FrozenElectrode(large, CARBON, 10 * ROOM, k_points=(1, 2, 1))
    inside = np.zeros(len(large), dtype=int)
    for i, position in enumerate(large.positions):
        fractional = (position - small.positions) @ np.linalg.inv(small.cell)
        distance = np.abs(fractional - np.round(fractional)).sum(axis=1)
        inside[i] = int(distance.argmin())
    mesh_4 = FrozenElectrode(small, CARBON, 10 * ROOM, k_points=(3, 4, 1)).solve(phi, -0.2, accuracy=1e-10)
    super_4 = b.solve(phi[inside], -0.2 * 6, accuracy=1e-10)
    assert np.abs(super_4.charges - mesh_4.charges[inside]).max() < 1e-7
    assert abs(super_4.energy / 6 - mesh_4.energy) < 1e-7
    assert abs(a.energy - mesh_4.energy) > 1e-6


def test_monkhorst_pack_mesh():
    mesh, weights = monkhorst_pack((3, 2, 1))
    assert len(mesh) == 3
    assert abs(weights.sum() - 1.0) < 1e-14
    full = np.concatenate([mesh, -mesh])
    assert sorted({round(abs(float(k)), 6) for k in full[:, 0]}) == [0.0, 0.333333]
    assert {round(abs(float(k)), 6) for k in full[:, 1]} == {0.25}
    gamma, weight = monkhorst_pack((1, 1, 1))
    assert np.array_equal(gamma, [[0.0, 0.0, 0.0]]) and weight[0] == 1.0


def test_fermi_level_of_a_closed_shell_is_exact_where_electrons_cannot_be_counted():
    energies = np.array([-0.5, -0.1, 0.3, 0.8])
    filling = fermi_filling(energies, np.array([2.0, 2.0, 4.0, 2.0]), 4.0, 0.001)
    # two states at -0.1 against four at 0.3: the middle moves by k_B T ln(1/2) / 2
    assert abs(filling.fermi_level - (0.1 + 0.0005 * np.log(0.5))) < 1e-12


@pytest.mark.parametrize("accuracy", [1e-4, 1e-5, 1e-6, 1e-7])
def test_error_stays_below_the_accuracy_asked_for(accuracy):
    case, other = load_case("nacl336_0005"), load_case("nacl336_0040")
    solver = shared_solver("nacl336_0005")
    exact = solver.solve(case.site_potentials, -4.0, accuracy=1e-10)
    before = solver.solve(other.site_potentials, -4.0, accuracy=accuracy)
    solution = solver.solve(case.site_potentials, -4.0, before.guess, accuracy)
    assert solution.converged
    error = np.abs(solution.charges - exact.charges).max()
    assert error <= solution.residual <= accuracy
    assert abs(solution.energy - exact.energy) < 1e-3 * accuracy
    null = np.abs(exact.charges + 4.0 / 336).max()
    assert error < 1e-3 * null


def test_gapped_block_agrees_with_diagonalisation():
    solver = _sheet(6, 3)
    prepared, phi = solver.prepared, rough_potentials(72, amplitude=0.005)
    anchor = Anchor(prepared, np.zeros(72), 4.0 * 72 + 1.0, ROOM)
    full = anchor._fill(anchor._blocks, -phi, anchor.electrons, ())
    for tolerance, expected in ((1e-3, 1e-3), (1e-6, 1e-6), (1e-9, 1e-9)):
        output = anchor.evaluate(-phi, anchor.electrons, (), tolerance)
        assert len(output.expansions) == 1
        error = np.abs(output.populations - full.populations).max()
        assert error < expected
        assert abs(output.band_free_energy - full.band_free_energy) < max(1e-3 * tolerance, 1e-9)
    closed = anchor.evaluate(-rough_potentials(72, amplitude=0.2), anchor.electrons, (), 1e-6)
    assert closed.expansions == ()
    # far beyond what a liquid has, where the block's own equation overflows
    wild = -rough_potentials(72, amplitude=3.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        output = anchor.evaluate(wild, anchor.electrons, (), 1e-6)
    full = anchor._fill(anchor._blocks, wild, anchor.electrons, ())
    assert np.abs(output.populations - full.populations).max() < 1e-9


def test_no_convergence_is_reported():
    solver = _sheet()
    solution = solver.solve(rough_potentials(24), -1.0, accuracy=1e-10, max_cycles=1)
    assert not solution.converged
    assert solution.residual > 1e-10


def test_levels_hold_all_electrons():
    solver = _sheet()
    solution = solver.solve(rough_potentials(24), -1.5, accuracy=1e-9)
    levels = solver.levels(solution)
    assert abs(float(levels.degeneracies @ levels.occupations) - (96 + 1.5)) < 1e-9
    assert abs(levels.fermi_level - solution.fermi_level) < 1e-8


def test_cache_gives_the_same_bits_and_survives_a_broken_file(tmp_path):
    phi = rough_potentials(24)
    fresh = _sheet(cache_directory=tmp_path).solve(phi, -1.0)
    files = sorted(tmp_path.glob("*.npz"))
    assert len(files) == 2 and all(file.suffix == ".npz" for file in files)
    cached = _sheet(cache_directory=tmp_path).solve(phi, -1.0)
    assert np.array_equal(fresh.charges, cached.charges)
    for file in files:
        file.write_bytes(file.read_bytes()[:1000])
    again = _sheet(cache_directory=tmp_path).solve(phi, -1.0)
    assert np.abs(again.charges - fresh.charges).max() < 1e-12
    without = _sheet().solve(phi, -1.0)
    assert np.abs(without.charges - fresh.charges).max() < 1e-6


def test_cache_distinguishes_geometry_and_settings(tmp_path):
    electrodes = [
        _sheet(cache_directory=tmp_path),
        _sheet(cache_directory=tmp_path, shell_resolved=True),
        _sheet(cache_directory=tmp_path, k_points=(2, 1, 1)),
    ]
    moved = graphene(3, 2)
    moved.positions[0, 0] += 1e-7
    electrodes.append(FrozenElectrode(moved, CARBON, ROOM, cache_directory=tmp_path))
    assert all(electrode.prepared.gamma.any() for electrode in electrodes)
    assert len(list(tmp_path.glob("*.npz"))) == 4


@pytest.mark.parametrize(
    ("charge", "phi", "words"),
    [
        (97.0, np.zeros(24), ["total charge 97 e", "valence"]),
        (-96.5, np.zeros(24), ["total charge -96.5 e", "valence"]),
        (0.0, np.zeros(23), ["(23,)", "24 atoms"]),
        (0.0, np.full(24, np.nan), ["site potential", "atom 0", "nan"]),
    ],
)
def test_bad_input_to_solve(charge, phi, words):
    with pytest.raises(InputError) as error:
        _sheet().solve(phi, charge)
    assert all(word in str(error.value) for word in words)
    assert "\n" not in str(error.value)


def test_duplicate_atoms():
    electrode = graphene(3, 2)
    electrode.positions[5] = electrode.positions[2] + [0.0, 0.1, 0.0]
    with pytest.raises(InputError, match=r"atoms 2 and 5 .* within 0.1 Angstrom"):
        FrozenElectrode(electrode, CARBON, ROOM)
    electrode = graphene(3, 2)
    electrode.positions[5] = electrode.positions[2] + electrode.cell[0]
    with pytest.raises(InputError, match="periodic boundary"):
        FrozenElectrode(electrode, CARBON, ROOM)


def test_settings_that_do_not_fit_the_geometry():
    sheet = graphene(3, 2)
    flake = Electrode(sheet.symbols, sheet.positions, sheet.cell, (False, False, False))
    with pytest.raises(InputError, match="k_points"):
        FrozenElectrode(flake, CARBON, ROOM, k_points=(2, 2, 1))
    slab = Electrode(sheet.symbols, sheet.positions, sheet.cell, (True, True, False))
    with pytest.raises(InputError, match="pbc"):
        FrozenElectrode(slab, CARBON, ROOM)
