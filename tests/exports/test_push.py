"""Weights are pushed into a folder or onto the hub, with a licence, and without anything private."""

import json
from pathlib import Path

import pytest
import yaml
from safetensors.torch import load_file

from orienteer.errors import InputError
from orienteer.exports.push import push
from orienteer.features.pretrained import load
from orienteer.runs.card import read_card
from orienteer.runs.run import Run
from tests.exports.test_code_places import PLACES
from tests.helpers.fake_hub import FakeHub
from tests.helpers.saved_runs import SaveRun

FILES = ["README.md", "config.json", "model.safetensors", "preprocessor_config.json"]


@pytest.fixture
def run(save_run: SaveRun) -> Path:
    return save_run("tiny", filters=[4, 8, 8])


def set_licence(run: Path, licence: str) -> None:
    card = json.loads((run / "encoder.json").read_text())
    (run / "encoder.json").write_text(json.dumps({**card, "licence": licence}))


def test_a_finished_run_is_pushed_and_loaded(finished: Run, tmp_path: Path) -> None:
    pushed = push(str(finished.folder), to=f"{tmp_path}/new/pushed", license="apache-2.0")
    folder = tmp_path / "new/pushed"
    assert pushed.folder == folder
    assert sorted(path.name for path in folder.iterdir()) == FILES
    assert load_file(folder / "model.safetensors").keys() == load_file(finished.folder / "encoder.safetensors").keys()
    card = read_card(folder)
    assert card == {**read_card(finished.folder), "licence": "apache-2.0"}
    assert load(folder).preparation == load(finished.folder).preparation


def test_the_card_has_the_metadata_of_the_hub_and_the_results(finished: Run, tmp_path: Path) -> None:
    push(str(finished.folder), to=f"{tmp_path}/pushed", license="mit")
    text = (tmp_path / "pushed/README.md").read_text()
    head = yaml.safe_load(text.split("---\n")[1])
    assert head["license"] == "mit"
    assert (head["library_name"], head["pipeline_tag"]) == ("orienteer", "image-feature-extraction")
    assert {"medical-imaging", "3d", "tiny", "monai"} <= set(head["tags"])
    for words in ("gap error (mm)", "6 read", "Licence of the weights: mit", "## Input"):
        assert words in text, words


def test_nothing_of_the_machine_and_no_name_of_a_scan_is_in_it(finished: Run, torsos: Path, tmp_path: Path) -> None:
    push(str(finished.folder), to=f"{tmp_path}/pushed", license="mit")
    places = [str(torsos), str(finished.folder), *(place for place in PLACES.values() if len(place) > 6)]
    for path in (tmp_path / "pushed").iterdir():
        blob = path.read_bytes()
        assert not any(place.encode() in blob for place in places), path.name
        assert b"torso_00" not in blob, path.name


@pytest.mark.parametrize("words", ["the cohort in /data/hospital/ct", r"C:\Users\anna\notes.txt", "~/scans/ct"])
def test_a_card_with_a_path_is_refused(words: str, run: Path, tmp_path: Path) -> None:
    card = json.loads((run / "encoder.json").read_text())
    (run / "encoder.json").write_text(json.dumps({**card, "method": words}))
    with pytest.raises(InputError, match="wanted a file without paths and names of scans"):
        push(str(run), to=f"{tmp_path}/pushed")
    assert not (tmp_path / "pushed").exists()


def test_a_card_with_the_name_of_a_scan_is_refused(run: Path, tmp_path: Path) -> None:
    row = {"key": "k", "name": "sub/Mueller_Anna.nii.gz"}
    split = {"training": [row], "validation": [{"key": "m", "name": "b.nii.gz"}]}
    (run / "split.json").write_text(json.dumps(split))
    card = json.loads((run / "encoder.json").read_text())
    (run / "encoder.json").write_text(json.dumps({**card, "method": "default on Mueller_Anna"}))
    with pytest.raises(InputError, match="names of scans, got Mueller_Anna"):
        push(str(run), to=f"{tmp_path}/pushed")


def test_without_a_licence_nothing_is_written(run: Path, tmp_path: Path) -> None:
    set_licence(run, "unknown: set it before you share the weights")
    with pytest.raises(InputError, match="license: wanted the licence of the weights, got none.*--license apache-2.0"):
        push(str(run), to=f"{tmp_path}/pushed")
    with pytest.raises(InputError, match="license: .*got apache.*use apache-2.0"):
        push(str(run), to=f"{tmp_path}/pushed", license="apache")
    assert not (tmp_path / "pushed").exists()


def test_a_licence_in_encoder_json_is_taken_and_not_contradicted(run: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="wanted one licence, got mit, and CC-BY-4.0 in encoder.json"):
        push(str(run), to=f"{tmp_path}/pushed", license="mit")
    push(str(run), to=f"{tmp_path}/pushed")
    assert read_card(tmp_path / "pushed")["licence"] == "cc-by-4.0"


def test_what_is_there_is_replaced_only_when_asked(run: Path, tmp_path: Path) -> None:
    for _ in range(2):
        push(str(run), to=f"{tmp_path}/pushed", overwrite=True)
    with pytest.raises(InputError, match="to: wanted a folder without an export.*which holds config.json"):
        push(str(run), to=f"{tmp_path}/pushed")


@pytest.mark.parametrize(
    ("to", "words"),
    [
        (None, "to: wanted a folder, or user/name on the hub, got none"),
        ("pushed", "write ./folder for a folder, or user/name for the hub"),
        ("a/b/c", "write ./folder for a folder, or user/name for the hub"),
        ("here/there", "here/there, which may be both"),
        ("hf://user/name@v1", "leave out the revision"),
    ],
)
def test_a_target_is_a_folder_or_a_name(
    to: str | None, words: str, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here/there").mkdir(parents=True)
    with pytest.raises(InputError, match=words):
        push(str(run), to=to)


def test_damaged_weights_are_not_pushed(run: Path, tmp_path: Path) -> None:
    (run / "encoder.safetensors").write_bytes((run / "encoder.safetensors").read_bytes()[:-4])
    with pytest.raises(InputError, match="cut short or was changed"):
        push(str(run), to=f"{tmp_path}/pushed")


@pytest.mark.parametrize("to", ["user/name", "hf://user/name"])
def test_a_run_goes_to_the_hub_and_back(to: str, run: Path, fake_hub: FakeHub) -> None:
    pushed = push(str(run), to=to)
    commit = fake_hub.commit("user/name", 0)
    assert pushed.address == f"hf://user/name@{commit}"
    assert sorted(fake_hub.repositories["user/name"][0]) == FILES
    assert 'orienteer.load("hf://user/name")' in fake_hub.repositories["user/name"][0]["README.md"].decode()
    assert load(pushed.address).card["sha256"] == read_card(run)["sha256"]


def test_weights_on_the_hub_are_replaced_only_when_asked(run: Path, fake_hub: FakeHub) -> None:
    push(str(run), to="user/name")
    with pytest.raises(InputError, match="wanted a repository without weights"):
        push(str(run), to="user/name")
    pushed = push(str(run), to="user/name", overwrite=True)
    assert pushed.address == f"hf://user/name@{fake_hub.commit('user/name', 1)}"


def test_without_a_network_nothing_is_pushed(run: Path, fake_hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(InputError, match="hf://user/name: .*HF_HUB_OFFLINE"):
        push(str(run), to="user/name")
    assert fake_hub.repositories == {}
