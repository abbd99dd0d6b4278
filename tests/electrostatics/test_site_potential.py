"""Fast site potentials against the plain sums, on a real frame and on awkward cells."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT

from polcouple.electrostatics.coulomb import coulomb_potential
from polcouple.electrostatics.ewald import ewald_potential
from polcouple.electrostatics.site_potential import SitePotential
from polcouple.errors import InputError
from polcouple.units import ANGSTROM_TO_BOHR, BOHR_TO_NM, KJ_PER_MOL_TO_HARTREE

FRAME = ROOT / "tests" / "data" / "electrostatics" / "nacl336_frame5.npz"
PERIODIC = (True, True, True)
OPEN = (False, False, False)


@pytest.fixture(scope="module")
def frame():
    with np.load(FRAME) as data:
        lengths = {
            key: data[key].astype(float) * ANGSTROM_TO_BOHR
            for key in ("electrode_positions", "positions", "cell")
        }
        return {
            **lengths,
            "charges": data["electrolyte_charges"].astype(float),
            "recorded": data["site_potentials"],
        }


@pytest.fixture(scope="module")
def plain(frame):
    return ewald_potential(
        frame["electrode_positions"], frame["positions"], frame["charges"], frame["cell"], accuracy=1e-13
    )


def liquid(cell, n_sites, n_charges, seed=0):
    """Sites anywhere, and charges anywhere but within 2 bohr of them."""
    rng = np.random.default_rng(seed)
    sites = rng.random((n_sites, 3)) @ cell
    positions = np.empty((0, 3))
    shifts = np.stack(np.meshgrid(*[(-1, 0, 1)] * 3), -1).reshape(-1, 3) @ cell
    while len(positions) < n_charges:
        trial = rng.random(3) @ cell
        if np.linalg.norm(sites[:, None] + shifts - trial, axis=2).min() > 2.0:
            positions = np.vstack([positions, trial])
    return sites, positions, rng.normal(scale=0.6, size=n_charges)


@pytest.mark.parametrize("accuracy", [1e-4, 1e-6, 1e-8, 1e-10])
def test_real_frame_to_the_accuracy_asked_for(frame, plain, accuracy):
    potential = SitePotential(frame["electrode_positions"], frame["cell"], PERIODIC, accuracy)
    error = np.abs(potential(frame["positions"], frame["charges"]) - plain).max()
    assert error < accuracy
    # a far better result would mean that the parameters are wasteful
    assert error > 0.02 * accuracy


def test_recorded_potentials(frame, plain):
    # computed by another program from double-precision positions; their spread is 1.4e-2
    assert np.abs(plain - frame["recorded"]).max() < 2e-7
    assert frame["recorded"].std() > 1e-2


@pytest.mark.parametrize(
    "cell",
    [
        np.diag([30.0, 34.0, 90.0]),
        np.diag([90.0, 30.0, 34.0]),
        np.array([[32.0, 0.0, 0.0], [-14.0, 30.0, 0.0], [7.0, -9.0, 60.0]]),
        np.array([[14.0, 3.0, -2.0], [1.0, 12.0, 4.0], [-3.0, 2.0, 11.0]]),
    ],
    ids=["slab", "slab along x", "triclinic", "smaller than the cut-off"],
)
def test_any_cell_and_any_electrode(cell):
    sites, positions, charges = liquid(cell, 17, 200)
    exact = ewald_potential(sites, positions, charges, cell)
    fast = SitePotential(sites, cell, PERIODIC, 1e-7)(positions, charges)
    # these small cells hold up to eight times the charge density of water that the estimate assumes
    density = (charges @ charges) / abs(np.linalg.det(cell)) / 0.0051
    assert np.abs(fast - exact).max() < 1e-7 * max(1.0, np.sqrt(density))


def test_any_lattice_image_gives_the_same():
    cell = np.array([[32.0, 0.0, 0.0], [-14.0, 30.0, 0.0], [7.0, -9.0, 60.0]])
    sites, positions, charges = liquid(cell, 5, 80)
    potential = SitePotential(sites + 2 * cell[1], cell, PERIODIC, 1e-9)
    shifts = np.random.default_rng(1).integers(-4, 5, (80, 3)) @ cell
    assert np.abs(potential(positions, charges) - potential(positions + shifts, charges)).max() < 1e-11


def test_corners_of_the_cell_and_tiny_negative_coordinates():
    cell = np.diag([30.0, 34.0, 90.0])
    positions = np.array(
        [[0.0, 0.0, 0.0], [-1e-18, -1e-300, -1e-17], [30.0, 34.0, 90.0], [29.9999999999999, 0, 0]]
    )
    sites = np.array([[3.0, 3.0, 3.0], [28.0, 1.0, 88.0]])
    fast = SitePotential(sites, cell)(positions, np.ones(4))
    exact = ewald_potential(sites, np.zeros((1, 3)), np.full(1, 4.0), cell)
    assert np.abs(fast - exact).max() < 1e-6


def test_open_boundaries(frame):
    sites, positions = frame["electrode_positions"], frame["positions"]
    fast = SitePotential(sites, np.zeros((3, 3)), OPEN)(positions, frame["charges"])
    assert np.abs(fast - coulomb_potential(sites, positions, frame["charges"])).max() < 1e-12


@pytest.mark.parametrize("pbc", [PERIODIC, OPEN], ids=["periodic", "open"])
def test_same_bits_for_any_number_of_threads_and_any_caller(frame, pbc):
    sites, cell = frame["electrode_positions"], frame["cell"]
    results = []
    for threads in (1, 2, 3, 8):
        potential = SitePotential(sites, cell, pbc, threads=threads)
        results += [potential(frame["positions"], frame["charges"]) for _ in range(3)]
    with ThreadPoolExecutor(4) as callers:
        results += callers.map(lambda _: potential(frame["positions"], frame["charges"]), range(8))
    assert all(np.array_equal(result, results[0]) for result in results)


def test_input_is_left_alone_and_may_be_read_only(frame):
    positions, charges = frame["positions"].copy(), frame["charges"].copy()
    positions.setflags(write=False)
    charges.setflags(write=False)
    potential = SitePotential(frame["electrode_positions"], frame["cell"])
    first = potential(positions, charges)
    kept = first.copy()
    potential(2.0 * positions + 3.0, charges)
    assert np.array_equal(first, kept)
    assert np.array_equal(potential(np.asfortranarray(positions), charges), kept)


def test_no_charges_no_potential():
    potential = SitePotential(np.ones((3, 3)), 20.0 * np.eye(3))
    assert np.array_equal(potential(np.empty((0, 3)), np.empty(0)), np.zeros(3))


@pytest.mark.parametrize("pbc", [PERIODIC, OPEN], ids=["periodic", "open"])
def test_overlap_names_the_atoms_and_the_distance(frame, pbc):
    sites, cell = frame["electrode_positions"], frame["cell"]
    positions = frame["positions"].copy()
    positions[4321] = sites[17] + [0.0, 0.3 * ANGSTROM_TO_BOHR, 0.0]
    if pbc == PERIODIC:
        positions[4321] += 3 * cell[0] - cell[2]
    with pytest.raises(InputError, match=r"atom 4321 is 0\.300 Angstrom from electrode atom 17"):
        SitePotential(sites, cell, pbc)(positions, frame["charges"])
    positions[4321] = sites[17]
    with pytest.raises(InputError, match=r"atom 4321 is 0\.000 Angstrom from electrode atom 17"):
        SitePotential(sites, cell, pbc)(positions, frame["charges"])


def test_bad_input_is_named(frame):
    sites, cell = frame["electrode_positions"], frame["cell"]
    potential = SitePotential(sites, cell)
    broken = frame["positions"].copy()
    broken[11, 2] = np.nan
    with pytest.raises(InputError, match="electrolyte atom 11"):
        potential(broken, frame["charges"])
    infinite = frame["charges"].copy()
    infinite[7] = np.inf
    with pytest.raises(InputError, match="electrolyte atom 7"):
        potential(frame["positions"], infinite)
    with pytest.raises(InputError, match="6371 charges"):
        potential(frame["positions"][:-1], frame["charges"])
    flat = cell.copy()
    flat[2] = flat[0]
    with pytest.raises(InputError, match="span no volume"):
        SitePotential(sites, flat)
    with pytest.raises(InputError, match="all three"):
        SitePotential(sites, cell, (True, True, False))
    with pytest.raises(InputError, match="accuracy"):
        SitePotential(sites, cell, accuracy=0.0)
    sites = sites.copy()
    sites[3, 0] = np.inf
    with pytest.raises(InputError, match="electrode atom 3"):
        SitePotential(sites, cell)


def test_works_where_no_compilation_cache_can_be_written(tmp_path):
    """A read-only installation under a read-only home."""
    package = Path(sys.modules["polcouple"].__file__).parent
    copy = tmp_path / "site" / "polcouple"
    for source in [
        *package.glob("*.py"),
        *package.glob("electrostatics/*.py"),
        *package.glob("lattice/*.py"),
    ]:
        target = copy / source.relative_to(package)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(source.read_text())
    # a file where a directory should be stops even root from writing
    (copy / "electrostatics" / "__pycache__").write_text("")
    blocked = tmp_path / "blocked"
    blocked.write_text("")
    environment = {
        **os.environ,
        "PYTHONPATH": str(tmp_path / "site"),
        "PYTHONDONTWRITEBYTECODE": "1",
        "HOME": str(blocked),
        "XDG_CACHE_HOME": str(blocked),
        "NUMBA_CACHE_DIR": "",
    }
    program = (
        "import numpy as np\n"
        "from polcouple.electrostatics.site_potential import SitePotential\n"
        "p = SitePotential(np.zeros((1, 3)), 0 * np.eye(3), (False,) * 3)\n"
        "print(p(np.array([[4.0, 0, 0]]), np.ones(1))[0])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, cwd=tmp_path, capture_output=True, text=True
    )
    assert done.stdout.strip() == "0.25", done.stderr


def test_is_the_derivative_of_openmm_pme_energy_by_a_site_charge():
    import openmm

    cell = np.array([[40.0, 0.0, 0.0], [-9.0, 42.0, 0.0], [6.0, -12.0, 70.0]])
    sites, positions, charges = liquid(cell, 4, 150)
    potential = SitePotential(sites, cell, PERIODIC, 1e-8)(positions, charges)
    to_nm, to_hartree = BOHR_TO_NM, KJ_PER_MOL_TO_HARTREE

    def energy(site_charge):
        system = openmm.System()
        system.setDefaultPeriodicBoxVectors(*(cell * to_nm))
        force = openmm.NonbondedForce()
        force.setNonbondedMethod(openmm.NonbondedForce.PME)
        force.setCutoffDistance(0.9)
        force.setEwaldErrorTolerance(1e-7)
        for charge in (site_charge, *charges):
            system.addParticle(1.0)
            force.addParticle(charge, 1.0, 0.0)
        system.addForce(force)
        platform = openmm.Platform.getPlatform("Reference")
        context = openmm.Context(system, openmm.VerletIntegrator(0.001), platform)
        context.setPositions(np.vstack([sites[1], positions]) * to_nm)
        return context.getState(getEnergy=True).getPotentialEnergy()._value * to_hartree

    # the energy is quadratic in the charge: the central difference is exact
    slope = (energy(1.0) - energy(-1.0)) / 2.0
    assert slope == pytest.approx(potential[1], abs=2e-7)
    assert abs(potential[1]) > 1e-3


def test_independent_charges_in_a_tall_narrow_cell():
    """Of 14 x 16 x 208 bohr: the few waves along it are more than an integral over wave vectors says."""
    cell, worst = np.diag([14.0, 16.0, 208.0]), {1e-6: 0.0, 1e-8: 0.0}
    for seed in (1, 4, 7):
        rng = np.random.default_rng(seed)
        sites = np.column_stack([rng.uniform(0, 1, (24, 2)) @ cell[:2, :2], rng.normal(5.0, 0.3, 24)])
        places = rng.uniform(0, 1, (413, 3)) @ cell
        away = sites[:, None] - places
        away -= np.rint(away @ np.linalg.inv(cell)) @ cell
        places = places[(np.linalg.norm(away, axis=2) > 1.0).all(axis=0)]
        charges = rng.choice([-0.82, 0.41, 0.41], len(places))
        charges -= charges.mean()
        exact = ewald_potential(sites, places, charges, cell)
        for accuracy in worst:
            found = SitePotential(sites, cell, accuracy=accuracy, threads=1)(places, charges)
            worst[accuracy] = max(worst[accuracy], np.abs(found - exact).max() / accuracy)
    assert max(worst.values()) < 1.0
