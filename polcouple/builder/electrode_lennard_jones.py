"""Lennard-Jones parameters of electrode atoms with the liquid, by element; a case holds its own copy.

Sources, in the order in which they are taken: carbon, Cornell et al., JACS 117, 5179 (1995); metals of the
face-centred cubic lattice, H. Heinz, R. A. Vaia, B. L. Farmer and R. R. Naik, J. Phys. Chem. C 112, 17281
(2008), made for such surfaces with Lorentz-Berthelot's rules in water; all others, the universal force field,
A. K. Rappe et al., JACS 114, 10024 (1992), which was made for no surface in particular: where literature has
parameters for the surface at hand, they are better.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from polcouple.case.force_field import LENNARD_JONES
from polcouple.errors import InputError

_MINIMUM_TO_SIGMA = 2.0 ** (-1.0 / 6.0)

_CORNELL, _HEINZ, _UFF, _GIVEN = (
    "Cornell et al., JACS 117, 5179 (1995)",
    "Heinz et al., J. Phys. Chem. C 112, 17281 (2008)",
    "UFF, Rappe et al., JACS 114, 10024 (1992)",
    "given",
)

#: distance of the minimum in Angstrom and depth in kcal/mol
_FCC_METALS = {
    "Al": (2.925, 4.02),
    "Ni": (2.552, 5.65),
    "Cu": (2.616, 4.72),
    "Pd": (2.819, 6.15),
    "Ag": (2.955, 4.56),
    "Pt": (2.845, 7.80),
    "Au": (2.951, 5.29),
    "Pb": (3.565, 2.93),
}

#: distance of the minimum in Angstrom and depth in kcal/mol
_UNIVERSAL = {
    "H": (2.886, 0.044),
    "Li": (2.451, 0.025),
    "B": (4.083, 0.180),
    "N": (3.660, 0.069),
    "O": (3.500, 0.060),
    "F": (3.364, 0.050),
    "Mg": (3.021, 0.111),
    "Si": (4.295, 0.402),
    "P": (4.147, 0.305),
    "S": (4.035, 0.274),
    "Cl": (3.947, 0.227),
    "Ti": (3.175, 0.017),
    "V": (3.144, 0.016),
    "Cr": (3.023, 0.015),
    "Mn": (2.961, 0.013),
    "Fe": (2.912, 0.013),
    "Co": (2.872, 0.014),
    "Zn": (2.763, 0.124),
    "Ga": (4.383, 0.415),
    "Ge": (4.280, 0.379),
    "As": (4.230, 0.309),
    "Se": (4.205, 0.291),
    "Nb": (3.165, 0.059),
    "Mo": (3.052, 0.056),
    "Cd": (2.848, 0.228),
    "In": (4.463, 0.599),
    "Sn": (4.392, 0.567),
    "Te": (4.470, 0.398),
    "Ta": (3.170, 0.081),
    "W": (3.069, 0.067),
    "Re": (2.954, 0.066),
    "Bi": (4.370, 0.518),
}


class Parameters(NamedTuple):
    """Sigma in Angstrom, epsilon in kcal/mol, and where they are from."""

    sigma: float
    epsilon: float
    source: str


def electrode_parameters(
    elements: Iterable[str], given: Mapping[str, tuple[float, float]] | None = None
) -> dict[str, Parameters]:
    """Parameters of each element; ``given`` ones, sigma in Angstrom and epsilon in kcal/mol, come first.

    Raises:
        InputError: an element that no table has, or a given one that the electrode has not.
    """
    given = given or {}
    wanted = sorted(set(elements))
    for element in given:
        if element not in wanted:
            raise InputError(
                f"Lennard-Jones parameters of {element} are given, the electrode is of {', '.join(wanted)}"
            )
    found = {}
    for element in wanted:
        if element in given:
            found[element] = Parameters(*given[element], _GIVEN)
        elif element == "C":
            found[element] = Parameters(*LENNARD_JONES["C"], _CORNELL)
        elif element in _FCC_METALS or element in _UNIVERSAL:
            source = _HEINZ if element in _FCC_METALS else _UFF
            minimum, depth = _FCC_METALS.get(element) or _UNIVERSAL[element]
            found[element] = Parameters(round(minimum * _MINIMUM_TO_SIGMA, 6), depth, source)
        else:
            raise InputError(
                f"no Lennard-Jones parameters of {element} in the builder's tables; give them with"
                f" --lennard-jones {element}=SIGMA,EPSILON (Angstrom, kcal/mol)"
            )
    return found
