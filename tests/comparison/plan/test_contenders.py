"""Contenders: settings resolved once, the same network for all, and reserved or unknown settings refused by name."""

from dataclasses import replace

import pytest

from orienteer.comparison.config import make_config
from orienteer.comparison.plan.contenders import finetune_choices, resolve
from orienteer.comparison.plan.reserved import FINETUNE_RESERVED, NETWORK, PRETRAIN_RESERVED
from orienteer.errors import InputError
from orienteer.finetuning.config import FinetuneConfig
from orienteer.runs.config import PretrainConfig
from tests.comparison.conftest import PRETRAIN
from tests.helpers.small_study import contender

PLANNED = {key: value for key, value in PRETRAIN.items() if key not in ("spacing_mm", "view_size")}


@pytest.fixture(scope="module")
def scans(labelled_torsos):
    return str(labelled_torsos / "imagesTr")


def resolved(scans, **settings):
    return {item.name: item for item in resolve(make_config({"pretrain": PLANNED, **settings}), scans)}


def test_all_methods_have_the_network_that_is_planned_from_the_scans(scans):
    define = {"six views": {"method": "default", "views": 6}}
    contenders = resolved(scans, methods=["default", "reconstruction"], define=define)
    assert list(contenders) == ["scratch", "default", "reconstruction", "six views"]
    shared = [
        tuple(getattr(item.config, key) for key in NETWORK if key != "encoder_arguments")
        for item in contenders.values()
    ]
    assert len(set(shared)) == 1
    assert None not in shared[0]
    assert contenders["six views"].config.views == 6
    assert not contenders["scratch"].trained
    assert all(item.trained for name, item in contenders.items() if name != "scratch")


def test_another_encoder_keeps_only_the_voxel_size(scans):
    define = {"larger": {"method": "default", "encoder": "segresnet", "encoder_arguments": {"init_filters": 8}}}
    contenders = resolved(scans, methods=["default"], define=define)
    assert contenders["larger"].config.spacing_mm == contenders["default"].config.spacing_mm
    assert contenders["larger"].config.encoder_arguments["init_filters"] == 8


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (
            {"methods": ["vocoo"]},
            "methods: wanted one of scratch, default.*got 'vocoo'.*use one of these names, or define it",
        ),
        ({"against": ["voco"]}, "against: wanted methods among scratch, default, got 'voco'"),
        ({"pretrain": {"seed": 3}}, "pretrain.seed: wanted a setting that is free"),
        ({"finetune": {"fraction": 0.5}}, "finetune.fraction: wanted a setting that is free"),
        ({"select": {"seed": [1, 2]}}, "select.seed: wanted a setting that is free"),
        ({"select": {"learning_rate": [0.1, -1.0]}}, "learning_rate: wanted above 0, got -1.0"),
        ({"define": {"mine": {"method": "default", "out": "x"}}}, "define.mine.out: wanted a setting that is free"),
        ({"define": {"mine": {"method": "default", "finetune": {"run": "x"}}}}, "define.mine.finetune.run"),
        ({"define": {"mine": {"method": "default", "view": 3}}}, "define.mine: view: .*did you mean views"),
    ],
)
def test_impossible_settings_are_named_before_any_work(scans, settings, words):
    with pytest.raises(InputError, match=words):
        resolved(scans, **settings)


def test_reserved_settings_are_settings():
    assert set(PretrainConfig.__dataclass_fields__) >= PRETRAIN_RESERVED
    assert set(FinetuneConfig.__dataclass_fields__) >= FINETUNE_RESERVED


def test_a_methods_changes_win_over_common_settings_and_the_selection_over_both():
    config = make_config({"finetune": {"steps": 5, "batch": 3, "learning_rate": 0.5}, "select": {"steps": [7, 9]}})
    choices = finetune_choices(config, {"batch": 1, "steps": 6})
    assert [(choice.steps, choice.batch, choice.learning_rate) for choice in choices] == [(7, 1, 0.5), (9, 1, 0.5)]


def test_the_grid_holds_every_combination():
    config = make_config({"select": {"steps": [7, 9], "batch": [1, 2, 3]}})
    choices = finetune_choices(config, {})
    assert len({(choice.steps, choice.batch) for choice in choices}) == len(choices) == 6


def test_names_of_methods_and_speed_do_not_decide_a_pretraining():
    config = make_config({})
    base = contender("a", "default", config)
    faster = replace(base, name="b", config=replace(base.config, workers=4, devices=2, log_every=1))
    assert faster.deciding() == base.deciding()
    assert replace(base, config=replace(base.config, steps=3)).deciding() != base.deciding()
