"""Runs the gallery: each script in a directory of its own, its text and pictures kept in one folder.

    python examples/gallery/run.py [NAME ...] [-o DIR] [--again] [--list]

Of every script there are then NAME.txt, what it printed, NAME.png, its picture, and an entry of
gallery.json: the SHA-256 of the script, the version of polcouple and the seconds of processor time that it
took. A page beside DIR, DIR.md, shows them. What is there of the same script and version is not done again,
unless --again says so. A script that fails leaves nothing in DIR, and its own directory to be looked at.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import polcouple

HERE = Path(__file__).resolve().parent
#: of the source tree
DOCS = HERE.parents[1] / "docs" / "gallery"
#: what was run, beside the results
RECORD = "gallery.json"


def scripts() -> list[Path]:
    """Those of the gallery, in order; their names begin with a number."""
    return sorted(path for path in HERE.glob("[0-9]*") if path.suffix in (".py", ".sh"))


def digest(script: Path) -> str:
    """SHA-256 of a script."""
    return hashlib.sha256(script.read_bytes()).hexdigest()


def read_record(output: Path) -> dict[str, dict]:
    """What was run before, by the script's name."""
    path = output / RECORD
    return json.loads(path.read_text()) if path.exists() else {}


def finished(script: Path, output: Path) -> bool:
    """Whether the results of this script, by this version, are there."""
    entry = read_record(output).get(script.stem, {})
    same = entry.get("sha256") == digest(script) and entry.get("version") == polcouple.__version__
    return same and all((output / f"{script.stem}{end}").exists() for end in (".txt", ".png"))


def processor_seconds() -> float:
    """Of all processes that have ended here."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def execute(script: Path, output: Path) -> float:
    """Run a script and keep its text and its picture.

    Returns:
        The processor time that it took, in seconds.
    """
    place = Path(tempfile.mkdtemp(prefix=f"gallery_{script.stem}_"))
    program = [sys.executable] if script.suffix == ".py" else ["sh"]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    environment = os.environ | {"PATH": path, "PYTHONUNBUFFERED": "1", "MPLBACKEND": "Agg"}
    entry = {"sha256": digest(script), "version": polcouple.__version__}
    start = processor_seconds()
    done = subprocess.run(
        [*program, str(script)], cwd=place, env=environment, stdout=subprocess.PIPE, text=True, check=False
    )
    seconds = processor_seconds() - start
    picture = place / f"{script.stem}.png"
    if done.returncode or not picture.exists():
        print(done.stdout)
        raise SystemExit(f"{script.name}: failed or drew no {picture.name}; what it left is in {place}")
    output.mkdir(parents=True, exist_ok=True)
    (output / f"{script.stem}.txt").write_text(done.stdout)
    shutil.copy(picture, output)
    record = read_record(output)
    record[script.stem] = entry | {"seconds": round(seconds)}
    (output / RECORD).write_text(json.dumps(dict(sorted(record.items())), indent=1) + "\n")
    shutil.rmtree(place)
    return seconds


def run_gallery(output: Path, names: list[str] | None = None, again: bool = False) -> None:
    """Run what is not finished, one script after the other, and say so."""
    from page import write_page  # beside this script

    known = {script.stem: script for script in scripts()}
    unknown = [name for name in names or [] if name not in known]
    if unknown:
        raise SystemExit(f"no {', '.join(unknown)} in the gallery; there are {', '.join(known)}")
    chosen = [known[name] for name in names or known]
    for number, script in enumerate(chosen, start=1):
        print(f"[{number}/{len(chosen)}] {script.stem}", end=" ", flush=True)
        if finished(script, output) and not again:
            print("finished before", flush=True)
        else:
            print(f"{execute(script, output):.0f} s of processor time", flush=True)
    seconds = {name: entry["seconds"] for name, entry in read_record(output).items()}
    print(f"the page: {write_page(scripts(), output, seconds)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="scripts, without their ending (all)")
    parser.add_argument("-o", "--output", type=Path, help="folder of the results (docs/gallery)")
    parser.add_argument("--again", action="store_true", help="run what is finished, too")
    parser.add_argument("--list", action="store_true", help="names of the scripts, and stop")
    args = parser.parse_args()
    if args.list:
        print("\n".join(script.stem for script in scripts()))
        return
    if args.output is None and not DOCS.with_name("gallery.md").exists():
        parser.error("name a folder for the results with --output")
    run_gallery(args.output or DOCS, args.names, args.again)


if __name__ == "__main__":
    main()
