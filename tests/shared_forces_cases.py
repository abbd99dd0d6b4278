"""Runs in which i-PI adds polcouple's ``part: electrode`` to a liquid of another program."""

import re
import subprocess
import sys
import time
import uuid
from pathlib import Path

import numpy as np
from run_cases import BIN

from polcouple.engines.base import create_engine
from polcouple.ipi.sockets import UNIX_SOCKET_PREFIX
from polcouple.testing.cases import liquid_alone

#: i-PI, and what it holds after each step with all digits: its xyz files have six
_TWO_STEPS = """
import sys
import numpy as np
from ipi.utils.depend import dstrip
from ipi.utils.scripting import InteractiveSimulation
simulation = InteractiveSimulation(open(sys.argv[1]))
frames = []
for step in range(2):
    simulation.run(1)
    system = simulation.syslist[0]
    frames.append([dstrip(system.beads.q[0]).copy(), dstrip(system.forces.f[0]).copy()])
np.save("frames.npy", np.array(frames).reshape(2, 2, -1, 3))
simulation.stop()
"""


def accurate(directory: Path, switch: bool = True) -> None:
    """Accurate forces in the small case; Lennard-Jones switched off smoothly, or truncated as in LAMMPS."""
    path = directory / "system.yaml"
    text = path.read_text().replace("ewald_tolerance: 5.0e-05", "ewald_tolerance: 1.0e-07")
    path.write_text(text if switch else re.sub("switch_angstrom: .*", "switch_angstrom: null", text))


def from_electrode(case, positions, charges):
    """Forces (N, 3) of everything but the liquid on itself, as a difference of two whole systems."""
    whole = create_engine(case, "all", threads=1)[0]
    whole.set_charges(charges)
    return whole.evaluate(positions)[1] - create_engine(liquid_alone(case), "all")[0].evaluate(positions)[1]


def run_shared(
    directory,
    liquid,
    backend=("--backend", "fixed"),
    name="input_electrode.xml",
    patience=60,
    script=_TWO_STEPS,
    words=(),
):
    """i-PI with the driver and the program that serves the liquid.

    Args:
        directory: the case.
        liquid: called with the name of the liquid's unix socket, returns the words of its program.
        script: of Python, in which i-PI runs: sys.argv[1] is the input, ``words`` follow it.
    """
    own = uuid.uuid4().hex[:8]
    path = directory / name
    text = path.read_text()
    for address in ("polcouple", "liquid"):
        text = text.replace(f"<address> {address} </address>", f"<address> {address}-{own} </address>")
    path.write_text(text)
    commands = [
        [sys.executable, "-c", script, name, *words],
        [str(BIN / "polcouple-driver"), "--input", name, *backend, "--threads", "1"],
        liquid(f"liquid-{own}"),
    ]
    programs = []
    try:
        for number, command in enumerate(commands):
            with (directory / f"program_{number}.log").open("w") as log:
                programs.append(subprocess.Popen(command, cwd=directory, stdout=log, stderr=log))
            deadline = time.monotonic() + patience
            while number == 0 and not Path(f"{UNIX_SOCKET_PREFIX}liquid-{own}").exists():
                assert time.monotonic() < deadline and programs[0].poll() is None, logs(directory)
                time.sleep(0.1)
        assert programs[0].wait(5 * patience) == 0, logs(directory)
    finally:
        for program in programs:
            if program.poll() is None:
                program.terminate()
                program.wait(20)
        for address in ("polcouple", "liquid"):
            Path(f"{UNIX_SOCKET_PREFIX}{address}-{own}").unlink(missing_ok=True)


def two_steps(*args, **kwargs):
    """(2, 2, N, 3): of each step the positions in bohr and i-PI's forces in Hartree/bohr."""
    run_shared(*args, **kwargs)
    return np.load(args[0] / "frames.npy")


def logs(directory):
    """Last words of all programs."""
    return "\n".join(path.read_text()[-1500:] for path in sorted(directory.glob("program_*.log")))
