"""A grand potential Omega(R, mu) of atoms and an electron level: forces and electrons are its derivatives."""
