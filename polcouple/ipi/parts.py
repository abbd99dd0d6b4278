"""Which of the forces i-PI asks for, by ``part`` in the parameters of its force fields."""

from __future__ import annotations

from typing import Literal

#: forces that multiple time stepping can ask for separately: inside water molecules, and all the rest
Part = Literal["all", "bonded", "nonbonded"]
