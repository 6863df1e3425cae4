"""Checks the shapes in the package's signatures while tests run.

The modules are loaded here, so this is also where their bytecode gets the probes of `tests/helpers/line_record.py`.

jaxtyping's own import hook checks every function of a package, and the arguments of each twice, which doubled the time of all
tests. Here only functions whose signatures name a shape are checked, once; for the others mypy is enough.
"""

import inspect
import sys
from collections.abc import Callable, Sequence
from functools import wraps
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import CodeType, FunctionType, ModuleType
from typing import Any

from beartype import beartype
from jaxtyping import jaxtyped


class ShapeFinder(MetaPathFinder):
    """Finds the modules of a package, so that their shapes are checked."""

    def __init__(self, package: str) -> None:
        self.package = package
        self.instrument: Callable[[CodeType], CodeType] | None = None

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != self.package and not fullname.startswith(f"{self.package}."):
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = ShapeLoader(spec.loader.name, spec.loader.path, self.instrument)
        return spec


class ShapeLoader(SourceFileLoader):
    """Loads a module, and checks the shapes of its functions from then on."""

    def __init__(self, fullname: str, path: str, instrument: Callable[[CodeType], CodeType] | None) -> None:
        super().__init__(fullname, path)
        self.instrument = instrument

    def get_code(self, fullname: str) -> CodeType | None:
        code = super().get_code(fullname)
        return code if code is None or self.instrument is None else self.instrument(code)

    def exec_module(self, module: ModuleType) -> None:
        super().exec_module(module)
        check_all(module, module.__name__)


def check_shapes(package: str) -> ShapeFinder:
    """Checks the shapes in modules of the package that are imported from now on.

    Returns:
        what finds them; its `instrument` changes the bytecode of those that are imported later.
    """
    finder = ShapeFinder(package)
    sys.meta_path.insert(0, finder)
    return finder


def check_all(holder: ModuleType | type, module: str) -> None:
    """Replaces what a module, or a class of it, defines with shapes in its signature by a function that checks them."""
    for name, value in list(vars(holder).items()):
        if isinstance(value, type) and value.__module__ == module and value is not holder:
            check_all(value, module)
        elif (checking := _checking(value, module)) is not value:
            setattr(holder, name, checking)


def checked(function: FunctionType) -> Callable[..., Any]:
    """Returns the function with the shapes in its signature checked: names of axes agree within one call."""
    typed = beartype(_with_shapes_alone(function))

    @wraps(function)
    def checking(*args: Any, **kwargs: Any) -> Any:
        with jaxtyped("context"):
            return typed(*args, **kwargs)

    return checking


def _with_shapes_alone(function: FunctionType) -> FunctionType:
    """A copy whose signature has no other types: names that only a type checker imports could not be resolved."""
    code = (function.__code__, function.__globals__, function.__name__, function.__defaults__, function.__closure__)
    copy = FunctionType(*code)
    copy.__dict__.update(function.__dict__)
    copy.__kwdefaults__, copy.__module__, copy.__qualname__ = (
        function.__kwdefaults__,
        function.__module__,
        function.__qualname__,
    )
    copy.__annotations__ = {name: hint for name, hint in function.__annotations__.items() if _is_shape(hint)}
    return copy


def _is_shape(hint: object) -> bool:
    return "jaxtyping." in str(hint)


def _checking(value: object, module: str) -> object:
    if isinstance(value, staticmethod | classmethod):
        inner = _checking(value.__func__, module)
        return value if inner is value.__func__ else type(value)(inner)  # type: ignore[arg-type]
    if isinstance(value, property):
        return property(_checking(value.fget, module), value.fset, value.fdel, value.__doc__)  # type: ignore[arg-type]
    defined_here = isinstance(value, FunctionType) and value.__module__ == module
    return checked(value) if defined_here and _names_a_shape(value) else value  # type: ignore[arg-type]


def _names_a_shape(function: FunctionType) -> bool:
    """Whether a shape is in the signature; not so for context managers, whose annotation is that of their generator."""
    managed = hasattr(function, "__wrapped__") and inspect.isgeneratorfunction(inspect.unwrap(function))
    return not managed and any(map(_is_shape, function.__annotations__.values()))
