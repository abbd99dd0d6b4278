"""i-PI's constrained_dynamics with our solver: whole runs of drops of rigid water."""

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from rigid_cases import LANGEVIN, LENGTHS, frames, run_ipi, water_constraints, write_drop

from polcouple.errors import InputError
from polcouple.units import KELVIN_TO_HARTREE

DALTON = 1822.888486
KB = KELVIN_TO_HARTREE


def numbers(path, tag):
    """(atoms, 3) of a RESTART's <q> or <p>, all digits."""
    text = ElementTree.parse(path).getroot().find(f".//beads/{tag}").text
    return np.array(re.findall(r"[-+.\deE]+", text), float).reshape(-1, 3)


def distance_errors(q, n_waters):
    waters = q[: 3 * n_waters].reshape(n_waters, 3, 3)
    found = np.stack(
        [np.linalg.norm(waters[:, i] - waters[:, j], axis=1) for i, j in ((0, 1), (0, 2), (1, 2))]
    )
    return np.abs(found / np.array(LENGTHS)[:, None] - 1)


def properties(directory):
    return np.loadtxt(directory / "out.props").T


@pytest.fixture(scope="module")
def nve(tmp_path_factory):
    """A run of 200 steps of 2 fs with checkpoints, its directory."""
    directory = tmp_path_factory.mktemp("nve")
    write_drop(directory, steps=200, stride=10, checkpoint=100)
    run_ipi(directory, command=("polcouple.cli", "i-pi"))
    return directory


def test_nve_keeps_distances_energy_and_frozen_atoms(nve):
    q, p = (numbers(nve / "RESTART", tag) for tag in "qp")
    assert distance_errors(q, 8).max() < 1e-12
    start = frames(nve / "out.q_0.xyz")[0]
    assert np.abs(q - start)[:24].max() > 1.0
    assert np.array_equal(q[24:], start[24:]) and not p[24:].any()
    _, conserved, temperature, kinetic, potential = properties(nve)
    assert np.ptp(potential) > 0.05
    assert np.ptp(conserved) < 5e-3 * np.ptp(potential)
    assert np.allclose(conserved, kinetic + potential, rtol=0, atol=1e-9)
    # 72 coordinates of waters less 24 distances; the frozen atoms have none
    assert np.allclose(temperature, 2 * kinetic / 48, rtol=1e-6)


def test_restart_goes_on_with_the_same_bits(nve, tmp_path):
    for path in nve.iterdir():
        if path.suffix in (".py", ".xyz"):
            (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "restart.xml").write_bytes((nve / "out.chk_1").read_bytes())
    assert ElementTree.parse(tmp_path / "restart.xml").getroot().findtext("step").strip() == "100"
    run_ipi(tmp_path, "restart.xml")
    for tag in "qp":
        assert np.array_equal(numbers(tmp_path / "RESTART", tag), numbers(nve / "RESTART", tag))


@pytest.mark.slow
def test_restart_with_a_bath_goes_on_with_the_same_bits(tmp_path):
    """Random numbers, and what was given to the bath and to motion that there is not."""
    whole, later = tmp_path / "whole", tmp_path / "later"
    whole.mkdir(), later.mkdir()
    write_drop(whole, steps=40, stride=10, checkpoint=20, mode="nvt", thermostat=LANGEVIN)
    run_ipi(whole)
    (later / "drop.py").write_bytes((whole / "drop.py").read_bytes())
    (later / "restart.xml").write_bytes((whole / "out.chk_1").read_bytes())
    run_ipi(later, "restart.xml")
    for tag in "qp":
        assert np.array_equal(numbers(later / "RESTART", tag), numbers(whole / "RESTART", tag))
    assert np.array_equal(properties(later)[:, -1], properties(whole)[:, -1])


