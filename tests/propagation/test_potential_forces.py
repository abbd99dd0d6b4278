"""A network's potential beside the electrode's forces."""

import sys

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.calculators.lj import LennardJones
from conftest import SMALL

from polcouple.case.model import read_case
from polcouple.cli.driver import main
from polcouple.data.configurations import read_configurations
from polcouple.errors import ConvergenceError, InputError
from polcouple.nn.model_files import save_model
from polcouple.nn.potential.ase_calculator import PotentialCalculator
from polcouple.nn.potential.potential import Architecture, Potential, load_potential
from polcouple.propagation.frame_labels import FrameLabels
from polcouple.propagation.potential_forces import PotentialForces, of_the_liquid
from polcouple.propagation.providers import create_providers
from polcouple.units import ANGSTROM_TO_BOHR, EV_TO_HARTREE


def potential(elements=("Cl", "H", "Na", "O"), members=2, usual=(0.05, 0.1), difference_to=""):
    architecture = Architecture(elements)
    vectors = np.array([architecture.layout().initial(seed) for seed in range(members)])
    references = np.zeros((members, len(elements)))
    return Potential("net", architecture, vectors, references, usual, difference_to=difference_to)


@pytest.fixture(scope="module")
def case():
    return read_case(SMALL)


def test_it_is_the_potential_of_the_liquid_alone(case):
    net = potential(usual=(5.0, 5.0))
    found = PotentialForces(case, net).evaluate(case.positions, case.cell)
    liquid = case.electrolyte_indices
    kinds = net.architecture.kinds([case.symbols[i] for i in liquid])
    scale = 1.0 / ANGSTROM_TO_BOHR
    alone = net.evaluate(kinds, case.positions[liquid] * scale, case.cell * scale, (True,) * 3)
    assert found.energy == pytest.approx(alone.energy * EV_TO_HARTREE)
    assert np.allclose(found.forces[liquid], alone.forces * EV_TO_HARTREE * scale)
    assert np.abs(found.forces).max() > 1e-4
    assert not found.forces[case.electrode_indices].any()
    assert found.extras["disagreement"] > 0
    sent = of_the_liquid(case)
    assert np.array_equal(sent.of_ipi(found.forces), found.forces[liquid])


def test_a_difference_is_added_to_the_liquids_own_force_field(case, tmp_path):
    """Beside ``part: electrode`` both are all forces of the case, and those of the network."""
    net = potential(usual=(1e-6, 1e-6), difference_to="spc_fw")
    labels = FrameLabels("ase.calculators.lj:LennardJones", tmp_path / "more.xyz")
    forces = PotentialForces(case, net, "label", labels=labels)
    found = forces.evaluate(case.positions, case.cell)
    alone = PotentialForces(case, potential()).evaluate(case.positions, case.cell)
    providers = create_providers(case, "fixed", {}, ["all", "electrode"])
    whole, shared = (providers[part].evaluate(case.positions, case.cell) for part in ("all", "electrode"))
    liquid = case.electrolyte_indices
    base = (whole.forces - shared.forces)[liquid]
    assert np.abs(base).max() > 1e-2
    # the slab's fields and the electrode's charges, other ones here, cancel to the accuracy of the sums
    assert np.allclose((found.forces - alone.forces)[liquid], base, rtol=0, atol=1e-5)
    assert found.energy - alone.energy == pytest.approx(whole.energy - shared.energy, abs=1e-4)
    assert not found.forces[case.electrode_indices].any()
    # what is added to train on is a difference, too
    PotentialForces(
        case,
        potential(usual=(1e-6, 1e-6)),
        "label",
        labels=FrameLabels("ase.calculators.lj:LennardJones", tmp_path / "plain.xyz"),
    ).evaluate(case.positions, case.cell)
    less, plain = (read_configurations([tmp_path / f"{name}.xyz"])[0] for name in ("more", "plain"))
    scale = EV_TO_HARTREE / ANGSTROM_TO_BOHR
    assert np.allclose((plain.forces - less.forces) * scale, base, rtol=0, atol=1e-5)
    with pytest.raises(InputError, match="difference to spc_fw and no energy by itself"):
        PotentialCalculator(net)
    save_model(tmp_path / "net", net.description(), net.arrays(), "")
    assert load_potential(tmp_path / "net").difference_to == "spc_fw"


