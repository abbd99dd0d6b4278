"""Self-consistent-charge DFTB of atoms that move: energies and forces at a total charge or a Fermi level.

One file a step: :mod:`.ensemble` (what is held), :mod:`.matrices` (H0, S and gamma of a geometry),
:mod:`.surroundings` (point charges around), :mod:`.scc` (self-consistent populations), :mod:`.nearby` (its
last step, without a diagonalisation), :mod:`.forces` (derivatives), :mod:`.capacitance` (how N follows
the level), and :mod:`.dftb`, which takes them one after the other.
"""
