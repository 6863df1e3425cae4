"""hf:// addresses: weights on the Hugging Face hub, fetched only where one is named, and pinned to a commit."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import ModuleType
from urllib.parse import quote, unquote

from orienteer.errors import InputError
from orienteer.extras import require_packages

SCHEME = "hf://"
FORM = "hf://user/name, hf://user/name@revision or hf://user/name/file"

FETCHED = (
    *("config.json", "preprocessor_config.json", "model.safetensors", "README.md"),  # ours
    *("adaptation_plan.json", "checkpoint_final.pth"),  # nnssl's
)
"""Files that are fetched of a repository where the address names none: those that hold one encoder."""

_ADDRESS = re.compile(r"hf://?([\w.-]+/[\w.-]+)(?:@([^/@\s]+))?(?:/([^@\s]+))?")
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class HubAddress:
    """What an hf:// address names.

    Attributes:
        repository: ``user/name``.
        revision: a branch, a tag or a commit; None for the newest.
        file: one file of it; None for the repository.
    """

    repository: str
    revision: str | None = None
    file: str | None = None

    def __str__(self) -> str:
        revision = "" if self.revision is None else f"@{quote(self.revision, safe='')}"
        return f"{SCHEME}{self.repository}{revision}{'' if self.file is None else f'/{self.file}'}"


def is_address(path: str | Path) -> bool:
    """Returns whether a path is an address on the hub.

    Example:
        >>> is_address("hf://user/name"), is_address("./user/name")
        (True, False)
    """
    return str(path).startswith("hf:/")


def parse_address(address: str | Path) -> HubAddress:
    """Returns the parts of an address.

    Raises:
        InputError: it has another form.

    Example:
        >>> parse_address("hf://user/name@v1.0/folder/a.pt")
        HubAddress(repository='user/name', revision='v1.0', file='folder/a.pt')
    """
    parts = _ADDRESS.fullmatch(str(address))
    if parts is None or ".." in PurePosixPath(parts[3] or "").parts:
        raise InputError(str(address), wanted=f"an address such as {FORM}", got="another form", do="correct it")
    return HubAddress(parts[1], None if parts[2] is None else unquote(parts[2]), parts[3])


def local_copy(path: str | Path, more: Sequence[str] = ()) -> Path:
    """Returns where weights lie on this machine: the path itself, or what was fetched for an address on the hub.

    What lies in the cache of `huggingface_hub` is not fetched again, and with HF_HUB_OFFLINE nothing is.

    Args:
        path: a path or an address.
        more: names of files of a repository that are fetched beside those of the encoder.

    Raises:
        InputError: no such repository, revision or file, no network, or the extra ``hub`` is not installed.
    """
    return _fetched(parse_address(path), more) if is_address(path) else Path(path)


def pinned(path: str | None) -> str | None:
    """Returns an address with the commit that it stands for now, so that a repeated run gets the same weights.

    Any other path is returned as it is.

    Raises:
        InputError: as `local_copy`.
    """
    if path is None or not is_address(path):
        return path
    address = parse_address(path)
    if address.revision is not None and _COMMIT.fullmatch(address.revision):
        return str(address)
    copy = _fetched(address)
    commit = next(part for part in reversed(copy.parts) if _COMMIT.fullmatch(part))
    return str(HubAddress(address.repository, commit, address.file))


def agrees(given: str, begun: str) -> bool:
    """Returns whether an address may be what a run began with: the same file, and no other commit.

    Args:
        given: an address, as a user gives it.
        begun: an address with the commit that it stood for.

    Example:
        >>> begun = "hf://user/name@" + 40 * "a"
        >>> agrees("hf://user/name", begun), agrees("hf://user/name@v1", begun), agrees("hf://user/name@" + 40 * "b", begun)
        (True, True, False)
    """
    one, other = parse_address(given), parse_address(begun)
    exact = one.revision is not None and _COMMIT.fullmatch(one.revision)
    return (one.repository, one.file) == (other.repository, other.file) and (
        not exact or one.revision == other.revision
    )


def hub_library() -> ModuleType:
    """Returns huggingface_hub.

    Raises:
        InputError: it is not installed.
    """
    require_packages("hub", ["huggingface_hub"], extra="hub")
    import huggingface_hub

    return huggingface_hub


@contextmanager
def hub_errors(address: str) -> Iterator[None]:
    """Raises what the hub's library raises as an error that says what to do.

    Args:
        address: what was asked for, for the message.

    Raises:
        InputError: the block raised one of its errors, or one of the network.
    """
    hub_library()
    from huggingface_hub import errors

    try:
        yield
    except errors.GatedRepoError as error:
        do = "ask for access on its page, then run: hf auth login"
        raise InputError(address, wanted="weights that you may fetch", got="a gated repository", do=do) from error
    except errors.RepositoryNotFoundError as error:
        got = "none of this name, or a private one"
        do = "check the name; for a private repository run: hf auth login"
        raise InputError(address, wanted="a repository on the hub", got=got, do=do) from error
    except errors.RevisionNotFoundError as error:
        do = "see the tags and commits on its page"
        raise InputError(address, wanted="a revision of the repository", got="none of this name", do=do) from error
    except (errors.OfflineModeIsEnabled, errors.LocalEntryNotFoundError) as error:
        got = "neither a connection (or HF_HUB_OFFLINE is set) nor a copy in the cache"
        do = "connect, or fetch it once elsewhere and name the local folder"
        raise InputError(address, wanted="weights that can be fetched", got=got, do=do) from error
    except errors.EntryNotFoundError as error:
        raise InputError(address, wanted="a file of the repository", got="no such file", do="correct it") from error
    except (errors.LocalTokenNotFoundError, errors.HfHubHTTPError) as error:
        raise InputError(address, wanted="an answer of the hub", got=_first_line(error), do=_LOG_IN) from error
    except errors.HFValidationError as error:
        raise InputError(
            address, wanted=f"an address such as {FORM}", got=_first_line(error), do="correct it"
        ) from error
    except OSError as error:
        do = "check the connection and the disk, or name a local folder"
        raise InputError(address, wanted="weights that can be fetched", got=_first_line(error), do=do) from error


_LOG_IN = "check the connection and your rights; run: hf auth login"


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


def _fetched(address: HubAddress, more: Sequence[str] = ()) -> Path:
    """Returns the folder or file of an address in the cache, which it is fetched into where it is not there yet."""
    library = hub_library()
    with hub_errors(str(address)):
        if address.file is not None:
            return Path(library.hf_hub_download(address.repository, address.file, revision=address.revision))
        return Path(
            library.snapshot_download(address.repository, revision=address.revision, allow_patterns=[*FETCHED, *more])
        )
