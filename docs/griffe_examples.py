"""Lets the API reference show the ``Example:`` of a docstring as code: griffe knows the heading ``Examples:`` only."""

import re
from typing import Any

import griffe


class Examples(griffe.Extension):
    """Renames the heading while the source is read."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Changes the docstring of one object."""
        if obj.docstring:
            obj.docstring.value = re.sub(r"^Example:", "Examples:", obj.docstring.value, flags=re.MULTILINE)
