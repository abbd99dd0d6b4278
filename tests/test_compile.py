"""What is said before loops are compiled, and is not said again."""

import importlib.util

from polcouple.compile import tell_of_first_time

LOOP = """
from polcouple.compile import compiled


@compiled
def twice(x):
    return 2 * x
"""


def test_compiling_is_told_of_once(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    path = tmp_path / "a_loop.py"
    path.write_text(LOOP)
    specification = importlib.util.spec_from_file_location("a_loop", path)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    tell_of_first_time(module.twice)
    assert "compiling the loops over atoms: once on this machine" in capsys.readouterr().out
    assert module.twice(3) == 6
    tell_of_first_time(module.twice)
    assert capsys.readouterr().out == ""
