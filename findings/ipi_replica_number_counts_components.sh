#!/usr/bin/env bash
# i-PI: the replica number that a driver is sent is not the number of a bead where there are several <force> components.
#
# The message INIT carries the number of the replica whose positions follow. One would take it for the bead: 0 with one
# bead. i-PI counts it on over the beads of all force components: the only bead of the second component is replica 1,
# of the third replica 2. A driver that keeps something for "bead 0", or takes the number as an index of beads, keeps
# nothing, or the wrong thing, once its component is not the first; the order of <force> elements decides.
# What to do: take the number for a name of the pair of component and bead, not for an index of beads. polcouple's
# recording of frames takes the replica that asks first.
#
# Seen with i-PI 3.3.1, one bead, two components:
#   force field first: INIT names replicas {0}
#   force field second: INIT names replicas {1}
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet "ipi==3.3.1"
cat > "$work/init.xyz" <<'XYZ'
1
# CELL(abcABC): 10.0 10.0 10.0 90.0 90.0 90.0 positions{angstrom} cell{angstrom}
H 0.0 0.0 0.0
XYZ
cat > "$work/input.xml" <<XML
<simulation verbosity="quiet" threading="False" sockets_prefix="$work/">
  <output prefix="out"><properties stride="1"> [ step ] </properties></output>
  <total_steps> 3 </total_steps>
  <ffsocket name="first" mode="unix" pbc="False"><address> first </address></ffsocket>
  <ffsocket name="second" mode="unix" pbc="False"><address> second </address></ffsocket>
  <system>
    <initialize nbeads="1">
      <file mode="xyz"> init.xyz </file>
      <velocities mode="thermal" units="kelvin"> 300 </velocities>
    </initialize>
    <forces><force forcefield="first"/><force forcefield="second"/></forces>
    <motion mode="dynamics">
      <dynamics mode="nve"><timestep units="femtosecond"> 0.5 </timestep></dynamics>
    </motion>
    <ensemble><temperature units="kelvin"> 300 </temperature></ensemble>
  </system>
</simulation>
XML
cat > "$work/drivers.py" <<'PYTHON'
import socket
import struct
import subprocess
import sys
import threading
import time

import ipi

work = sys.argv[1]
seen = {"first": set(), "second": set()}


def receive(stream, count):
    data = b""
    while len(data) < count:
        part = stream.recv(count - len(data))
        if not part:
            raise EOFError
        data += part
    return data


def drive(name):
    """A driver with no forces, by i-PI's protocol, that keeps the numbers in INIT."""
    stream = socket.socket(socket.AF_UNIX)
    for _ in range(600):
        try:
            stream.connect(f"{work}/{name}")
            break
        except OSError:
            time.sleep(0.1)
    state = b"NEEDINIT"
    try:
        while True:
            message = receive(stream, 12).strip()
            if message == b"STATUS":
                stream.sendall(state.ljust(12))
            elif message == b"INIT":
                number, length = struct.unpack("<ii", receive(stream, 8))
                receive(stream, length)
                seen[name].add(number)
                state = b"READY"
            elif message == b"POSDATA":
                receive(stream, 144)
                (atoms,) = struct.unpack("<i", receive(stream, 4))
                receive(stream, 24 * atoms)
                state = b"HAVEDATA"
            elif message == b"GETFORCE":
                answer = struct.pack("<d", 0.0) + struct.pack("<i", 1) + bytes(24 + 72)
                stream.sendall(b"FORCEREADY".ljust(12) + answer + struct.pack("<i", 0))
                state = b"NEEDINIT"
            else:
                return
    except (EOFError, OSError):
        pass


server = subprocess.Popen([f"{work}/env/bin/i-pi", "input.xml"], cwd=work, stdout=subprocess.DEVNULL)
threads = [threading.Thread(target=drive, args=(name,), daemon=True) for name in seen]
for thread in threads:
    thread.start()
server.wait(120)
for thread in threads:
    thread.join(10)
print("i-PI", ipi.__version__ if hasattr(ipi, "__version__") else "3.3.1")
for name, numbers in seen.items():
    print(f"force field {name}: INIT names replicas {numbers}")
print("expected: {0} of both, as there is one bead")
sys.exit(0 if seen == {"first": {0}, "second": {1}} else "i-PI behaves otherwise now")
PYTHON
"$work/env/bin/python" "$work/drivers.py" "$work"
