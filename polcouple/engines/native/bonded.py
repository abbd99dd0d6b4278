"""Forces inside molecules, listed pairs and walls, in double precision.

Every kind of term is one loop with the same arguments:

    atoms: (m, 2 to 4) numbers of the atoms.
    parameters: (m, parameters) in bohr, rad, e and Hartree.
    positions: (n, 3) in bohr, any image of an atom.
    cell, inverse: (3, 3).
    forces: (n, 3) in Hartree/bohr, added to.

It returns the energy in Hartree.
"""

from __future__ import annotations

import numpy as np

from polcouple.compile import compiled

#: angles and dihedrals of atoms in a line have no direction: sines below this are taken for it
_STRAIGHT = 1e-12


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
def harmonic_bonds(atoms, parameters, positions, cell, inverse, forces):
    """k/2 (r - r0)^2; ``parameters`` k, r0."""
    energy = 0.0
    d = np.empty(3)
    for m in range(atoms.shape[0]):
        i, j = atoms[m, 0], atoms[m, 1]
        _separation(positions, i, j, cell, inverse, d)
        r = np.sqrt(d[0] ** 2 + d[1] ** 2 + d[2] ** 2)
        k, stretched = parameters[m, 0], r - parameters[m, 1]
        energy += 0.5 * k * stretched**2
        _pull(i, j, d, k * stretched / r, forces)
    return energy


@compiled
def quartic_bonds(atoms, parameters, positions, cell, inverse, forces):
    """k/4 (r^2 - r0^2)^2, as GROMOS has bonds; ``parameters`` k, r0."""
    energy = 0.0
    d = np.empty(3)
    for m in range(atoms.shape[0]):
        i, j = atoms[m, 0], atoms[m, 1]
        _separation(positions, i, j, cell, inverse, d)
        k, stretched = parameters[m, 0], d[0] ** 2 + d[1] ** 2 + d[2] ** 2 - parameters[m, 1] ** 2
        energy += 0.25 * k * stretched**2
        _pull(i, j, d, k * stretched, forces)
    return energy


@compiled
def listed_pairs(atoms, parameters, positions, cell, inverse, forces):
    """Q/r + A/r^12 - C/r^6 at any distance; ``parameters`` Q, A, C."""
    energy = 0.0
    d = np.empty(3)
    for m in range(atoms.shape[0]):
        i, j = atoms[m, 0], atoms[m, 1]
        _separation(positions, i, j, cell, inverse, d)
        inverse2 = 1.0 / (d[0] ** 2 + d[1] ** 2 + d[2] ** 2)
        inverse6 = inverse2 * inverse2 * inverse2
        coulomb = parameters[m, 0] * np.sqrt(inverse2)
        repulsion, attraction = parameters[m, 1] * inverse6 * inverse6, parameters[m, 2] * inverse6
        energy += coulomb + repulsion - attraction
        _pull(i, j, d, -(coulomb + 12.0 * repulsion - 6.0 * attraction) * inverse2, forces)
    return energy


@compiled
def harmonic_angles(atoms, parameters, positions, cell, inverse, forces):
    """k/2 (theta - theta0)^2, the second atom in the corner; ``parameters`` k, theta0."""
    energy = 0.0
    a, b = np.empty(3), np.empty(3)
    for m in range(atoms.shape[0]):
        sine, cosine = _corner(atoms, m, positions, cell, inverse, a, b)
        k, bent = parameters[m, 0], np.arctan2(sine, cosine) - parameters[m, 1]
        energy += 0.5 * k * bent**2
        _bend(atoms, m, a, b, sine, cosine, k * bent, forces)
    return energy


@compiled
def cosine_angles(atoms, parameters, positions, cell, inverse, forces):
    """k/2 (cos theta - cos theta0)^2, the second atom in the corner; ``parameters`` k, theta0."""
    energy = 0.0
    a, b = np.empty(3), np.empty(3)
    for m in range(atoms.shape[0]):
        sine, cosine = _corner(atoms, m, positions, cell, inverse, a, b)
        length = np.sqrt(sine**2 + cosine**2)
        k, bent = parameters[m, 0], cosine / length - np.cos(parameters[m, 1])
        energy += 0.5 * k * bent**2
        _bend(atoms, m, a, b, sine, cosine, -k * bent * sine / length, forces)
    return energy


@compiled
def periodic_torsions(atoms, parameters, positions, cell, inverse, forces):
    """k (1 + cos(n phi - phi0)); ``parameters`` k, phi0, n."""
    energy = 0.0
    w = np.empty((7, 3))
    for m in range(atoms.shape[0]):
        phi = _torsion(atoms, m, positions, cell, inverse, w)
        k, n = parameters[m, 0], parameters[m, 2]
        turned = n * phi - parameters[m, 1]
        energy += k * (1.0 + np.cos(turned))
        _turn(atoms, m, w, -k * n * np.sin(turned), forces)
    return energy


