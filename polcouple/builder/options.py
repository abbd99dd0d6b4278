"""What to build, and what of it cannot be."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from polcouple.builder.electrodes import ElectrodeOptions
from polcouple.builder.layout import SHORTEST_CUTOFF, UPPER_WALL_CLEARANCE
from polcouple.builder.molecule_files import MoleculeFile
from polcouple.builder.named import check_names, is_rigid
from polcouple.builder.packing import FACE_CLEARANCE
from polcouple.builder.surfaces import Surface
from polcouple.case.force_field import WATER_MODELS
from polcouple.errors import InputError
from polcouple.importing.ipi_side import IpiAtoms

#: below this, molecules at the upper wall would touch the next image of the electrode (Angstrom)
_LEAST_VACUUM = UPPER_WALL_CLEARANCE + FACE_CLEARANCE
#: of hydrogen in u that may be asked for
_HYDROGEN_MASSES = (1.0, 4.0)


@dataclass(frozen=True)
class BuildOptions:
    """What to build; the defaults are the reference system of Di Pasquale et al., JCTC 17, 4477 (2021).

    Attributes:
        electrode: what the electrodes are.
        n_water: number of water molecules; None: as many as the gap has room for.
        water_model: of :data:`polcouple.builder.named.WATERS`.
        hydrogen_mass: of rigid water's hydrogens in u, taken from its oxygen; None: their own.
        ions: number of each ion by its symbol.
        molecules: of files, beside water and ions.
        total_charge: of the electrode in e; two electrodes share it.
        gap: thickness of the electrolyte in Angstrom; with a voltage, the distance of two electrodes' faces;
            None: what the liquid's density gives.
        density: of the liquid in g/cm3; None: of water, each ion in the place of a molecule.
        vacuum: empty space above it in Angstrom; the cell's height is the sum of both and the electrodes'
            thickness.
        voltage: first minus second potential in volts of two electrodes that face each other; None: one.
        temperature: in kelvin.
        equilibration: in ps.
        seed: of all random numbers.
        platform: of OpenMM, for the equilibration.
        ipi_atoms: which atoms i-PI has: all, or the liquid's.
    """

    electrode: ElectrodeOptions = field(default_factory=ElectrodeOptions)
    n_water: int | None = 2065
    water_model: str = "spc_e"
    hydrogen_mass: float | None = None
    ions: dict[str, int] = field(default_factory=lambda: {"Na": 90, "Cl": 86})
    molecules: tuple[MoleculeFile, ...] = ()
    total_charge: float = -4.0
    gap: float | None = 80.0
    density: float | None = None
    vacuum: float = 80.0
    voltage: float | None = None
    temperature: float = 300.0
    equilibration: float = 2.0
    seed: int = 1
    platform: str = "CPU"
    ipi_atoms: IpiAtoms = "all"

    @property
    def n_electrodes(self) -> int:
        """One, or two that face each other."""
        return 1 if self.voltage is None else 2

    @property
    def is_aqueous(self) -> bool:
        """Whether waters of three sites and ions are all of the liquid."""
        return not self.molecules and self.water_model in WATER_MODELS

    def surfaces(self) -> tuple[Surface, ...]:
        """The electrodes, the lower one first; their lattice vectors are the same."""
        return self.electrode.surfaces(self.n_electrodes, self.seed)

    def check(self) -> None:
        """Refuse what cannot be built.

        Raises:
            InputError: with the numbers and what would mend them.
        """
        check_names(self.water_model, self.ions)
        self._check_hydrogen_mass()
        for name in ("gap", "density", "vacuum", "voltage", "temperature", "equilibration", "total_charge"):
            if not math.isfinite(getattr(self, name) or 0.0):
                raise InputError(f"{name} {getattr(self, name)} must be a finite number")
        if (self.n_water or 0) < 0 or min(self.ions.values(), default=0) < 0:
            raise InputError("the numbers of waters and ions must not be negative")
        if self.n_water == 0 and not self.molecules and not any(self.ions.values()):
            raise InputError("nothing to pack: give a number of waters or ions, or molecules")
        if self.density is not None and not self.density > 0:
            raise InputError(f"density {self.density:g} must be a positive number of g/cm3")
        if not self.temperature > 0 or not self.equilibration >= 0:
            raise InputError(
                f"temperature {self.temperature:g} must be positive and"
                f" equilibration {self.equilibration:g} must not be negative"
            )
        surfaces = self.surfaces()
        self.electrode.parameters(surfaces)
        self._check_lengths(surfaces[0])

    def _check_hydrogen_mass(self) -> None:
        mass, (least, most) = self.hydrogen_mass, _HYDROGEN_MASSES
        if mass is None:
            return
        if self.molecules:
            raise InputError(
                f"hydrogen_mass {mass:g} is for water by name; molecules of files have masses of their own"
            )
        if not is_rigid(self.water_model):
            raise InputError(
                f"hydrogen_mass {mass:g} is for rigid water, whose steps it lengthens; {self.water_model} is"
                " flexible: give a rigid --water-model, or leave it out"
            )
        if not least <= mass <= most:
            raise InputError(f"hydrogen_mass {mass:g} u must be from {least:g} to {most:g}; 3 is usual")

    def _check_lengths(self, surface: Surface) -> None:
        heights = surface.heights
        least = 2 * SHORTEST_CUTOFF
        if heights.min() < least:
            repeat = self.electrode.repeat or (1, 1)
            need = [math.ceil(least * n / height) for n, height in zip(repeat, heights, strict=True)]
            raise InputError(
                f"an electrode of {heights[0]:.2f} x {heights[1]:.2f} Angstrom leaves a cut-off of"
                f" {heights.min() / 2:.2f} Angstrom, {SHORTEST_CUTOFF:g} are needed; give at least"
                f" {need[0]} x {need[1]} cells"
            )
        least = FACE_CLEARANCE * self.n_electrodes
        if self.gap is not None and not self.gap > least:
            raise InputError(
                f"gap {self.gap:g} must exceed {least:g} Angstrom, {FACE_CLEARANCE:g} being kept from"
                f" {'the electrode' if self.voltage is None else 'each of two electrodes'}"
            )
        if not self.vacuum >= _LEAST_VACUUM:
            raise InputError(
                f"vacuum {self.vacuum:g} is too thin: the upper wall stands {UPPER_WALL_CLEARANCE:g}"
                f" Angstrom above the electrolyte, below the next image of the"
                " electrode;"
                f" give {_LEAST_VACUUM:g} or more"
            )
