"""An aqueous electrolyte on an electrode or between two, ready for i-PI."""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from polcouple.builder.electrodes import ElectrodeOptions
from polcouple.builder.equilibration import Progress, equilibrate, inside_cell
from polcouple.builder.packing import FACE_CLEARANCE, Kind, check_density, pack_liquid, water_places
from polcouple.builder.surfaces import Surface
from polcouple.case.force_field import ION_CHARGES, WATER_MODELS, WaterModel, default_force_field
from polcouple.case.model import Case, read_case, write_init_xyz
from polcouple.errors import InputError, nearest
from polcouple.ipi.templates import write_inputs
from polcouple.units import (
    ANGSTROM_TO_BOHR,
    DALTON_TO_ELECTRON_MASS,
)

#: heights in Angstrom of the lower wall, and of the upper wall above the electrolyte's nominal top
_LOWER_WALL, _UPPER_WALL_CLEARANCE = 1.0, 5.0
#: the cut-off is half the cell's shortest side within these bounds, in Angstrom
_SHORTEST_CUTOFF, _LONGEST_CUTOFF = 6.0, 10.0
#: below this, molecules at the upper wall would touch the next image of the electrode (Angstrom)
_LEAST_VACUUM = _UPPER_WALL_CLEARANCE + FACE_CLEARANCE
#: of the equilibration, of flexible and of rigid water (ps)
_TIMESTEP_PS, _RIGID_TIMESTEP_PS = 0.5e-3, 2e-3
#: of hydrogen in u that may be asked for, and from which on i-PI's steps are longer
_HYDROGEN_MASSES, _HEAVY = (1.0, 4.0), 3.0
#: steps of rigid water under i-PI, with heavy hydrogens, too (fs)
_RIGID_STEP, _HEAVY_STEP = 2.0, 4.0


