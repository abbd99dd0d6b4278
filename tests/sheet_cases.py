"""A small case in a hexagonal cell, whose lattice vectors can be chosen in many ways."""

import dataclasses

import numpy as np

from polcouple.units import ANGSTROM_TO_BOHR

SHEET = 2.46 * ANGSTROM_TO_BOHR


def sheet_case(small_case, height_shift=0.0, skew=(0, 0, 0), lean=0.0):
    """72 carbons in a hexagonal cell, 12 waters, Na and Cl; lattice vectors b + n a, c + m a + k b.

    ``lean`` (bohr) leans the third vector along x: another lattice.
    """
    a = 6 * SHEET * np.array([1.0, 0.0, 0.0])
    b = 6 * SHEET * np.array([-0.5, np.sqrt(0.75), 0.0])
    c = np.array([lean, 0.0, 24.0 * ANGSTROM_TO_BOHR])
    primitive = np.array([a, b]) / 6
    basis = np.array([[0.0, 0.0], [1 / 3, 2 / 3]]) @ primitive
    sheet = np.array(
        [i * primitive[0] + j * primitive[1] + one for i in range(6) for j in range(6) for one in basis]
    )
    sheet[:, 2] = height_shift * c[2]
    rng = np.random.default_rng(2)
    spots = np.array([[i, j, k] for k in range(2) for i in range(3) for j in range(3)])[:14] + 0.5
    heads = spots / [3, 3, 4] @ np.array([a, b, c * 0.8]) + [0, 0, 5.0]
    positions, symbols = list(sheet), ["C"] * 72
    water = 1.9 * np.array([[0, 0, 0], [1, 0, 0], [-0.35, 0.93, 0]])
    for head in heads[:12]:
        positions += list(head + water @ np.linalg.qr(rng.standard_normal((3, 3)))[0])
        symbols += ["O", "H", "H"]
    positions += list(heads[12:])
    symbols += ["Na", "Cl"]
    n, m, k = skew
    cell = np.array([a, b + n * a, c + m * a + k * b])
    content = small_case.system.model_dump()
    content["topology"] = [
        {"species": s, "count": c} for s, c in (("electrode", 72), ("water", 12), ("Na", 1), ("Cl", 1))
    ]
    content["electrodes"][0].update(first_atom=0, last_atom=71, total_charge_e=0.0)
    content["force_field"].update(cutoff_angstrom=5.5, switch_angstrom=4.5)
    content["force_field"]["walls"].update(lower_angstrom=2.0, upper_angstrom=9.0)
    system = type(small_case.system).model_validate(content)
    return dataclasses.replace(
        small_case, system=system, symbols=tuple(symbols), positions=np.array(positions), cell=cell
    )
