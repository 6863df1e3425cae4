"""Spacing and patch size that are planned from the data, and those that are not."""

import pytest

from orienteer.errors import InputError
from orienteer.finetuning.config import FinetuneConfig
from orienteer.finetuning.resolved import resolve
from orienteer.finetuning.segmentation.planning import patch_size_for, plan_patch_size, plan_spacing, with_data
from orienteer.finetuning.starting_point import starting_point
from orienteer.labelled.datasets import read_dataset
from orienteer.scans.source import Selection
from tests.helpers.labelled import write_case, write_json

VIT = {"hidden_size": 12, "mlp_dim": 8, "num_heads": 2}


def test_the_spacing_is_the_median_of_each_axis(tmp_path):
    for number, spacing in enumerate([(1.0, 2.0, 3.0), (1.5, 1.0, 3.0), (2.0, 3.0, 9.0)]):
        write_case(tmp_path, f"case_{number}.nii.gz", number, spacing=spacing)
    (tmp_path / "imagesTr/case_0.nii.gz").touch()
    data = read_dataset(str(write_json(tmp_path)), None, None)
    assert plan_spacing([case.source for case in data.cases], Selection()) == (1.5, 2.0, 3.0)
    config = with_data(FinetuneConfig(), data)
    assert (config.modality, config.spacing_mm) == ("MR", (1.5, 2.0, 3.0))
    chosen = FinetuneConfig(modality="CT", spacing_mm=(1.0, 1.0, 1.0))
    assert with_data(chosen, data) == chosen


def test_without_a_readable_scan_there_is_no_spacing():
    with pytest.raises(InputError, match="data: wanted at least one scan, got none"):
        plan_spacing([], Selection())


@pytest.mark.parametrize(
    ("shape", "divisor", "least", "expected"),
    [
        ((34, 52, 35), (8, 8, 8), 2, (40, 56, 40)),
        ((300, 300, 100), (16, 16, 16), 1, (64, 64, 64)),
        ((5, 5, 5), (16, 16, 16), 2, (32, 16, 16)),
        ((500, 40, 20), (16, 16, 4), 1, (272, 48, 20)),
    ],
)
def test_a_patch_is_a_typical_scan_within_the_limit_of_the_device(shape, divisor, least, expected):
    size = plan_patch_size([shape], divisor, least, "cpu")
    assert size == expected
    assert all(edge % step == 0 for edge, step in zip(size, divisor, strict=True))


def settings_of(**changes):
    given = {"spacing_mm": (1.0, 1.0, 1.0), "store": "store", "accelerator": "cpu", **changes}
    point = starting_point(FinetuneConfig(**given))
    return resolve(point, point.config, crop_to_body=False)


def test_the_patch_size_is_given_or_required_by_the_weights_or_planned(save_run):
    shapes = [(30, 50, 30)]
    tiny = {"encoder": "tiny", "encoder_arguments": {"filters": [4, 8, 8], "stem_stride": 1}}
    assert patch_size_for(settings_of(**tiny, patch_size=(16, 24, 16)), shapes) == (16, 24, 16)
    assert patch_size_for(settings_of(**tiny), shapes) == (32, 52, 32)
    run = str(save_run("vit", (16, 32, 16), **VIT))
    assert patch_size_for(settings_of(run=run), shapes) == (16, 32, 16)
    assert patch_size_for(settings_of(run=run, start="scratch"), shapes) == (16, 32, 16)
