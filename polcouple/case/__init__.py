"""A case directory: system.yaml, the structure i-PI starts from, and what must hold of both."""

from polcouple.case.model import Case, read_case, write_init_xyz
from polcouple.ipi.start_file import read_init_xyz

__all__ = ["Case", "read_case", "read_init_xyz", "write_init_xyz"]
