"""Outputs that grow, read a piece at a time, are those that are read whole at the end."""

import numpy as np
import pytest

from polcouple.ipi import following
from polcouple.ipi.following import FollowedNumber, FollowedProperties
from polcouple.ipi.output import last_extras, last_of_each, read_extras, read_properties

HEADER = "# column 1 --> step : s\n# column 2 --> temperature{kelvin} : t\n# cols. 3-5 --> dipole : d\n"


def grow(path, text, look, pieces=7):
    """Write a text in pieces that end anywhere, looking after each."""
    for piece in range(pieces):
        part = text[piece * len(text) // pieces : (piece + 1) * len(text) // pieces]
        with path.open("a") as stream:
            stream.write(part)
        look()


@pytest.mark.parametrize("part", [1 << 20, 100])
def test_properties(tmp_path, monkeypatch, part):
    """Killed at 90 and gone on with from 50; another header comes with the second start."""
    monkeypatch.setattr(following, "_PART", part)
    path, generator = tmp_path / "out", np.random.default_rng(1)
    followed = FollowedProperties(path)
    followed.look()
    assert followed.columns == {}
    steps = [*range(0, 100, 10), *range(50, 150, 10)]
    rows = [f"  {step:.8e}  {generator.normal():.8e}  1 2 3\n" for step in steps]
    grow(path, HEADER + "".join(rows[:10]) + "".join(rows[10:]), followed.look)
    whole = read_properties(path)
    kept = last_of_each(whole["step"].astype(int))
    assert followed.columns.keys() == whole.keys() == {"step", "temperature"}
    for name, values in followed.columns.items():
        np.testing.assert_array_equal(values, whole[name][kept])
    with path.open("a") as stream:
        stream.write("  1.5e+02  3.0")  # not finished
    followed.look()
    assert followed.columns["step"][-1] == 140


def test_one_number(tmp_path):
    path, generator = tmp_path / "work_0", np.random.default_rng(2)
    text = "".join(
        f" #EXTRAS(refresh_work)# Step: {step:10d} \n {generator.normal():.16e}\n"
        for step in (0, 10, 20, 10, 20)
    )
    followed = FollowedNumber(path)
    grow(path, text, followed.look)
    steps, values = read_extras(path)
    assert followed.values == dict(zip(steps.tolist(), values[:, 0].tolist(), strict=True))


@pytest.mark.parametrize("tail", ["", " #EXTRAS(charges)# Step: 30 \n 1.0 2.0", " #EXTRAS(charges)# St"])
def test_last_extras(tmp_path, tail):
    path = tmp_path / "charges_0"
    assert last_extras(path, 3) is None
    rows = np.random.default_rng(5).normal(size=(3, 3))
    frames = [f" #EXTRAS(charges)# Step: {10 * n} \n  " + "  ".join(f"{q:.16e}" for q in row) + "\n"
              for n, row in enumerate(rows)]  # fmt: skip
    path.write_text("".join(frames) + tail)
    step, values = last_extras(path, 3)
    assert step == 20
    np.testing.assert_array_equal(values, rows[-1])
    assert last_extras(path, 4) is None
