"""Architecture of a grand potential for given frames: elements, levels, and what the electrode is like."""

from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np

from polcouple.data.grand_frames import GrandFrames
from polcouple.errors import InputError
from polcouple.learning.grand_electrode import computed_constants, given_constants
from polcouple.learning.grand_options import GrandOptions
from polcouple.nn.grand.architecture import GrandArchitecture
from polcouple.units import HARTREE_TO_EV, KELVIN_TO_HARTREE

#: of labels that do not say theirs, K
_USUAL_TEMPERATURE = 300.0


def architecture_for(frames: GrandFrames, rows: np.ndarray, options: GrandOptions) -> GrandArchitecture:
    """Sizes from the options, levels from the frames, the electrode's constants from either or by DFTB.

    Args:
        rows: of the frames to train on.

    Raises:
        InputError: the frames have no such electrode, or its constants are neither given nor to be computed.
    """
    base = options.architecture(tuple(sorted(set(frames.symbols))))
    kelvin = float(frames.settings.get("temperature_kelvin", _USUAL_TEMPERATURE))
    kt = kelvin * KELVIN_TO_HARTREE * HARTREE_TO_EV
    levels = tuple(float(level) for level in np.unique(np.round(frames.levels[rows], 9)))
    of_electrode, electrode = options.design == "electrode", tuple(options.electrode)
    missing = [symbol for symbol in electrode if symbol not in base.elements]
    if of_electrode and missing:
        raise InputError(
            f"--electrode {' '.join(electrode)}: the frames have no {', '.join(missing)}, but"
            f" {', '.join(base.elements)}"
        )
    architecture = GrandArchitecture(
        base,
        options.design,
        electrode if of_electrode else (),
        of_electrode and options.electrons_weight > 0.0,
        kt,
        options.hopping,
        options.hopping_decay,
        0.0,
        0.0,
        (0.0,) * len(base.elements),
        levels,
        frames.reference,
    )
    if not of_electrode:
        return architecture
    constants = given_constants(options, base.elements)
    if constants is None:
        constants = computed_constants(frames, rows, architecture, options.slako)
    return replace(architecture, **asdict(constants))
