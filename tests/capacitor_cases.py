"""Two small sheets that face each other, with point ions between them."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from polcouple.backends.base import Environment
from polcouple.builder.surfaces import graphene_sheet
from polcouple.case.force_field import default_force_field
from polcouple.case.model import Case
from polcouple.case.schema import ElectrodeSection, Potential, SystemSection
from polcouple.units import ANGSTROM_TO_BOHR

#: a temperature at which the levels of so small a sheet overlap
HOT = {"temperature_kelvin": 3000.0}


def capacitor(distance=12.0, height=30.0, charges=(0.3, -0.3), bump=0.0, cells=(3, 2), **sections) -> Case:
    """A case of two sheets, of 24 C unless ``cells`` says otherwise, and two ions; lengths in Angstrom.

    ``bump`` is the height of a wave in the first sheet.
    ``sections`` are those of system.yaml: potential, slab.
    """
    sheet, sides = graphene_sheet(*cells)
    n = len(sheet)
    upper = sheet + np.array([0.0, 0.0, distance])
    if bump:
        wave = bump * np.cos(2.0 * np.pi * sheet[:, 0] / sides[0])
        sheet = sheet + np.stack([0 * wave, 0 * wave, wave], axis=1)
    ions = np.array([[2.0, 3.0, 0.3 * distance], [5.0, 6.0, 0.6 * distance]])
    system = SystemSection.model_validate(
        {
            "format": "polcouple-case-1",
            "topology": [
                {"species": "electrode", "count": n},
                {"species": "electrode", "count": n},
                {"species": "Na", "count": 1},
                {"species": "Cl", "count": 1},
            ],
            "force_field": default_force_field(("Na", "Cl"), 3.5, (1.0, distance - 1.0)),
            "electrodes": [
                {"name": name, "first_atom": first, "last_atom": first + n - 1, "total_charge_e": charge}
                for name, first, charge in zip(("lower", "upper"), (0, n), charges, strict=True)
            ],
            **sections,
        }
    )
    symbols = ("C",) * (2 * n) + ("Na", "Cl")
    positions = np.concatenate([sheet, upper, ions]) * ANGSTROM_TO_BOHR
    return Case(Path("capacitor"), system, symbols, positions, np.diag([*sides, height]) * ANGSTROM_TO_BOHR)


def slabs(layers, gap=10.0, vacuum=15.0, charges=(0.0, 0.0), displaced=0.05, **sections) -> Case:
    """A case of two electrodes of ``layers`` (2,) sheets of 24 C each, displaced at random; in Angstrom."""
    sheet, sides = graphene_sheet(3, 2)
    counts = [len(sheet) * number for number in layers]
    shift = np.array([sides[0] / 6.0, 0.0, 3.35])
    lower = [sheet + k * shift for k in range(layers[0])]
    top = 3.35 * (layers[0] - 1)
    upper = [sheet + k * shift + np.array([0.3, 0.2, top + gap]) for k in range(layers[1])]
    ions = np.array([[2.0, 3.0, top + 0.4 * gap], [5.0, 6.0, top + 0.6 * gap]])
    height = top + gap + 3.35 * (layers[1] - 1) + vacuum
    positions = np.concatenate([*lower, *upper, ions])
    moved = np.random.default_rng(7).uniform(-displaced, displaced, positions.shape)
    positions = (positions + moved) * ANGSTROM_TO_BOHR
    system = capacitor().system.model_dump() | {
        "topology": [
            *({"species": "electrode", "count": count} for count in counts),
            {"species": "Na", "count": 1},
            {"species": "Cl", "count": 1},
        ],
        "electrodes": [
            {"name": name, "first_atom": first, "last_atom": first + count - 1, "total_charge_e": charge}
            for name, first, count, charge in zip(
                ("lower", "upper"), (0, counts[0]), counts, charges, strict=True
            )
        ],
        **sections,
    }
    return Case(
        Path("slabs"),
        SystemSection.model_validate(system),
        ("C",) * sum(counts) + ("Na", "Cl"),
        positions,
        np.diag([*sides, height]) * ANGSTROM_TO_BOHR,
    )


def one_sheet(cells, level=None) -> Case:
    """A neutral sheet of :func:`capacitor`, its Fermi level held at ``level`` (eV) if given."""
    both = capacitor(cells=cells)
    n = len(both.electrode) // 2
    sections: dict = {
        "topology": [both.system.topology[0], *both.system.topology[2:]],
        "electrodes": [ElectrodeSection(name="sheet", first_atom=0, last_atom=n - 1, total_charge_e=0.0)],
    }
    if level is not None:
        sections["potential"] = Potential(fermi_level_ev=level, counter_charge="background")
    sheet = replace(
        both,
        symbols=both.symbols[:n] + both.symbols[2 * n :],
        positions=np.delete(both.positions, np.s_[n : 2 * n], axis=0),
    )
    return with_sections(sheet, **sections)


def with_sections(case: Case, **sections) -> Case:
    """The same atoms with other sections of system.yaml."""
    return replace(case, system=case.system.model_copy(update=sections))


def seen(case: Case, potentials: np.ndarray) -> Environment:
    """An environment of given site potentials (n,) in Hartree/e."""
    return Environment(case.electrolyte, case.positions[case.electrolyte_indices], potentials)


def noise(case: Case, size: float, seed: int = 0) -> np.ndarray:
    """Random potentials (n,) at the electrodes' atoms in Hartree/e."""
    return size * np.random.default_rng(seed).standard_normal(len(case.electrode))
