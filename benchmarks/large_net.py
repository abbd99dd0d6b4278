"""A response net for a sheet that none was trained for, of the shipped one's size, to measure its cost.

Its prior is linear response of SCC-DFTB for the sheet at the case's total charge, or where a voltage is held
at all whole charges that it may take up. Its correction has random
weights and is scaled to nothing, so that the charges are those of linear response while every operation of a
trained net is done. Filters are as wide as the cell, as those of a net that is trained for it.
"""

from __future__ import annotations

from collections.abc import Sequence
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
#: total charges of each electrode where a voltage is held, e
_AT_A_VOLTAGE = range(-16, 17)
#: a disagreement that the net never reaches, e
_NEVER = 1.0


def write_net(case: Case, directory: Path) -> None:
    """Write a net for the electrode of ``case``, or for each of its equal ones, as a model directory."""
    electrode = case.electrodes[0]
    charges = [case.total_charge] if len(case.electrodes) == 1 else [float(q) for q in _AT_A_VOLTAGE]
    net = response_net(electrode, charges)
    arrays = electrode_arrays(electrode) | net.arrays()
    save_model(directory, net.description(), arrays, "An untrained net, to measure what a net costs.\n")


def response_net(electrode: Electrode, total_charges: Sequence[float]) -> ResponseNet:
    """The net, from the first to the last of these total charges in e."""
    orbits, shape = lattice_orbits(electrode)
    parameters = load_parameters(DEFAULT_SLAKO, electrode.symbols)
    bare = RepeatingElectrode(
        electrode, orbits, shape, parameters, 300.0 * KELVIN_TO_HARTREE, (1, 1, 1), shell_resolved=False
    )
    states, responses = zip(*map(bare.solve, total_charges), strict=True)
    size = responses[0].columns.size
    columns = np.arange(float(size)).reshape(responses[0].columns.shape)
    classes = fill_block_circulant(columns, orbits, shape).astype(np.int32)
    prior = Prior(
        np.array(total_charges),
        np.array([state.energy for state in states]),
        np.array([state.fermi_level for state in states]),
        np.array([state.charges for state in states]),
        np.array([response.fukui for response in responses]),
        np.array([response.columns.reshape(size) for response in responses]),
        classes,
    )
    weights = initial_weights(classes, _FILTERS, _WIDTH, _MEMBERS, seed=0)
    kernel = PairMatrix(prior.kernels[0], classes)
    correction = Correction(classes, kernel, 1.0, _NOTHING, weights)
    return ResponseNet("untrained", electrode, prior, correction, dict.fromkeys(total_charges, _NEVER))
