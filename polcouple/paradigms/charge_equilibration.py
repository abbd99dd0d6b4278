"""Charge equilibration: the least energy of charges that repel each other and feel the liquid.

    E(q) = sum_i [chi q_i + U/2 q_i^2] + 1/2 q . J q + q . phi,    sum_i q_i = Q
    (J + U) q = -chi - phi - mu

J is the Coulomb interaction of Gaussian charges exp(-eta^2 r^2) in the electrode's cell, U the hardness of an
atom, chi its electronegativity, mu the Fermi level. Fitted are eta and U to the charges, chi to the Fermi
levels: three numbers. Unlike a local model it knows Coulomb's law at every distance (W. J. Mortier,
S. K. Ghosh, S. Shankar, J. Am. Chem. Soc. 108, 4315 (1986); A. K. Rappe, W. A. Goddard, J. Phys. Chem. 95,
3358 (1991)).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares

from polcouple.backends.metal_mobile import gaussian_overlap
from polcouple.electrode import Electrode
from polcouple.electrostatics.interaction import interaction_matrix
from polcouple.errors import InputError
from polcouple.paradigms.frames import Frame, Rows
from polcouple.paradigms.model import summing_to

#: frames that the two numbers are fitted to; more change nothing
_FRAMES = 60
#: where the fit begins: eta (1/bohr) and U (Hartree)
_START = (0.6, 0.1)
#: and how far it may go
_BOUNDS = ((0.2, -1.0), (3.0, 3.0))


@dataclass(frozen=True, eq=False)
class _Answer:
    """How an electrode answers: q = Q fukui + kernel phi, mu = -chi - fukui . phi - hardness Q."""

    kernel: np.ndarray
    fukui: np.ndarray
    hardness: float


class ChargeEquilibration:
    """Charges of the same energy per charge on every atom.

    Attributes:
        exponent: eta in 1/bohr.
        hardness: U in Hartree.
        electronegativity: chi in Hartree.
    """

    name = "equilibration"
    reads = "potentials"
    settings = f"{_FRAMES} frames from {_START} within {_BOUNDS}"

    def __init__(self, exponent: float = _START[0], hardness: float = _START[1]) -> None:
        self.exponent, self.hardness, self.electronegativity = exponent, hardness, 0.0
        self._points: dict[str, np.ndarray] = {}
        self._answers: dict[str, _Answer] = {}

    def fit(self, train: Rows, validation: Rows) -> None:
        """See :class:`polcouple.paradigms.model.ChargeModel`.

        Raises:
            InputError: the electrode has several elements.
        """
        electrode = train.frames[0].electrode
        if len(set(electrode.symbols)) > 1:
            raise InputError("charge equilibration is fitted for electrodes of one element")
        chosen = np.unique(np.linspace(0, len(train) - 1, _FRAMES).astype(int))
        potentials = np.array([train.frames[i].site_potentials for i in chosen])
        totals = np.array([train.frames[i].total_charge for i in chosen])

        def errors(numbers: np.ndarray) -> np.ndarray:
            answer = self._solved(electrode, float(numbers[0]), float(numbers[1]))
            found = totals[:, None] * answer.fukui + potentials @ answer.kernel
            return np.asarray((found - train.charges[chosen]).ravel() / train.charges.std())

        found = least_squares(errors, _START, bounds=_BOUNDS, x_scale=(0.1, 0.1), xtol=1e-10, ftol=1e-12)
        self.exponent, self.hardness = map(float, found.x)
        self._answers.clear()
        self.electronegativity = 0.0
        levels = [self.fermi_level(frame) for frame in train.frames]
        self.electronegativity = float(np.mean(np.array(levels) - train.fermi_levels))

    def charges(self, frame: Frame) -> np.ndarray:
        """See :class:`polcouple.paradigms.model.ChargeModel`."""
        answer = self._answer(frame.electrode)
        found = frame.total_charge * answer.fukui + answer.kernel @ frame.site_potentials
        return summing_to(found, frame.total_charge)

    def fermi_level(self, frame: Frame) -> float:
        """See :class:`polcouple.paradigms.model.ChargeModel`."""
        answer = self._answer(frame.electrode)
        level = -answer.fukui @ frame.site_potentials - answer.hardness * frame.total_charge
        return float(level) - self.electronegativity

    def _answer(self, electrode: Electrode) -> _Answer:
        key = electrode.fingerprint()
        if key not in self._answers:
            self._answers[key] = self._solved(electrode, self.exponent, self.hardness)
        return self._answers[key]

    def _solved(self, electrode: Electrode, exponent: float, hardness: float) -> _Answer:
        key = electrode.fingerprint()
        if key not in self._points:
            self._points[key] = interaction_matrix(electrode)
        matrix = self._points[key] + gaussian_overlap(electrode, exponent)
        matrix[np.diag_indices(len(matrix))] += hardness
        inverse = np.linalg.inv(matrix)
        rows = inverse.sum(axis=1)
        kernel = np.outer(rows, rows) / rows.sum() - inverse
        return _Answer(0.5 * (kernel + kernel.T), rows / rows.sum(), 1.0 / float(rows.sum()))
