"""Runs that begin with weights from elsewhere: of others, or from the hub; what is said, written down and refused."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from orienteer.errors import InputError
from orienteer.exports.push import push
from orienteer.pretraining.pretrain import pretrain
from orienteer.runs.card import read_card
from tests.helpers.fake_hub import FakeHub
from tests.helpers.published import segresnet
from tests.helpers.published_files import Publish
from tests.helpers.saved_runs import SaveRun
from tests.helpers.small_run import SMALL

PLAIN: dict[str, Any] = {**SMALL, "pictures": False, "steps": 1}
OPEN = {name: value for name, value in PLAIN.items() if name not in ("encoder", "encoder_arguments")}


def test_a_run_takes_the_encoder_of_the_weights_and_says_what_was_loaded(
    publish: Publish, torsos: Path, store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = publish("supervised_suprem_segresnet_2100.pth", segresnet())
    run = pretrain(torsos, tmp_path / "run", weights=str(path), store=str(store), **OPEN)
    config = yaml.safe_load((run.folder / "config.yaml").read_text())
    assert config["encoder"] == "segresnet"
    assert config["encoder_arguments"] == {"init_filters": 8, "blocks_down": [1, 2, 2, 4]}
    assert "weights of supervised_suprem_segresnet_2100.pth, MONAI's SegResNet (SuPreM): 58 " in capsys.readouterr().err
    began = json.loads((run.folder / "start.json").read_text())
    assert len(began["report"]["loaded"]) == 58
    assert str(tmp_path) not in json.dumps(began)
    origin = {"file": path.name, "origin": "MONAI's SegResNet (SuPreM)"}
    assert read_card(run.folder)["started_from"] == [origin]
    assert f"The weights began as those of `{path.name}`" in (run.folder / "MODEL_CARD.md").read_text()


def test_weights_of_another_network_are_refused_before_any_work(publish: Publish, torsos: Path, tmp_path: Path) -> None:
    path = publish("supervised_suprem_segresnet_2100.pth", segresnet())
    with pytest.raises(InputError, match="wanted weights of encoder 'tiny', got those of MONAI's SegResNet"):
        pretrain(torsos, tmp_path / "run", weights=str(path), **PLAIN)
    assert not (tmp_path / "run").exists()


def test_an_address_on_the_hub_is_pinned_in_the_run(
    save_run: SaveRun, fake_hub: FakeHub, torsos: Path, store: Path, tmp_path: Path
) -> None:
    theirs = save_run("tiny", filters=[4, 8, 8, 8], stem_stride=1)
    push(str(theirs), to=str(tmp_path / "pushed"))
    address = f"hf://user/name@{fake_hub.put('user/name', tmp_path / 'pushed')}"
    run = pretrain(torsos, tmp_path / "next", weights="hf://user/name", store=str(store), **OPEN)
    config = yaml.safe_load((run.folder / "config.yaml").read_text())
    assert (config["weights"], config["encoder"]) == (address, "tiny")
    (origin,) = read_card(run.folder)["started_from"]
    assert origin == {
        "address": address,
        **{key: read_card(theirs)[key] for key in ("data_fingerprint", "method", "steps")},
    }


def test_a_run_without_other_weights_began_with_nothing(torsos: Path, store: Path, tmp_path: Path) -> None:
    run = pretrain(torsos, tmp_path / "run", store=str(store), **PLAIN)
    assert not (run.folder / "start.json").exists()
    assert "started_from" not in read_card(run.folder)