@compiled
def harmonic_torsions(atoms, parameters, positions, cell, inverse, forces):
    """k/2 (phi - phi0)^2; ``parameters`` k, phi0, and the period of the difference: 2 pi, or endless."""
    energy = 0.0
    w = np.empty((7, 3))
    for m in range(atoms.shape[0]):
        turned = _torsion(atoms, m, positions, cell, inverse, w) - parameters[m, 1]
        turned -= parameters[m, 2] * np.rint(turned / parameters[m, 2])
        energy += 0.5 * parameters[m, 0] * turned**2
        _turn(atoms, m, w, parameters[m, 0] * turned, forces)
    return energy


@compiled
def ryckaert_bellemans(atoms, parameters, positions, cell, inverse, forces):
    """sum_n c_n cos^n(phi - pi); ``parameters`` c_0 to c_5."""
    energy = 0.0
    w = np.empty((7, 3))
    for m in range(atoms.shape[0]):
        phi = _torsion(atoms, m, positions, cell, inverse, w)
        x = -np.cos(phi)
        value = slope = 0.0
        for n in range(5, -1, -1):
            slope = slope * x + value
            value = value * x + parameters[m, n]
        energy += value
        _turn(atoms, m, w, slope * np.sin(phi), forces)
    return energy


@compiled
def _pull(i, j, d, slope_over_r, forces):
    """Forces of a term of the distance vector d from i to j with the slope dE/dr."""
    for axis in range(3):
        f = slope_over_r * d[axis]
        forces[i, axis] += f
        forces[j, axis] -= f


@compiled
def _corner(atoms, m, positions, cell, inverse, a, b):
    """The sides a and b of an angle; sine and cosine of it times their lengths."""
    _separation(positions, atoms[m, 1], atoms[m, 0], cell, inverse, a)
    _separation(positions, atoms[m, 1], atoms[m, 2], cell, inverse, b)
    x, y, z = a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]
    return np.sqrt(x * x + y * y + z * z), a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@compiled
def _bend(atoms, m, a, b, sine, cosine, slope, forces):
    """Forces of an angle with dE/dtheta = slope; see :func:`_corner` for the rest."""
    over = slope / max(sine, _STRAIGHT)
    over_a = over / (a[0] ** 2 + a[1] ** 2 + a[2] ** 2)
    over_b = over / (b[0] ** 2 + b[1] ** 2 + b[2] ** 2)
    for axis in range(3):
        fa = over * b[axis] - over_a * cosine * a[axis]
        fb = over * a[axis] - over_b * cosine * b[axis]
        forces[atoms[m, 0], axis] += fa
        forces[atoms[m, 2], axis] += fb
        forces[atoms[m, 1], axis] -= fa + fb


@compiled
def _cross(a, b, out):
    out[0] = a[1] * b[2] - a[2] * b[1]
    out[1] = a[2] * b[0] - a[0] * b[2]
    out[2] = a[0] * b[1] - a[1] * b[0]


@compiled
def _dot(a, b):
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@compiled
def _torsion(atoms, m, positions, cell, inverse, w):
    """The dihedral angle by IUPAC's sign; into ``w`` what :func:`_turn` needs.

    After A. Blondel and M. Karplus, J. Comput. Chem. 17, 1132 (1996): F, G, H, A = F x G, B = H x G.
    """
    f, g, h, a, b, c = w[0], w[1], w[2], w[3], w[4], w[5]
    _separation(positions, atoms[m, 1], atoms[m, 0], cell, inverse, f)
    _separation(positions, atoms[m, 2], atoms[m, 1], cell, inverse, g)
    _separation(positions, atoms[m, 2], atoms[m, 3], cell, inverse, h)
    _cross(f, g, a)
    _cross(h, g, b)
    _cross(b, a, c)
    return np.arctan2(_dot(c, g), _dot(a, b) * np.sqrt(_dot(g, g)))


@compiled
def _turn(atoms, m, w, slope, forces):
    """Forces of a dihedral with dE/dphi = slope."""
    f, g, h, a, b = w[0], w[1], w[2], w[3], w[4]
    length = np.sqrt(_dot(g, g))
    over_a, over_b = slope / max(_dot(a, a), _STRAIGHT), slope / max(_dot(b, b), _STRAIGHT)
    along_a, along_b = _dot(f, g) * over_a / length, _dot(h, g) * over_b / length
    for axis in range(3):
        first, last = over_a * length * a[axis], -over_b * length * b[axis]
        shared = along_b * b[axis] - along_a * a[axis]
        forces[atoms[m, 0], axis] += first
        forces[atoms[m, 1], axis] -= first - shared
        forces[atoms[m, 2], axis] -= last + shared
        forces[atoms[m, 3], axis] += last


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
