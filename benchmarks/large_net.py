"""A response net for a sheet that none was trained for, of the shipped one's size, to measure its cost.

Its prior is linear response of SCC-DFTB for the sheet at the case's total charge. Its correction has random
weights and is scaled to nothing, so that the charges are those of linear response while every operation of a
trained net is done. Filters are as wide as the cell, as those of a net that is trained for it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from polcouple.case.model import Case
from polcouple.dftb.repeating import RepeatingElectrode
from polcouple.dftb.skf import DEFAULT_SLAKO, load_parameters
from polcouple.electrode import Electrode
from polcouple.lattice.convolution import lattice_orbits
from polcouple.lattice.matrix import fill_block_circulant
from polcouple.nn.correction import Correction, initial_weights
from polcouple.nn.model_electrode import electrode_arrays
from polcouple.nn.model_files import save_model
from polcouple.nn.prior import PairMatrix, Prior
from polcouple.nn.response_net import ResponseNet
from polcouple.units import KELVIN_TO_HARTREE

#: as the shipped net of the reference system
_FILTERS, _WIDTH, _MEMBERS = 8, 32, 4
#: scale of the correction, Hartree: charges then change by less than 1e-10 e
_NOTHING = 1e-12
#: a disagreement that the net never reaches, e
_NEVER = 1.0


def write_net(case: Case, directory: Path) -> None:
    """Write a net for the only electrode of ``case`` as a model directory."""
    net = response_net(case.electrode, case.total_charge)
    arrays = electrode_arrays(case.electrode) | net.arrays()
    save_model(directory, net.description(), arrays, "An untrained net, to measure what a net costs.\n")


def response_net(electrode: Electrode, total_charge: float) -> ResponseNet:
    """The net, at one total charge in e."""
    orbits, shape = lattice_orbits(electrode)
    parameters = load_parameters(DEFAULT_SLAKO, electrode.symbols)
    bare = RepeatingElectrode(
        electrode, orbits, shape, parameters, 300.0 * KELVIN_TO_HARTREE, (1, 1, 1), shell_resolved=False
    )
    state, response = bare.solve(total_charge)
    size = response.columns.size
    columns = np.arange(float(size)).reshape(response.columns.shape)
    classes = fill_block_circulant(columns, orbits, shape).astype(np.int32)
    prior = Prior(
        np.array([total_charge]),
        np.array([state.energy]),
        np.array([state.fermi_level]),
        state.charges[None],
        response.fukui[None],
        response.columns.reshape(1, size),
        classes,
    )
    weights = initial_weights(classes, _FILTERS, _WIDTH, _MEMBERS, seed=0)
    kernel = PairMatrix(prior.kernels[0], classes)
    correction = Correction(classes, kernel, 1.0, _NOTHING, weights)
    return ResponseNet("untrained", electrode, prior, correction, {total_charge: _NEVER})
