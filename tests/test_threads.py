"""Linear algebra has one thread in every command, unless the environment asks for more."""

import os
import subprocess
import sys

import pytest

SCRIPT = """
import polcouple.{module} as program
from threadpoolctl import threadpool_info
from polcouple.cli.exits import guarded
guarded(lambda args: 0, None, "test")
print(*sorted(pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"))
"""


@pytest.mark.skipif(os.cpu_count() == 1, reason="one thread whatever is done")
@pytest.mark.parametrize("module", ["cli", "cli.driver"])
@pytest.mark.parametrize("variables", [{}, {"OMP_NUM_THREADS": "2"}])
def test_commands_limit_their_threads(module, variables):
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(module=module)],
        capture_output=True,
        text=True,
        env=environment | variables,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    found = set(done.stdout.split())
    if variables:  # libraries that are not loaded are not counted
        assert found <= {"2"}
    else:
        assert found == {"1"}
