"""The layout of the Hugging Face hub: read as a run is, and refused with the name of what was changed."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from orienteer.errors import InputError
from orienteer.exports.push import push
from orienteer.runs.weights import load_encoder, read_weights, start_from
from tests.helpers.saved_runs import SaveRun


@pytest.fixture
def run(save_run: SaveRun) -> Path:
    return save_run("tiny", filters=[4, 8, 8])


@pytest.fixture
def pushed(run: Path, tmp_path: Path) -> Path:
    push(str(run), to=str(tmp_path / "pushed"))
    return tmp_path / "pushed"


def test_it_holds_what_the_run_holds(run: Path, pushed: Path) -> None:
    weights, card = read_weights(pushed)
    own, own_card = read_weights(run)
    assert card == {**own_card, "licence": "cc-by-4.0"}
    assert all(weights[name].equal(own[name]) for name in own)


def test_it_is_named_by_its_folder_or_its_weights(pushed: Path) -> None:
    for path in (pushed, pushed / "model.safetensors"):
        encoder, _ = load_encoder(path)
        start_from(encoder, path)


def edit(name: str, before: str, after: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        text = (folder / name).read_text()
        assert before in text
        (folder / name).write_text(text.replace(before, after))

    return change


def cut(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:-20]) and None


def remove(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (edit("preprocessor_config.json", "1000.0", "999.0"), r"preprocessor_config.json: .*cut short or was changed"),
        (edit("config.json", '"tiny"', '"dynunet"'), r"config.json: .*got one that was changed"),
        (edit("config.json", "cc-by-4.0", "mit"), r"config.json: .*got one that was changed"),
        (
            edit("README.md", "license: cc-by-4.0", "license: mit"),
            "README.md: wanted one licence, got mit, and cc-by-4.0",
        ),
        (edit("config.json", '"orienteer"', '"timm"'), "wanted the file that `orienteer push` wrote, got one of timm"),
        (cut("model.safetensors"), r"model.safetensors: .*cut short or was changed"),
        (cut("config.json"), r"config.json: .*none that can be read"),
        (remove("model.safetensors"), r"model.safetensors: .*no such file"),
        (remove("preprocessor_config.json"), r"preprocessor_config.json: .*no such file"),
    ],
)
def test_a_file_that_was_changed_is_named(change: Callable[[Path], None], words: str, pushed: Path) -> None:
    change(pushed)
    with pytest.raises(InputError, match=words):
        load_encoder(pushed)


def test_text_of_the_card_may_be_edited_and_json_laid_out_anew(pushed: Path) -> None:
    edit("README.md", "## Limits", "## Known limits")(pushed)
    config = json.loads((pushed / "config.json").read_text())
    (pushed / "config.json").write_text(json.dumps(dict(reversed(config.items()))))
    load_encoder(pushed)
    remove("README.md")(pushed)
    load_encoder(pushed)
