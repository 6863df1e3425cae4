"""What a run has learned, shown to a person.

The package has the name of its main function, `orienteer.observe.observe.observe`. Python puts an imported package in the
place of the function on `orienteer`, so the package can be called like it: ``orienteer.observe("runs/ct")`` works whatever
was imported before.
"""

import sys
from types import ModuleType
from typing import Any


class _CallablePackage(ModuleType):
    def __call__(self, *args: Any, **settings: Any) -> Any:
        from orienteer.observe.observe import observe

        return observe(*args, **settings)


sys.modules[__name__].__class__ = _CallablePackage