@dataclass(frozen=True)
class BuildOptions:
    """What to build; the defaults are the reference system of Di Pasquale et al., JCTC 17, 4477 (2021).

    Attributes:
        electrode: what the electrodes are.
        n_water: number of water molecules.
        water_model: of :data:`polcouple.case.force_field.WATER_MODELS`.
        hydrogen_mass: of rigid water's hydrogens in u, taken from its oxygen; None: their own.
        ions: number of each ion by its symbol (Li, Na, K, Cl).
        total_charge: of the electrode in e; two electrodes share it.
        gap: thickness of the electrolyte in Angstrom; with a voltage, the distance of two electrodes' faces.
        vacuum: empty space above it in Angstrom; the cell's height is the sum of both and the electrodes'
            thickness.
        voltage: first minus second potential in volts of two electrodes that face each other; None: one.
        temperature: in kelvin.
        equilibration: in ps.
        seed: of all random numbers.
        platform: of OpenMM, for the equilibration.
    """

    electrode: ElectrodeOptions = field(default_factory=ElectrodeOptions)
    n_water: int = 2065
    water_model: str = "spc_fw"
    hydrogen_mass: float | None = None
    ions: dict[str, int] = field(default_factory=lambda: {"Na": 90, "Cl": 86})
    total_charge: float = -4.0
    gap: float = 80.0
    vacuum: float = 80.0
    voltage: float | None = None
    temperature: float = 300.0
    equilibration: float = 2.0
    seed: int = 1
    platform: str = "CPU"

    @property
    def model(self) -> WaterModel:
        """The water by its parameters."""
        return WATER_MODELS[self.water_model]

    @property
    def time_step(self) -> float:
        """Of the equilibration in ps."""
        return _RIGID_TIMESTEP_PS if self.model.is_rigid else _TIMESTEP_PS

    @property
    def n_sheets(self) -> int:
        """Number of electrodes."""
        return 1 if self.voltage is None else 2

    @property
    def top(self) -> float:
        """Height in Angstrom above the first electrode's face that molecules stay below at the start."""
        return self.gap if self.voltage is None else self.gap - FACE_CLEARANCE

    def surfaces(self) -> tuple[Surface, ...]:
        """The electrodes, the lower one first; their lattice vectors are the same."""
        return self.electrode.surfaces(self.n_sheets, self.seed)

    def check(self) -> None:
        """Refuse what cannot be built.

        Raises:
            InputError: with the numbers and what would mend them.
        """
        if self.water_model not in WATER_MODELS:
            raise InputError(
                f"no water '{self.water_model}'{nearest(self.water_model, WATER_MODELS)}; known:"
                f" {', '.join(WATER_MODELS)}"
            )
        self._check_hydrogen_mass()
        for name in ("gap", "vacuum", "voltage", "temperature", "equilibration", "total_charge"):
            if not math.isfinite(getattr(self, name) or 0.0):
                raise InputError(f"{name} {getattr(self, name)} must be a finite number")
        if self.n_water < 0 or min(self.ions.values(), default=0) < 0:
            raise InputError("the numbers of waters and ions must not be negative")
        if self.n_water + sum(self.ions.values()) == 0:
            raise InputError("nothing to pack: give a number of waters or ions")
        if not self.temperature > 0 or not self.equilibration >= 0:
            raise InputError(
                f"temperature {self.temperature:g} must be positive and"
                f" equilibration {self.equilibration:g} must not be negative"
            )
        self.electrode.parameters(self.surfaces())
        self._check_lengths()
        self._check_neutrality()

    def _check_hydrogen_mass(self) -> None:
        mass, (least, most) = self.hydrogen_mass, _HYDROGEN_MASSES
        if mass is None:
            return
        if not self.model.is_rigid:
            raise InputError(
                f"hydrogen_mass {mass:g} is for rigid water, whose steps it lengthens; {self.water_model} is"
                " flexible: give a rigid --water-model, or leave it out"
            )
        if not least <= mass <= most:
            raise InputError(f"hydrogen_mass {mass:g} u must be from {least:g} to {most:g}; 3 is usual")

    def _check_lengths(self) -> None:
        heights = self.surfaces()[0].heights
        least = 2 * _SHORTEST_CUTOFF
        if heights.min() < least:
            repeat = self.electrode.repeat or (1, 1)
            need = [math.ceil(least * n / height) for n, height in zip(repeat, heights, strict=True)]
            raise InputError(
                f"an electrode of {heights[0]:.2f} x {heights[1]:.2f} Angstrom leaves a cut-off of"
                f" {heights.min() / 2:.2f} Angstrom, {_SHORTEST_CUTOFF:g} are needed; give at least"
                f" {need[0]} x {need[1]} cells"
            )
        if not self.top > FACE_CLEARANCE:
            raise InputError(
                f"gap {self.gap:g} must exceed {FACE_CLEARANCE:g} Angstrom, kept from"
                f" {'the electrode' if self.voltage is None else 'each of two electrodes'}"
            )
        if not self.vacuum >= _LEAST_VACUUM:
            raise InputError(
                f"vacuum {self.vacuum:g} is too thin: the upper wall stands {_UPPER_WALL_CLEARANCE:g}"
                f" Angstrom above the electrolyte, below the next image of the"
                " electrode;"
                f" give {_LEAST_VACUUM:g} or more"
            )

    def _check_neutrality(self) -> None:
        for ion in self.ions:
            if ion not in ION_CHARGES:
                raise InputError(
                    f"no ion '{ion}'{nearest(ion, ION_CHARGES)}; known: {', '.join(ION_CHARGES)}"
                )
        ion_charge = sum(ION_CHARGES[ion] * count for ion, count in self.ions.items())
        excess = ion_charge + self.total_charge
        if abs(excess) <= 1e-9:
            return
        cure = f"give the electrode {0.0 - ion_charge:+g} e"
        others = [i for i in (*self.ions, "Na", "Cl") if ION_CHARGES[i] * excess < 0]
        even = [i for i in others if (excess / ION_CHARGES[i]).is_integer()]
        if even:
            added = round(-excess / ION_CHARGES[even[0]])
            cure += f" or {even[0]} {self.ions.get(even[0], 0) + added} ions"
        raise InputError(
            f"the cell is not neutral: ions {ion_charge:+g} e, electrode {self.total_charge:+g} e, sum"
            f" {excess:+g} e; {cure}"
        )


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
    surfaces = options.surfaces()
    kinds = [Kind(("O", "H", "H"), water_places(*options.model.shape), options.n_water)]
    kinds += [Kind((ion,), np.zeros((1, 3)), count) for ion, count in options.ions.items()]
    check_density(kinds, surfaces[0].sides, options.gap, options.n_sheets)
    # packed above the first electrode's face at z = 0, which its thickness then lifts
    packed = pack_liquid(kinds, surfaces[0].vectors, options.top, options.seed)
    face = np.array([0.0, 0.0, surfaces[0].thickness])
    electrodes = [surfaces[0].facing_up(0.0)]
    electrodes += [surface.facing_down(face[2] + options.gap) for surface in surfaces[1:]]
    electrodes += [own.reshape(-1, 3) + face for own in packed]
    positions = np.concatenate(electrodes) * ANGSTROM_TO_BOHR
    fixed = [symbol for surface in surfaces for symbol in surface.symbols]
    symbols = (*fixed, *(symbol for kind in kinds for symbol in kind.symbols * kind.count))
    cell = np.zeros((3, 3))
    cell[:2, :2] = surfaces[0].vectors
    cell[2, 2] = sum(surface.thickness for surface in surfaces) + options.gap + options.vacuum
    cell *= ANGSTROM_TO_BOHR

    directory.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=directory.parent, prefix=f".{directory.name}-") as name:
        draft = Path(name)
        _write_system(draft / "system.yaml", options, surfaces, cell)
        write_init_xyz(draft / "init.xyz", symbols, positions, cell)
        case = read_case(draft)
        positions = equilibrate(
            case,
            options.temperature,
            options.equilibration,
            options.time_step,
            options.seed,
            options.platform,
            progress,
        )
        write_init_xyz(draft / "init.xyz", symbols, inside_cell(case, positions), cell)
        write_inputs(
            draft,
            range(len(fixed)),
            options.temperature,
            options.seed,
            options.voltage is not None,
            masses=_repartitioned(case, options.hydrogen_mass),
            constraints=case.constraints,
            rigid_step=_HEAVY_STEP if (options.hydrogen_mass or 0.0) >= _HEAVY else _RIGID_STEP,
        )
        directory.mkdir(exist_ok=True)
        # system.yaml makes a directory a case, so it comes last
        for path in sorted(draft.iterdir(), key=lambda path: path.name == "system.yaml"):
            os.replace(path, directory / path.name)
    return read_case(directory)


