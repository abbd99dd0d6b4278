"""An aqueous electrolyte on an electrode or between two, ready for i-PI."""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from polcouple.builder.electrodes import ElectrodeOptions
from polcouple.builder.packing import SHEET_CLEARANCE, pack_liquid
from polcouple.builder.surfaces import Surface
from polcouple.case.force_field import ION_CHARGES, WATER_MODELS, WaterModel, default_force_field
from polcouple.case.model import Case, read_case, write_init_xyz
from polcouple.errors import InputError, nearest
from polcouple.ipi.templates import write_inputs
from polcouple.units import (
    ANGSTROM_TO_BOHR,
    BOHR_TO_NM,
    DALTON_TO_ELECTRON_MASS,
    KELVIN_TO_HARTREE,
    KJ_PER_MOL_TO_HARTREE,
    NM_TO_BOHR,
)

#: heights in Angstrom of the lower wall, and of the upper wall above the electrolyte's nominal top
_LOWER_WALL, _UPPER_WALL_CLEARANCE = 1.0, 5.0
#: the cut-off is half the cell's shortest side within these bounds, in Angstrom
_SHORTEST_CUTOFF, _LONGEST_CUTOFF = 6.0, 10.0
#: below this, molecules at the upper wall would touch the next image of the electrode (Angstrom)
_LEAST_VACUUM = _UPPER_WALL_CLEARANCE + SHEET_CLEARANCE
#: of the equilibration, of flexible and of rigid water (ps)
_TIMESTEP_PS, _RIGID_TIMESTEP_PS = 0.5e-3, 2e-3
#: of hydrogen in u that may be asked for, and from which on i-PI's steps are longer
_HYDROGEN_MASSES, _HEAVY = (1.0, 4.0), 3.0
#: steps of rigid water under i-PI, with heavy hydrogens, too (fs)
_RIGID_STEP, _HEAVY_STEP = 2.0, 4.0
_STEPS_PER_REPORT = 100
#: relative, of rigid molecules while they are equilibrated; i-PI's are kept to the last digits
_CONSTRAINT_TOLERANCE = 1e-8
#: a temperature this many times the one asked for means that the structure flies apart
_EXPLOSION = 5.0

