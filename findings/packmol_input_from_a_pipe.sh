#!/usr/bin/env bash
# packmol: its input may be a redirected file, not a pipe.
#
# packmol reads its input from standard input, so one would expect `generate | packmol`, or a program that writes to the
# pipe of a process it started, to work as `packmol < file` does. packmol reads its input several times and goes back to
# the beginning, which a pipe cannot do: it ends with status 2 and a message of the Fortran library.
# What to do: write the input to a file and redirect it. polcouple does.
#
# Seen with packmol 21.2.3:
#   from a file: status 0, 2 molecules packed
#   from a pipe: status 2, no molecules packed; Illegal seek
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet "packmol==21.2.3"
cd "$work"
printf '1\nhelium\nHe 0.0 0.0 0.0\n' > atom.xyz
pack() { printf 'tolerance 2.0\nfiletype xyz\noutput %s\nstructure atom.xyz\n  number 2\n  inside box 0. 0. 0. 9. 9. 9.\nend structure\n' "$1"; }
tell() { echo "$1: status $2, $([ -s "$3" ] && head -1 "$3" | tr -d ' ' || echo no) molecules packed"; }
echo "packmol 21.2.3"
pack file.xyz > file.inp
file=0; env/bin/packmol < file.inp > file.log 2>&1 || file=$?
pipe=0; pack pipe.xyz | env/bin/packmol > pipe.log 2>&1 || pipe=$?
tell "from a file" "$file" file.xyz
tell "from a pipe" "$pipe" pipe.xyz
grep -o "Illegal seek" pipe.log || true
echo "expected: the same of both"
[ "$file" = 0 ] && [ -s file.xyz ] && [ "$pipe" != 0 ] && [ ! -s pipe.xyz ] && grep -q "Illegal seek" pipe.log ||
    { echo "packmol behaves otherwise now"; exit 1; }
