"""Rigid triangles, such as water: positions by SETTLE, momenta in closed form.

SETTLE: S. Miyamoto and P. A. Kollman, J. Comput. Chem. 13, 952 (1992). Each triangle has an apex and two
base atoms of equal mass at equal distance from it. All arrays are in atomic units; ``positions`` and
``momenta`` are (n, 3) and are changed in place.
"""

from __future__ import annotations

import numpy as np

from polcouple.compile import compiled_strictly


@compiled_strictly
def settle(atoms, masses, shapes, before, positions, momenta, time_step):
    """Put triangles back on their constraints after all atoms have moved freely for ``time_step``.

    The momenta get what the constraints' forces add in that time.

    Args:
        atoms: (t, 3) indices: apex, base, base.
        masses: (t, 2) of the apex and of one base atom.
        shapes: (t, 2) height of the apex above the base, and half the base.
        before: (n, 3) positions at the start of the move, which obey the constraints.

    Returns:
        The first triangle that has moved too far for a solution, or -1.
    """
    a0, b0, c0 = np.empty(3), np.empty(3), np.empty(3)
    x_axis, y_axis, z_axis = np.empty(3), np.empty(3), np.empty(3)
    a1, b1, c1, centre = np.empty(3), np.empty(3), np.empty(3), np.empty(3)
    for t in range(atoms.shape[0]):
        a, b, c = atoms[t, 0], atoms[t, 1], atoms[t, 2]
        apex_mass, base_mass = masses[t, 0], masses[t, 1]
        height, rc = shapes[t, 0], shapes[t, 1]
        total = apex_mass + 2.0 * base_mass
        ra = 2.0 * height * base_mass / total
        rb = height - ra
        for k in range(3):
            a0[k] = before[a, k]
            b0[k] = before[b, k] - a0[k]
            c0[k] = before[c, k] - a0[k]
            # relative to the old apex, so that no digits are lost far from the origin
            a1[k] = positions[a, k] - a0[k]
            b1[k] = positions[b, k] - a0[k]
            c1[k] = positions[c, k] - a0[k]
            centre[k] = (apex_mass * a1[k] + base_mass * (b1[k] + c1[k])) / total
            a1[k] -= centre[k]
            b1[k] -= centre[k]
            c1[k] -= centre[k]
        _cross(b0, c0, z_axis)
        _cross(a1, z_axis, x_axis)
        _cross(z_axis, x_axis, y_axis)
        if not (_normalise(x_axis) and _normalise(y_axis) and _normalise(z_axis)):
            return t
        xb0, yb0 = _dot(x_axis, b0), _dot(y_axis, b0)
        xc0, yc0 = _dot(x_axis, c0), _dot(y_axis, c0)
        za1 = _dot(z_axis, a1)
        xb1, yb1, zb1 = _dot(x_axis, b1), _dot(y_axis, b1), _dot(z_axis, b1)
        xc1, yc1, zc1 = _dot(x_axis, c1), _dot(y_axis, c1), _dot(z_axis, c1)
        sin_phi = za1 / ra
        if not sin_phi * sin_phi < 1.0:
            return t
        cos_phi = np.sqrt(1.0 - sin_phi * sin_phi)
        sin_psi = (zb1 - zc1) / (2.0 * rc * cos_phi)
        if not sin_psi * sin_psi < 1.0:
            return t
        cos_psi = np.sqrt(1.0 - sin_psi * sin_psi)
        ya2 = ra * cos_phi
        xb2 = -rc * cos_psi
        yb2 = -rb * cos_phi - rc * sin_psi * sin_phi
        yc2 = -rb * cos_phi + rc * sin_psi * sin_phi
        alpha = xb2 * (xb0 - xc0) + yb0 * yb2 + yc0 * yc2
        beta = xb2 * (yc0 - yb0) + xb0 * yb2 + xc0 * yc2
        gamma = xb0 * yb1 - xb1 * yb0 + xc0 * yc1 - xc1 * yc0
        square = alpha * alpha + beta * beta
        if not gamma * gamma < square:
            return t
        sin_theta = (alpha * gamma - beta * np.sqrt(square - gamma * gamma)) / square
        if not sin_theta * sin_theta < 1.0:
            return t
        cos_theta = np.sqrt(1.0 - sin_theta * sin_theta)
        xa3, ya3 = -ya2 * sin_theta, ya2 * cos_theta
        xb3, yb3 = xb2 * cos_theta - yb2 * sin_theta, xb2 * sin_theta + yb2 * cos_theta
        xc3, yc3 = -xb2 * cos_theta - yc2 * sin_theta, -xb2 * sin_theta + yc2 * cos_theta
        for k in range(3):
            moved = x_axis[k] * xa3 + y_axis[k] * ya3 + z_axis[k] * za1
            momenta[a, k] += apex_mass * (moved - a1[k]) / time_step
            positions[a, k] = a0[k] + (centre[k] + moved)
            moved = x_axis[k] * xb3 + y_axis[k] * yb3 + z_axis[k] * zb1
            momenta[b, k] += base_mass * (moved - b1[k]) / time_step
            positions[b, k] = a0[k] + (centre[k] + moved)
            moved = x_axis[k] * xc3 + y_axis[k] * yc3 + z_axis[k] * zc1
            momenta[c, k] += base_mass * (moved - c1[k]) / time_step
            positions[c, k] = a0[k] + (centre[k] + moved)
    return -1