#: called with the picoseconds equilibrated so far and what is being done
Progress = Callable[[float, str], None]


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
        return self.gap if self.voltage is None else self.gap - SHEET_CLEARANCE

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
        if not self.top > SHEET_CLEARANCE:
            raise InputError(
                f"gap {self.gap:g} must exceed {SHEET_CLEARANCE:g} Angstrom, kept from"
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
        cure = f"give the electrode {-ion_charge:+g} e"
        if excess == round(excess):
            # ions are monovalent: as many of one sign more, or of the other sign fewer
            sign = math.copysign(1.0, excess)
            others = [i for i, charge in ION_CHARGES.items() if charge * sign < 0]
            added = next((ion for ion in others if self.ions.get(ion)), others[0])
            cure += f" or {added} {self.ions.get(added, 0) + round(abs(excess))} ions"
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
    rng = np.random.default_rng(options.seed)
    # packed above the first electrode's face at z = 0, which its thickness then lifts
    waters, ions = pack_liquid(
        surfaces[0].sides, options.top, options.n_water, sum(options.ions.values()), options.model.shape, rng
    )
    face = np.array([0.0, 0.0, surfaces[0].thickness])
    electrodes = [surfaces[0].facing_up(0.0)]
    electrodes += [surface.facing_down(face[2] + options.gap) for surface in surfaces[1:]]
    positions = np.concatenate([*electrodes, waters.reshape(-1, 3) + face, ions + face]) * ANGSTROM_TO_BOHR
    fixed = [symbol for surface in surfaces for symbol in surface.symbols]
    symbols = (*fixed, *("O", "H", "H") * options.n_water)
    symbols += tuple(ion for ion, count in options.ions.items() for _ in range(count))
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
        positions = equilibrate(case, options, progress)
        write_init_xyz(draft / "init.xyz", symbols, whole_molecules(case, positions), cell)
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


def equilibrate(case: Case, options: BuildOptions, progress: Progress) -> np.ndarray:
    """Minimise and run Langevin dynamics with uniform electrode charges; positions (N, 3) in bohr.

    Raises:
        InputError: the platform is not available, or the structure flies apart.
    """
    import openmm

    from polcouple.engines.openmm import InsideCell, build_system, create_context, set_electrode_charges
    from polcouple.rigid.constraints import Constraints

    system, _ = build_system(case)
    for (i, j), length in zip(*case.constraints, strict=True):
        system.addConstraint(int(i), int(j), float(length) * BOHR_TO_NM)
    integrator = openmm.LangevinMiddleIntegrator(options.temperature, 5.0, options.time_step)
    integrator.setConstraintTolerance(_CONSTRAINT_TOLERANCE)
    integrator.setRandomNumberSeed(options.seed)
    context = create_context(system, integrator, options.platform, None)
    n = len(case.electrode)
    set_electrode_charges(context, np.full(n, case.total_charge / n))
    images = InsideCell(case)
    start = images(case.positions)
    if len(case.constraints[0]):
        # OpenMM's constraints know no images
        start = Constraints(*case.constraints, case.topology.masses).whole(start, images.cell)
    context.setPositions(start * BOHR_TO_NM)
    progress(0.0, "minimising")
    openmm.LocalEnergyMinimizer.minimize(context, tolerance=100.0, maxIterations=500)
    context.setVelocitiesToTemperature(options.temperature, options.seed)
    steps = round(options.equilibration / options.time_step)
    for first in range(0, steps, _STEPS_PER_REPORT):
        done = min(first + _STEPS_PER_REPORT, steps)
        try:
            integrator.step(done - first)
            kelvin = _temperature(context, 3 * len(case.electrolyte) - len(case.constraints[0]))
        except openmm.OpenMMException:  # a coordinate is not a number
            kelvin = math.inf
        if not kelvin < _EXPLOSION * options.temperature:
            raise InputError(
                f"the packed structure flies apart ({kelvin:.0f} K after {done * options.time_step:g} ps);"
                " try another --seed or a larger --gap"
            )
        progress(done * options.time_step, f"equilibrating, {kelvin:.0f} K")
    positions = np.array(context.getState(getPositions=True).getPositions(asNumpy=True)._value)
    return positions * NM_TO_BOHR - images.shift


def whole_molecules(case: Case, positions: np.ndarray) -> np.ndarray:
    """Move each molecule as a whole into the cell, by its oxygen or ion; the electrode stays in place."""
    inverse = np.linalg.inv(case.cell)
    wrapped = positions.copy()
    for heads, size in ((case.water_oxygens, 3), (case.ion_indices, 1)):
        for member in range(size):
            # the image of each member next to its head, then both moved alike
            offset = (positions[heads + member] - positions[heads]) @ inverse
            offset -= np.round(offset)
            head = positions[heads] @ inverse
            wrapped[heads + member] = (head - np.floor(head) + offset) @ case.cell
    wrapped[case.electrode_indices] = case.positions[case.electrode_indices]
    return wrapped


def _write_system(path: Path, options: BuildOptions, surfaces: Sequence[Surface], cell: np.ndarray) -> None:
    """system.yaml of the case; the cut-off is 10 Angstrom, or what fits the cell (3, 3) in bohr."""
    shortest = min(*surfaces[0].heights, cell[2, 2] / ANGSTROM_TO_BOHR)
    cutoff = min(_LONGEST_CUTOFF, math.floor(shortest / 2 * 10) / 10)
    face = surfaces[0].thickness
    above = _UPPER_WALL_CLEARANCE if options.voltage is None else -_LOWER_WALL
    walls = (face + _LOWER_WALL, face + options.gap + above)
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


def _temperature(context: Any, freedoms: int) -> float:
    """Kinetic temperature in kelvin of so many degrees of freedom."""
    kinetic = context.getState(getEnergy=True).getKineticEnergy()._value * KJ_PER_MOL_TO_HARTREE
    return float(2 * kinetic / (freedoms * KELVIN_TO_HARTREE))
