"""Reads the pages of a built site: their text, code blocks, links, and what they load."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

_LOADING = {"script": "src", "img": "src", "iframe": "src", "link": "href", "source": "src"}
_NOT_LOADED = {"canonical", "next", "prev", "edit"}


@dataclass
class Page:
    """One page of a site.

    Attributes:
        address: path of its file in the site.
        text: what a reader sees outside code.
        code_blocks: text of each code block.
        links: links to other places of the site.
        anchors: names that links can lead to.
        external_sources: scripts, styles, pictures and fonts from other hosts.
    """

    address: str
    text: str = ""
    code_blocks: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    anchors: set[str] = field(default_factory=set)
    external_sources: list[str] = field(default_factory=list)


def read_site(folder: Path) -> dict[str, Page]:
    """Returns the pages of a built site by address, without the page for addresses that do not exist."""
    pages = {}
    for file in sorted(folder.rglob("*.html")):
        address = str(file.relative_to(folder))
        if address != "404.html":
            reader = _Reader(Page(address))
            reader.feed(file.read_text())
            pages[address] = reader.page
    return pages


class _Reader(HTMLParser):
    def __init__(self, page: Page) -> None:
        super().__init__()
        self.page = page
        self.code, self.hidden = 0, 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if values.get("id"):
            self.page.anchors.add(str(values["id"]))
        if tag == "pre":
            self.code += 1
            self.page.code_blocks.append("")
        if tag in ("script", "style"):
            self.hidden += 1
        if tag in _LOADING and not _NOT_LOADED & set(str(values.get("rel")).split()):
            source = values.get(_LOADING[tag]) or ""
            if source.startswith(("http:", "https:", "//")):
                self.page.external_sources.append(source)
        if tag == "a" and values.get("href") and ":" not in str(values["href"]):
            self.page.links.append(str(values["href"]))

    def handle_endtag(self, tag: str) -> None:
        self.code -= tag == "pre"
        self.hidden -= tag in ("script", "style")

    def handle_data(self, data: str) -> None:
        if self.code:
            self.page.code_blocks[-1] += data
        elif not self.hidden:
            self.page.text += data
