"""Command lines from functions and settings dataclasses: one source for Python, YAML and the shell."""

import argparse
import dataclasses
import difflib
import inspect
import json
import re
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Any, NoReturn, Union, get_args, get_origin, get_type_hints

from orienteer.forms import as_word, described, shown
from orienteer.help_text import FULL, SPELLINGS, Option, full_help_of, group_of, help_of, hyphens, summary

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
        common: the options that people use, which its help explains; by default all.
        example: a command line for its help.
    """

    function: str
    settings: str | None = None
    positional: str | None = None
    about: str = ""
    group: str = ""
    prints: bool = False
    common: tuple[str, ...] = ()
    example: str = ""

    def load(self) -> Callable[..., Any]:
        """Returns the function."""
        function: Callable[..., Any] = _named(self.function)
        return function

    def load_settings(self) -> type | None:
        """Returns the dataclass of its settings."""
        return _named(self.settings) if self.settings else None


def parse(prog: str, about: str, commands: dict[str, Command], argv: Sequence[str]) -> tuple[Command, dict[str, Any]]:
    """Returns the command and those of its settings that were given, or that its function has another default for.

    Exits with a message and code 2 where a command or option is unknown or a value has the wrong type, and with code 0
    after the help.
    """
    word = argv[0] if argv else "--help"
    if word not in commands:
        _without_command(prog, about, commands, word)
    command, name = commands[word], f"{prog} {word}"
    parser, kinds = _parser(name, command), kinds_of(command)
    if {"-h", "--help"} & set(argv[1:]):
        _show_help(name, command, parser, kinds, full=FULL in argv[1:])
    words = normalised(argv[1:], kinds, command.positional)
    _check_words(name, words, {*kinds, "print_config"}, command.positional)
    try:
        values = parser.parse_args(words).as_dict()
    except argparse.ArgumentError as error:
        _stop(name, _in_words(str(error), kinds, command.positional))
    defaults, named = parser.get_defaults().as_dict(), _named_settings(words)
    given = {key: value for key, value in values.items() if key in named or value != defaults.get(key)}
    return command, {key: value for key, value in given.items() if key != "config"}


def _named_settings(words: Sequence[str]) -> set[str]:
    """Returns the settings that a command line names, and those with a value in its YAML file: defaults too, if given."""
    import yaml

    pairs = [word[2:].partition("=") for word in words if word.startswith("--")]
    files = [yaml.safe_load(Path(value).read_bytes()) or {} for name, _, value in pairs if name == "config"]
    in_files = {key for content in files for key, value in content.items() if value is not None}
    return {name.partition(".")[0] for name, _, _ in pairs} | in_files


def _without_command(prog: str, about: str, commands: dict[str, Command], word: str) -> NoReturn:
    """Shows the list of commands or the version, or stops at a command that is not known."""
    if word in ("-h", "--help"):
        usage = f"usage: {prog} COMMAND [options]\n\n{about}"
        closing = f"{prog} COMMAND --help explains the options of a command; {prog} --version shows the version."
        print("\n\n".join((usage, _command_list(commands), closing)))
        raise SystemExit(0)
    if word == "--version":
        print(f"{prog} {version('orienteer')}")
        raise SystemExit(0)
    known = difflib.get_close_matches(word, commands, n=1)
    guess = f"Did you mean {known[0]}? " if known else ""
    _stop(prog, f"there is no command {shown(word)}. {guess}{prog} --help lists the commands.", more=False)


def _show_help(name: str, command: Command, parser: "ArgumentParser", kinds: dict[str, Any], full: bool) -> NoReturn:
    options = _options(command, parser, kinds)
    about = summary(command.load())
    first = [action.help for action in parser._actions if action.dest == command.positional and action.help]
    about += f"\n{command.positional.upper()}: {first[0]}" if command.positional and first else ""
    if full:
        print(full_help_of(name, about, command.positional, command.example, options))
    else:
        print(help_of(name, about, command.positional, command.example, options, command.common))
    raise SystemExit(0)


def _options(command: Command, parser: "ArgumentParser", kinds: dict[str, Any]) -> list[Option]:
    """Returns every option of a command, its own first."""
    settings = command.load_settings()
    options = [
        Option(action.dest, kinds[action.dest], action.default, action.help or "", group_of(settings, action.dest))
        for action in parser._actions  # jsonargparse keeps argparse's list of them
        if action.dest in kinds
        and action.dest != command.positional
        and not dataclasses.is_dataclass(kinds[action.dest])
    ]
    return sorted(options, key=lambda option: option.group != "")


def _check_words(name: str, words: Sequence[str], known: set[str], positional: str | None) -> None:
    """Stops at an option that is not known, with the nearest one, and at a word that belongs to no option."""
    for word in words:
        if not word.startswith("--"):
            wanted = f"one {positional.upper()}, and options" if positional else "options only"
            _stop(name, f"wanted {wanted}, got {shown(word)} too. Put names with spaces in quotes.")
        option = word[2:].partition("=")[0]
        if option not in known and option.partition(".")[0] not in known:
            near = difflib.get_close_matches(option, known, n=1)
            guess = f" Did you mean --{hyphens(near[0])}?" if near else ""
            _stop(name, f"there is no option --{hyphens(shown(option))}.{guess}")


def _in_words(message: str, kinds: dict[str, Any], positional: str | None) -> str:
    """Returns what is wrong with an option, from the message of the parser."""
    missing = re.search(r"required: (.*)", message)
    if missing:
        names = [name.strip() for name in missing[1].split(",")]
        return f"{' and '.join(name.upper() if name == positional else f'--{hyphens(name)}' for name in names)} is missing."
    option = re.search(r'(?:Parser key "|argument --)([\w.]+)', message)
    if option is None or option[1] not in kinds:
        return " ".join(message.split())
    got = re.search(r"Got value: (.*)|Given value: (.*)|File does not exist: (.*)", message)
    value = shown(next(filter(None, got.groups()))) if got else "none"
    wanted = "a YAML file with options" if option[1] == "config" else described(_given(kinds[option[1]]))
    return f"--{hyphens(option[1])}: wanted {wanted}, got {value}."


def _given(kind: Any) -> Any:
    """Returns the kind that a value has which is given: without the None of an option that is planned by default."""
    return next((option for option in get_args(kind) if option is not type(None)), kind) if _is_optional(kind) else kind


def _is_optional(kind: Any) -> bool:
    return get_origin(kind) in (Union, UnionType) and len(get_args(kind)) == 2 and type(None) in get_args(kind)


def _stop(name: str, message: str, more: bool = True) -> NoReturn:
    print(f"{name}: {message}" + (f" {name} --help explains the options." if more else ""), file=sys.stderr)
    raise SystemExit(2)


def normalised(words: Sequence[str], kinds: dict[str, Any], positional: str | None = None) -> list[str]:
    """Returns the words of a command line in the one form that the parser takes.

    ``--grad-checkpointing`` becomes ``--grad_checkpointing=true``; ``--view-size 32 32 48`` and ``--view-size 32,32,48``
    become a list; ``--include A --include B`` becomes one list of both; a word without an option is the positional, and so are
    more of them where it is a list.

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
        if not word.startswith("-") and positional and _length(kinds.get(positional)) is not None:
            lists.setdefault(positional, []).append(word)
            continue
        if not word.startswith("--"):
            bare = positional is None or word.startswith("-") or any(it.startswith(f"--{positional}=") for it in plain)
            plain.append(word if bare else f"--{positional}={word}")
            continue
        name, equals, value = word[2:].partition("=")
        name = SPELLINGS.get(name, name.replace("-", "_"))
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
    function = command.load()
    hints = get_type_hints(function)
    named = [item.name for item in inspect.signature(function).parameters.values() if item.kind != item.VAR_KEYWORD]
    kinds = {"config": str, **{name: hints[name] for name in named}}
    settings = command.load_settings()
    if settings is not None:
        for name, kind in get_type_hints(settings).items():
            kinds[name] = kind
            if dataclasses.is_dataclass(kind):
                kinds.update({f"{name}.{inner}": hint for inner, hint in get_type_hints(kind).items()})
    return kinds


def _parser(name: str, command: Command) -> "ArgumentParser":
    import jsonargparse
    import yaml

    jsonargparse.set_parsing_settings(docstring_parse_attribute_docstrings=True)
    read, kinds = jsonargparse.get_loader("yaml"), kinds_of(command)

    def load(text: str) -> Any:
        content = read(text)
        return (
            {key: as_word(value, kinds.get(key)) for key, value in content.items()}
            if isinstance(content, dict)
            else content
        )

    jsonargparse.set_loader("options", load, exceptions=(yaml.YAMLError,))
    function, settings = command.load(), command.load_settings()
    parser = jsonargparse.ArgumentParser(prog=name, exit_on_error=False, parser_mode="options")
    parser.add_argument("--config", action="config", help="YAML file with any of these options.")
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
