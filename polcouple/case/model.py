"""A case directory: system.yaml (validated), init.xyz and i-PI's input.xml.

system.yaml describes what i-PI does not know: which atoms of init.xyz are electrode, water and ions, the
force field, the electrodes' charges, how often the charges are refreshed, and the backends' settings.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import zip_longest
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from polcouple.case.likely_units import require_likely_bonds, require_likely_cell, require_likely_size
from polcouple.case.system_yaml import read_model
from polcouple.electrode import Electrode, Electrolyte
from polcouple.electrostatics.slab import SlabField
from polcouple.errors import InputError, nearest
from polcouple.ipi.initialize import StartFile, start_of_case
from polcouple.ipi.start_file import read_init_xyz
from polcouple.lattice.cell import check_cell, heights, reduced_cell
from polcouple.units import ANGSTROM_TO_BOHR, EV_TO_HARTREE

#: a cell whose total charge exceeds this is refused (e)
NEUTRALITY_TOLERANCE = 1e-9
#: components of cell vectors that i-PI leaves out are no larger, in terms of the largest
_TURNED = 1e-8

_Positive = Annotated[float, Field(gt=0)]
_NotNegative = Annotated[float, Field(ge=0)]


def _no_truth(value: Any) -> Any:
    """YAML's yes and on are True, which would count as 1."""
    if isinstance(value, bool):
        raise ValueError("yes, no, on and off are no numbers; in quotes they are words")
    return value


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    _numbers = field_validator("*", mode="before")(_no_truth)


class Water(_Section):
    """Flexible three-site water, energy = k/2 (x - x0)^2."""

    bond_kcal_per_mol_angstrom2: _Positive
    bond_length_angstrom: _Positive
    angle_kcal_per_mol_rad2: _Positive
    angle_degree: Annotated[float, Field(gt=0, lt=180)]
    oxygen_charge_e: float


class LennardJones(_Section):
    """Parameters of one element; Lorentz-Berthelot mixing."""

    sigma_angstrom: _NotNegative
    epsilon_kcal_per_mol: _NotNegative


class Walls(_Section):
    """Harmonic walls k/2 dz^2 for oxygens and ions below ``lower`` and above ``upper`` (z of the cell)."""

    lower_angstrom: float
    upper_angstrom: float
    spring_kcal_per_mol_angstrom2: _NotNegative

    @model_validator(mode="after")
    def _ordered(self) -> Walls:
        if self.lower_angstrom >= self.upper_angstrom:
            raise ValueError(
                f"lower_angstrom {self.lower_angstrom} must be below upper_angstrom {self.upper_angstrom}"
            )
        return self


class ForceField(_Section):
    """Classical interactions; the electrode's own pairs carry no Lennard-Jones (they never move).

    Lennard-Jones energies go smoothly to zero between ``switch_angstrom`` and ``cutoff_angstrom``; without a
    switch they are truncated, and each pair that crosses the cut-off makes the energy jump.
    """

    cutoff_angstrom: _Positive
    switch_angstrom: _Positive | None = None
    ewald_tolerance: Annotated[float, Field(gt=0, lt=1e-2)]
    water: Water
    ion_charges_e: dict[str, Annotated[float, BeforeValidator(_no_truth)]] = {}
    lennard_jones: dict[str, LennardJones]
    walls: Walls | None = None

    @model_validator(mode="after")
    def _switch_below_cutoff(self) -> ForceField:
        if self.switch_angstrom is not None and self.switch_angstrom >= self.cutoff_angstrom:
            raise ValueError(
                f"switch_angstrom {self.switch_angstrom:g} must be below cutoff_angstrom"
                f" {self.cutoff_angstrom:g}"
            )
        return self


class Block(_Section):
    """Consecutive atoms of init.xyz: an electrode's, waters (O H H each) or ions (one atom each)."""

    species: str
    count: Annotated[int, Field(ge=0)]


class ElectrodeSection(_Section):
    """One frozen electrode: atoms ``first_atom`` to ``last_atom`` of init.xyz, both counted from 0.

    ``total_charge_e`` is its charge, or what it starts from where a potential is held.
    """

    name: str
    first_atom: Annotated[int, Field(ge=0)]
    last_atom: Annotated[int, Field(ge=0)]
    total_charge_e: float


class Potential(_Section):
    """What is held in place of the electrodes' charges.

    Of two electrodes the difference of their potentials, first minus second: charge flows between them. Of
    one electrode its Fermi level: a uniform background takes what its charge misses to neutrality.
    """

    voltage_volt: float | None = None
    fermi_level_ev: float | None = None
    counter_charge: Literal["background"] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Potential:
        if (self.voltage_volt is None) == (self.fermi_level_ev is None):
            raise ValueError("give voltage_volt (two electrodes) or fermi_level_ev (one)")
        if (self.fermi_level_ev is None) != (self.counter_charge is None):
            raise ValueError("fermi_level_ev, and nothing else, needs counter_charge: background")
        return self


