"""Findings about i-PI's input: sockets, motion, force components, initial structure, disk space.

i-PI's own parser reads the file, so that defaults and units are i-PI's.
"""

from __future__ import annotations

import importlib.util
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from polcouple.case.model import Case
from polcouple.check.finding import Finding
from polcouple.check.forces import check_forces
from polcouple.check.outputs import check_outputs
from polcouple.check.rigid import check_rigid
from polcouple.check.simulation import children, dynamics_of
from polcouple.errors import InputError, PolcoupleError
from polcouple.ipi.input import read_xml, require_sound_beads
from polcouple.ipi.sockets import own_sockets, socket_addresses
from polcouple.ipi.start_file import frames_of
from polcouple.propagation.guard import require_usable
from polcouple.propagation.inputs import require_inputs
from polcouple.units import DALTON_TO_ELECTRON_MASS

#: characters of a RESTART per atom: positions and momenta, with i-PI's 16 digits
_CHECKPOINT_BYTES = 200
#: characters of the line above each frame of extras
_FRAME_HEADER_BYTES = 40
#: masses that differ by less than this part are those of the same atom, in tables of different years
_SAME_MASS = 0.01
#: share of the free disk space beyond which output is worth a warning
_LARGE_SHARE = 0.5


def check_input(
    simulation: Any, case: Case, path: Path, steps: int | None, for_a_run: bool = False
) -> Iterator[Finding]:
    """All findings about the input file ``path``; ``steps`` replaces its <total_steps>."""
    yield from check_surroundings(path, for_a_run)
    yield from check_plumed(simulation)
    for system in children(simulation, "system"):
        yield from check_initial_structure(system, path.parent)
        yield from check_masses(system, case)
        yield from check_rigid(system, case)
        yield from check_motion(system.motion, case)
        yield from check_forces(simulation, system, case)
    if not children(simulation, "system"):
        yield Finding("error", "i-PI: no <system>; templates are not checked, write the system out")
    yield from check_outputs(simulation)
    yield from check_disk(simulation, case, path.parent, steps)


def check_surroundings(path: Path, for_a_run: bool = False) -> Iterator[Finding]:
    """Files that are missing, sockets that the driver cannot serve or that are taken, and EXIT."""
    if (path.parent / "EXIT").exists() and not for_a_run:
        yield Finding("error", f"{path.parent / 'EXIT'} makes i-PI stop at once; remove it")
    root = read_xml(path)
    if root.find(".//initialize") is None and root.find(".//beads") is not None:
        yield Finding(
            "error" if for_a_run else "note",
            f"{path} is a checkpoint of i-PI, from which `polcouple run` begins no new run: go on in a copy"
            " of the directory of its run, with --output COPY --restart (and --force for another backend)",
        )
    try:
        require_inputs(root, path.parent)
    except InputError as error:
        yield Finding("error", str(error))
    try:
        all_inside = not own_sockets(root) and root.find("ffdirect") is not None
        if all_inside and for_a_run:
            yield Finding(
                "error",
                f"{path}: <ffdirect> computes polcouple's forces inside i-PI, and `polcouple run` serves"
                f" <ffsocket>s; start it by `polcouple i-pi {path.name}` in {path.parent}",
            )
        addresses = [] if all_inside else socket_addresses(root, path)
    except PolcoupleError as error:
        yield Finding("error", str(error))
        return
    try:
        require_sound_beads(root, path)
    except PolcoupleError as error:
        yield Finding("error", str(error))
    for address in addresses:
        try:
            require_usable(address)
        except PolcoupleError as error:
            yield Finding("error", f"{path}: {error}")
            continue
        file = address.path
        if address.mode != "unix" or not file.exists() or for_a_run:
            continue
        cure = "end it, or change <address>" if _listening(file) else "it is left over, remove it"
        yield Finding(
            "warning",
            f"{file} exists, and i-PI started by hand will not listen there; {cure} (`polcouple run` takes a"
            " name of its own)",
        )


def _listening(file: Path) -> bool:
    """Whether a program answers at a unix socket."""
    with socket.socket(socket.AF_UNIX) as stream:
        try:
            stream.connect(str(file))
        except OSError:
            return False
    return True