def test_time_is_reversible(nve, tmp_path):
    (tmp_path / "drop.py").write_bytes((nve / "drop.py").read_bytes())
    tree = ElementTree.parse(nve / "RESTART")
    p = tree.getroot().find(".//beads/p")
    p.text = "[ " + ", ".join(f"{-x:.17e}" for x in numbers(nve / "RESTART", "p").ravel()) + " ]"
    tree.getroot().find("total_steps").text = "400"
    tree.write(tmp_path / "back.xml")
    run_ipi(tmp_path, "back.xml")
    assert np.abs(numbers(tmp_path / "RESTART", "q") - frames(nve / "out.q_0.xyz")[0]).max() < 1e-5


def test_inner_steps_are_steps(nve, tmp_path):
    """Two steps of 2 fs within one of 4 fs, by <nmts>, are the trajectory of steps of 2 fs."""
    inner = "<nmts> [ 2 ] </nmts>" + water_constraints(8)
    write_drop(tmp_path, steps=50, stride=50, time_step=4.0, constraints=inner)
    run_ipi(tmp_path)
    assert np.abs(numbers(tmp_path / "RESTART", "q") - numbers(nve / "out.chk_1", "q")).max() < 1e-8


SVR = LANGEVIN.replace("langevin", "svr")


@pytest.mark.parametrize(
    ("splitting", "thermostat"),
    [
        ("baoab", LANGEVIN),
        pytest.param("obabo", LANGEVIN, marks=pytest.mark.slow),
        pytest.param("baoab", SVR, marks=pytest.mark.slow),
    ],
)
def test_equipartition(tmp_path, splitting, thermostat):
    """Free rotors in a bath: translation and rotation of the waters, and each of their atoms, at 300 K."""
    n = 48
    write_drop(
        tmp_path,
        n,
        mode="nvt",
        splitting=splitting,
        thermostat=LANGEVIN,
        steps=400,
        stride=4,
        strength=0.0,
        time_step=5.0,
    )
    run_ipi(tmp_path)
    p = frames(tmp_path / "out.p_0.xyz")[10:, : 3 * n].reshape(-1, n, 3, 3)
    masses = np.array([15.9994, 1.00794, 1.00794]) * DALTON
    kinetic = 0.5 * ((p**2).sum(-1) / masses).sum(-1)
    translation = 0.5 * (p.sum(2) ** 2).sum(-1) / masses.sum()
    rotation = kinetic - translation
    # friction of 20 fs, frames 20 fs apart: each frame and molecule counts for about half
    error = np.sqrt(2 / 3 / (0.5 * rotation.size))
    for energy in (translation, rotation):
        assert energy.mean() / (1.5 * KB * 300) == pytest.approx(1, abs=4 * error)
    _, conserved, temperature, printed, _ = properties(tmp_path)
    assert np.allclose(temperature, 2 * printed / (6 * n), rtol=1e-6)
    assert temperature[10:].mean() / (300 * KB) == pytest.approx(1, abs=4 * error)
    # no forces: what the bath gave and took is all that changes
    assert np.ptp(conserved) < 1e-6


def test_no_solution_leaves_restart(nve, tmp_path):
    (tmp_path / "drop.py").write_bytes((nve / "drop.py").read_bytes())
    text = (nve / "out.chk_1").read_text()
    step = re.search(r"<timestep[^>]*>[^<]*</timestep>", text).group()
    (tmp_path / "long.xml").write_text(text.replace(step, "<timestep units='femtosecond'> 40 </timestep>"))
    done = run_ipi(tmp_path, "long.xml", check=False)
    assert done.returncode == 2
    last = done.stderr.strip().splitlines()[-1]
    assert re.fullmatch(
        r"i-pi: error: the constraints of atoms .* do not converge.*shorten the time step.*", last
    )
    for tag in "qp":
        written, before = (numbers(path, tag) for path in (tmp_path / "RESTART", nve / "out.chk_1"))
        assert (
            np.isfinite(written).all()
            and distance_errors(numbers(tmp_path / "RESTART", "q"), 8).max() < 1e-12
        )
        assert np.array_equal(written, before) or properties(tmp_path).ndim > 1