class Slab(_Section):
    """A slab with vacuum along z, in a displacement field D or in an electric field E along z.

    With D the field of the slab's periodic images is taken away; D = 0 is the correction of I.-C. Yeh and
    M. L. Berkowitz, J. Chem. Phys. 111, 3155 (1999). With E the images' field stays.
    """

    displacement_volt_per_angstrom: float | None = None
    field_volt_per_angstrom: float | None = None

    @model_validator(mode="after")
    def _one_field(self) -> Slab:
        if (self.displacement_volt_per_angstrom is None) == (self.field_volt_per_angstrom is None):
            raise ValueError("give displacement_volt_per_angstrom or field_volt_per_angstrom")
        return self


class Refresh(_Section):
    """When the electrode charges are computed anew: every ``interval`` force evaluations of a replica."""

    interval: Annotated[int, Field(ge=1)] = 1


class SystemSection(_Section):
    """The whole of system.yaml."""

    format: Literal["polcouple-case-1"]
    topology: list[Block]
    force_field: ForceField
    electrodes: Annotated[list[ElectrodeSection], Field(min_length=1)]
    potential: Potential | None = None
    slab: Slab | None = None
    refresh: Refresh = Refresh()
    backends: dict[str, dict[str, Any]] = {}


@dataclass(frozen=True, eq=False)
class Case:
    """A validated case.

    Attributes:
        directory: where it was read from.
        system: the content of system.yaml.
        symbols: chemical symbol of each of the N atoms, in i-PI's order.
        positions: (N, 3) initial positions in bohr.
        cell: (3, 3) lattice vectors in bohr, one per row.
    """

    directory: Path
    system: SystemSection
    symbols: tuple[str, ...]
    positions: np.ndarray
    cell: np.ndarray

    def __len__(self) -> int:
        return len(self.symbols)

    @cached_property
    def lattice(self) -> np.ndarray:
        """(3, 3) the same lattice as ``cell`` with the most upright vectors, for closest images; bohr."""
        return reduced_cell(self.cell)

    @cached_property
    def electrode_indices(self) -> np.ndarray:
        """Indices of the atoms of all electrodes, one electrode after the other."""
        return np.concatenate([np.arange(s.first_atom, s.last_atom + 1) for s in self.system.electrodes])

    @cached_property
    def electrolyte_indices(self) -> np.ndarray:
        """Indices of all other atoms, ascending."""
        return np.setdiff1d(np.arange(len(self)), self.electrode_indices)

    @cached_property
    def water_oxygens(self) -> np.ndarray:
        """Index of the oxygen of each water; its hydrogens follow it."""
        return np.concatenate(
            [np.arange(start, stop, 3) for species, start, stop in self._blocks() if species == "water"]
            or [np.empty(0, int)]
        )

    @cached_property
    def ion_indices(self) -> np.ndarray:
        """Indices of the monatomic ions."""
        ions = self.system.force_field.ion_charges_e
        return np.concatenate(
            [np.arange(start, stop) for species, start, stop in self._blocks() if species in ions]
            or [np.empty(0, int)]
        )

    @cached_property
    def charges(self) -> np.ndarray:
        """(N,) fixed charges in e; zero on the electrode."""
        force_field = self.system.force_field
        charges = np.zeros(len(self))
        oxygen_charge = force_field.water.oxygen_charge_e
        charges[self.water_oxygens] = oxygen_charge
        for hydrogen in (1, 2):
            charges[self.water_oxygens + hydrogen] = -0.5 * oxygen_charge
        for index in self.ion_indices:
            charges[index] = force_field.ion_charges_e[self.symbols[index]]
        return charges

    @cached_property
    def electrode(self) -> Electrode:
        """The frozen atoms of all electrodes at their initial positions."""
        return self._electrode(self.electrode_indices)

    @cached_property
    def electrodes(self) -> tuple[Electrode, ...]:
        """The electrodes one by one."""
        return tuple(
            self._electrode(np.arange(s.first_atom, s.last_atom + 1)) for s in self.system.electrodes
        )

    @cached_property
    def electrode_slices(self) -> tuple[slice, ...]:
        """Where each electrode's atoms are among those of all electrodes."""
        ends = np.cumsum([len(electrode) for electrode in self.electrodes])
        return tuple(slice(int(end) - len(e), int(end)) for end, e in zip(ends, self.electrodes, strict=True))

    @cached_property
    def slab_field(self) -> SlabField | None:
        """What the slab adds to the periodic sum, if the case is one."""
        slab = self.system.slab
        if slab is None:
            return None
        unit = EV_TO_HARTREE / ANGSTROM_TO_BOHR
        displacement, electric = slab.displacement_volt_per_angstrom, slab.field_volt_per_angstrom
        return SlabField(
            self.lattice,
            self.positions,
            None if displacement is None else displacement * unit,
            0.0 if electric is None else electric * unit,
        )

    def _electrode(self, indices: np.ndarray) -> Electrode:
        return Electrode(tuple(self.symbols[i] for i in indices), self.positions[indices], self.cell)

    @cached_property
    def electrolyte(self) -> Electrolyte:
        """Everything that moves."""
        indices = self.electrolyte_indices
        return Electrolyte(
            tuple(self.symbols[i] for i in indices),
            self.charges[indices],
            np.searchsorted(indices, self.ion_indices),
        )

    @property
    def total_charge(self) -> float:
        """Charge of all electrodes together in e; where a Fermi level is held, what it starts from."""
        return float(sum(section.total_charge_e for section in self.system.electrodes))

    def _blocks(self) -> list[tuple[str, int, int]]:
        """(species, first atom, one past the last atom) of each topology block."""
        blocks, start = [], 0
        for block in self.system.topology:
            stop = start + block.count * (3 if block.species == "water" else 1)
            blocks.append((block.species, start, stop))
            start = stop
        return blocks


