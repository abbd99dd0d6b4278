"""What an import says where two electrodes are named as one."""

import numpy as np
import pytest

from polcouple.importing.summary import two_sheets


def test_two_sheets_with_liquid_between_are_told_of():
    said = two_sheets("electrode", np.repeat([5.0, 8.35, 45.0], 8), 70.0)
    assert "up to z = 8.35 and from 45.00 Angstrom" in said
    assert "--electrode 'resname GRA and prop z < 10'" in said


@pytest.mark.parametrize(
    "heights",
    [
        [5.0],
        [5.0, 8.35, 11.7],  # layers of one electrode
        [0.1, 69.9],  # one sheet at the cell's face
        [3.0, 36.0, 66.65],  # two halves of a thick one across the face
    ],
)
def test_layers_of_one_electrode_are_not(heights):
    assert two_sheets("electrode", np.repeat(heights, 4), 70.0) is None
