"""A page that is one file, and its pieces: tables, figures, notices. Text is escaped here and nowhere else."""

import base64
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from importlib.metadata import version
from importlib.resources import files
from string import Template


@dataclass(frozen=True)
class Picture:
    """A picture and its words.

    Attributes:
        title: what it shows, in a few words.
        text: a paragraph that says how to read it and what it says.
        alt: the same in a sentence, for those who cannot see it.
        png: the file.
    """

    title: str
    text: str
    alt: str
    png: bytes


@dataclass(frozen=True)
class Part:
    """A part of a page: where links lead to, its heading, and its content as HTML."""

    anchor: str
    name: str
    html: str


def page(title: str, lead: str, parts: Sequence[Part], foot: str) -> str:
    """Returns a whole page that loads nothing from elsewhere.

    Args:
        title: its heading.
        lead: HTML that comes first.
        parts: what follows, each under its heading.
        foot: a sentence at the end.

    Example:
        >>> html = page("Cats", paragraph("All of them."), [Part("here", "Here", paragraph("None."))], "The end.")
        >>> '<h2 id="here">Here</h2>' in html, 'href="#here"' in html
        (True, True)
    """
    here = files("orienteer.draw")
    return Template(here.joinpath("page_template.html").read_text()).substitute(
        version=escape(version("orienteer")),
        title=escape(title),
        style=here.joinpath("page.css").read_text(),
        lead=lead,
        contents="\n".join(f'<li><a href="#{part.anchor}">{escape(part.name)}</a></li>' for part in parts),
        body="\n".join(f"{heading(2, part.name, part.anchor)}\n{part.html}" for part in parts),
        foot=escape(foot),
    )


def paragraph(text: str, kind: str = "") -> str:
    """Returns a paragraph.

    Example:
        >>> paragraph("3 < 4", kind="lead")
        '<p class="lead">3 &lt; 4</p>'
    """
    return f'<p class="{escape(kind)}">{escape(text)}</p>' if kind else f"<p>{escape(text)}</p>"


def notice(text: str, good: bool = False) -> str:
    """Returns a paragraph that stands out: a warning, or good news."""
    return paragraph(text, "notice good" if good else "notice")


def percent(share: float | None) -> str:
    """Returns a share in words; nothing for None.

    Example:
        >>> percent(0.285), percent(None)
        ('28 %', '')
    """
    return "" if share is None else f"{100 * share:.0f} %"


def heading(level: int, text: str, anchor: str | None = None) -> str:
    """Returns a heading."""
    place = f' id="{escape(anchor)}"' if anchor else ""
    return f"<h{level}{place}>{escape(text)}</h{level}>"


def table(caption: str, head: Sequence[str], rows: Sequence[Sequence[str]], words: Sequence[int] = ()) -> str:
    """Returns a table whose first column names its rows; it scrolls by itself where the page is narrow.

    Args:
        caption: what it shows.
        head: names of the columns.
        rows: the cells; the first of each row is its name. A cell that begins with ``!`` is shown as an alarm.
        words: numbers of the columns that hold text, not numbers.

    Example:
        >>> print(table("Errors", ("scan", "mm"), [("a", "3")]).replace("><", ">\\n<"))
        <div class="scroll" tabindex="0" role="group" aria-label="Table: Errors">
        <table>
        <caption>Errors</caption>
        <thead>
        <tr>
        <th scope="col" class="words">scan</th>
        <th scope="col">mm</th>
        </tr>
        </thead>
        <tbody>
        <tr>
        <th scope="row">a</th>
        <td>3</td>
        </tr>
        </tbody>
        </table>
        </div>
    """
    kinds = [' class="words"' if number in (0, *words) else "" for number in range(len(head))]
    top = "".join(f'<th scope="col"{kind}>{escape(name)}</th>' for name, kind in zip(head, kinds, strict=True))
    lines = []
    for name, *cells in rows:
        body = "".join(f"<td{kind}>{_cell(cell)}</td>" for cell, kind in zip(cells, kinds[1:], strict=True))
        lines.append(f'<tr><th scope="row">{escape(name)}</th>{body}</tr>')
    content = f"<caption>{escape(caption)}</caption><thead><tr>{top}</tr></thead><tbody>{''.join(lines)}</tbody>"
    return _scroll(f"<table>{content}</table>", f"Table: {caption}")


def figure(picture: Picture) -> str:
    """Returns a picture with its paragraph under it."""
    image = f'<div class="picture">{_image(picture.png, picture.alt)}</div>'
    caption = f"<figcaption>{escape(picture.text)}</figcaption>"
    return f"<figure>{_scroll(image, f'Picture: {picture.title}')}{caption}</figure>"


def strip(name: str, pictures: Sequence[tuple[int, bytes]], text: str) -> str:
    """Returns the same picture at several steps, side by side."""
    parts = "".join(
        f"<div><p>after step {step}</p>{_image(png, f'{name}: what was predicted after step {step}.')}</div>"
        for step, png in pictures
    )
    row = _scroll(f'<div class="strip">{parts}</div>', f"Pictures over time: {name}")
    return f"<figure>{row}<figcaption>{escape(text)}</figcaption></figure>"


def _scroll(content: str, label: str) -> str:
    return f'<div class="scroll" tabindex="0" role="group" aria-label="{escape(label)}">{content}</div>'


def _image(png: bytes, alt: str) -> str:
    data = base64.b64encode(png).decode()
    width, height = struct.unpack(">II", png[16:24])  # a PNG's header: never larger than drawn, no jump when it loads
    size = f'width="{width}" height="{height}" style="max-width:{width}px"'
    return f'<img src="data:image/png;base64,{data}" alt="{escape(alt)}" {size}>'


def _cell(text: str) -> str:
    return f'<span class="alarm">{escape(text[1:])}</span>' if text.startswith("!") else escape(text)
