"""The potential inside i-PI: what its parameters mean, however they are spelt."""

import numpy as np
import pytest
from conftest import SMALL

from polcouple.case.model import read_case
from polcouple.errors import InputError
from polcouple.propagation.pes import Parameters, PolcouplePES


@pytest.mark.parametrize(
    "kwargs",
    [
        {"part": "bonded"},
        {'"part"': '"bonded"'},
        {"'part'": "'bonded'", "verbosity": "high"},
        {" part": " bonded "},
    ],
)
def test_a_part_means_the_same_however_it_is_quoted(kwargs):
    asked = Parameters.from_ipi((), {"case": f'"{SMALL}"'} | kwargs)
    assert (asked.case, asked.part) == (str(SMALL), "bonded")


def test_a_quoted_part_is_the_part_of_the_forces():
    case = read_case(SMALL)
    energies = [
        PolcouplePES(**{"case": str(SMALL)} | words).compute_structure(case.cell.T, case.positions)[0]
        for words in ({"part": "bonded"}, {'"part"': '"bonded"'}, {"part": '"nonbonded"'}, {})
    ]
    assert energies[0] == energies[1] > 0.0
    assert energies[0] + energies[2] == pytest.approx(energies[3], abs=1e-6)
    assert np.abs(energies[2] - energies[3]) > 0.1


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ({"prat": "bonded"}, "unknown parameter 'prat' .did you mean 'part'"),
        ({"part": "bond"}, "part 'bond' is unknown"),
        ({"refresh": "often"}, "refresh 'often' is not a positive number"),
        ({"refresh": "0"}, "refresh '0' is not a positive number"),
    ],
)
def test_unknown_words_are_refused(kwargs, message):
    with pytest.raises(InputError, match=message):
        PolcouplePES(case=str(SMALL), **kwargs)
