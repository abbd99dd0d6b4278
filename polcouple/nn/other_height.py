"""A response net in a cell of another height than the one it was trained in.

A net knows E(phi; Q) of a sheet that repeats above itself at the height of its training cell. In the cell of
another height the sheet's orbitals are the same, the images above are too far for anything but Coulomb's law,
and the energy of the charges q with one another changes by 1/2 q dG q,

    dG = G_new - G_old ,      G: Ewald kernels of the sheet's atoms, each with its images and background.

DFTB's energy is stationary in q, so that the energy in the new cell is

    E_new(phi; Q) = E(phi + dG q; Q) - 1/2 q dG q ,      q = dE/dphi at phi + dG q ,

which is stationary in q again: dE_new/dphi = q, and -dE_new/dQ is the net's Fermi level at phi + dG q.
Electrodes act on one another in the same way (:mod:`polcouple.coupling.electrodes`); here the sheet's own
images take the other electrode's place. Derivatives are those of q = q_old(phi + dG q; Q):

    K_new = D K,    f_new = D f,    hardness_new = hardness + f . dG f_new ,      D = (1 - K dG)^-1 .

For a flat sheet dG is a constant, pi (h_new - h_old) / (3 A) for cells of upright height h over the area A,
plus terms that fall off as exp(-2 pi h / b), b the lateral lattice's longest period: charges then hardly
differ, while energy and Fermi level do by the constant times Q^2/2 and Q.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from polcouple.electrode import Electrode
from polcouple.electrostatics.ewald import ewald_matrix
from polcouple.errors import ConvergenceError
from polcouple.lattice.matrix import Matrix, as_matrix
from polcouple.nn.model_electrode import has_own_cell, in_one_piece
from polcouple.nn.response_net import ChargeResponse, Response, ResponseNet

#: potentials that differ by less (Hartree/e) are one: charges then differ by some 1e-10 e
_SAME_POTENTIALS = 1e-10
#: evaluations of the net for one answer, at most
_MOST_EVALUATIONS = 20


class NetInCell:
    """A response net for an electrode in its own cell or in one of another height.

    Args:
        net: whose electrode is this one but for a rigid shift and the third lattice vector, see
            :func:`polcouple.nn.model_electrode.require_electrode`.
        electrode: that is to be served.
    """

    def __init__(self, net: ResponseNet, electrode: Electrode) -> None:
        self.net = net
        self._change: np.ndarray | None = None
        if has_own_cell(net.electrode, electrode):
            return
        self._change = change_of_kernel(net.electrode, electrode.cell)
        # charges near zero respond much as others do: an approximate D costs evaluations, not accuracy
        nodes = net.prior.total_charges
        near_zero = net.prior.at(float(nodes[np.abs(nodes).argmin()])).kernel
        steps = np.linalg.inv(np.eye(len(electrode)) - near_zero @ self._change)
        self._potentials = as_matrix(self._change, net.electrode)
        self._step = as_matrix(steps, net.electrode)

    def respond(self, site_potentials: np.ndarray, total_charge: float) -> Response:
        """See :meth:`ResponseNet.respond`; of the electrode in its new cell.

        Raises:
            ModelMismatchError: a total charge outside the range trained on.
            ConvergenceError: no charges were found that answer their own change of potential.
        """
        if self._change is None:
            return self.net.respond(site_potentials, total_charge)
        charges = np.full(len(site_potentials), total_charge / len(site_potentials))
        added = self._potentials @ charges
        for _ in range(_MOST_EVALUATIONS):
            found = self.net.respond(site_potentials + added, total_charge)
            answer = self._potentials @ found.charges
            if np.abs(answer - added).max() < _SAME_POTENTIALS:
                own = found.charges @ (added - 0.5 * answer)
                return replace(found, energy=found.energy - float(own))
            charges = charges + self._step @ (found.charges - charges)
            added = self._potentials @ charges
        raise ConvergenceError(
            f"model {self.net.name}: the sheet's charges and their images' in a cell of another height do not"
            " settle; make the cell taller or train a net in it"
        )

    def charge_response(self, site_potentials: np.ndarray, total_charge: float) -> ChargeResponse:
        """See :meth:`ResponseNet.charge_response`; in another cell with D from K of the prior.

        Raises:
            ModelMismatchError: a total charge outside the range trained on.
        """
        if self._change is None:
            return self.net.charge_response(site_potentials, total_charge)
        added = self._potentials @ self.respond(site_potentials, total_charge).charges
        own = self.net.charge_response(site_potentials + added, total_charge)
        kernel = self.net.prior.at(total_charge).kernel
        fukui = np.linalg.solve(np.eye(len(kernel)) - kernel @ self._change, own.fukui)
        return ChargeResponse(fukui, own.hardness + float(own.fukui @ (self._potentials @ fukui)))

    def kernel(self, total_charge: float) -> Matrix:
        """(n, n) K = dq/dphi of the linear-response prior in e^2/Hartree.

        Raises:
            ModelMismatchError: a total charge outside the range trained on.
        """
        if self._change is None:
            return self.net.kernel(total_charge)
        kernel = self.net.prior.at(total_charge).kernel
        screened = np.linalg.solve(np.eye(len(kernel)) - kernel @ self._change, kernel)
        return as_matrix(0.5 * (screened + screened.T), self.net.electrode)


def change_of_kernel(electrode: Electrode, cell: np.ndarray) -> np.ndarray:
    """dG (n, n) in Hartree/e^2: what the atoms' Coulomb kernel gains in another ``cell`` (3, 3) in bohr."""
    positions, _ = in_one_piece(electrode)
    return ewald_matrix(positions, cell) - ewald_matrix(positions, electrode.cell)