def check_plumed(simulation: Any) -> Iterator[Finding]:
    """PLUMED's Python module and its library, where the input asks for them; PyPI has the module alone."""
    if not children(simulation, "ffplumed"):
        return
    if importlib.util.find_spec("plumed") is None:
        yield Finding("error", "i-PI: <ffplumed> needs PLUMED's Python module; `pip install plumed`")
        return
    module = importlib.import_module("plumed")
    try:
        module.Plumed().finalize()
    except RuntimeError:
        yield Finding(
            "error",
            "i-PI: <ffplumed> needs PLUMED's library, which `pip install plumed` does not bring, and found"
            " none; let the environment variable PLUMED_KERNEL name libplumedKernel.so (conda-forge's plumed,"
            " or built from its source)",
        )


def check_initial_structure(system: Any, directory: Path) -> Iterator[Finding]:
    """Units that line 2 leaves to <file>, and start files of several frames.

    i-PI takes the frames of a file for beads: for another number of beads it makes them by adding or leaving
    out normal modes (one bead starts from the average), and the cell is the last frame's.
    """
    for element in children(system.initialize, "file"):
        units, cell_units = element.units.fetch(), element.cell_units.fetch()
        named = [
            (u, what)
            for u, what in ((units, "positions"), (cell_units, "cell"))
            if u not in ("", "automatic")
        ]
        if named:
            words = " and ".join(f"{what} in {unit}" for unit, what in named)
            yield Finding("note", f"i-PI: units of {str(element.value).strip()} by its <file>: {words}")
    for tag, element in system.initialize.extra:
        if tag in ("momenta", "velocities") and element.mode.fetch() == "chk":
            yield Finding(
                "error",
                f"i-PI: <{tag} mode='chk'> cannot start in i-PI 3.3.1; write them to an xyz file, and"
                " mode='xyz'",
            )
    n_beads = system.initialize.nbeads.fetch()
    for element in children(system.initialize, "file", "positions"):
        if element.mode.fetch() != "xyz":
            continue
        frames = frames_of(directory / str(element.value).strip())
        if frames not in (1, n_beads):
            yield Finding(
                "error",
                f"i-PI: {str(element.value).strip()} holds {frames} frames, which i-PI would take for beads"
                f" and average into {n_beads}; keep one frame",
            )


def check_masses(system: Any, case: Case) -> Iterator[Finding]:
    """Masses of the force field that i-PI is not given: it takes those of the elements."""
    if children(system.initialize, "masses") or not children(system.initialize, "file", "positions"):
        return
    from ipi.utils.units import Elements

    masses = case.topology.masses
    own = np.array([Elements.mass(symbol) for symbol in case.symbols])
    moving = np.isin(np.arange(len(case)), case.electrolyte_indices) | case.mobile
    others = np.flatnonzero((masses > 0.0) & (np.abs(masses - own) > _SAME_MASS * own) & moving)
    if len(others):
        first = others[0]
        yield Finding(
            "warning",
            f"i-PI: {len(others)} atoms have other masses in the force field than their elements, the first"
            f" is {case.symbols[first]} {first} with {masses[first] / DALTON_TO_ELECTRON_MASS:.3f} u; without"
            " <masses> in <initialize>, as `polcouple import` writes it, i-PI takes the elements'",
        )


