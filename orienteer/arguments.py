"""Command lines out of functions and settings: one source for Python, YAML and the shell."""

import dataclasses
import inspect
import json
from collections.abc import Callable, Sequence
from typing import Any, get_args, get_origin, get_type_hints

import jsonargparse
from jsonargparse import ArgumentParser

jsonargparse.set_parsing_settings(docstring_parse_attribute_docstrings=True)


@dataclasses.dataclass(frozen=True)
class Command:
    """One command of the program.

    Attributes:
        function: what it calls; its own named arguments become options.
        settings: a dataclass whose fields are options too, passed on as keywords; None where there is none.
        positional: the option that needs no name: ``orienteer plan SCANS`` is ``orienteer plan --scans SCANS``.
    """

    function: Callable[..., Any]
    settings: type | None = None
    positional: str | None = None

    @property
    def about(self) -> str:
        """The first sentence of the function's docstring."""
        return (inspect.getdoc(self.function) or "").partition("\n")[0]


def parse(prog: str, about: str, commands: dict[str, Command], argv: Sequence[str]) -> tuple[Command, dict[str, Any]]:
    """Returns the command that was asked for and the settings that differ from their defaults.

    Leaves the program with a message and code 2 where an option is unknown or of the wrong kind.
    """
    parser = ArgumentParser(prog=prog, description=about)
    parser.add_argument("--version", action="version", version=_version(prog))
    subparsers = parser.add_subcommands(required=True)
    own = {}
    for name, command in commands.items():
        own[name] = _parser(prog, name, command)
        subparsers.add_subcommand(name, own[name], help=command.about)
    name = next((word for word in argv if not word.startswith("-")), "")
    words = list(argv)
    if name in own:
        at = words.index(name)
        words = words[: at + 1] + normalised(words[at + 1 :], _kinds(commands[name]), commands[name].positional)
    chosen = parser.parse_args(words)
    values = chosen[chosen.subcommand].as_dict()
    defaults = own[chosen.subcommand].get_defaults().as_dict()
    given = {key: value for key, value in values.items() if key != "config" and value != defaults.get(key)}
    return commands[chosen.subcommand], given


def normalised(words: Sequence[str], kinds: dict[str, Any], positional: str | None = None) -> list[str]:
    """Returns command-line words in the one form that the parser takes.

    ``--grad-checkpointing`` becomes ``--grad_checkpointing=true``; ``--view-size 32 32 48`` and ``--view-size 32,32,48``
    become a list; ``--include A --include B`` becomes one list of both; a word without an option is the positional.

    Example:
        >>> kinds = {"resume": bool, "view_size": tuple[int, int, int], "include": tuple[str, ...], "scans": str}
        >>> normalised(["CT", "--resume", "--view-size", "32", "32", "48"], kinds, positional="scans")
        ['--scans=CT', '--resume=true', '--view_size=[32, 32, 48]']
        >>> normalised(["--include", "a*", "--include", "b*"], kinds)
        ['--include=["a*", "b*"]']
    """
    left, plain, lists = list(words), [], dict[str, list[str]]()
    while left:
        word = left.pop(0)
        if not word.startswith("--"):
            bare = positional is None or word.startswith("-")
            plain.append(word if bare else f"--{positional}={word}")
            continue
        name, equals, value = word[2:].partition("=")
        name = name.replace("-", "_")
        kind = kinds.get(name)
        if kind is bool and not equals:
            equals, value = "=", left.pop(0) if left and left[0].lower() in ("true", "false") else "true"
        elif kind is not None and not equals and left:
            equals, value = "=", left.pop(0)
        if (count := _length(kind)) is not None and equals:
            parts = _parts(value)
            while count > len(parts) and left and _is_number(left[0]):
                parts.append(left.pop(0))
            lists.setdefault(name, []).extend(parts)
        else:
            plain.append(f"--{name}{equals}{value}")
    return plain + [f"--{name}={_as_list(parts, kinds[name])}" for name, parts in lists.items()]


def _parser(prog: str, name: str, command: Command) -> ArgumentParser:
    parser = ArgumentParser(prog=f"{prog} {name}", description=inspect.getdoc(command.function).partition("\n\n")[0])  # type: ignore[union-attr]
    parser.add_argument("--config", action="config", help="YAML file with any of the options below")
    own = [item for item in inspect.signature(command.function).parameters.values() if item.kind != item.VAR_KEYWORD]
    fields = {item.name for item in dataclasses.fields(command.settings)} if command.settings else set()
    skip: set[str | int] = {item.name for item in own if item.name in fields}
    if any(item.name not in skip for item in own):
        parser.add_function_arguments(command.function, skip=skip, fail_untyped=False)
    if command.settings is not None:
        parser.add_class_arguments(command.settings)
        # A function may have defaults of its own for some settings (the demo's number of steps).
        parser.set_defaults({item.name: _plain(item.default) for item in own if item.name in fields})
    return parser


def _plain(default: Any) -> Any:
    return None if default is inspect.Parameter.empty else default


def _kinds(command: Command) -> dict[str, Any]:
    """Returns the type of each option."""
    kinds = {"config": str, **get_type_hints(command.function)}
    if command.settings is not None:
        for name, kind in get_type_hints(command.settings).items():
            kinds[name] = kind
            if dataclasses.is_dataclass(kind):
                kinds.update({f"{name}.{inner}": hint for inner, hint in get_type_hints(kind).items()})
    return kinds


def _length(kind: Any) -> int | None:
    """Returns how many words a list option takes: its fixed length, 1 for any length, None if it is no list."""
    for option in (kind, *get_args(kind)):
        if get_origin(option) is tuple:
            inner = get_args(option)
            return 1 if Ellipsis in inner else len(inner)
    return None


def _parts(value: str) -> list[str]:
    if value.startswith("["):
        return [str(item) for item in json.loads(value)]
    return [part for part in value.split(",") if part]


def _as_list(parts: list[str], kind: Any) -> str:
    if parts in (["null"], ["None"]):
        return "null"
    of_text = str in get_args(kind)
    return json.dumps(parts if of_text else [float(part) if not _is_whole(part) else int(part) for part in parts])


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _is_whole(word: str) -> bool:
    return word.lstrip("+-").isdigit()


def _version(prog: str) -> str:
    from importlib.metadata import version

    return f"{prog} {version('orienteer')}"
