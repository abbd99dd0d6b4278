"""A liquid on an electrode or between two, ready for i-PI."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numpy as np

from polcouple.builder.aqueous import Aqueous
from polcouple.builder.equilibration import Progress, equilibrate, inside_cell
from polcouple.builder.given_liquid import GivenLiquid
from polcouple.builder.layout import Layout
from polcouple.builder.liquids import check_neutral, settled
from polcouple.builder.options import BuildOptions
from polcouple.builder.packing import check_density, pack_liquid
from polcouple.case.model import Case, read_case
from polcouple.errors import InputError
from polcouple.importing.ipi_side import write_ipi_side
from polcouple.importing.writing import rigid_step
from polcouple.units import ANGSTROM_TO_BOHR

#: steps in fs of molecules without constraints, and of rigid ones with hydrogens from this mass (u) on
_FLEXIBLE_STEP, _HEAVY, _HEAVY_STEP = 0.5, 3.0, 4.0


def build_case(directory: Path, options: BuildOptions, progress: Progress) -> Case:
    """Pack, relax and equilibrate a case and write its directory, which must not hold anything yet.

    Raises:
        InputError: impossible options, the directory is in use, or the structure cannot be equilibrated.
    """
    options.check()
    directory = directory.resolve()
    if directory.exists() and not directory.is_dir():
        raise InputError(f"{directory} is a file; choose another directory")
    if directory.exists() and any(directory.iterdir()):
        raise InputError(f"{directory} is not empty; choose another directory")
    liquid = Aqueous(options) if options.is_aqueous else GivenLiquid(options)
    check_neutral(liquid.kinds, options.total_charge, exact=options.is_aqueous)
    surfaces = options.surfaces()
    options, kinds = settled(options, liquid.kinds, surfaces[0])
    assert options.gap is not None
    check_density(kinds, surfaces[0].sides, options.gap, len(surfaces))
    parameters = options.electrode.parameters(surfaces)
    layout = Layout(surfaces, parameters, options.gap, options.vacuum, options.voltage, options.total_charge)
    # packed above the lower electrode's face at z = 0, which its thickness then lifts
    packed = pack_liquid(kinds, surfaces[0].vectors, layout.top, options.seed)
    face = np.array([0.0, 0.0, layout.face])
    positions = np.concatenate([layout.positions, *(own.reshape(-1, 3) + face for own in packed)])

    directory.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=directory.parent, prefix=f".{directory.name}-") as name:
        draft = Path(name)
        case, masses = liquid.write(draft, layout, kinds, positions * ANGSTROM_TO_BOHR)
        step = rigid_step(case) if len(case.constraints[0]) else _FLEXIBLE_STEP
        relaxed = equilibrate(
            case,
            options.temperature,
            options.equilibration,
            1e-3 * step,
            options.seed,
            options.platform,
            progress,
        )
        write_ipi_side(
            draft,
            case,
            inside_cell(case, relaxed),
            options.ipi_atoms,
            temperature=options.temperature,
            seed=options.seed,
            masses=masses,
            rigid_step=_HEAVY_STEP if (options.hydrogen_mass or 0.0) >= _HEAVY else step,
        )
        directory.mkdir(exist_ok=True)
        # system.yaml makes a directory a case, so it comes last
        for path in sorted(draft.iterdir(), key=lambda path: path.name == "system.yaml"):
            os.replace(path, directory / path.name)
    return read_case(directory)
