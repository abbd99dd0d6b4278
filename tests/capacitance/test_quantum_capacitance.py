"""Quantum capacitance: finite differences, Maxwell relation, Dirac cone, capacitors without liquid."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml
from dftb_cases import graphene, rough_potentials
from scipy.special import erfc

from polcouple.backends.base import Environment, create_backend
from polcouple.capacitance.frames import Fillings
from polcouple.capacitance.quantum import _mesh, _thinned
from polcouple.case.model import Case
from polcouple.case.schema import SystemSection
from polcouple.cli.commands import main
from polcouple.coupling.electrodes import CoupledElectrodes, CoupledResult, create_electrodes
from polcouple.dftb.bands import Bands
from polcouple.dftb.quantum_capacitance import cone_capacitance, rigid, self_consistent
from polcouple.dftb.scf import FrozenElectrode
from polcouple.dftb.skf import DEFAULT_SLAKO, load_parameters
from polcouple.errors import InputError
from polcouple.units import (
    ANGSTROM_TO_BOHR,
    ATOMIC_TO_MICROFARAD_PER_CM2,
    EV_TO_HARTREE,
    HARTREE_TO_EV,
    KELVIN_TO_HARTREE,
)

ROOM = 300.0 * KELVIN_TO_HARTREE
HOT = 1000.0 * KELVIN_TO_HARTREE
#: where the 4-atom rectangular cell has the tips of the cones
TIP = np.array([1.0 / 3.0, 0.0, 0.0])
#: -4 e on the sheet of the reference system
DENSITY_PER_NM2 = 4.0 / 8.80
EXPONENT = 1.979 / ANGSTROM_TO_BOHR


@pytest.fixture(scope="module")
def cell():
    """The 4-atom cell."""
    return graphene(1, 1)


@pytest.fixture(scope="module")
def bands(cell):
    return Bands(cell, load_parameters(DEFAULT_SLAKO, cell.symbols))


@pytest.fixture(scope="module")
def levels(bands):
    """So dense that the answer at 300 K is converged within one per cent."""
    return bands.levels((228, 132, 1))


def frozen(electrode, temperature=HOT, k_points=(6, 4, 1)):
    parameters = load_parameters(DEFAULT_SLAKO, electrode.symbols)
    return FrozenElectrode(electrode, parameters, temperature, k_points)


def area(electrode):
    return electrode.cell[0, 0] * electrode.cell[1, 1]


def test_bands_are_those_of_the_solver(cell, bands):
    electrode = frozen(cell, k_points=(3, 2, 1))
    potentials = rough_potentials(len(cell))
    solution = electrode.solve(potentials, -0.1, accuracy=1e-10)
    expected = electrode.levels(solution)
    found = bands.levels((3, 2, 1), electrode.prepared.gamma @ -solution.charges - potentials)
    assert np.sort(found.energies) == pytest.approx(np.sort(expected.energies), abs=1e-8)
    assert found.degeneracies.sum() == pytest.approx(expected.degeneracies.sum())
    assert found.electrons == pytest.approx(16.0)


def test_differential_is_the_slope_of_the_charge(levels):
    fillings = np.linspace(-0.03, 0.03, 7)
    h = 1e-6
    low, middle, high = (rigid(levels, ROOM, fillings + d) for d in (-h, 0.0, h))
    assert -(high.charges - low.charges) / (2 * h) == pytest.approx(middle.differential, rel=1e-5)
    assert middle.charges[3] == pytest.approx(0.0, abs=1e-8)
    # the mean of the differential over the filling, by Simpson's rule
    fine = rigid(levels, ROOM, np.linspace(0.0, 0.03, 41))
    weights = np.array([1.0, *[4.0, 2.0] * 19, 4.0, 1.0]) / 120.0
    assert fine.integral[-1] == pytest.approx(float(weights @ fine.differential), rel=1e-3)
    assert fine.integral[0] == fine.differential[0]


def test_self_consistent_is_rigid_where_atoms_are_alike(cell, bands):
    charges = [-0.2, -0.05, 0.0, 0.1]
    found = self_consistent(frozen(cell), charges)
    expected = rigid(bands.levels((6, 4, 1)), HOT, found.fillings)
    assert expected.charges == pytest.approx(charges, abs=1e-7)
    assert found.differential == pytest.approx(expected.differential, rel=1e-6)


def test_self_consistent_slope_where_atoms_differ(cell):
    moved = cell.positions.copy()
    moved[0] += (0.15, 0.1, 0.0)
    electrode = frozen(type(cell)(cell.symbols, moved, cell.cell))
    h = 1e-3
    found = self_consistent(electrode, [-0.1 - h, -0.1, -0.1 + h])
    slope = -2 * h / (found.fillings[2] - found.fillings[0])
    assert found.differential[1] == pytest.approx(slope, rel=1e-4)


def test_maxwell_relation(cell):
    """d(Fermi level)/d(phi) = -dq/dQ in a charged sheet in rough potentials."""
    electrode, potentials = frozen(cell), rough_potentials(len(cell), amplitude=0.01)
    charge, h = -0.1, 1e-4
    fukui = electrode.linear_response(electrode.solve(potentials, charge, accuracy=1e-10)).fukui
    for atom in range(len(cell)):
        step = h * np.eye(len(cell))[atom]
        high, low = (
            electrode.solve(potentials + sign * step, charge, accuracy=1e-10).fermi_level for sign in (1, -1)
        )
        assert (high - low) / (2 * h) == pytest.approx(-fukui[atom], abs=1e-5)
    high, low = (electrode.solve(potentials, charge + d, accuracy=1e-10).charges for d in (1e-3, -1e-3))
    assert (high - low) / 2e-3 == pytest.approx(fukui, abs=1e-5)


def test_dirac_cone_small_fillings(cell, bands, levels):
    """At 300 K graphene has the capacitance of the cone with its own velocity, electrons and holes alike."""
    velocity = bands.cone_velocity(TIP)
    fillings = np.array([-0.2, -0.1, 0.0, 0.1, 0.2]) * EV_TO_HARTREE
    found = rigid(levels, ROOM, fillings).differential
    expected = cone_capacitance(fillings, ROOM, velocity, area(cell))
    assert found == pytest.approx(expected, rel=0.04)
    # what is left is the bands' curvature: it pulls electrons and holes apart, and not their mean
    mean = 0.5 * (found + found[::-1])
    assert mean == pytest.approx(expected, rel=0.03)
    assert found[0] > found[-1]


def test_dirac_cone_anchor(cell, bands, levels):
    """-4 e on 8.80 nm2: 18.5 and 9.3 uF/cm2 at 0.79 eV for 1e6 m/s; what DFTB makes of it."""
    atomic_velocity = 2.18769126364e6  # m/s
    unit = ATOMIC_TO_MICROFARAD_PER_CM2 / area(cell)
    charge = DENSITY_PER_NM2 * 1e-2 / ANGSTROM_TO_BOHR**2 * area(cell)

    def cone(velocity):
        filling = velocity * np.sqrt(np.pi * charge / area(cell))
        return filling, cone_capacitance(np.array([filling]), 1e-6, velocity, area(cell))[0] * unit

    filling, differential = cone(1e6 / atomic_velocity)
    assert filling * HARTREE_TO_EV == pytest.approx(0.79, abs=0.005)
    assert differential == pytest.approx(18.5, abs=0.05)
    assert charge / filling * unit == pytest.approx(9.3, abs=0.05)

    own_filling, own = cone(bands.cone_velocity(TIP))
    fillings = np.linspace(0.0, 1.0, 101) * EV_TO_HARTREE
    found = rigid(levels, ROOM, fillings)
    at = np.interp(charge, -found.charges, fillings)
    # DFTB's cone is less steep, its capacitance larger; the bands' curvature and 300 K are the rest
    assert own == pytest.approx(23.3, abs=0.1)
    assert at == pytest.approx(own_filling, rel=0.04)
    assert np.interp(at, fillings, found.differential) * unit == pytest.approx(own, rel=0.06)
    assert charge / at * unit == pytest.approx(0.5 * own, rel=0.04)


def capacitor(gap, nx=1, ny=1, length=120.0):
    """Two sheets ``gap`` bohr apart and nothing else, in vacuum, with no displacement field."""
    sheet = graphene(nx, ny, length)
    n = len(sheet)
    positions = np.concatenate([sheet.positions, sheet.positions + np.array([0.0, 0.0, gap])])
    content = {
        "format": "polcouple-case-1",
        "topology": [{"species": "electrode", "count": n}] * 2,
        "force_field": {
            "cutoff_angstrom": 2.0,
            "ewald_tolerance": 1e-4,
            "water": {
                "bond_kcal_per_mol_angstrom2": 1.0,
                "bond_length_angstrom": 1.0,
                "angle_kcal_per_mol_rad2": 1.0,
                "angle_degree": 109.5,
                "oxygen_charge_e": -0.8,
            },
            "lennard_jones": {},
        },
        "electrodes": [
            {"name": name, "first_atom": i * n, "last_atom": (i + 1) * n - 1, "total_charge_e": 0.0}
            for i, name in enumerate(("lower", "upper"))
        ],
        "potential": {"voltage_volt": 1.0},
        "slab": {"displacement_volt_per_angstrom": 0.0},
    }
    return Case(
        Path("capacitor"), SystemSection.model_validate(content), ("C",) * 2 * n, positions, sheet.cell
    )


def empty(case):
    return Environment(case.electrolyte, np.empty((0, 3)), np.zeros(len(case.electrode)))


def sheet_elastance(electrode):
    """1/C in Hartree/e^2 that Gaussian charges add to a plate's: in Fourier space along the plane.

    Point charges in a row of planes have the potential of the planes but for the plane waves along them;
    Gaussians of exponent a / sqrt(2) have (2 pi / A) erfc(G / 2a) / G of each, and less than a plane's
    potential at their centre because they are thick.
    """
    a = EXPONENT / np.sqrt(2.0)
    n = np.arange(-12, 13)
    waves = np.array([(i, j, 0) for i in n for j in n if (i, j) != (0, 0)])
    vectors = 2.0 * np.pi * waves @ np.linalg.inv(electrode.cell).T
    lengths = np.linalg.norm(vectors, axis=1)
    structure = np.abs(np.exp(1j * vectors @ electrode.positions.T).mean(axis=1)) ** 2
    waves_part = float(np.sum(structure * erfc(lengths / (2.0 * a)) / lengths))
    return 2.0 * np.pi / area(electrode) * (waves_part - 1.0 / (a * np.sqrt(np.pi)))


@pytest.mark.parametrize("gap", [20.0, 45.0])
def test_empty_capacitor_of_metal(gap):
    """eps0 / d, in series with what the Gaussian charges of either sheet add."""
    case = capacitor(gap)
    backend = create_electrodes(case, "metal", {})
    result = backend.solve(empty(case), 0.0)
    assert isinstance(result, CoupledResult)
    sheet = case.electrodes[0]
    plate = 4.0 * np.pi * gap / area(sheet)
    elastance = plate + 2.0 * sheet_elastance(sheet)
    assert EV_TO_HARTREE / result.total_charges[0] == pytest.approx(elastance, rel=1e-6)
    # the sheets' own part is not nothing
    assert abs(elastance / plate - 1.0) > 0.005
    assert result.total_charges.sum() == pytest.approx(0.0, abs=1e-12)


def test_empty_capacitor_of_graphene(bands):
    """The plate in series with two quantum capacitances, and the voltage shared accordingly."""
    case = capacitor(20.0)
    # a mesh that holds the tips of the cones
    mesh = (9, 5, 1)
    settings = {"temperature_kelvin": 1000.0, "k_points": mesh, "accuracy": 1e-9}
    backends = [create_backend("dftb", sheet, case.electrolyte, settings) for sheet in case.electrodes]
    result = CoupledElectrodes(case, backends, "dftb").solve(empty(case), 0.0)
    assert isinstance(result, CoupledResult)
    charge = result.total_charges[0]
    sheet = case.electrodes[0]
    # gamma's row less the potential of a plane in its own periodic images
    row = backends[0].frozen_electrode.prepared.gamma.sum(axis=1).mean() / len(sheet)
    row -= np.pi * case.cell[2, 2] / (3.0 * area(sheet))
    plate = charge * (4.0 * np.pi * 20.0 / area(sheet) + 2.0 * row)
    fillings = np.linspace(-0.05, 0.05, 2001)
    curve = rigid(bands.levels(mesh), HOT, fillings)
    parts = [-np.interp(-charge, -curve.charges, fillings), np.interp(charge, -curve.charges, fillings)]
    assert plate + sum(parts) == pytest.approx(EV_TO_HARTREE, rel=1e-4)
    assert Fillings(case, backends).of(result) == pytest.approx(parts, rel=1e-3)


def test_command(tmp_path, capsys):
    """Of a sheet without electrolyte; a wrong electrode is refused."""
    case = tmp_path / "case"
    sheet = graphene(1, 1)
    content = yaml.safe_load(capacitor(20.0).system.model_dump_json())
    content["electrodes"] = [content["electrodes"][0]]
    content["topology"] = [content["topology"][0]]
    content["potential"] = content["slab"] = None
    content["force_field"]["cutoff_angstrom"] = 1.0
    content["force_field"]["lennard_jones"] = {"C": {"sigma_angstrom": 3.4, "epsilon_kcal_per_mol": 0.1}}
    case.mkdir()
    (case / "system.yaml").write_text(yaml.safe_dump(content))
    from polcouple.case.model import write_init_xyz

    write_init_xyz(case / "init.xyz", sheet.symbols, sheet.positions, sheet.cell)
    words = ["quantum-capacitance", str(case), "-o", str(tmp_path / "report"), "--window", "0.5"]
    hot = ["--set", "temperature_kelvin=3000", "--set", "k_points=[6, 4, 1]"]
    with pytest.raises(SystemExit) as ended:
        main([*words, *hot, "--electrode", "lowr"])
    assert ended.value.code == 2
    assert "did you mean 'lower'" in capsys.readouterr().err
    with pytest.raises(SystemExit) as ended:
        main([*words, *hot])
    assert ended.value.code == 0
    report = tmp_path / "report"
    rows = np.loadtxt(report / "tables" / "rigid.csv", delimiter=",", skiprows=1)
    bands = Bands(sheet, load_parameters(DEFAULT_SLAKO, sheet.symbols))
    expected = cone_capacitance(
        np.zeros(1), 3000.0 * KELVIN_TO_HARTREE, bands.cone_velocity(TIP), area(sheet)
    )
    middle = rows[len(rows) // 2]
    assert middle[1] == pytest.approx(0.0, abs=1e-8)
    assert middle[2] == pytest.approx(
        float(expected[0]) * ATOMIC_TO_MICROFARAD_PER_CM2 / area(sheet), rel=0.1
    )
    assert (report / "figures" / "quantum_capacitance.png").stat().st_size > 0


@pytest.mark.parametrize("kelvin", [300.0, 2000.0, 5000.0, 50000.0])
def test_the_mesh_is_compared_with_a_coarser_one(kelvin):
    """However hot or wide: a mesh beside itself tells nothing."""
    for cells in ((1, 1), (12, 7), (40, 3)):
        mesh = _mesh(graphene(*cells), kelvin * KELVIN_TO_HARTREE)
        fewer = _thinned(mesh)
        assert all(a < b for a, b in zip(fewer[:2], mesh[:2], strict=True)) and fewer[2] == mesh[2] == 1


def test_a_mesh_beyond_memory_is_refused():
    """With the temperature at which it would do."""
    with pytest.raises(
        InputError, match=r"1 K: .* k-points of 96 atoms; give --set temperature_kelvin="
    ) as error:
        _mesh(graphene(6, 4), KELVIN_TO_HARTREE)
    least = int(str(error.value).partition("temperature_kelvin=")[2].split()[0])
    _mesh(graphene(6, 4), 1.01 * least * KELVIN_TO_HARTREE)
