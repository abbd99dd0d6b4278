"""i-PI's own drivers of MACE and metatomic in the liquid's seat beside ``part: electrode``."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
from conftest import ROOT
from run_cases import BIN
from shared_forces_cases import accurate, from_electrode, run_shared

from polcouple.case.model import read_case
from polcouple.coupling.charges import Surroundings
from polcouple.coupling.electrodes import create_electrodes
from polcouple.units import BOHR_TO_ANGSTROM, EV_TO_HARTREE

EXAMPLES = ROOT / "examples" / "electrode_part"
STEPS = 50
#: bohr, of the central differences
DISPLACEMENT = 1e-3

#: of the example's pairs, by the product of the numbers: height in eV, place and width in Angstrom
GAUSSIANS = {8: ((-2.0, 1.012, 0.2), (0.6, 1.45, 0.15)), 1: ((-0.5, 1.55, 0.2), (0.3, 2.0, 0.12))}

#: i-PI, whose potential is asked beside the first step's positions, and which then goes on
IPI = f"""
import sys
import numpy as np
from ipi.utils.depend import dstrip
from ipi.utils.scripting import InteractiveSimulation
simulation = InteractiveSimulation(open(sys.argv[1]))
system = simulation.syslist[0]
frames = []
for step in range(2):
    simulation.run(1)
    frames.append([dstrip(system.beads.q[0]).copy(), dstrip(system.forces.f[0]).copy()])
start, forces = frames[-1]
direction = np.random.default_rng(1).normal(size=len(start))
direction[: 3 * int(sys.argv[2])] = 0.0
energies = []
for sign in (1.0, -1.0):
    system.beads.q[0] = start + sign * {DISPLACEMENT} * direction
    energies.append(float(system.forces.pots[0]))
system.beads.q[0] = start
conserved, kinetic = [], []
for step in range({STEPS}):
    simulation.run(1)
    conserved.append(float(simulation.properties("conserved")))
    kinetic.append(float(simulation.properties("kinetic_md")))
np.savez("frames.npz", frames=np.array(frames).reshape(2, 2, -1, 3), direction=direction.reshape(-1, 3),
         energies=energies, conserved=conserved, kinetic=kinetic)
simulation.stop()
"""


def mace(path):
    """A network of random weights for water, and the words that serve it."""
    import torch
    from e3nn import o3
    from mace import modules
    from mace.tools import torch_tools

    torch.manual_seed(3)
    with torch_tools.default_dtype("float64"):
        network = modules.ScaleShiftMACE(
            r_max=4.0,
            num_bessel=6,
            num_polynomial_cutoff=5,
            max_ell=2,
            interaction_cls=modules.interaction_classes["RealAgnosticResidualInteractionBlock"],
            interaction_cls_first=modules.interaction_classes["RealAgnosticInteractionBlock"],
            num_interactions=2,
            num_elements=2,
            hidden_irreps=o3.Irreps("8x0e"),
            MLP_irreps=o3.Irreps("8x0e"),
            gate=torch.nn.functional.silu,
            atomic_energies=np.array([-13.0, -430.0]),
            avg_num_neighbors=8.0,
            atomic_numbers=[1, 8],
            correlation=2,
            atomic_inter_scale=1.0,
            atomic_inter_shift=0.0,
        )
    torch.save(network, path / "water.model")
    (path / "mace.json").write_text(json.dumps({"default_dtype": "float64"}))
    return ["-m", "mace", "-o", "template=liquid.xyz,model=water.model,mace_kwargs=mace.json"]


def metatomic(path):
    """The example's model, and the words that serve it."""
    script = EXAMPLES / "metatomic_liquid.py"
    subprocess.run([sys.executable, str(script), str(path / "water.pt")], check=True)
    return ["-m", "metatomic", "-o", "template=liquid.xyz,model=water.pt"]


def by_mace(path, atoms):
    """Forces in eV/Angstrom by the package's own calculator of ASE."""
    from mace.calculators import MACECalculator

    atoms.calc = MACECalculator(str(path / "water.model"), device="cpu", default_dtype="float64")
    return atoms.get_forces()


