"""Drops of rigid water that i-PI propagates with forces of its own process, for tests of constraints."""

import os
import subprocess
import sys
from pathlib import Path
from string import Template

import numpy as np

BIN = Path(sys.executable).parent
#: SPC/E in bohr, and its distances of O-H, O-H, H-H
BOND = 1.0 / 0.529177210903
BASE = 2 * BOND * np.sin(np.deg2rad(109.47122 / 2))
LENGTHS = (BOND, BOND, BASE)

#: charges of SPC/E, repulsion between oxygens and a weak harmonic well around all of them; all pairs, no cell
PES = """
import numpy as np
from ipi.pes.dummy import Dummy_driver

__DRIVER_NAME__ = "drop"
__DRIVER_CLASS__ = "Drop"


class Drop(Dummy_driver):
    def __init__(self, waters, strength, **kwargs):
        super().__init__(**kwargs)
        self.n, self.strength = int(waters), float(strength)

    def compute_structure(self, cell, pos):
        if not self.strength:
            return 0.0, np.zeros(pos.shape), np.zeros((3, 3)), "{}"
        x = pos.reshape(-1, 3)[: 3 * self.n]
        charges = self.strength * np.tile([-0.8476, 0.4238, 0.4238], self.n)
        molecule = np.repeat(np.arange(self.n), 3)
        d = x[:, None] - x[None]
        square = (d**2).sum(-1) + np.eye(len(x))
        coulomb = np.outer(charges, charges) * (molecule[:, None] != molecule) / np.sqrt(square)
        oxygen = np.zeros(len(x))
        oxygen[::3] = self.strength
        wall = np.outer(oxygen, oxygen) * (molecule[:, None] != molecule) * 1e-3 * (36.0 / square) ** 6
        forces = np.zeros((len(pos.reshape(-1, 3)), 3))
        forces[: len(x)] = (((coulomb + 12 * wall) / square)[..., None] * d).sum(1)
        forces[: len(x) : 3] -= 2e-3 * self.strength * x[::3]
        energy = 0.5 * (coulomb + wall).sum() + 1e-3 * self.strength * (x[::3] ** 2).sum()
        return energy, forces, np.zeros((3, 3)), "{}"
"""

INPUT = Template("""\
<simulation verbosity="quiet" floatformat="%24.16e" threading="False" safe_stride="1">
  <output prefix="out">
    <properties stride="$stride" filename="props">
      [ step, conserved, temperature, kinetic_md, potential ]
    </properties>
    <trajectory filename="q" stride="$stride"> positions </trajectory>
    <trajectory filename="p" stride="$stride"> momenta </trajectory>
    <checkpoint filename="chk" stride="$checkpoint" overwrite="False"/>
  </output>
  <total_steps> $steps </total_steps>
  <prng><seed> 7 </seed></prng>
  <ffdirect name="drop"> <pes> custom </pes> <pes_path> drop.py </pes_path>
    <parameters> {waters: $waters, strength: $strength} </parameters> </ffdirect>
  <system>
    <initialize nbeads="$nbeads">
      <file mode="xyz"> init.xyz </file>
      <velocities mode="thermal" units="kelvin"> 300 </velocities>
    </initialize>
    <forces> <force forcefield="drop"/> </forces>
    <ensemble> <temperature units="kelvin"> 300 </temperature> </ensemble>
    <motion mode="constrained_dynamics">
      <fixcom> False </fixcom>
      <fixatoms> [ $fixed ] </fixatoms>
      <constrained_dynamics mode="$mode" splitting="$splitting">
        <timestep units="femtosecond"> $time_step </timestep>
        $thermostat
        <csolver/>
        $constraints
      </constrained_dynamics>
    </motion>
  </system>
</simulation>
""")

LANGEVIN = '<thermostat mode="langevin"> <tau units="femtosecond"> 20 </tau> </thermostat>'


def drop(n_waters, rng, n_frozen=2):
    """Symbols and positions in bohr: waters turned at random on a lattice, then argon atoms off it."""
    edge = int(np.ceil(n_waters ** (1 / 3)))
    places = np.stack(np.meshgrid(*[np.arange(edge)] * 3, indexing="ij"), -1).reshape(-1, 3)[:n_waters]
    places = 6.5 * (places - places.mean(0))
    positions = []
    for place in places:
        x, y, _ = np.linalg.qr(rng.standard_normal((3, 3)))[0]
        angle = np.deg2rad(109.47122)
        positions += [place, place + BOND * x, place + BOND * (np.cos(angle) * x + np.sin(angle) * y)]
    positions += [np.array([40.0, 5.0 * k, 0.0]) for k in range(n_frozen)]
    return ["O", "H", "H"] * n_waters + ["Ar"] * n_frozen, np.array(positions)


