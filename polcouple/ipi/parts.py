"""Which of the forces i-PI asks for, by ``part`` in the parameters of its force fields."""

from __future__ import annotations

from typing import Literal

#: the parts that i-PI can ask for: everything; inside water molecules, and all the rest, for multiple time
#: stepping; everything with the case's ``fast_backend``, and what is missing then, for the same; what the
#: electrode does to a liquid whose own forces come from another force field
Part = Literal["all", "bonded", "nonbonded", "fast", "slow", "electrode"]
