"""hf:// addresses: read, fetched only where named, pinned to a commit; what cannot be fetched is said in words."""

from pathlib import Path

import pytest

from orienteer.errors import InputError
from orienteer.exports.push import push
from orienteer.runs.hub import HubAddress, is_address, local_copy, parse_address, pinned
from orienteer.runs.weights import load_encoder, read_weights
from tests.helpers.fake_hub import FakeHub
from tests.helpers.saved_runs import SaveRun


@pytest.fixture
def on_hub(fake_hub: FakeHub, save_run: SaveRun, tmp_path: Path) -> Path:
    """The folder that lies on the hub as user/name."""
    push(str(save_run("tiny", filters=[4, 8, 8])), to=str(tmp_path / "pushed"))
    fake_hub.put("user/name", tmp_path / "pushed")
    return tmp_path / "pushed"


@pytest.mark.parametrize(
    ("address", "parts"),
    [
        ("hf://user/name", HubAddress("user/name")),
        ("hf:/user/name", HubAddress("user/name")),  # what Path makes of it
        ("hf://user/na.me@v1", HubAddress("user/na.me", "v1")),
        ("hf://user/name@refs%2Fpr%2F1", HubAddress("user/name", "refs/pr/1")),
        ("hf://user/name@v1/a/b.pt", HubAddress("user/name", "v1", "a/b.pt")),
    ],
)
def test_an_address_is_taken_apart_and_put_together(address: str, parts: HubAddress) -> None:
    assert is_address(address)
    assert parse_address(address) == parts
    assert parse_address(str(parts)) == parts


@pytest.mark.parametrize("address", ["hf://user", "hf://user/name@", "hf://user/name/../a", "hf://user/na me"])
def test_another_form_is_refused(address: str) -> None:
    with pytest.raises(InputError, match="wanted an address such as hf://user/name"):
        parse_address(address)


def test_weights_on_the_hub_are_those_of_the_folder(on_hub: Path) -> None:
    there, card = read_weights("hf://user/name")
    here, local = read_weights(on_hub)
    assert card == local
    assert all(there[name].equal(here[name]) for name in here)
    load_encoder("hf://user/name")


def test_an_address_is_pinned_to_the_commit_that_it_stands_for(on_hub: Path, fake_hub: FakeHub) -> None:
    first = fake_hub.commit("user/name", 0)
    assert pinned("hf://user/name") == f"hf://user/name@{first}"
    assert pinned("hf://user/name/config.json") == f"hf://user/name@{first}/config.json"
    fake_hub.put("user/name", on_hub)
    assert pinned("hf://user/name") == f"hf://user/name@{fake_hub.commit('user/name', 1)}"
    assert pinned(f"hf://user/name@{first}") == f"hf://user/name@{first}"
    assert (pinned("runs/ct"), pinned(None)) == ("runs/ct", None)


def test_only_the_files_of_one_encoder_are_fetched_and_only_once(on_hub: Path, fake_hub: FakeHub) -> None:
    fake_hub.repositories["user/name"][0]["large.pt"] = b"0" * 1000
    commit = pinned("hf://user/name")
    assert commit is not None
    assert not any("large.pt" in request for request in fake_hub.requests)
    fake_hub.requests.clear()
    load_encoder(commit)
    assert fake_hub.requests == []


def test_offline_what_lies_in_the_cache_is_used(
    on_hub: Path, fake_hub: FakeHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    load_encoder("hf://user/name")
    fake_hub.requests.clear()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    load_encoder("hf://user/name")
    with pytest.raises(InputError, match="hf://user/other: .*HF_HUB_OFFLINE is set"):
        load_encoder("hf://user/other")
    assert fake_hub.requests == []


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("hf://user/none", "wanted a repository on the hub, got none of this name"),
        ("hf://user/name@v9", "wanted a revision of the repository, got none"),
        ("hf://user/name/none.pt", "wanted a file of the repository, got no such file"),
    ],
)
def test_what_is_not_there_is_named(address: str, words: str, on_hub: Path) -> None:
    with pytest.raises(InputError, match=words):
        local_copy(address)


def test_without_a_network_the_message_says_so(fake_hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr("time.sleep", lambda seconds: None)  # the library tries five times
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", "http://127.0.0.1:9/{repo_id}/{revision}/{filename}")
    for address in ("hf://user/name", "hf://user/name/a.pt"):
        with pytest.raises(InputError, match="wanted weights that can be fetched.*name the local folder"):
            local_copy(address)


def test_a_file_that_was_cut_on_the_way_is_named(on_hub: Path, fake_hub: FakeHub) -> None:
    model = fake_hub.repositories["user/name"][0]["model.safetensors"]
    fake_hub.repositories["user/name"][0]["model.safetensors"] = model[:-100]
    with pytest.raises(InputError, match=r"model.safetensors: .*cut short or was changed"):
        load_encoder("hf://user/name")


def test_without_the_extra_the_message_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "huggingface_hub", None)
    with pytest.raises(InputError, match=r'pip install "orienteer\[hub\]"'):
        local_copy("hf://user/name")
