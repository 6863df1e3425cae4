"""Puts the pages that live at the root of the repository (CONTRIBUTING.md, CHANGELOG.md) into the site."""

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT_PAGES = {"contributing.md": "CONTRIBUTING.md", "changelog.md": "CHANGELOG.md"}
"""Name of the page in the site, and of the file at the root."""


def on_files(files: Files, config: Any) -> Files:
    """Returns the files of the site with the pages from the root added."""
    root = Path(config.config_file_path).parent
    for page, source in ROOT_PAGES.items():
        files.append(File.generated(config, page, content=site_links((root / source).read_text())))
    return files


def site_links(text: str) -> str:
    """Returns the text with its links into ``docs/`` made relative to a page of the site.

    Example:
        >>> site_links("[Settings](docs/settings.md#views), [changes](CHANGELOG.md)")
        '[Settings](settings.md#views), [changes](changelog.md)'
    """
    text = re.sub(r"\]\(docs/", "](", text)
    for page, source in ROOT_PAGES.items():
        text = text.replace(f"]({source}", f"]({page}")
    return text
