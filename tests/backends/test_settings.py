"""Settings of backends are what was written, or refused."""

import pytest

from polcouple.backends.base import backend_options
from polcouple.errors import InputError


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("dftb", {"temperature_kelvin": True}, "temperature_kelvin: .*yes, no, on and off are no numbers"),
        ("response", {"k_points": [True, 1, 1]}, "k_points: .*yes, no, on and off are no numbers"),
        ("metal", {"gaussian_exponent_per_angstrom": True}, "yes, no, on and off are no numbers"),
        ("dftb", {"temperature_kelvin": float("inf")}, "temperature_kelvin: .*finite"),
        ("dftb", {"accuracy": float("nan")}, "accuracy"),
    ],
)
def test_no_number_is_refused(name, given, message):
    with pytest.raises(InputError, match=message) as caught:
        backend_options(name, given)
    assert "\n" not in str(caught.value)


def test_a_truth_is_taken_where_one_is_meant():
    assert backend_options("dftb", {"shell_resolved": True}).shell_resolved is True
    assert backend_options("metal", {"hessian": {"shell_resolved": True}}).hessian_options().shell_resolved
