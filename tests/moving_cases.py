"""A small case whose electrode is everything and moves: benzene in a cell, for `dftb`."""

import numpy as np
import yaml

from polcouple.case.structure import write_init_xyz
from polcouple.units import ANGSTROM_TO_BOHR

_SYSTEM = {
    "format": "polcouple-case-1",
    "topology": [{"species": "electrode", "count": 12}],
    "force_field": {"cutoff_angstrom": 3.5, "ewald_tolerance": 1e-6},
    "electrodes": [
        {"name": "ring", "first_atom": 0, "last_atom": 11, "total_charge_e": 0.0, "mobile": True},
    ],
    "backends": {"dftb": {"temperature_kelvin": 2000.0}},
}
_INPUT = """\
<simulation verbosity="low" threading="False" safe_stride="1">
  <output prefix="simulation">
    <properties stride="1" filename="out"> [ step, time{picosecond}, temperature{kelvin} ] </properties>
    <trajectory filename="positions" stride="10" format="xyz" cell_units="angstrom">
      positions{angstrom}
    </trajectory>
    <checkpoint filename="checkpoint" stride="10" overwrite="True"/>
  </output>
  <total_steps> 100 </total_steps>
  <prng><seed> 1 </seed></prng>
  <ffsocket name="polcouple" mode="unix" pbc="False">
    <address> polcouple </address> <latency> 1e-4 </latency> <parameters> {part: all} </parameters>
  </ffsocket>
  <system>
    <initialize nbeads="1">
      <file mode="xyz"> init.xyz </file>
      <velocities mode="thermal" units="kelvin"> 300 </velocities>
    </initialize>
    <forces> <force forcefield="polcouple"/> </forces>
    <ensemble> <temperature units="kelvin"> 300 </temperature> </ensemble>
    <motion mode="dynamics">
      <dynamics mode="nvt">
        <timestep units="femtosecond"> 0.5 </timestep>
        <thermostat mode="langevin"> <tau units="femtosecond"> 100 </tau> </thermostat>
      </dynamics>
    </motion>
  </system>
</simulation>
"""


def write_ring(directory):
    """Write the case; returns its directory."""
    directory.mkdir(parents=True, exist_ok=True)
    ring = 1.397 * np.array([[np.cos(x), np.sin(x), 0.0] for x in np.arange(6) * np.pi / 3])
    positions = np.concatenate([ring, ring * (1.397 + 1.099) / 1.397]) + 5.0
    cell = np.diag([10.0, 10.0, 10.0])
    write_init_xyz(
        directory / "init.xyz",
        ("C",) * 6 + ("H",) * 6,
        positions * ANGSTROM_TO_BOHR,
        cell * ANGSTROM_TO_BOHR,
    )
    (directory / "system.yaml").write_text(yaml.safe_dump(_SYSTEM))
    (directory / "input.xml").write_text(_INPUT)
    return directory