def read_case(directory: Path | str, start: StartFile | None = None) -> Case:
    """Read and validate a case directory, with the structure that i-PI starts from.

    ``start`` is by default what the case's input.xml names.

    Raises:
        InputError: a file is missing or malformed, atoms and topology disagree, the cell is not neutral.
    """
    directory = Path(directory)
    path = directory / "system.yaml"
    system = read_model(path, SystemSection)
    start = start or start_of_case(directory)
    init = directory / start.name
    known = system.force_field.lennard_jones.keys()
    symbols, positions, cell = read_init_xyz(init, start.units, start.cell_units, start.cell, known)
    _check_labels(start, symbols, directory)
    require_likely_size(init, positions, cell)
    _check_cell(cell, init)
    case = Case(directory, system, symbols, positions, cell)
    _check_topology(case, path, start.name)
    _check_charges(case, path)
    bond = system.force_field.water.bond_length_angstrom * ANGSTROM_TO_BOHR
    require_likely_bonds(init, positions, case.water_oxygens, bond)
    require_likely_cell(init, case.electrode.positions, cell, in_input=start.cell is not None)
    _check_cutoff(case, path)
    _check_potential(case, path)
    return case


def write_init_xyz(path: Path, symbols: tuple[str, ...], positions: np.ndarray, cell: np.ndarray) -> None:
    """Write an i-PI xyz file in Angstrom with ten decimals; arguments in bohr, cell vectors in rows."""
    lengths = np.linalg.norm(cell, axis=1)
    directions = cell / lengths[:, None]
    cosines = [directions[i] @ directions[j] for i, j in ((1, 2), (0, 2), (0, 1))]
    angles = np.rad2deg(np.arccos(np.clip(cosines, -1.0, 1.0)))
    abc = " ".join(f"{length:.10f}" for length in lengths / ANGSTROM_TO_BOHR)
    abc += "".join(f" {angle:.12g}" for angle in angles)
    lines = [str(len(symbols)), f"# CELL(abcABC): {abc} positions{{angstrom}} cell{{angstrom}}"]
    lines += [
        "{:<2s} {:17.10f} {:17.10f} {:17.10f}".format(symbol, *position)
        for symbol, position in zip(symbols, positions / ANGSTROM_TO_BOHR, strict=True)
    ]
    path.write_text("\n".join(lines) + "\n")


