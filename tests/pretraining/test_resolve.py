"""Resolving: given settings are kept, the others are chosen for the scans, the method and the machine."""

from pathlib import Path
from typing import Any

import pytest
import SimpleITK as sitk
import torch

from orienteer.errors import InputError
from orienteer.methods import METHODS
from orienteer.pretraining import resolve
from orienteer.pretraining.resolve import Resolved, resolve_config
from orienteer.runs.config import make_config
from orienteer.runs.network import build_network
from orienteer.runs.run_config import CHOSEN


def resolved(scans: Path | str, **settings: Any) -> Resolved:
    return resolve_config(make_config({"accelerator": "cpu", **settings, "scans": str(scans)}), shown=False)


def test_everything_left_open_is_chosen(torsos: Path) -> None:
    made = resolved(torsos, steps=50)
    assert all(getattr(made.config, name) is not None for name in CHOSEN)
    assert (made.config.spacing_mm, made.config.validate_every) == ((8.0, 8.0, 8.0), 5)
    assert (made.config.views, made.config.layout) == (METHODS["default"].views, METHODS["default"].layout)
    assert made.config.encoder == "tiny"
    assert made.config.ct_window_hu == made.window.value != (-1000.0, 1000.0)
    assert made.scans.view_size == made.config.view_size
    assert len(made.headers) == 6


def test_what_is_given_is_kept(torsos: Path) -> None:
    given: dict[str, Any] = {
        **{"spacing_mm": [9.0, 9.0, 9.0], "view_size": [16, 16, 32], "unit_mm": 37.0, "views": 2, "layout": "free"},
        **{
            "teacher": True,
            "validate_every": 7,
            "encoder": "tiny",
            "encoder_arguments": {"decoder": False, "stem_stride": 1},
        },
    }
    config = resolved(torsos, **given).config
    assert {name: config.to_dict()[name] for name in given} == given


def test_the_network_has_the_initial_weights_of_its_seed(torsos: Path) -> None:
    made = resolved(torsos, seed=5, method="spatial", encoder="tiny")
    again = build_network(made.config)
    torch.testing.assert_close(made.network.state_dict(), again.state_dict(), rtol=0, atol=0, equal_nan=True)


def test_scans_of_few_voxels_get_full_resolution_in_the_first_stage(torsos: Path, tmp_path: Path) -> None:
    assert resolved(torsos, encoder="tiny").config.encoder_arguments["stem_stride"] == 1
    assert "stem_stride" not in resolved(torsos, encoder="tiny", view_size=[32, 32, 32]).config.encoder_arguments
    sitk.WriteImage(sitk.Image(80, 80, 80, sitk.sitkInt16), str(tmp_path / "large.nii.gz"))
    assert "stem_stride" not in resolved(tmp_path, encoder="tiny").config.encoder_arguments


def test_a_gpu_has_the_encoder_of_the_method_and_larger_views(torsos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resolve, "choose_device", lambda accelerator: torch.device("cuda"))
    auto, cpu = make_config({"method": "spatial"}), make_config({"method": "spatial", "accelerator": "cpu"})
    assert resolve.on_gpu(auto)
    assert not resolve.on_gpu(cpu)
    assert resolve._encoder(auto, METHODS["spatial"], ())[0] == METHODS["spatial"].encoder
    sizes = [resolve._most_view_vox(config, "segresnet") for config in (auto, cpu)]
    assert sizes[0] > sizes[1]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"encoder": "resnet"}, "encoder: wanted one of"),
        ({"method": "magic"}, "method: wanted one of"),
        ({"layout": "block", "views": 4}, "views: wanted 9"),
        ({"view_size": [30, 30, 30]}, "view_size: wanted multiples of"),
    ],
    ids=str,
)
def test_settings_that_do_not_fit_together_are_refused(settings: dict, message: str, torsos: Path) -> None:
    with pytest.raises(InputError, match=message):
        resolved(torsos, **settings)


def test_a_folder_without_a_readable_scan_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cut.nii.gz").write_bytes(b"not a scan")
    with pytest.raises(InputError, match=r"wanted at least one readable scan, got none; the first: .*cut\.nii\.gz"):
        resolved(tmp_path)


def test_scans_must_be_named() -> None:
    with pytest.raises(InputError, match="scans: wanted a folder of scans, got none"):
        resolve_config(make_config({}))
