"""Puts CONTRIBUTING.md and CHANGELOG.md, which live at the root of the repository, into the site."""

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT_PAGES = {"CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
"""The file at the root, and its name in the site."""


def on_files(files: Files, config: Any) -> Files:
    """Returns the files of the site with the pages from the root added."""
    root = Path(config.config_file_path).parent
    for source, page in ROOT_PAGES.items():
        files.append(File.generated(config, page, content=(root / source).read_text()))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Returns the text of a page with its links as the site needs them."""
    return site_links(markdown, page.file.src_uri)


def site_links(text: str, page: str) -> str:
    """Returns a page's text with links that hold in the repository changed into links that hold in the site.

    Example:
        >>> site_links("[Settings](docs/settings.md#views), [changes](CHANGELOG.md)", "contributing.md")
        '[Settings](settings.md#views), [changes](changelog.md)'
        >>> site_links("[Contributing](../../CONTRIBUTING.md)", "reference/contracts.md")
        '[Contributing](../contributing.md)'
    """
    up = "../" * page.count("/")
    if page in ROOT_PAGES.values():
        text = text.replace("](docs/", "](")
    for source, target in ROOT_PAGES.items():
        text = re.sub(rf"\]\((\.\./)*{re.escape(source)}", f"]({up}{target}", text)
    return text
