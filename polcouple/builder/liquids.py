"""How much liquid there is: what follows from its density, and whether the cell is neutral."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from polcouple.builder.options import BuildOptions
from polcouple.builder.packing import Kind, gap_for, liquid_height
from polcouple.builder.surfaces import Surface
from polcouple.case.ions import ION_CHARGES
from polcouple.errors import InputError
from polcouple.log import log
from polcouple.number_words import charge as charge_words

#: a mass of 1 u in a cubic Angstrom, in g/cm3
_DENSITY_UNIT = 1.66053907
#: a charge of the whole cell up to this is rounding of files, which the electrode takes (e)
_ROUNDING = 1e-3


def settled(
    options: BuildOptions, kinds: Sequence[Kind], surface: Surface
) -> tuple[BuildOptions, tuple[Kind, ...]]:
    """The options and kinds with the gap, or the number of waters, that the liquid's density gives.

    The first kind is water where its number is not given.

    Raises:
        InputError: neither is given, the density is not known, or there is no room for water.
    """
    if options.density is not None:
        if options.gap is not None and options.n_water is not None:
            raise InputError(
                f"--density {options.density:g}: the gap and the number of waters decide it; leave one of"
                " --gap, --water and --density out"
            )
        kinds = [replace(kind, volume=kind.mass * _DENSITY_UNIT / options.density) for kind in kinds]
    area = float(surface.sides.prod())
    if options.gap is None:
        if options.n_water is None:
            raise InputError(
                "give the number of waters (--water) or the gap (--gap): one follows from the other"
            )
        if options.molecules and options.density is None:
            raise InputError(
                "the density of molecules of files is not known: give --gap in Angstrom, or the liquid's"
                " --density in g/cm3"
            )
        options = replace(options, gap=round(gap_for(kinds, area, options.n_electrodes), 2))
        log(f"a gap of {options.gap:g} Angstrom gives the liquid its density")
    elif options.n_water is None:
        water, *others = kinds
        space = area * liquid_height(options.gap, options.n_electrodes)
        room = round((space - sum(kind.count * kind.volume for kind in others)) / water.volume)
        if room < 1:
            raise InputError(
                f"a gap of {options.gap:g} Angstrom has no room for water beside"
                f" {sum(kind.count for kind in others)} other molecules and ions; give a larger --gap"
            )
        kinds = (replace(water, count=room), *others)
        options = replace(options, n_water=room)
        log(f"{room} waters fill the gap of {options.gap:g} Angstrom")
    return options, tuple(kinds)


def check_neutral(kinds: Sequence[Kind], total_charge: float, exact: bool) -> None:
    """Refuse a cell with a charge; where it need not be ``exact``, a rounding of files is none.

    Raises:
        InputError: with the charges, and the numbers of ions that would do.
    """
    charge = sum(kind.charge * kind.count for kind in kinds)
    excess = charge + total_charge
    if abs(excess) <= (1e-9 if exact else _ROUNDING):
        return
    charge, excess = round(charge, 6) + 0.0, round(excess, 6) + 0.0
    cure = f"give the electrode {charge_words(-charge)}"
    counts = {kind.name: (kind.charge, kind.count) for kind in kinds if abs(kind.charge) > _ROUNDING}
    if all(name in ION_CHARGES for name in counts):
        counts |= {ion: (ION_CHARGES[ion], 0) for ion in ("Na", "Cl") if ion not in counts}
    for name, (own, count) in counts.items():
        more = -excess / own
        if more > 0.0 and abs(more - round(more)) <= _ROUNDING:
            cure += f" or {name} {count + round(more)} ions"
            break
    raise InputError(
        f"the cell is not neutral: ions {charge_words(charge)}, electrode {charge_words(total_charge)},"
        f" sum {charge_words(excess)}; {cure}"
    )
