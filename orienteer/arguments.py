"""Command lines from functions and settings dataclasses: one source for Python, YAML and the shell."""

import argparse
import dataclasses
import inspect
import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, get_args, get_origin, get_type_hints

if TYPE_CHECKING:  # loaded when a command is parsed: the list of commands must come at once
    from jsonargparse import ArgumentParser


@dataclasses.dataclass(frozen=True)
class Command:
    """One command of the program. Its function is imported when the command is run: torch takes seconds to load.

    Attributes:
        function: what it calls, as ``package.module:name``; its named parameters become options.
        settings: a dataclass whose fields are options too, passed on as keywords, named in the same way.
        positional: the option that may be given without its name: ``orienteer plan SCANS`` is ``orienteer plan --scans SCANS``.
        about: one line for the list of commands.
        group: the heading that it stands under in that list.
        prints: whether what it returns is printed.
    """

    function: str
    settings: str | None = None
    positional: str | None = None
    about: str = ""
    group: str = ""
    prints: bool = False

    def load(self) -> Callable[..., Any]:
        """Returns the function."""
        function: Callable[..., Any] = _named(self.function)
        return function

    def load_settings(self) -> type | None:
        """Returns the dataclass of its settings."""
        return _named(self.settings) if self.settings else None


def parse(prog: str, about: str, commands: dict[str, Command], argv: Sequence[str]) -> tuple[Command, dict[str, Any]]:
    """Returns the command and those of its settings that differ from their defaults.

    Exits with a message and code 2 where a command or option is unknown or a value has the wrong type.
    """
    head = argparse.ArgumentParser(
        prog=prog,
        description=about,
        epilog=_command_list(commands) + f"\n\n{prog} COMMAND --help explains the options of a command.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    head.add_argument("--version", action="version", version=f"{prog} {version('orienteer')}")
    head.add_argument("command", choices=commands, metavar="COMMAND", help="one of the commands below")
    name = head.parse_args(argv[:1]).command
    command = commands[name]
    parser = _parser(prog, name, command)
    values = parser.parse_args(normalised(argv[1:], kinds_of(command), command.positional)).as_dict()
    defaults = parser.get_defaults().as_dict()
    return command, {key: value for key, value in values.items() if key != "config" and value != defaults.get(key)}


def normalised(words: Sequence[str], kinds: dict[str, Any], positional: str | None = None) -> list[str]:
    """Returns the words of a command line in the one form that the parser takes.

    ``--grad-checkpointing`` becomes ``--grad_checkpointing=true``; ``--view-size 32 32 48`` and ``--view-size 32,32,48``
    become a list; ``--include A --include B`` becomes one list of both; a word without an option is the positional.

    Example:
        >>> kinds = {"resume": bool, "view_size": tuple[int, int, int], "include": tuple[str, ...], "scans": str}
        >>> normalised(["CT", "--resume", "--view-size", "32", "32", "48"], kinds, positional="scans")
        ['--scans=CT', '--resume=true', '--view_size=[32, 32, 48]']
        >>> normalised(["--include", "a*", "--include", "b*"], kinds)
        ['--include=["a*", "b*"]']
    """
    left, plain, lists = list(words), list[str](), dict[str, list[str]]()
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


def _command_list(commands: dict[str, Command]) -> str:
    """Returns the commands under the headings of their groups, in the order in which both come."""
    groups: dict[str, list[str]] = {}
    for name, command in commands.items():
        groups.setdefault(command.group, []).append(f"  {name:<10} {command.about}")
    return "\n\n".join("\n".join([f"{heading}:", *lines]) for heading, lines in groups.items())


def kinds_of(command: Command) -> dict[str, Any]:
    """Returns the type of each option."""
    kinds = {"config": str, **get_type_hints(command.load())}
    settings = command.load_settings()
    if settings is not None:
        for name, kind in get_type_hints(settings).items():
            kinds[name] = kind
            if dataclasses.is_dataclass(kind):
                kinds.update({f"{name}.{inner}": hint for inner, hint in get_type_hints(kind).items()})
    return kinds


def _parser(prog: str, name: str, command: Command) -> "ArgumentParser":
    import jsonargparse

    jsonargparse.set_parsing_settings(docstring_parse_attribute_docstrings=True)
    function, settings = command.load(), command.load_settings()
    parser = jsonargparse.ArgumentParser(
        prog=f"{prog} {name}", description=(inspect.getdoc(function) or "").partition("\n\n")[0]
    )
    parser.add_argument("--config", action="config", help="YAML file with any of the options below")
    written = [item for item in inspect.signature(function).parameters.values() if item.kind != item.VAR_KEYWORD]
    fields = {item.name for item in dataclasses.fields(settings)} if settings else set()
    skip: set[str | int] = {*fields}  # the dataclass documents these, and the function takes them as typed keywords
    if any(item.name not in skip for item in written):
        parser.add_function_arguments(function, skip=skip, fail_untyped=False)
    if settings is not None:
        parser.add_class_arguments(settings)
        # A function may have defaults of its own for some settings (the demo's number of steps).
        parser.set_defaults({item.name: _plain(item.default) for item in written if item.name in fields})
    return parser


def _plain(default: Any) -> Any:
    return None if default is inspect.Parameter.empty else default


def _length(kind: Any) -> int | None:
    """Returns how many words a list option takes: its fixed length, 1 for any length, None if it is no list."""
    for option in (kind, *get_args(kind)):
        if get_origin(option) is tuple:
            inner = get_args(option)
            return 1 if Ellipsis in inner else len(inner)
    return None


def _parts(value: str) -> list[str]:
    if value.startswith("["):
        with suppress(ValueError):  # a glob may begin so: [ab]*.nii
            return [str(item) for item in json.loads(value)]
    return [part for part in value.split(",") if part]


def _as_list(parts: list[str], kind: Any) -> str:
    if parts in (["null"], ["None"]):
        return "null"
    return json.dumps(parts if _holds_text(kind) else [_number(part) for part in parts])


def _holds_text(kind: Any) -> bool:
    """Returns whether the items of a list option are texts: of any kind, or one of a few words."""
    if kind is str or isinstance(kind, str):
        return True
    return any(_holds_text(inner) for inner in get_args(kind))


def _number(part: str) -> int | float | str:
    """Returns a number; what is none as it is, for the parser to refuse."""
    if _is_whole(part):
        return int(part)
    return float(part) if _is_number(part) else part


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def _is_whole(word: str) -> bool:
    return word.lstrip("+-").isdigit()


def _named(path: str) -> Any:
    module, _, name = path.partition(":")
    return getattr(import_module(module), name)
