"""Pages from Jinja2 templates: each is one HTML file that loads nothing from the network.

The words of a page are in the templates of the package that makes it, its numbers come from Python. `page.html.j2` is the
frame that they all extend; `parts.html.j2` has tables, figures and notices as macros.
"""

import base64
import struct
from functools import cache
from importlib.metadata import version
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined


def render(package: str, template: str, story: object) -> str:
    """Returns a page as HTML.

    Args:
        package: the package whose folder ``templates`` has the template.
        template: file name of the template.
        story: all that the page shows; the template knows it as ``story``.

    Raises:
        jinja2.UndefinedError: the template uses something that the story does not have.
    """
    return page_environment(package).get_template(template).render(story=story)


@cache
def page_environment(package: str) -> Environment:
    """Returns the Jinja2 environment of a package's templates: escaping is on and undefined names are errors.

    Example:
        >>> page = page_environment("orienteer.draw").from_string("{{ name }}: {{ share | percent }}")
        >>> page.render(name="<b>", share=0.285)
        '&lt;b&gt;: 28 %'
    """
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(package), PackageLoader("orienteer.draw")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(percent=percent, number=number, mm=millimetres, data_uri=data_uri, png_size=png_size)
    environment.globals["version"] = version("orienteer")
    return environment


def percent(share: float | None) -> str:
    """Returns a share as whole percent; nothing for None.

    Example:
        >>> percent(0.285), percent(None)
        ('28 %', '')
    """
    return "" if share is None else f"{100 * share:.0f} %"


def number(value: float | None, form: str = ".1f") -> str:
    """Returns a formatted number; nothing for None.

    Example:
        >>> number(3.14159), number(12.6, ".0f"), number(0.5, "+.2f"), number(None)
        ('3.1', '13', '+0.50', '')
    """
    return "" if value is None else f"{value:{form}}"


def millimetres(value: float | None) -> str:
    """Returns a length as whole mm, below 2 mm with one decimal; nothing for None.

    Example:
        >>> millimetres(21.4), millimetres(0.44), millimetres(0.0), millimetres(None)
        ('21', '0.4', '0', '')
    """
    if value is None:
        return ""
    return f"{value:.0f}" if abs(value) >= 2 or abs(value) < 0.05 else f"{value:.1f}"


def data_uri(png: bytes) -> str:
    """Returns a PNG file as an address that holds the whole file.

    Example:
        >>> data_uri(b"abc")
        'data:image/png;base64,YWJj'
    """
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def png_size(png: bytes) -> dict[str, Any]:
    """Returns width and height of a PNG file in pixels, read from its header.

    With the size known, nothing on the page moves while pictures load, and none is shown larger than it was drawn.
    """
    width, height = struct.unpack(">II", png[16:24])
    return {"width": width, "height": height}
