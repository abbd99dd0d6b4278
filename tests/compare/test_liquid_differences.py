"""What the comparison says in words is what its rows say."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polcouple.analysis.block_errors import Estimate
from polcouple.analysis.differences import DIFFER, SAME, TOO_SHORT, Quantity, differences
from polcouple.compare.liquid_differences import difference_section

NAMES = [SimpleNamespace(label="response"), SimpleNamespace(label="fixed")]


def known(value, error, converged=True, blocks=9):
    return Estimate(np.asarray(value), np.asarray(error), blocks, converged)


def test_53_errors_apart_differ_though_the_runs_are_short():
    """Charges that fluctuate in a short run, and such as never do."""
    quantities = [
        Quantity("fluctuation (e)", [known(0.0106, 0.0002, converged=False), known(0.0, 0.0)]),
        Quantity("peak", [known(3.0, 0.1, converged=False), known(3.3, 0.1, converged=False)]),
        Quantity("slow", [known(3.0, 0.1), known(3.6, 0.1, converged=False)]),
    ]
    section = difference_section(NAMES, quantities)
    (table,) = section.tables
    assert [(row[0], row[2]) for row in table.rows] == [
        ("fluctuation (e)", DIFFER), ("peak", TOO_SHORT), ("slow", TOO_SHORT),
    ]  # fmt: skip
    assert table.rows[0][table.columns.index("difference in errors")] == pytest.approx(53)
    assert section.paragraphs[0] == (
        "fixed against response, 3 quantities: 1 differs beyond the error; for 2 the runs are too short to"
        " tell."
    )


estimates = st.builds(
    known,
    st.floats(-10, 10),
    st.one_of(st.just(0.0), st.just(np.nan), st.floats(1e-3, 1.0)),
    st.booleans(),
    st.integers(8, 64),
)


@settings(deadline=None)
@given(st.lists(st.tuples(estimates, st.one_of(st.none(), estimates)), min_size=1, max_size=17))
def test_words_and_rows_agree(pairs):
    quantities = [Quantity(str(number), pair) for number, pair in enumerate(pairs)]
    section = difference_section(NAMES, quantities)
    (table,) = section.tables
    verdicts = [row[2] for row in table.rows]
    assert ("none differs" in section.paragraphs[0]) == (bool(verdicts) and set(verdicts) == {SAME})
    # so many errors apart is a difference, whatever the number of blocks and of tests
    column = table.columns.index("difference in errors")
    assert all(row[2] == DIFFER for row in table.rows if row[column] is not None and row[column] > 40)
    # every quantity that both runs have is in a row, but for equal numbers without an error
    equal = [a.value == b.value and not a.error > 0 and not b.error > 0 for a, b in pairs if b is not None]
    assert len(verdicts) == len(equal) - sum(equal)


def test_errors_that_are_known_too_low_make_no_difference_out_of_noise():
    """Two runs of a slow motion, each a few correlation times long; errors by blocks are far too small."""
    from scipy.signal import lfilter

    from polcouple.analysis.block_errors import Blocks, estimate

    generator, called, naive, undecided = np.random.default_rng(8), 0, 0, 0
    for _ in range(200):
        runs = []
        for _ in range(2):
            series = lfilter([1.0], [1.0, -0.995], generator.normal(size=3000))[2000:]
            blocks = Blocks()
            for value in series:
                blocks.add(value)
            runs.append(estimate(blocks))
        (one,) = differences([Quantity("slow", runs)])
        undecided += one.verdict == TOO_SHORT
        called += one.verdict == DIFFER
        naive += abs(one.difference) > 2.2 * one.error
    assert undecided > 150
    # the errors as they are would call far more than one in twenty
    assert called <= 20 < 30 <= naive