def check_motion(motion: Any, case: Case) -> Iterator[Finding]:
    """Frozen electrode, constant cell, time steps."""
    if motion.mode.fetch() not in ("dynamics", "constrained_dynamics"):
        yield Finding("warning", f"i-PI: <motion mode='{motion.mode.fetch()}'> is not checked any further")
        return
    ensemble, thermostat = dynamics_of(motion).mode.fetch(), dynamics_of(motion).thermostat.mode.fetch()
    if ensemble == "nve" and thermostat:
        yield Finding(
            "warning",
            f"i-PI: <thermostat mode='{thermostat}'> does nothing in dynamics with mode='nve'; write nvt, or"
            " take it out",
        )
    if ensemble not in ("nve", "nvt"):
        yield Finding(
            "error",
            f"i-PI: <dynamics mode='{ensemble}'>; electrodes need a constant cell, write nvt or nve",
        )
    atoms = motion.fixatoms.fetch()
    fixed = motion.fixatoms_dof.fetch()
    if len(atoms):
        fixed = (3 * atoms[:, None] + np.arange(3)).ravel()
    electrode = np.flatnonzero(np.isin(case.ipi_indices, case.electrode_indices))
    wanted = (3 * electrode[:, None] + np.arange(3)).ravel()
    if case.mobile:
        yield from _check_mobile(motion, case, fixed, wanted)
        return
    loose = np.unique(np.setdiff1d(wanted, fixed) // 3)
    if len(loose):
        yield Finding(
            "error",
            f"i-PI: {len(loose)} of {len(case.electrode)} electrode atoms may move, the first is {loose[0]};"
            f" list atoms {case.electrode_indices[0]} to {case.electrode_indices[-1]} in <fixatoms>",
        )
    extra = np.unique(np.setdiff1d(fixed, wanted) // 3)
    if len(extra):
        yield Finding(
            "warning",
            f"i-PI: {len(extra)} atoms outside the electrode are fixed, the first is {extra[0]};"
            " take them out of <fixatoms> if they should move",
        )
    if motion.fixcom.fetch():
        yield Finding(
            "error" if not len(fixed) else "warning",
            "i-PI: <fixcom> is True, its default, and does not go with a frozen electrode; write"
            " <fixcom> False </fixcom>",
        )


def _check_mobile(motion: Any, case: Case, fixed: np.ndarray, of_electrode: np.ndarray) -> Iterator[Finding]:
    """Coordinates that i-PI keeps where a mobile electrode's are ``of_electrode``, and the centre of mass."""
    kept = np.intersect1d(fixed, of_electrode)
    if len(kept) == len(of_electrode):
        yield Finding(
            "warning",
            "i-PI: <fixatoms> keeps all atoms of the mobile electrode in their place; take some out of it, or"
            " mobile: true out of system.yaml, which costs less",
        )
    else:
        loose = len(np.setdiff1d(of_electrode, fixed)) // 3
        yield Finding("note", f"i-PI: {loose} of the electrode's {len(case.electrode)} atoms move")
    extra = np.unique(np.setdiff1d(fixed, of_electrode) // 3)
    if len(extra):
        yield Finding(
            "warning",
            f"i-PI: {len(extra)} atoms outside the electrode are fixed, the first is {extra[0]};"
            " take them out of <fixatoms> if they should move",
        )
    if motion.fixcom.fetch() and (len(fixed) or case.system.force_field.walls is not None):
        yield Finding(
            "error" if len(fixed) else "warning",
            "i-PI: <fixcom> is True, its default, and does not go with walls or atoms that are kept in their"
            " place; write <fixcom> False </fixcom>",
        )


def check_disk(simulation: Any, case: Case, directory: Path, steps: int | None) -> Iterator[Finding]:
    """Output of the whole run against the free disk space."""
    steps = steps or int(simulation.total_steps.fetch())
    size = sum(_output_size(simulation, element, case, steps) for _, element in simulation.output.extra)
    free = shutil.disk_usage(directory).free
    if size > _LARGE_SHARE * free:
        yield Finding(
            "error" if size > free else "warning",
            f"disk: {steps} steps write about {size / 1e9:.1f} GB, {free / 1e9:.1f} GB are free; raise the"
            " strides in <output> or free some space",
        )


def _output_size(simulation: Any, element: Any, case: Case, steps: int) -> float:
    """Bytes that one output writes in ``steps`` steps."""
    output = element.fetch()
    number = len(simulation.floatformat.fetch() % 1.0) + 1
    frames = steps / max(element.stride.fetch(), 1)
    kind = type(output).__name__
    if kind == "CheckpointOutput":
        return _CHECKPOINT_BYTES * len(case.ipi_indices) * (1 if output.overwrite else frames)
    if kind == "PropertyOutput":
        return frames * number * len(output.outlist)
    if output.what.startswith("extras"):
        # without a type the whole JSON is written, of which the charges are the most
        numbers = len(case.electrode) if output.extra_type in ("raw", "charges") else 1
        return frames * (number * numbers + _FRAME_HEADER_BYTES)
    return frames * 3 * number * len(case.ipi_indices)