@compiled_strictly
def stop_stretching(atoms, masses, positions, momenta):
    """Take out of the momenta what would change the three distances of each triangle; see :func:`settle`."""
    ab, ac, bc = np.empty(3), np.empty(3), np.empty(3)
    for t in range(atoms.shape[0]):
        a, b, c = atoms[t, 0], atoms[t, 1], atoms[t, 2]
        wa, wb = 1.0 / masses[t, 0], 1.0 / masses[t, 1]
        u1 = u2 = u3 = 0.0
        for k in range(3):
            ab[k] = positions[b, k] - positions[a, k]
            ac[k] = positions[c, k] - positions[a, k]
            bc[k] = positions[c, k] - positions[b, k]
            va, vb, vc = wa * momenta[a, k], wb * momenta[b, k], wb * momenta[c, k]
            u1 += ab[k] * (vb - va)
            u2 += ac[k] * (vc - va)
            u3 += bc[k] * (vc - vb)
        # symmetric 3 x 3 equations for the impulses along the sides, by cofactors
        m11, m12, m13 = (wa + wb) * _dot(ab, ab), wa * _dot(ab, ac), -wb * _dot(ab, bc)
        m22, m23, m33 = (wa + wb) * _dot(ac, ac), wb * _dot(ac, bc), 2.0 * wb * _dot(bc, bc)
        f11, f12, f13 = m22 * m33 - m23 * m23, m13 * m23 - m12 * m33, m12 * m23 - m13 * m22
        f22, f23, f33 = m11 * m33 - m13 * m13, m12 * m13 - m11 * m23, m11 * m22 - m12 * m12
        determinant = m11 * f11 + m12 * f12 + m13 * f13
        l1 = (f11 * u1 + f12 * u2 + f13 * u3) / determinant
        l2 = (f12 * u1 + f22 * u2 + f23 * u3) / determinant
        l3 = (f13 * u1 + f23 * u2 + f33 * u3) / determinant
        for k in range(3):
            momenta[a, k] += l1 * ab[k] + l2 * ac[k]
            momenta[b, k] += l3 * bc[k] - l1 * ab[k]
            momenta[c, k] -= l2 * ac[k] + l3 * bc[k]


@compiled_strictly
def _dot(a, b):
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


@compiled_strictly
def _cross(a, b, out):
    out[0] = a[1] * b[2] - a[2] * b[1]
    out[1] = a[2] * b[0] - a[0] * b[2]
    out[2] = a[0] * b[1] - a[1] * b[0]


@compiled_strictly
def _normalise(a):
    """Scale to length 1; False where there is no direction."""
    length = np.sqrt(_dot(a, a))
    if not length > 0.0:
        return False
    for k in range(3):
        a[k] /= length
    return True