MULTI = "".join(
    f"""<constraint mode="multi">
      <constraint mode="distance"> <atoms> [ {a}, {a + 1}, {a}, {a + 2} ] </atoms>
        <values> [ {LENGTHS[0]:.17g}, {LENGTHS[0]:.17g} ] </values> </constraint>
      <constraint mode="angle"> <atoms> [ {a}, {a + 1}, {a + 2} ] </atoms>
        <values> [ {np.deg2rad(109.47122):.17g} ] </values> </constraint>
    </constraint>"""
    for a in range(0, 24, 3)
)


def load(directory):
    """i-PI's simulation of an input, made in this process and bound, with no step done."""
    from ipi.engine.simulation import Simulation

    from polcouple.rigid.i_pi import install

    install()
    return Simulation.load_from_xml((directory / "input.xml").open())


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_angles_and_values_of_the_start(here):
    """Molecules by i-PI's own "multi", or without values: the same constraints."""
    write_drop(here, constraints=MULTI)
    by_angle = load(here).syslist[0].motion.constraints
    write_drop(here, constraints=re.sub("<values.*?</values>", "", water_constraints(8)))
    of_start = load(here).syslist[0].motion.constraints
    for constraints in (by_angle, of_start):
        assert len(constraints) == 24
        assert np.allclose(np.sort(constraints.lengths), np.sort(LENGTHS * 8), rtol=1e-10)


def test_a_centre_of_mass_at_rest_has_no_freedom(here):
    write_drop(here, fixed="")
    path = here / "input.xml"
    path.write_text(path.read_text().replace("<fixcom> False", "<fixcom> True"))
    motion = load(here).syslist[0].motion
    assert motion.get_fixdof() == 24 + 3
    assert np.abs(np.asarray(motion.beads.p).reshape(-1, 3).sum(0)).max() < 1e-10
    assert (
        motion.constraints.stretching(
            *(np.asarray(a).reshape(-1, 3) for a in (motion.beads.q, motion.beads.p))
        )
        < 1e-12
    )


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"nbeads": 4}, "4 beads; rigid molecules have one"),
        ({"fixed": "0, 24"}, "atom 0 is in a constraint and in <fixatoms>"),
        ({"constraints": ""}, "no <constraint mode='distance'>"),
        ({"mode": "nvt"}, "thermostat none does not go with constraints; use langevin or svr"),
        ({"mode": "nvt", "thermostat": LANGEVIN.replace("langevin", "pile_g")}, "pile_g does not go"),
        ({"constraints": "<nsteps_o> 3 </nsteps_o>" + water_constraints(8)}, "<nsteps_o> 3"),
        ({"constraints": '<constraint mode="eckart"> <atoms> [0, 1, 2] </atoms> </constraint>'}, "eckart"),
        (
            {"constraints": '<constraint mode="distance"> <atoms> [0, 1] </atoms> </constraint>'
             '<constraint mode="angle"> <atoms> [0, 1, 2] </atoms> </constraint>'},
            "the angle 1-0-2 is constrained and its bonds are not",
        ),
        (
            {"constraints": '<constraint mode="distance"> <atoms> [0, 1] </atoms> <values> [2.2] </values>'
             "</constraint>"},
            r"atoms 0 and 1 are 1.0000 Angstrom apart, their constraint says 1.1642",
        ),
        ({"constraints": '<constraint mode="distance"> <atoms> [0, 99] </atoms> </constraint>'}, "atom 99"),
    ],
)  # fmt: skip
def test_what_cannot_be_honoured_is_refused(here, changes, says):
    write_drop(here, **changes)
    with pytest.raises(InputError, match=says):
        load(here)


def test_temperature_of_some_atoms_is_refused(here):
    write_drop(here)
    system = load(here).syslist[0]
    assert system.properties.get_temp() == pytest.approx(2 * system.properties.get_kinmd() / 48, rel=1e-6)
    with pytest.raises(InputError, match=r"temperature\(O\)"):
        system.properties.get_temp("O")
