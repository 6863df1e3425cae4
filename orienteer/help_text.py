"""The help of a command: its usage, an example, the options that people use, and all of them by group."""

import dataclasses
import inspect
import shutil
import textwrap
from collections.abc import Iterable, Sequence
from types import UnionType
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin

FULL = "all"
"""What follows ``--help`` where every option is wanted."""

SPELLINGS = {"continue": "continue_from"}
"""Options that the shell spells otherwise than Python, which has a word of its own of that name."""

FEW = 14
"""A command with no more options than this shows them all."""

WIDEST, INDENT = 100, 26


class Option(NamedTuple):
    """One option of a command.

    Attributes:
        name: as Python has it, with underscores.
        kind: its type hint.
        default: its value unless the user sets it.
        about: what it does.
        group: the heading that it stands under.
    """

    name: str
    kind: Any
    default: Any
    about: str
    group: str

    @property
    def spelled(self) -> str:
        """The option as it is typed, with the form of its value; a switch that is on needs ``false`` to be off."""
        form = "true|false" if self.default is True else value_form(hyphens(self.name).replace("-", "_"), self.kind)
        return " ".join(filter(None, (f"--{hyphens(self.name)}", form)))


def hyphens(name: str) -> str:
    """Returns the name of an option as the shell spells it.

    Example:
        >>> hyphens("view_size")
        'view-size'
    """
    return next((word for word, setting in SPELLINGS.items() if setting == name), name.replace("_", "-"))


def value_form(name: str, kind: Any) -> str:
    """Returns what stands for the value of an option in its usage; nothing for a switch.

    Example:
        >>> value_form("steps", int), value_form("spacing_mm", tuple[float, float, float] | None), value_form("resume", bool)
        ('N', 'X X X', '')
        >>> value_form("precision", Literal["32", "bf16"]), value_form("out", str)
        ('32|bf16', 'OUT')
    """
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return next((form for option in inner if option is not type(None) and (form := value_form(name, option))), "")
    if origin is Literal:
        return "|".join(str(word) for word in inner)
    if origin is tuple:
        return f"{_item(name, inner[0])},..." if Ellipsis in inner else " ".join(_item(name, item) for item in inner)
    return "" if kind is bool else _item(name, kind)


def group_of(settings: type | None, name: str) -> str:
    """Returns the heading of a setting: the summary of the dataclass that it comes from, or that it is the command's own."""
    top, _, inner = name.partition(".")
    classes = [kind for kind in (settings.__mro__ if settings else ()) if top in vars(kind).get("__annotations__", {})]
    if inner:
        return f"{top}: parts of one setting"
    return "" if not classes or classes[-1] is settings else summary(classes[-1]).rstrip(".")


def summary(documented: Any) -> str:
    """Returns the first paragraph of a docstring as one line."""
    return " ".join((inspect.getdoc(documented) or "").partition("\n\n")[0].split())


def help_of(
    command: str, about: str, positional: str | None, example: str, options: Sequence[Option], common: Iterable[str]
) -> str:
    """Returns the help of a command with the options that people use, or with all of them where they are few.

    Args:
        command: program and command.
        about: one sentence.
        positional: the option that may be given without its name.
        example: a command line; empty for none.
        options: every option.
        common: names of the options that people use, in order; all are shown if it is empty.
    """
    by_name = {option.name: option for option in options}
    chosen = [by_name[name] for name in common] if len(options) > FEW and common else list(options)
    parts = [_head(command, about, positional, example)]
    if len(chosen) == len(options):
        return "\n\n".join([*parts, *_groups(chosen)])
    closing = f"{command} --help {FULL} explains all {len(options)} options. Any of them may come from a YAML file."
    return "\n\n".join([*parts, _section("options that people use", chosen), closing])


def full_help_of(command: str, about: str, positional: str | None, example: str, options: Sequence[Option]) -> str:
    """Returns the help of a command with every option, by group."""
    return "\n\n".join([_head(command, about, positional, example), *_groups(options)])


def _head(command: str, about: str, positional: str | None, example: str) -> str:
    usage = " ".join(filter(None, (f"usage: {command}", positional and positional.upper(), "[options]")))
    shown = f"example:\n  {example}" if example else ""
    paragraphs = [textwrap.fill(" ".join(line.split()), _width()) for line in about.splitlines()]
    return "\n\n".join(filter(None, (usage, *paragraphs, shown)))


def _groups(options: Sequence[Option]) -> list[str]:
    groups: dict[str, list[Option]] = {}
    for option in options:
        groups.setdefault(option.group, []).append(option)
    own = groups.pop("", [])
    first = [_section("options", own)] if own else []
    return first + [_section(heading, chosen) for heading, chosen in groups.items()]


def _section(heading: str, options: Sequence[Option]) -> str:
    return "\n".join([f"{heading}:", *(_entry(option) for option in options)])


def _entry(option: Option) -> str:
    spelled = f"  {option.spelled}"
    default = _default(option.default)
    about = " ".join(option.about.replace("``", "").split()) + (f" (default: {default})" if default else "")
    lines = textwrap.wrap(about, _width() - INDENT) or [""]
    first = f"{spelled:<{INDENT}}{lines.pop(0)}" if len(spelled) < INDENT - 1 else spelled
    return "\n".join([first, *(f"{'':{INDENT}}{line}" for line in lines)])


def _default(value: Any) -> str:
    if dataclasses.is_dataclass(value) or value in (None, "", (), {}, inspect.Parameter.empty) or value is False:
        return ""
    return ", ".join(str(item) for item in value) if isinstance(value, tuple | list) else str(value)


def _item(name: str, kind: Any) -> str:
    """Returns what stands for one value of a kind."""
    if get_origin(kind) is Literal:
        return "|".join(str(word) for word in get_args(kind))
    if kind in (int, float):
        return "N" if kind is int else "X"
    return name.rpartition(".")[2].upper()


def _width() -> int:
    return min(WIDEST, shutil.get_terminal_size().columns)
