"""Measurements of polcouple: how fast it is, and how accurate, beside other programs.

All of them run as the program does, with one thread of linear algebra unless the environment asks for more.
"""

from polcouple.threads import limit_linear_algebra

limit_linear_algebra()
