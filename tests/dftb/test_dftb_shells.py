"""Nodes beside total charges that fill a shell."""

import pytest

from polcouple.dftb.shells import bracketed

CHARGES = (-4.0, -3.0, -2.0)


def test_only_filled_shells_are_bracketed():
    assert bracketed(CHARGES, [0.1, 0.12, 0.1]) == []
    around = [-3.5, -3.25, -3.1, -3.02, -2.98, -2.9, -2.75, -2.5]
    assert sorted(bracketed(CHARGES, [0.1, 1e9, 0.2])) == pytest.approx(around)


def test_brackets_neither_leave_the_range_nor_double_a_node():
    assert sorted(bracketed((-4.0, -3.75, -3.0), [1e9, 0.1, 0.2])) == pytest.approx([-3.98, -3.9, -3.5])


def test_brackets_of_an_end_may_go_a_little_beyond():
    added = bracketed((-4.0, -3.0), [1e9, 0.1], beyond=0.2)
    assert sorted(added) == pytest.approx([-4.1, -4.02, -3.98, -3.9, -3.75, -3.5])