def test_frames_where_members_differ_are_told_kept_or_stop_the_run(case, tmp_path):
    net, path = potential(usual=(1e-6, 1e-6)), tmp_path / "odd.xyz"
    forces = PotentialForces(case, net, check_every=2, keep=path)
    for _ in range(4):
        forces.evaluate(case.positions, case.cell)
    assert len(forces.warnings) == 1 and "unlike the frames" in next(iter(forces.warnings))
    kept = ase.io.read(path, ":")
    assert len(kept) == 2
    assert kept[0].get_chemical_symbols() == [case.symbols[i] for i in case.electrolyte_indices]
    with pytest.raises(ConvergenceError, match="label such frames"):
        PotentialForces(case, net, "stop").evaluate(case.positions, case.cell)
    with pytest.raises(InputError, match="one network alone"):
        PotentialForces(case, potential(members=1), "stop")
    with pytest.raises(InputError, match="not Cl, Na"):
        PotentialForces(case, potential(("H", "O")))


def test_frames_where_members_differ_are_labelled_and_added(case, tmp_path):
    net, path = potential(usual=(1e-6, 1e-6)), tmp_path / "more.xyz"
    labels = FrameLabels("ase.calculators.lj:LennardJones", path)
    forces = PotentialForces(case, net, "label", check_every=2, labels=labels)
    found = [forces.evaluate(case.positions, case.cell) for _ in range(4)]
    own = PotentialForces(case, net).evaluate(case.positions, case.cell)
    assert all(np.allclose(one.forces, own.forces, rtol=0, atol=1e-7) for one in found)
    assert labels.count == 2 and len(forces.warnings) == 1
    atoms = Atoms([case.symbols[i] for i in case.electrolyte_indices])
    atoms.positions = case.positions[case.electrolyte_indices] / ANGSTROM_TO_BOHR
    atoms.set_cell(case.cell / ANGSTROM_TO_BOHR)
    atoms.pbc = True
    atoms.calc = LennardJones()
    added = read_configurations([path])
    assert len(added) == 2
    assert added[1].energy == pytest.approx(atoms.get_potential_energy())
    assert np.allclose(added[1].forces, atoms.get_forces(), rtol=1e-6, atol=1e-7)
    # quiet where they agree
    labels = FrameLabels("ase.calculators.lj:LennardJones", path)
    PotentialForces(case, potential(usual=(5.0, 5.0)), "label", labels=labels).evaluate(
        case.positions, case.cell
    )
    assert labels.count == 0 and len(ase.io.read(path, ":")) == 2


def test_a_frame_that_cannot_be_labelled_is_told_of_and_left_out(case, tmp_path):
    labels = FrameLabels("ase.calculators.emt:EMT", tmp_path / "more.xyz")
    forces = PotentialForces(case, potential(usual=(1e-6, 1e-6)), "label", labels=labels)
    forces.evaluate(case.positions, case.cell)
    assert any("could not label a frame" in one for one in forces.warnings)
    assert not (tmp_path / "more.xyz").exists()
    for method, text in (("GFN7", "give GFN1-xTB or"), ("ase.no:Such", "No module"), ("ase:io", "called")):
        with pytest.raises(InputError, match=text):
            FrameLabels(method, tmp_path / "more.xyz")


def test_the_driver_refuses_what_has_no_say(tmp_path, monkeypatch, capsys):
    net = potential()
    save_model(tmp_path / "net", net.description(), net.arrays(), "")
    for words, text in (
        (["--potential", "net", "--backend", "metal"], "--backend has no say"),
        (["--potential", "net", "--keep", "odd.h5"], "the format written here is .xyz"),
        (["--potential", "net", "--extrapolation", "label"], "needs --labels-by METHOD and --keep"),
        (["--potential", "net", "--labels-by", "GFN1-xTB"], "no say without --extrapolation label"),
        (["--potential", "net"], "beside part: electrode, found none"),
        ([], "name a backend"),
    ):
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["polcouple-driver"])
        with pytest.raises(SystemExit) as stopped:
            main([*words, "--case", str(SMALL)])
        assert stopped.value.code == 2
        assert text in capsys.readouterr().err
