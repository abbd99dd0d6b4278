"""Every backend of an electrode that moves keeps its promises; those that cannot move are refused."""

import pytest

from polcouple.backends.mobile import create_mobile
from polcouple.errors import InputError
from polcouple.testing import MobileContract
from polcouple.testing.cases import graphene_case


class TestDftb(MobileContract):
    backend = "dftb"
    settings = {"accuracy": 1e-9}  # noqa: RUF012
    precision = 1e-7


class TestResponse(MobileContract):
    backend = "response"
    precision = 1e-9


class TestMetal(MobileContract):
    backend = "metal"
    precision = 1e-8


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        (
            "fixed",
            {},
            "backend 'fixed' gives no forces on an electrode that moves; use dftb, metal or ",
        ),
        (
            "nn",
            {"model": "graphene_nacl_small_response"},
            "backend 'nn' gives no forces on an electrode that moves",
        ),
        ("dftb", {"array_library": "jax"}, "array_library: jax is for a frozen one; leave it out"),
        ("response", {"warn_error": 1e-3}, "warn_error is for a frozen one; leave it out"),
        ("response", {"reanchor_every": 5}, "reanchor_every is for a frozen one; leave it out"),
    ],
)
def test_what_cannot_move(name, settings, message):
    case = graphene_case()
    with pytest.raises(InputError, match=message):
        create_mobile(name, case.electrode, case.electrolyte, settings)
