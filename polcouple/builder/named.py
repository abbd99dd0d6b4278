"""Waters and ions that the builder knows by name, as text of a GROMACS topology.

Sources: TIP4P-Ew, Horn et al., J. Chem. Phys. 120, 9665 (2004); TIP4P/2005, Abascal and Vega, J. Chem. Phys.
123, 234505 (2005); OPC, Izadi, Anandakrishnan and Onufriev, J. Phys. Chem. Lett. 5, 3863 (2014); waters of
three sites, :mod:`polcouple.case.force_field`; ions, :mod:`polcouple.case.ions`. TIP4P/2005 has the ions for
TIP4P-Ew, which keep their properties in it: Doepke, Moultos and Hartkamp, J. Chem. Phys. 152, 024501 (2020).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from polcouple.case.force_field import WATER_MODELS
from polcouple.case.force_field_schema import Water
from polcouple.case.ions import ION_CHARGES, IONS
from polcouple.errors import InputError, nearest
from polcouple.units import DALTON_TO_ELECTRON_MASS, KCAL_TO_KJ

#: what types and molecules of this module begin with, which those of files do not
OWN = "built_in_"
WATER = f"{OWN}water"


@dataclass(frozen=True)
class FourSites:
    """Rigid water whose negative charge is beside the oxygen; lengths in Angstrom.

    Attributes:
        bond, angle: O-H, and H-O-H in degrees.
        hydrogen_charge: in e.
        oxygen: its sigma, and epsilon in kcal/mol.
        site: distance of the charge from the oxygen, towards the hydrogens.
        ions: the table of ions made for it.
    """

    bond: float
    angle: float
    hydrogen_charge: float
    oxygen: tuple[float, float]
    site: float
    ions: str


FOUR_SITES = {
    "tip4p_ew": FourSites(0.9572, 104.52, 0.52422, (3.16435, 0.16275), 0.125, "tip4p_ew"),
    "tip4p_2005": FourSites(0.9572, 104.52, 0.5564, (3.1589, 0.185207), 0.1546, "tip4p_ew"),
    "opc": FourSites(0.87243313, 103.59893, 0.679142, (3.166552, 0.212800813), 0.1593983, "opc"),
}
#: all waters
WATERS = (*WATER_MODELS, *FOUR_SITES)


def check_names(water: str, ions: Iterable[str]) -> None:
    """Refuse a water or ions without parameters.

    Raises:
        InputError: with the nearest name that has.
    """
    if water not in WATERS:
        raise InputError(f"no water '{water}'{nearest(water, WATERS)}; known: {', '.join(WATERS)}")
    known = _ions(water)
    for ion in ions:
        if ion not in known:
            raise InputError(
                f"no parameters of the ion '{ion}' for the water {water}{nearest(ion, known)}; known:"
                f" {', '.join(known)}"
            )


def water_shape(water: str) -> tuple[float, float]:
    """O-H in Angstrom and H-O-H in degrees."""
    if water in FOUR_SITES:
        return FOUR_SITES[water].bond, FOUR_SITES[water].angle
    return WATER_MODELS[water].shape


def is_rigid(water: str) -> bool:
    """Whether its shape never changes."""
    return water in FOUR_SITES or WATER_MODELS[water].is_rigid


def ion_molecule(ion: str) -> str:
    """What an ion's molecule is called in the topology."""
    return f"{OWN}{ion}"


def atom_types(water: str, ions: Iterable[str]) -> str:
    """[ atomtypes ], of combination rule 2."""
    from ase.data import atomic_numbers
    from ipi.utils.units import Elements

    oxygen = WATER_MODELS[water].lennard_jones["O"] if water in WATER_MODELS else FOUR_SITES[water].oxygen
    known = {"O": oxygen, "H": (0.0, 0.0)} | {ion: _ions(water)[ion] for ion in ions}
    lines = ["[ atomtypes ]", f"{OWN}M 0 0.0 0.0 D 0.0 0.0"]
    for name, (sigma, epsilon) in known.items():
        mass = Elements.mass(name) / DALTON_TO_ELECTRON_MASS
        lines.append(
            f"{OWN}{name} {atomic_numbers[name]} {mass:.8g} 0.0 A {0.1 * sigma:.10g}"
            f" {KCAL_TO_KJ * epsilon:.10g}"
        )
    return "\n".join(lines) + "\n"


def molecule_types(water: str, ions: Iterable[str], hydrogen_mass: float | None) -> str:
    """[ moleculetype ] of the water and of each ion; ``hydrogen_mass`` in u comes from the oxygen."""
    text = _water(water, hydrogen_mass)
    for ion in ions:
        name = ion_molecule(ion)
        text += f"[ moleculetype ]\n{name} 1\n[ atoms ]\n1 {name} 1 {ion} {ion} 1 {ION_CHARGES[ion]}\n"
    return text


def _water(water: str, hydrogen_mass: float | None) -> str:
    from ipi.utils.units import Elements

    length, angle = water_shape(water)
    four = FOUR_SITES.get(water)
    charge = -0.5 * WATER_MODELS[water].water["oxygen_charge_e"] if four is None else four.hydrogen_charge
    oxygen, hydrogen = (Elements.mass(name) / DALTON_TO_ELECTRON_MASS for name in ("O", "H"))
    if hydrogen_mass is not None:
        oxygen, hydrogen = oxygen - 2.0 * (hydrogen_mass - hydrogen), hydrogen_mass
    atoms = [("O", -2.0 * charge, oxygen), ("H", charge, hydrogen), ("H", charge, hydrogen)]
    if four is not None:
        atoms = [("O", 0.0, oxygen), *atoms[1:], ("M", -2.0 * charge, 0.0)]
    lines = ["[ moleculetype ]", f"{WATER} 2", "[ atoms ]"]
    lines += [
        f"{number} {OWN}{name} 1 HOH {name}{number - 1 if name == 'H' else ''} 1 {q:.10g} {mass:.10g}"
        for number, (name, q, mass) in enumerate(atoms, start=1)
    ]
    bond, bend = 0.1 * length, math.radians(angle)
    springs = None if four else Water(**WATER_MODELS[water].water).springs
    if springs is None:
        lines += ["[ settles ]", f"1 1 {bond:.10g} {2.0 * bond * math.sin(0.5 * bend):.10g}"]
    else:
        stretch, turn = KCAL_TO_KJ * 100.0 * springs[0], KCAL_TO_KJ * springs[1]
        lines += ["[ bonds ]", *(f"1 {end} 1 {bond:.10g} {stretch:.10g}" for end in (2, 3))]
        lines += ["[ angles ]", f"2 1 3 1 {angle:.10g} {turn:.10g}"]
    lines.append("[ exclusions ]")
    numbers = range(1, len(atoms) + 1)
    lines += [" ".join(map(str, (i, *(j for j in numbers if j != i)))) for i in numbers]
    if four is not None:
        weight = four.site / (2.0 * length * math.cos(0.5 * bend))
        lines += ["[ virtual_sites3 ]", f"4 1 2 3 1 {weight:.10g} {weight:.10g}"]
    return "\n".join(lines) + "\n"


def _ions(water: str) -> dict[str, tuple[float, float]]:
    if water in FOUR_SITES:
        return IONS[FOUR_SITES[water].ions]
    return {ion: WATER_MODELS[water].lennard_jones[ion] for ion in ION_CHARGES}
