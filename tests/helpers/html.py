"""Reads an HTML page: its tags and its text."""

from html.parser import HTMLParser


class Page(HTMLParser):
    """The tags of a page with their attributes, and its text with single spaces."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._text = ""
        self.feed(html)

    @property
    def text(self) -> str:
        """The text of the page, with single spaces."""
        return " ".join(self._text.split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self._text += data

    def every(self, tag: str) -> list[dict[str, str | None]]:
        """Returns the attributes of all tags of one name."""
        return [attributes for name, attributes in self.tags if name == tag]
