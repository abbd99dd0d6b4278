"""Whether the liquids of several runs differ, and the tests behind that."""

from __future__ import annotations

from collections.abc import Sequence

from polcouple.analysis.differences import SIGNIFICANCE, Difference, Quantity, differences
from polcouple.analysis.gather import Liquid
from polcouple.report.section import Section, Table


def difference_section(liquids: Sequence[Liquid], quantities: Sequence[Quantity]) -> Section:
    """The statement whether the runs differ, and the tests behind it."""
    names = [liquid.label for liquid in liquids]
    found = differences(quantities)
    estimates = {quantity.name: quantity.estimates for quantity in quantities}
    rows = []
    for test in found:
        a, b = estimates[test.quantity][0], estimates[test.quantity][test.other]
        assert a is not None and b is not None
        rows.append(
            (
                test.quantity,
                names[test.other],
                float(a.value),
                float(a.error),
                float(b.value),
                float(b.error),
                test.difference / test.error,
                test.corrected,
                test.detectable,
                test.verdict,
            )
        )
    columns = (
        "quantity",
        "run",
        names[0],
        f"{names[0]}, error",
        "the run",
        "the run, error",
        "difference / its error",
        "p, corrected",
        "seen with 80 % chance if above",
        "verdict",
    )
    caption = (
        "Welch's t test on block means, two-sided. p is corrected by Holm for the number of tests."
        " 'Too short to tell': the blocks are not long against the correlation, so that the errors are lower"
        " bounds and p is too small."
    )
    return Section(
        "Do the liquids differ?",
        (*[_statement(names, other, found) for other in range(1, len(names))], _REMARK),
        tables=(Table("liquid_differences", columns, rows, caption),),
        numbers={
            names[other]: {
                test.quantity: {
                    "difference": test.difference,
                    "error": test.error,
                    "p": test.p_value,
                    "p_corrected": test.corrected,
                    "detectable": test.detectable,
                    "verdict": test.verdict,
                }
                for test in found
                if test.other == other
            }
            for other in range(1, len(names))
        },
    )


_REMARK = (
    "Runs of one case start from the same structure, and with the same seed from the same velocities. Until"
    " they have forgotten that, they are more alike than their errors say; motions slower than the runs are"
    " in no error."
)


def _statement(names: Sequence[str], other: int, found: Sequence[Difference]) -> str:
    """In words: what differs, what does not, what cannot be told."""
    tests = [test for test in found if test.other == other]
    groups = {
        verdict: [test.quantity for test in tests if test.verdict == verdict]
        for verdict in ("differ", "no difference seen", "too short to tell")
    }
    text = f"{names[other]} against {names[0]}, {len(tests)} quantities. "
    if groups["differ"]:
        text += f"Beyond the error differ: {'; '.join(groups['differ'])}. "
    else:
        text += "None differs beyond the error. "
    if groups["no difference seen"]:
        text += f"No difference is seen in: {'; '.join(groups['no difference seen'])}. "
    if groups["too short to tell"]:
        text += f"Too short to tell are the runs for: {'; '.join(groups['too short to tell'])}. "
    return f"{text}A difference counts at p < {SIGNIFICANCE:g} after correction for the number of tests."