def by_formula(path, atoms):
    """Forces of the example's pairs, from its formula."""
    vectors = atoms.get_all_distances(mic=True, vector=True)
    distance = np.linalg.norm(vectors, axis=2) + 1e9 * np.eye(len(atoms))
    both = np.multiply.outer(atoms.numbers, atoms.numbers)
    attraction = (3.165492 / distance) ** 6
    energy = 4 * 0.00674 * (attraction**2 - attraction)
    slope = -24 * 0.00674 / distance * (2 * attraction**2 - attraction)
    for kind, parts in GAUSSIANS.items():
        own = [height * np.exp(-0.5 * ((distance - at) / width) ** 2) for height, at, width in parts]
        change = [-g * (distance - at) / width**2 for g, (_, at, width) in zip(own, parts, strict=True)]
        energy, slope = np.where(both == kind, sum(own), energy), np.where(both == kind, sum(change), slope)
    inside = np.maximum(1 - (distance / 6.0) ** 2, 0.0)
    slope = slope * inside**3 - energy * 6 * distance / 6.0**2 * inside**2
    return np.einsum("ij,ijk->ik", slope / distance, vectors)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("package", "served", "apart"), [("mace", mace, by_mace), ("metatomic", metatomic, by_formula)]
)
def test_forces_energy_and_its_conservation(tmp_path, package, served, apart):
    """Forces are the electrode's part and the potential's own, asked apart, and the energy's derivative."""
    pytest.importorskip(package)
    from ase import Atoms

    shutil.copytree(EXAMPLES / "xtb", tmp_path, dirs_exist_ok=True)
    accurate(tmp_path)
    text = (tmp_path / "input.xml").read_text()
    (tmp_path / "input.xml").write_text(text.replace("> 0.5 </timestep>", "> 0.25 </timestep>"))
    # a molecule that has left the cell: i-PI does not fold it back
    lines = (tmp_path / "init.xyz").read_text().splitlines(keepends=True)
    for number in range(-3, 0):
        symbol, x, y, z = lines[number].split()
        lines[number] = f"{symbol} {float(x) + 12.3:.10f} {y} {z}\n"
    (tmp_path / "init.xyz").write_text("".join(lines))
    case = read_case(tmp_path)
    liquid = case.electrolyte_indices
    words = served(tmp_path)

    def program(address):
        return [str(BIN / "i-pi-driver-py"), "-u", "-a", address, *words]

    words_of_ipi = (str(len(case.electrode)),)
    run_shared(tmp_path, program, ("--backend", "metal"), "input.xml", script=IPI, words=words_of_ipi)
    found = np.load(tmp_path / "frames.npz")

    backend = create_electrodes(case, "metal", {})
    for positions, forces in found["frames"]:
        environment = Surroundings(case, 1e-8).environment(positions)
        charges = backend.solve(environment, case.total_charge, None).charges
        assert np.abs(charges).max() > 1e-3
        expected = from_electrode(case, positions, charges)
        atoms = Atoms(
            [case.symbols[i] for i in liquid],
            positions[liquid] * BOHR_TO_ANGSTROM,
            cell=case.cell * BOHR_TO_ANGSTROM,
            pbc=True,
        )
        own = apart(tmp_path, atoms) * EV_TO_HARTREE * BOHR_TO_ANGSTROM
        assert np.abs(own).max() > 1e-3
        assert np.abs(forces[liquid] - expected[liquid] - own).max() < 1e-6
        # the frozen electrode has the electrode's part alone
        assert np.abs(np.delete(forces - expected, liquid, axis=0)).max() < 1e-6

    _, forces = found["frames"][1]
    difference = (found["energies"][0] - found["energies"][1]) / (2 * DISPLACEMENT)
    along = np.sum(forces * found["direction"])
    assert abs(along) > 1e-3
    assert difference == pytest.approx(-along, rel=1e-4, abs=1e-6)
    exchanged = np.ptp(found["kinetic"])
    assert np.ptp(found["conserved"]) < 0.02 * exchanged
