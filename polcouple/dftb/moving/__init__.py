"""Self-consistent-charge DFTB of atoms that move: energies and forces at a total charge or a Fermi level.

One file a step: :mod:`.ensemble` (what is held), :mod:`.matrices` (H0, S and gamma of a geometry),
:mod:`.surroundings` (point charges around), :mod:`.scc` (self-consistent populations), :mod:`.forces` (their
derivatives), and :mod:`.dftb`, which takes them one after the other.
"""
