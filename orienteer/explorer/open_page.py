"""Opens a page in the browser without its address, which holds a token, being seen in the list of processes."""

import tempfile
import threading
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from html import escape
from pathlib import Path

HOST = "127.0.0.1"
"""Pages are served to this machine only."""

SERVER_PACKAGES = ("fastapi", "uvicorn")
"""What serves pages; the extra explore installs it."""

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="referrer" content="no-referrer">
<meta http-equiv="refresh" content="0; url={address}">
<title>orienteer</title>
</head>
<body><a href="{address}">Open the page</a></body>
</html>
"""


@contextmanager
def announced(
    what: str, port: int, token: str, open_browser: bool, ends: str = "Press Ctrl-C to stop."
) -> Iterator[str]:
    """Prints the address of a page that is served, opens it in the browser, and yields it.

    Args:
        what: what the page is, as the first words of the line.
        port: where it is served.
        token: that the server asks for.
        open_browser: whether to open it; where there is no browser, nothing opens.
        ends: when the page ends.
    """
    address = f"http://{HOST}:{port}/?token={token}"
    print(f"{what} is at {address}\n{ends}", flush=True)
    with redirect_page(address) if open_browser else nullcontext() as page:
        if page is not None:
            threading.Thread(target=open_page, args=(page,), daemon=True).start()
        yield address


@contextmanager
def redirect_page(address: str) -> Iterator[Path]:
    """Writes a page that leads to an address, which only this user can read, and removes it when the block ends.

    A browser is started with the address of a page as an argument, which all users of the machine can see.

    Args:
        address: with the token.

    Example:
        >>> with redirect_page("http://127.0.0.1:8000/?token=secret") as path:
        ...     "token=secret" in path.read_text(), "secret" in str(path), oct(path.stat().st_mode)[-3:]
        (True, False, '600')
        >>> path.parent.exists()
        False
    """
    with tempfile.TemporaryDirectory(prefix="orienteer-") as folder:  # mode 700
        path = Path(folder, "page.html")
        path.touch(mode=0o600)
        path.write_text(PAGE.format(address=escape(address, quote=True)), encoding="utf-8")
        yield path


def open_page(path: Path) -> None:
    """Opens a page in the browser; does nothing where there is none."""
    webbrowser.open(path.as_uri())
