"""Forces inside molecules, exclusions and walls, in double precision."""

from __future__ import annotations

import numpy as np

from polcouple.compile import compiled


@compiled
def _separation(positions, i, j, cell, inverse, out):
    """Closest image of j seen from i; atoms of a molecule are closer than half the cell's heights."""
    x = positions[j, 0] - positions[i, 0]
    y = positions[j, 1] - positions[i, 1]
    z = positions[j, 2] - positions[i, 2]
    f0 = np.rint(x * inverse[0, 0] + y * inverse[1, 0] + z * inverse[2, 0])
    f1 = np.rint(x * inverse[0, 1] + y * inverse[1, 1] + z * inverse[2, 1])
    f2 = np.rint(x * inverse[0, 2] + y * inverse[1, 2] + z * inverse[2, 2])
    out[0] = x - f0 * cell[0, 0] - f1 * cell[1, 0] - f2 * cell[2, 0]
    out[1] = y - f0 * cell[0, 1] - f1 * cell[1, 1] - f2 * cell[2, 1]
    out[2] = z - f0 * cell[0, 2] - f1 * cell[1, 2] - f2 * cell[2, 2]


@compiled
def water(oxygens, positions, cell, inverse, bond, length, bend, angle, forces):
    """Harmonic bonds O-H and angles H-O-H; adds to ``forces`` (n, 3), returns the energy.

    Args:
        oxygens: (m,) index of each oxygen; its hydrogens follow it.
        positions: (n, 3) in bohr, any image of an atom.
        bond, bend: force constants in Hartree/bohr^2 and Hartree/rad^2.
        length, angle: in bohr and rad.
    """
    energy = 0.0
    a, b = np.empty(3), np.empty(3)
    for m in range(oxygens.shape[0]):
        o = oxygens[m]
        _separation(positions, o, o + 1, cell, inverse, a)
        _separation(positions, o, o + 2, cell, inverse, b)
        ra = np.sqrt(a[0] ** 2 + a[1] ** 2 + a[2] ** 2)
        rb = np.sqrt(b[0] ** 2 + b[1] ** 2 + b[2] ** 2)
        cosine = (a[0] * b[0] + a[1] * b[1] + a[2] * b[2]) / (ra * rb)
        bent = np.arccos(cosine) - angle
        energy += 0.5 * bond * ((ra - length) ** 2 + (rb - length) ** 2) + 0.5 * bend * bent**2
        g = bend * bent / np.sqrt(max(1.0 - cosine * cosine, 1e-300))
        for axis in range(3):
            fa = -bond * (ra - length) * a[axis] / ra
            fb = -bond * (rb - length) * b[axis] / rb
            fa += g * (b[axis] / rb - cosine * a[axis] / ra) / ra
            fb += g * (a[axis] / ra - cosine * b[axis] / rb) / rb
            forces[o + 1, axis] += fa
            forces[o + 2, axis] += fb
            forces[o, axis] -= fa + fb
    return energy


@compiled
def excluded(first, second, products, positions, cell, inverse, forces):
    """Takes the Coulomb interaction of excluded pairs away; adds to ``forces``, returns the energy.

    Args:
        first, second: (p,) atoms.
        products: (p,) of their charges in e^2.
    """
    energy = 0.0
    d = np.empty(3)
    for k in range(first.shape[0]):
        i, j = first[k], second[k]
        _separation(positions, i, j, cell, inverse, d)
        square = d[0] ** 2 + d[1] ** 2 + d[2] ** 2
        e = -products[k] / np.sqrt(square)
        energy += e
        f = e / square
        for axis in range(3):
            forces[j, axis] += f * d[axis]
            forces[i, axis] -= f * d[axis]
    return energy


@compiled
def walls(atoms, positions, normal, period, middle, half_width, spring, forces):
    """Harmonic walls at ``half_width`` (bohr) on both sides of ``middle``; adds to ``forces``.

    Args:
        atoms: (m,) indices of those that feel them.
        normal: (3,) unit vector along which heights are measured.
        period: of the heights in bohr.
    """
    energy = 0.0
    for m in range(atoms.shape[0]):
        i = atoms[m]
        h = positions[i, 0] * normal[0] + positions[i, 1] * normal[1] + positions[i, 2] * normal[2] - middle
        h -= period * np.rint(h / period)
        beyond = abs(h) - half_width
        if beyond > 0.0:
            energy += 0.5 * spring * beyond * beyond
            f = -spring * beyond * np.sign(h)
            for axis in range(3):
                forces[i, axis] += f * normal[axis]
    return energy
