"""A Hugging Face hub of one process: the requests that huggingface_hub makes, answered from memory on this machine."""

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import unquote, urlsplit

import pytest


@dataclass
class FakeHub:
    """Repositories by name, each a list of commits: files by name.

    Attributes:
        repositories: by ``user/name``; a commit's name is made of its number.
        requests: method and path of each request.
    """

    repositories: dict[str, list[dict[str, bytes]]] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)

    def commit(self, name: str, number: int) -> str:
        """Returns the hash of a commit."""
        return hashlib.sha1(f"{name}/{number}".encode()).hexdigest()

    def at(self, name: str, revision: str) -> tuple[str, dict[str, bytes]] | None:
        """Returns hash and files of a revision; None where there is none."""
        commits = self.repositories.get(name, [])
        by_hash = {self.commit(name, number): files for number, files in enumerate(commits)}
        if revision == "main" and commits:
            return self.commit(name, len(commits) - 1), commits[-1]
        return (revision, by_hash[revision]) if revision in by_hash else None

    def put(self, name: str, folder: Path) -> str:
        """Commits the files of a folder, and returns the hash."""
        files = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
        self.repositories.setdefault(name, []).append(files)
        return self.commit(name, len(self.repositories[name]) - 1)


@pytest.fixture
def fake_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    """A hub that huggingface_hub asks in this test, with an empty cache of its own."""
    from huggingface_hub import constants

    hub = FakeHub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    address = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr(constants, "ENDPOINT", address)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", address + "/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub_cache"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no_token"))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("HF_TOKEN", "hf_test")
    from huggingface_hub.utils import disable_progress_bars

    disable_progress_bars()
    yield hub
    server.shutdown()
    server.server_close()
    thread.join()


class _Handler(BaseHTTPRequestHandler):
    hub: ClassVar[FakeHub]
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._get()

    def do_GET(self) -> None:
        self._get()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        path = self._path()
        if path == "/api/repos/create":
            name = "/".join(filter(None, (json.loads(body).get("organization") or "user", json.loads(body)["name"])))
            self.hub.repositories.setdefault(name, [])
            return self._answer({"url": f"https://huggingface.co/{name}", "name": name})
        if path == "/api/validate-yaml":  # of a model card
            return self._answer({"errors": [], "warnings": []})
        name = "/".join(path.split("/")[3:5])
        if "/preupload/" in path:
            files = [{"path": item["path"], "uploadMode": "regular", "shouldIgnore": False}
                     for item in json.loads(body)["files"]]  # fmt: skip
            return self._answer({"files": files})
        if "/commit/" in path:
            return self._answer(self._committed(name, body))
        return self._answer({"error": path}, 404)

    def _committed(self, name: str, body: bytes) -> dict[str, Any]:
        lines = [json.loads(line) for line in body.splitlines()]
        files = {
            line["value"]["path"]: base64.b64decode(line["value"]["content"]) for line in lines if line["key"] == "file"
        }
        commits = self.hub.repositories[name]
        commits.append({**(commits[-1] if commits else {}), **files})
        commit = self.hub.commit(name, len(commits) - 1)
        return {"success": True, "commitOid": commit, "commitUrl": f"https://huggingface.co/{name}/commit/{commit}"}

    def _get(self) -> None:
        path = self._path()
        parts = path.strip("/").split("/")
        if parts[:2] == ["api", "models"]:
            return self._api("/".join(parts[2:4]), parts[4:])
        name, revision, file = "/".join(parts[:2]), parts[3], "/".join(parts[4:])
        found = self.hub.at(name, revision)
        if found is None or file not in found[1]:
            return self._missing(name, found is None, "EntryNotFound")
        blob = found[1][file]
        return self._send(200, blob, {"X-Repo-Commit": found[0], "ETag": f'"{hashlib.sha1(blob).hexdigest()}"'})

    def _api(self, name: str, rest: list[str]) -> None:
        revision = rest[1] if len(rest) > 1 else "main"
        found = self.hub.at(name, revision)
        if found is None:
            return self._missing(name, True, "RevisionNotFound")
        commit, files = found
        if rest[:1] == ["tree"]:
            rows = [{"type": "file", "path": key, "size": len(blob), "oid": hashlib.sha1(blob).hexdigest()}
                    for key, blob in files.items()]  # fmt: skip
            return self._answer(rows)
        siblings = [{"rfilename": key} for key in files]
        return self._answer({"id": name, "sha": commit, "siblings": siblings, "private": False})

    def _missing(self, name: str, revision: bool, code: str) -> None:
        code = "RepoNotFound" if name not in self.hub.repositories else "RevisionNotFound" if revision else code
        return self._send(404, b"{}", {"X-Error-Code": code})

    def _answer(self, content: Any, status: int = 200) -> None:
        self._send(status, json.dumps(content).encode(), {"Content-Type": "application/json"})

    def _send(self, status: int, blob: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for key, value in {**headers, "Content-Length": str(len(blob))}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(blob)

    def _path(self) -> str:
        path = unquote(urlsplit(self.path).path)
        self.hub.requests.append(f"{self.command} {path}")
        return path

    def log_message(self, format: str, *args: object) -> None:
        """Prints nothing."""
