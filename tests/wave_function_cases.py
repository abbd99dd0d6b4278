"""Wave functions of nobody's parameter set, in DFTB+'s format."""

import numpy as np

#: exponent in 1/bohr
ALPHA = 1.6


def wave_functions(path, alpha=ALPHA, symbol="C", scale=1.0, cutoff=9.0):
    """A file of one Slater function for each shell of carbon."""
    s, p = 2.0 * alpha**1.5 * scale, np.sqrt((2.0 * alpha) ** 5 / 24.0)
    shells = "".join(
        f"  Orbital = {{\n    AngularMomentum = {momentum}\n    Occupation = 2.0\n    Cutoff = {cutoff}\n"
        f"    Exponents = {{ {alpha} }}\n    Coefficients = {{ {value:.15e} }}\n  }}\n"
        for momentum, value in ((0, s), (1, p))
    )
    path.write_text(f"# of nobody\n{symbol} = {{\n  AtomicNumber = 6\n{shells}}}\n")
    return path
