"""``flash completion``: scripts that complete commands, options and names at Tab.

The scripts are shtab's, made of the parsers of all commands. Names that may come and go (targets,
spaces, methods, evaluators: those of plugins too) are asked for while one types, by
``flash completion --words KIND``; what else an option takes stands in the script.
"""

from __future__ import annotations

from ..errors import ArgumentError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Action, ArgumentParser, Namespace
    from collections.abc import Mapping
    from typing import Any

__all__ = ["completion", "prepare_completion"]

SHELLS = ("bash", "zsh", "fish")
KINDS = ("targets", "spaces", "methods", "evaluators")
EXAMPLES = """\
examples:
  flash completion bash > ~/.local/share/bash-completion/completions/flash
  flash completion zsh > ~/.zfunc/_flash
  flash completion fish > ~/.config/fish/completions/flash.fish

Each shell reads its file when it starts; zsh where .zshrc says `fpath+=~/.zfunc` before compinit.
For one session: eval "$(flash completion bash)", and so in zsh; flash completion fish | source
"""
# What stands for a file or a folder in the help.
FILES = ("FILE", "PATH", "TABLE", "NETWORK", "TRAINED", "DATA", "W", "E")
FOLDERS = ("DIR", "FOLDER")


def prepare_completion(parser: ArgumentParser) -> None:
    """Add the options of ``flash completion``."""
    parser.description = "Print a script that completes flash's commands at Tab."
    parser.epilog = EXAMPLES
    add = parser.add_argument
    add("shell", metavar="SHELL", nargs="?", help=", ".join(SHELLS))
    add("--words", metavar="KIND", help=f"print names instead: {', '.join(KINDS)}")


def completion(args: Namespace) -> int:
    """Run ``flash completion``."""
    from ..base.checks import choice

    if (args.shell is None) == (args.words is None):
        raise ArgumentError(f"SHELL, one of {', '.join(SHELLS)}, or --words must be given")
    if args.words is not None:
        print("\n".join(words(choice("--words", args.words, KINDS))))
        return 0
    shell = choice("SHELL", args.shell, SHELLS)
    from ..base.extras import require

    shtab = require("flash completion", "completion", "shtab")
    print(shtab.complete(tree(shtab), shell, preamble=PREAMBLES), end="\n")
    return 0


def words(kind: str) -> list[str]:
    """Return the names of a kind that there are now, those of plugins too."""
    from ..base.registry import names

    own: tuple[str, ...] = ()
    if kind == "targets":
        from ..hardware.target import targets

        own = tuple(targets())
    elif kind == "spaces":
        from ..networks.families import FAMILIES
        from ..spaces.known.homes import KNOWN
        from ..spaces.network_space import HOMES

        own = (*FAMILIES, *KNOWN, *HOMES)
    elif kind == "methods":
        from ..methods import METHODS
        from ..solving.options import METHODS as OWN

        own = (*OWN, *METHODS)
    return [*own, *names(kind.removesuffix("s"))]


def tree(shtab: Any) -> ArgumentParser:
    """Return one parser of all commands, whose actions say how they are completed."""
    import argparse

    from .options import commands, prepare

    root = argparse.ArgumentParser("flash", allow_abbrev=False)
    root.add_argument("-V", "--version", action="store_true", help="print the version")
    below = root.add_subparsers(metavar="COMMAND")
    for command in commands():
        made: Any = below.add_parser(command, help=command, allow_abbrev=False)
        prepare(command, made)
        for action in made._actions:
            _complete(command, action, shtab)
    return root


def _complete(command: str, action: Action, shtab: Any) -> None:
    """Say how what an argument takes is completed, where something is known of it."""
    given: Any = action
    metavar = action.metavar
    fixed = _choices(command).get(action.dest)
    if fixed is not None:
        given.choices = fixed
    elif metavar in ("TARGET", "BASE"):
        given.complete = _asked("targets")
    elif metavar == "SPACE":
        given.complete = _asked("spaces")
    elif action.dest in ("method", "methods"):
        given.complete = _asked("methods")
    elif action.dest == "evaluator":
        given.complete = _asked("evaluators")
    elif metavar in FILES:
        given.complete = shtab.FILE
    elif metavar in FOLDERS:
        given.complete = shtab.DIRECTORY


def _choices(command: str) -> Mapping[str, tuple[str, ...]]:
    """Return what arguments take, by their names, where these are few words."""
    from ..base.names import COSTS, TERMS
    from ..hardware._series import CLOCKS, DTYPES, RUNTIMES
    from ..hardware.calibrating import _PRIORS
    from ..predictors.predictor import FITTED
    from ..suggesting.asking import WEIGHED
    from ..training.loop import AUGMENTATIONS, PRECISIONS

    found: dict[str, tuple[str, ...]] = {
        "runtime": RUNTIMES,
        "clock": CLOCKS,
        "dtype": DTYPES,
        "device": ("auto", "cpu", "cuda") if command == "train" else ("cpu", "cuda"),
        "augment": AUGMENTATIONS,
        "precision": PRECISIONS,
        "objectives": TERMS,
        "pareto": TERMS,
        "shell": SHELLS,
        "words": KINDS,
    }
    if command == "search":
        found |= {"objective": ("accuracy", "nn_degree"), "minimize": COSTS}
    own: dict[str, dict[str, tuple[str, ...]]] = {
        "calibrate": {"prior": _PRIORS},
        "fit": {"kind": FITTED},
        "suggest": {"cost": WEIGHED},
        "train": {"keep_weights": ("all", "best")},
    }
    return found | own.get(command, {})


def _asked(kind: str) -> dict[str, Any]:
    """Return how shtab completes names that are asked for; targets and spaces may be files."""
    name = f"_flash_{kind}" + ("_or_file" if kind in ("targets", "spaces") else "")
    return {"bash": name, "zsh": name, "fish": f"({name})"}


def _function(shell: str, kind: str) -> str:
    """Return the function of a shell that completes names of a kind."""
    name = _asked(kind)["bash"]
    files = name.endswith("_file")
    ask = f"flash completion --words {kind} 2>/dev/null"
    if shell == "bash":
        lines = [f'compgen -W "$({ask})" -- "$1"']
        lines += ['compgen -f -- "$1"'] if files else []
        return "\n  ".join([f"{name}() {{", *lines]) + "\n}"
    if shell == "zsh":
        lines = ["local -a names", f'names=(${{(f)"$({ask})"}})', "compadd -a names"]
        lines += ["_files"] if files else []
        return "\n  ".join([f"{name}() {{", *lines]) + "\n}"
    lines = [ask]
    lines += ["__fish_complete_path (commandline -ct)"] if files else []
    return "\n  ".join([f"function {name}", *lines]) + "\nend"


PREAMBLES = {shell: "\n".join(_function(shell, kind) for kind in KINDS) for shell in SHELLS}
