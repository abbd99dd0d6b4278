"""The electrodes of a case as one charge backend: several in one cell, and charge that flows between them.

Each electrode has an electronic structure and a backend of its own, E_a(phi_a; Q_a) with dE_a/dphi_a = q_a and
-dE_a/dQ_a = mu_a, the Fermi level. Electrostatics is shared: the potential at electrode a is that of the
electrolyte and of all other electrodes, phi_a + sum_b G_ab q_b, so that together

    E(phi; Q_1, ...) = sum_a E_a(phi_a + sum_b G_ab q_b; Q_a) - 1/2 sum_ab q_a G_ab q_b

is stationary in what the electrodes do to one another: dE/dphi_a = q_a and -dE/dQ_a = mu_a hold as before. G is
the periodic Coulomb kernel between different electrodes, plus the slab's kernel between all atoms
(:mod:`polcouple.electrostatics.slab`).

At a voltage U between two electrodes, the potential -mu of the first minus that of the second, charge flows
until mu_2 - mu_1 = U while Q_1 + Q_2 stays. The energy of the electrodes and the source is the grand potential

    Omega(phi) = E(phi; Q_1, Q_2) - U Q_1,    dOmega/dphi = q,

which is what i-PI sees; U Q_1 is the work of the source since Q_1 = 0. With one electrode at a Fermi level mu,
Omega = E + mu Q. For the grand potential of charges at constant potential: J. I. Siepmann and M. Sprik, J. Chem.
Phys. 102, 511 (1995); L. Scalfi et al., Phys. Chem. Chem. Phys. 22, 10480 (2020).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from polcouple.backends.base import ChargeBackend, ChargeResult, Environment
from polcouple.electrode import Electrode
from polcouple.electrostatics.ewald import ewald_matrix
from polcouple.electrostatics.slab import SlabField
from polcouple.errors import InputError

#: the electrodes' potentials on one another are iterated until they change by less (Hartree/e)
_POTENTIAL_TOLERANCE = 1e-9
#: charge is moved until the last step, which is taken by linear response, is shorter (e)
_CHARGE_TOLERANCE = 1e-5
_MAX_CYCLES = 50