def _check_topology(case: Case, path: Path, name: str) -> None:
    """Every atom of the start file is the one that topology, electrodes and force field expect."""
    force_field = case.system.force_field
    known = ["electrode", "water", *force_field.ion_charges_e]
    for block in case.system.topology:
        if block.species not in known:
            raise InputError(
                f"{path}: topology: unknown species '{block.species}'{nearest(block.species, known)};"
                f" known: {', '.join(known)}"
            )
    n_topology = case._blocks()[-1][2] if case.system.topology else 0
    if n_topology != len(case):
        raise InputError(
            f"{path}: topology describes {n_topology} atoms, {name} holds {len(case)}; correct the counts"
        )
    for species, start, stop in case._blocks():
        if species == "electrode":
            continue
        expected = ("O", "H", "H") if species == "water" else (species,)
        for atom in range(start, stop):
            symbol = expected[(atom - start) % len(expected)]
            if case.symbols[atom] != symbol:
                raise InputError(
                    f"{path}: atom {atom} of {name} is {case.symbols[atom]}, the topology expects {symbol}"
                    f" ({species}); bring {name} into the topology's order"
                )
    sections = case.system.electrodes
    blocks = [(start, stop - 1) for species, start, stop in case._blocks() if species == "electrode"]
    if len(sections) < len(blocks):
        raise InputError(f"{path}: {len(sections)} electrodes are described, the topology has {len(blocks)}")
    for section, span in zip_longest(sections, blocks):
        if (section.first_atom, section.last_atom) != span:
            raise InputError(
                f"{path}: electrode '{section.name}' spans atoms {section.first_atom} to {section.last_atom},"
                f" but the topology's electrode blocks are {blocks}; describe each one, in that order"
            )
    if len({section.name for section in sections}) < len(sections):
        raise InputError(f"{path}: two electrodes have the same name; give each its own")
    for atom, symbol in enumerate(case.symbols):
        if symbol not in force_field.lennard_jones:
            raise InputError(
                f"{path}: force_field.lennard_jones has no entry for {symbol}, which atom {atom} of {name} is"
            )


def _check_charges(case: Case, path: Path) -> None:
    total = float(case.charges.sum()) + case.total_charge
    if abs(total) > NEUTRALITY_TOLERANCE:
        raise InputError(
            f"{path}: the cell is not neutral: electrode {case.total_charge:+g} e, electrolyte"
            f" {case.charges.sum():+g} e, sum {total:+g} e; change total_charge_e or the number of ions"
        )


def _check_potential(case: Case, path: Path) -> None:
    potential, slab, n = case.system.potential, case.system.slab, len(case.system.electrodes)
    if potential is not None and potential.voltage_volt is not None and n != 2:
        raise InputError(
            f"{path}: potential.voltage_volt is a difference between two electrodes, there are {n}; for one"
            " electrode give fermi_level_ev and counter_charge: background"
        )
    if potential is not None and potential.fermi_level_ev is not None:
        if n != 1:
            raise InputError(
                f"{path}: potential.fermi_level_ev is of one electrode, there are {n}; give voltage_volt"
            )
        if slab is not None:
            raise InputError(
                f"{path}: slab needs a neutral cell, and potential.counter_charge makes it charged; leave"
                " one of them out"
            )
    if slab is not None and np.abs([*case.lattice[:2, 2], *case.lattice[2, :2]]).max() > 1e-6:
        raise InputError(f"{path}: slab needs a cell whose third vector is along z and the others across")
    if slab is not None:
        try:
            case.slab_field  # noqa: B018  (computed now, so that a cell without vacuum is refused here)
        except InputError as error:
            raise InputError(f"{path}: {error}") from None


def _check_labels(start: StartFile, symbols: tuple[str, ...], directory: Path) -> None:
    """The input's own <labels>, by which i-PI names the atoms in what it writes."""
    if start.labels is None or start.labels == symbols:
        return
    if len(start.labels) != len(symbols):
        found = f"holds {len(start.labels)} symbols, {start.name} {len(symbols)} atoms"
    else:
        atom = next(i for i, pair in enumerate(zip(start.labels, symbols, strict=True)) if len({*pair}) > 1)
        found = f"calls atom {atom} '{start.labels[atom][:20]}', {start.name} {symbols[atom]}"
    raise InputError(f"{directory}: i-PI's <labels> {found}; leave <labels> out")


def _check_cell(cell: np.ndarray, path: Path) -> None:
    """i-PI's convention, without which it would turn the cell and not the atoms."""
    try:
        check_cell(cell)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    if np.abs([cell[0, 1], cell[0, 2], cell[1, 2]]).max() > _TURNED * np.abs(cell).max() or (
        np.diag(cell).min() <= 0.0
    ):
        raise InputError(
            f"{path}: in i-PI's cells the first vector is along x, the second in the xy plane, the"
            " diagonal positive; turn the structure"
        )


def _check_cutoff(case: Case, path: Path) -> None:
    longest = 0.5 * float(heights(case.lattice).min()) / ANGSTROM_TO_BOHR
    cutoff = case.system.force_field.cutoff_angstrom
    if cutoff > longest:
        raise InputError(
            f"{path}: force_field.cutoff_angstrom {cutoff:g} exceeds half the smallest height of the cell,"
            f" {longest:.3f}"
        )
