"""Numbers that are zero but for rounding, and zeros with a sign, in everything that shows numbers."""

import ast
import re
from pathlib import Path

import numpy as np
import pytest

import polcouple
from polcouple.analysis.block_errors import Estimate
from polcouple.analysis.held_level_words import _with_error
from polcouple.analysis.watched_system import ElectrodeNow, SystemNow
from polcouple.analysis.watching import Standing
from polcouple.number_words import fixed, significant
from polcouple.report.html import _shown
from polcouple.report.watching import line, rows
from polcouple.report.words import with_error


@pytest.mark.parametrize("value", [0.0, -0.0, 1e-17, -1e-17, -4.9e-5])
def test_zero_has_no_sign(value):
    assert fixed(value, 4) == fixed(value, 4, sign=True) == "0.0000"
    assert fixed(value, 0) == fixed(value, 0, sign=True) == "0"


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (fixed(-5.1e-5, 4), "-0.0001"), (fixed(0.1273, 4, sign=True), "+0.1273"),
        (fixed(float("nan"), 2), "nan"), (fixed(-np.inf, 2), "-inf"),
        (significant(-1.1e-17), "0"), (significant(2.5e-11), "2.5e-11"),
        (significant(-0.25, 3, sign=True), "-0.25"), (significant(3.0, sign=True), "+3"),
        (with_error(Estimate(np.array(-0.0003), np.array(0.06), 8, True)), "0.000 ± 0.060"),
        (with_error(Estimate(np.array(-3.3e-17), np.array(2e-17), 8, True), "e"), "0 ± 0 e"),
        (with_error(Estimate(np.array(3.5), np.array(4e-15), 8, False)), "3.5 ± 0"),
        (with_error(Estimate(np.array(-2e-17), np.array(np.nan), 1, False)), "0 ± ?"),
        (with_error(Estimate(np.array(2e-9), np.array(3e-10), 8, True)), "2e-09 ± 3e-10"),
        (_with_error(-0.0004, 0.0123), "0.000(12)"), (_with_error(-1e-16, 1e-17), "0"),
        (_shown(-1e-17), "0"), (_shown(-0.5), "\N{MINUS SIGN}0.5"),
    ],
)  # fmt: skip
def test_words(text, wanted):
    assert text == wanted


def test_a_run_of_nothing_is_watched_without_noise():
    zero = ElectrodeNow("sheet", -1e-17, -4e-17, 2e-18)
    noise = Estimate(np.array(-2e-16), np.array(3e-17), 8, True)
    system = SystemNow("", 10, 0.005, -1e-14, noise, -1e-14, noise, False, [zero], 10)
    now = Standing("done", "", "fixed", 10, 10, [system], None, None, [])
    shown = dict(rows(now))
    assert shown["charge, sheet"] == "0.0000 e, atoms 0.0000 to 0.0000 e (step 10)"
    assert (shown["conserved"], shown["drift"]) == ("0.000 kJ/mol", "0 ± 0 kJ/mol/ps")
    assert not re.search(r"-0|e-1\d", line(now) + "".join(shown.values()))


def test_signed_numbers_go_through_the_helper():
    """No f-string of the package writes a sign of its own, which zero would get, too."""
    for path in Path(polcouple.__file__).parent.rglob("*.py"):
        if path.name == "number_words.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FormattedValue) and isinstance(node.format_spec, ast.JoinedStr):
                spec = "".join(
                    part.value for part in node.format_spec.values if isinstance(part, ast.Constant)
                )
                assert not re.match(r"\+.*[fg]$", spec), f"{path}: line {node.lineno}"
