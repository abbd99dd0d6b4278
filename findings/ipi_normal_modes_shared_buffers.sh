#!/usr/bin/env bash
# i-PI: two threads that transform beads to normal modes at the same time spoil each other's result.
#
# <simulation threading="True">, i-PI's default, writes the outputs of a step in threads, and each output may transform
# beads. One would expect a transform to be a function of its argument. nm_fft (ipi/utils/nmtransform.py) keeps argument
# and result of its Fourier transform in two arrays of the object, which all callers share.
#
# Seen with i-PI 3.3.1, two threads with an array of 4 beads and 1,000 atoms each, 500 transforms each:
#   alone: 0 and 0 wrong results; together: 12 and 11 wrong results
# The numbers differ from run to run. Whole runs of 2,000 atoms and four beads with thirteen outputs at every step came
# out the same three times of three: the outputs' transforms seldom meet.
# What to do: <simulation threading="False">, or <normal_modes transform="matrix"/>.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet "ipi==3.3.1"
cat > "$work/modes.py" <<'PYTHON'
import threading

import numpy as np
from ipi.utils.nmtransform import nm_fft

BEADS, ATOMS, REPEATS = 4, 1000, 500
transform = nm_fft(BEADS, ATOMS)
random = np.random.default_rng(0)
beads = [random.normal(size=(BEADS, 3 * ATOMS)) for _ in range(2)]
expected = [transform.b2nm(one) for one in beads]
wrong = [0, 0]


def repeat(number):
    for _ in range(REPEATS):
        wrong[number] += not np.array_equal(transform.b2nm(beads[number]), expected[number])


repeat(0), repeat(1)
print(f"alone: {wrong[0]} and {wrong[1]} wrong results")
assert wrong == [0, 0]
for _ in range(20):
    threads = [threading.Thread(target=repeat, args=(number,)) for number in range(2)]
    [thread.start() for thread in threads], [thread.join() for thread in threads]
    if any(wrong):
        break
print(f"together: {wrong[0]} and {wrong[1]} wrong results")
assert any(wrong), "the behaviour has changed"
PYTHON
"$work/env/bin/python" "$work/modes.py" 2>/dev/null | grep -v FFTW
"$work/env/bin/pip" list 2>/dev/null | grep -i "^ipi "