def water_constraints(n_waters):
    """i-PI's element for them: all distances in one list."""
    atoms = [a for w in range(n_waters) for a in (3 * w, 3 * w + 1, 3 * w, 3 * w + 2, 3 * w + 1, 3 * w + 2)]
    values = ", ".join(f"{length:.17g}" for length in LENGTHS * n_waters)
    return (
        f'<constraint mode="distance"> <atoms> {atoms} </atoms> <values> [ {values} ] </values> </constraint>'
    )


def write_drop(directory, n_waters=8, **changes):
    """input.xml, init.xyz and the forces; returns symbols and positions. ``changes`` of the input's words."""
    symbols, positions = drop(n_waters, np.random.default_rng(3))
    lines = [f"{s} {x:.12f} {y:.12f} {z:.12f}" for s, (x, y, z) in zip(symbols, positions, strict=True)]
    header = "# CELL(abcABC): 200 200 200 90 90 90 positions{atomic_unit} cell{atomic_unit}"
    (directory / "init.xyz").write_text("\n".join([str(len(symbols)), header, *lines]) + "\n")
    (directory / "drop.py").write_text(PES)
    words = {
        "stride": 1, "checkpoint": 1000, "steps": 10, "waters": n_waters, "strength": 1.0, "nbeads": 1,
        "fixed": f"{3 * n_waters}, {3 * n_waters + 1}", "mode": "nve", "splitting": "baoab", "time_step": 2.0,
        "thermostat": "", "constraints": water_constraints(n_waters),
    }  # fmt: skip
    (directory / "input.xml").write_text(INPUT.substitute(words | changes))
    return symbols, positions


def run_ipi(directory, name="input.xml", check=True, command=("polcouple.rigid.i_pi", str(BIN / "i-pi"))):
    """i-PI as polcouple starts it; the finished process. ``command`` is a module and what it takes first."""
    done = subprocess.run(
        [sys.executable, "-m", *command, name],
        cwd=directory, capture_output=True, text=True, timeout=240,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done


def frames(path):
    """(frames, atoms, 3) of an xyz trajectory."""
    lines = path.read_text().splitlines()
    n = int(lines[0])
    rows = [line.split()[1:] for k, line in enumerate(lines) if k % (n + 2) > 1]
    return np.array(rows, float).reshape(-1, n, 3)


def write_rigid_case(directory):
    """The small case with SPC/E in its waters' places: system.yaml, init.xyz and the inputs."""
    import yaml

    from polcouple.case.force_field import WATER_MODELS
    from polcouple.case.model import read_case, write_init_xyz
    from polcouple.ipi.templates import write_inputs

    small = Path(__file__).parent.parent / "ipi_inputs" / "graphene_nacl_small"
    system = yaml.safe_load((small / "system.yaml").read_text())
    system["force_field"]["water"] = dict(WATER_MODELS["spc_e"].water)
    (directory / "system.yaml").write_text(yaml.safe_dump(system, sort_keys=False))
    flexible = read_case(small)
    positions = flexible.positions.copy()
    oxygens = flexible.water_oxygens
    arms = [positions[oxygens + k] - positions[oxygens] for k in (1, 2)]
    x = arms[0] / np.linalg.norm(arms[0], axis=1)[:, None]
    y = arms[1] - (arms[1] * x).sum(1)[:, None] * x
    y /= np.linalg.norm(y, axis=1)[:, None]
    angle = np.deg2rad(WATER_MODELS["spc_e"].water["angle_degree"])
    positions[oxygens + 1] = positions[oxygens] + BOND * x
    positions[oxygens + 2] = positions[oxygens] + BOND * (np.cos(angle) * x + np.sin(angle) * y)
    write_init_xyz(directory / "init.xyz", flexible.symbols, positions, flexible.cell)
    case = read_case(directory)
    write_inputs(directory, range(len(case.electrode)), 300.0, 1, constraints=case.constraints)
    return case
