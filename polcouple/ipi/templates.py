"""i-PI inputs for a case: NVT, NVE, multiple time stepping, and the potential inside i-PI."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from string import Template

import numpy as np

#: text of the file through which i-PI finds the potential
PES_SHIM = '''\
"""Where i-PI finds the potential: as <ffdirect>'s pes_path, or by ``i-pi-driver-py -m custom -P``."""

from polcouple.pes import PolcouplePES

__DRIVER_NAME__ = "polcouple"
__DRIVER_CLASS__ = "PolcouplePES"
__all__ = ["PolcouplePES"]
'''

#: file of the numbers of the atoms that do not move
FIXED_ATOMS = "electrode_atoms.txt"

# all digits: a restarted run goes on with the same bits, and the charges written sum to the total charge.
# One system needs no threads; the state that an interrupted step goes back to is kept as often as the most
# frequent output is written, so that no step is written twice: together 1.5 ms a step for 6,707 atoms
_SIMULATION = Template("""\
<simulation verbosity="low" floatformat="%24.16e" threading="False" safe_stride="10">
  <output prefix="simulation">
    <properties stride="10" filename="out">
      [ step, time{picosecond}, conserved, temperature{kelvin}, potential, kinetic_md ]
    </properties>
    <trajectory filename="refresh_work" stride="10" extra_type="refresh_work"> extras </trajectory>
    <trajectory filename="charges" stride="100" extra_type="charges"> extras </trajectory>
$potential_outputs    <trajectory filename="positions" stride="1000" format="xyz" cell_units="angstrom">
      positions{angstrom}
    </trajectory>
    <checkpoint filename="checkpoint" stride="1000" overwrite="True"/>
  </output>
  <total_steps> 1000 </total_steps>
  <prng><seed> $seed </seed></prng>
$force_fields
  <system>
    <initialize nbeads="1">
      <file mode="xyz"> init.xyz </file>
$masses      <velocities mode="thermal" units="kelvin"> $temperature </velocities>
    </initialize>
    <forces>
$forces
    </forces>
    <ensemble>
      <temperature units="kelvin"> $temperature </temperature>
    </ensemble>
    <motion mode="$motion">
      <fixcom> False </fixcom>
$fixed_atoms      <$motion mode="$ensemble">
$integrator
      </$motion>
    </motion>
  </system>
</simulation>
""")

#: what is worth watching where a potential is held
_POTENTIAL_OUTPUTS = "".join(
    f'    <trajectory filename="{name}" stride="10" extra_type="{name}"> extras </trajectory>\n'
    for name in ("electrode_charges", "fermi_levels", "source_work")
)

_FIXED = f'      <fixatoms mode="file"> {FIXED_ATOMS} </fixatoms>\n'

_MASSES = '      <masses mode="manual"> [ {} ] </masses>\n'

_SOCKET = Template("""\
  <ffsocket name="$name" mode="unix" pbc="False">
    <address> $name </address>
    <latency> 1e-4 </latency>
    <timeout> 600 </timeout>
    <parameters> {part: $part} </parameters>
  </ffsocket>""")

_DIRECT = Template("""\
  <ffdirect name="$name">
    <pes> custom </pes>
    <pes_path> polcouple_pes.py </pes_path>
    <parameters> {case: ., backend: $backend, part: $part} </parameters>
  </ffdirect>""")

_SINGLE_STEP = '        <timestep units="femtosecond"> 0.5 </timestep>'

#: all pairs in one element: i-PI makes an object of each, at every checkpoint
_RIGID_STEP = Template("""\
        <timestep units="femtosecond"> $step </timestep>
        <csolver/>
        <constraint mode="distance">
          <atoms>
            $pairs
          </atoms>
          <values>
            $lengths
          </values>
        </constraint>""")

_THERMOSTAT = """\
        <thermostat mode="langevin">
          <tau units="femtosecond"> 1000 </tau>
        </thermostat>"""

_MULTIPLE_STEPS = """\
        <timestep units="femtosecond"> 2.0 </timestep>
        <nmts> [ 1, 4 ] </nmts>"""

_FORCE = '      <force forcefield="polcouple"/>'

_MULTIPLE_FORCES = """\
      <force forcefield="polcouple-nonbonded"><mts_weights> [ 1, 0 ] </mts_weights></force>
      <force forcefield="polcouple-bonded"><mts_weights> [ 0, 1 ] </mts_weights></force>"""


def write_inputs(
    directory: Path,
    fixed: Sequence[int],
    temperature_kelvin: float,
    seed: int,
    at_potential: bool = False,
    masses: Sequence[float] | None = None,
    constraints: tuple[np.ndarray, np.ndarray] = (np.empty((0, 2), int), np.empty(0)),
    rigid_step: float = 2.0,
) -> None:
    """Write input.xml (NVT), input_nve.xml, input_mts.xml, input_ffdirect.xml, and what they name.

    All atoms are counted as i-PI has them. Those in ``fixed`` are frozen: i-PI knows no ranges of atoms, but
    a file of their numbers. ``at_potential`` adds outputs of the electrodes' charge and potential; ``masses``
    are of all atoms in electron masses, where they are not those of their elements. Where there are
    ``constraints``, pairs (c, 2) and distances (c,) in bohr, steps are of ``rigid_step`` fs and there is no
    input_mts.xml, which is for the bonds of flexible molecules.
    """
    socket = _SOCKET.substitute(name="polcouple", part="all")
    # charges that have no Fermi level hold no potential
    backend = "metal" if at_potential else "fixed"
    direct = _DIRECT.substitute(name="polcouple", part="all", backend=backend)
    # the bonded part is asked for in every inner step and takes less time than the way to the driver and back
    split = "\n".join(
        (
            _SOCKET.substitute(name="polcouple-nonbonded", part="nonbonded"),
            _DIRECT.substitute(name="polcouple-bonded", part="bonded", backend=backend),
        )
    )
    pairs, lengths = constraints
    rigid = len(pairs) > 0
    step = _SINGLE_STEP
    if rigid:
        step = _RIGID_STEP.substitute(
            step=rigid_step,
            pairs=f"[ {', '.join(map(str, pairs.ravel().tolist()))} ]",
            lengths=f"[ {', '.join(f'{length:.17g}' for length in lengths.tolist())} ]",
        )
    inputs = {
        "input.xml": (socket, _FORCE, "nvt", f"{step}\n{_THERMOSTAT}"),
        "input_nve.xml": (socket, _FORCE, "nve", step),
        "input_ffdirect.xml": (direct, _FORCE, "nve", step),
    }
    if not rigid:
        inputs["input_mts.xml"] = (split, _MULTIPLE_FORCES, "nvt", f"{_MULTIPLE_STEPS}\n{_THERMOSTAT}")
    for name, (force_fields, forces, ensemble, integrator) in inputs.items():
        text = _SIMULATION.substitute(
            seed=seed,
            potential_outputs=_POTENTIAL_OUTPUTS if at_potential else "",
            force_fields=force_fields,
            temperature=f"{temperature_kelvin:g}",
            forces=forces,
            fixed_atoms=_FIXED if len(fixed) else "",
            masses="" if masses is None else _MASSES.format(", ".join(f"{mass:.10g}" for mass in masses)),
            motion="constrained_dynamics" if rigid else "dynamics",
            ensemble=ensemble,
            integrator=integrator,
        )
        (directory / name).write_text(text)
    (directory / "polcouple_pes.py").write_text(PES_SHIM)
    if not len(fixed):
        return
    heading = "# atoms of the electrodes, counted from 0: those that i-PI's <fixatoms> holds"
    (directory / FIXED_ATOMS).write_text("\n".join([heading, *map(str, fixed)]) + "\n")
