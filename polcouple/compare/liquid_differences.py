"""Whether the liquids of several runs differ, and the tests behind that."""

from __future__ import annotations

from collections.abc import Sequence

from polcouple.analysis.differences import (
    DIFFER,
    SAME,
    SIGNIFICANCE,
    TOO_SHORT,
    Difference,
    Quantity,
    differences,
)
from polcouple.analysis.gather import Liquid
from polcouple.report.section import Section, Table


def difference_section(liquids: Sequence[Liquid], quantities: Sequence[Quantity]) -> Section:
    """The statement whether the runs differ, and the tests behind it."""
    names = [liquid.label for liquid in liquids]
    found = differences(quantities)
    estimates = {quantity.name: quantity.estimates for quantity in quantities}
    rows = []
    for test in sorted(found, key=lambda test: (test.other, _ORDER.index(test.verdict))):
        a, b = estimates[test.quantity][0], estimates[test.quantity][test.other]
        errors = abs(test.difference) / test.error if test.error > 0 else None
        rows.append(
            (test.quantity, names[test.other], test.verdict, a, b, errors, test.corrected, test.detectable)
        )
    columns = (
        "quantity",
        "run",
        "verdict",
        names[0],
        "the run",
        "difference in errors",
        "p, corrected",
        "seen with 80 % chance if above",
    )
    caption = (
        "Welch's t test on block means, two-sided. p is corrected by Holm for the number of tests; a"
        f" difference counts at p < {SIGNIFICANCE:g}. An error after '>' is a lower bound: the blocks are not"
        " long against the correlation. For the test it is widened as if the whole run were one independent"
        " value, and what does not differ even so is 'too short to tell'."
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


#: of the rows
_ORDER = (DIFFER, TOO_SHORT, SAME)
_REMARK = (
    "Runs of one case start from the same structure, and with the same seed from the same velocities. Until"
    " they have forgotten that, they are more alike than their errors say; motions slower than the runs are"
    " in no error."
)


def _statement(names: Sequence[str], other: int, found: Sequence[Difference]) -> str:
    """How many of the rows below say what."""
    verdicts = [test.verdict for test in found if test.other == other]
    counts = {verdict: verdicts.count(verdict) for verdict in _ORDER}
    text = f"{names[other]} against {names[0]}, {len(verdicts)} quantities: "
    if verdicts and counts[SAME] == len(verdicts):
        return f"{text}none differs beyond the error."
    parts = {
        DIFFER: f"{counts[DIFFER]} differ{'s' if counts[DIFFER] == 1 else ''} beyond the error",
        TOO_SHORT: f"for {counts[TOO_SHORT]} the runs are too short to tell",
        SAME: f"no difference is seen in {counts[SAME]}",
    }
    said = [part for verdict, part in parts.items() if counts[verdict]] or ["nothing to compare"]
    return f"{text}{'; '.join(said)}."
