"""A/B validation: the same frames through several backends, and the runs they drive, compared.

The paper is Di Pasquale et al., J. Chem. Theory Comput. 17, 4477 (2021).
"""
