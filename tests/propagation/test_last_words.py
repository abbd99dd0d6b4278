"""What an i-PI that failed is quoted with."""

from types import SimpleNamespace

import pytest

from polcouple.propagation.programs import RunFailedError, require_success

PLUMED = """plumed.PlumedError:
ERROR in input to action METAD with label metad : cannot find action named heigth
PLUMED:                                               Cycles        Total
PLUMED:                                                    1     0.001058

"""


@pytest.mark.parametrize(
    ("log", "words"),
    [(PLUMED, "cannot find action named heigth"), ("ValueError: no\n\n", "no"), ("\n", "(no output)")],
)
def test_the_last_line_that_says_something(tmp_path, log, words):
    (tmp_path / "i-pi.log").write_text(log)
    ended = SimpleNamespace(poll=lambda: 1, returncode=1, wait=lambda timeout=None: 1)
    with pytest.raises(RunFailedError) as raised:
        require_success(SimpleNamespace(ipi=ended, driver=ended), tmp_path)
    assert f"{words}; see {tmp_path / 'i-pi.log'}" in str(raised.value)
