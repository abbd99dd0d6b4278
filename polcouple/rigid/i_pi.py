"""i-PI with the motion of :mod:`polcouple.rigid.motion`: ``python -m polcouple.rigid.i_pi PATH_OF_I-PI ...``.

That i-PI knows no constraints which work is mended in its process, before it reads its input; and so is that
it reads what comes with the forces in every step (:mod:`polcouple.rigid.lazy_extras`).
"""

from __future__ import annotations

import os
import runpy
import sys
from typing import Any

from polcouple.errors import InputError, PolcoupleError
from polcouple.rigid.lazy_extras import read_extras_late


def install() -> None:
    """Put our class where i-PI looks for its own, and count degrees of freedom in its temperature."""
    import ipi.inputs.motion.motion as inputs
    from ipi.engine.properties import Properties
    from ipi.utils.units import Constants

    from polcouple.rigid.motion import ConstrainedDynamics, kinetic_temperature

    of_atoms = Properties.get_temp

    def temperature(self: Any, atom: str = "", bead: str = "", nm: str = "") -> float:
        if not isinstance(self.motion, ConstrainedDynamics):
            return float(of_atoms(self, atom, bead, nm))
        if atom != "":
            raise InputError(
                f"temperature({atom}): atoms in rigid molecules have no temperature of their own; write"
                " temperature, or kinetic_md of them"
            )
        return kinetic_temperature(self.motion, float(self.get_kinmd()), Constants.kb)

    inputs.ConstrainedDynamics = ConstrainedDynamics
    Properties.get_temp = temperature


def main() -> None:
    """Become i-PI; a user's mistake ends in one line and status 2."""
    sys.argv = sys.argv[1:]
    install()
    read_extras_late()
    try:
        runpy.run_path(sys.argv[0], run_name="__main__")
    except PolcoupleError as error:
        print(f"i-pi: error: {error}", file=sys.stderr, flush=True)
        sys.stdout.flush()
        # i-PI's threads are not waited for
        os._exit(2)


if __name__ == "__main__":
    main()