def _write_system(path: Path, options: BuildOptions, surfaces: Sequence[Surface], cell: np.ndarray) -> None:
    """system.yaml of the case; the cut-off is 10 Angstrom, or what fits the cell (3, 3) in bohr."""
    shortest = min(*surfaces[0].heights, cell[2, 2] / ANGSTROM_TO_BOHR)
    cutoff = min(_LONGEST_CUTOFF, math.floor(shortest / 2 * 10) / 10)
    face = surfaces[0].thickness
    above = _UPPER_WALL_CLEARANCE if options.voltage is None else -_LOWER_WALL - surfaces[1].floor
    walls = (face + surfaces[0].floor + _LOWER_WALL, face + options.gap + above)
    alone = "electrode" if face else "sheet"
    names = [alone] if options.voltage is None else ["lower", "upper"]
    ends = np.cumsum([0, *map(len, surfaces)]).tolist()
    topology = [{"species": "electrode", "count": len(surface)} for surface in surfaces]
    if options.n_water:
        topology.append({"species": "water", "count": options.n_water})
    topology += [{"species": ion, "count": count} for ion, count in options.ions.items()]
    content: dict[str, Any] = {
        "format": "polcouple-case-1",
        "topology": topology,
        "force_field": default_force_field(
            tuple(options.ions), float(cutoff), walls, options.model, options.electrode.parameters(surfaces)
        ),
        "electrodes": [
            {
                "name": name,
                "first_atom": first,
                "last_atom": end - 1,
                "total_charge_e": options.total_charge / len(names),
            }
            for name, first, end in zip(names, ends[:-1], ends[1:], strict=True)
        ],
        "refresh": {"interval": 1},
        "backends": {},
    }
    if options.voltage is not None:
        content["potential"] = {"voltage_volt": options.voltage}
        content["slab"] = {"displacement_volt_per_angstrom": 0.0}
    path.write_text(yaml.safe_dump(content, sort_keys=False))


def _repartitioned(case: Case, hydrogen_mass: float | None) -> list[float] | None:
    """Masses of all atoms in electron masses, the waters' hydrogens being of ``hydrogen_mass`` u."""
    if hydrogen_mass is None:
        return None
    masses, oxygens = case.topology.masses.copy(), case.water_oxygens
    for hydrogen in (1, 2):
        masses[oxygens] += masses[oxygens + hydrogen] - hydrogen_mass * DALTON_TO_ELECTRON_MASS
        masses[oxygens + hydrogen] = hydrogen_mass * DALTON_TO_ELECTRON_MASS
    return [float(mass) for mass in masses]
