"""The window for CT that is chosen from the values of a collection's bodies."""

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from orienteer.scans.body_values import LEVELS, BodyValues, body_values
from orienteer.scans.discover import discover
from orienteer.scans.headers import scan_headers
from orienteer.scans.source import ScanHeader, Selection
from orienteer.store.window import SOFT_TISSUE, WHOLE, choose_window, window_of_scans


def body(lung: float = 0.0, bone: float = 0.0) -> BodyValues:
    """A body of soft tissue at 40 HU with a share of lung at -800 and one of bone at 700."""
    values = np.where(lung > LEVELS, -800.0, np.where(1 - bone <= LEVELS, 700.0, 40.0))
    return BodyValues("CT", values.astype(np.float32))


@pytest.mark.parametrize(
    ("lung", "bone", "window"),
    [
        (0.04, 0.03, SOFT_TISSUE),
        (0.22, 0.05, (WHOLE[0], SOFT_TISSUE[1])),
        (0.0, 0.2, (SOFT_TISSUE[0], WHOLE[1])),
        (0.2, 0.2, WHOLE),
    ],
)
def test_the_window_is_extended_to_the_side_on_which_much_of_the_body_lies(lung, bone, window):
    chosen = choose_window([body(lung, bone)] * 3)
    assert chosen.value == window
    assert f"{bone:.0%} above 300 HU in 3 CT" in chosen.why


def test_the_mean_of_all_scans_decides_and_not_a_single_one():
    assert choose_window([body(), body(), body(), body(lung=0.3)]).value == SOFT_TISSUE
    assert choose_window([body(lung=0.2), body(lung=0.2), body()]).value == (WHOLE[0], SOFT_TISSUE[1])


def test_a_share_is_never_more_than_all_of_the_body():
    assert BodyValues("CT", np.linspace(-125, 275, 1001, dtype=np.float32)).share_below(300.0) == 1
    assert "and 0% above 300 HU" in choose_window([body()]).why


def test_without_a_ct_the_window_holds_all_values():
    chosen = choose_window([])
    assert chosen.value == WHOLE
    assert "no CT" in chosen.why


def test_the_values_are_those_of_the_body_without_the_air_around_it(tmp_path: Path):
    voxels = np.full((40, 40, 40), -1000, np.int16)
    voxels[8:32, 8:32, 8:32] = 40
    voxels[8:14, 8:32, 8:32] = 60  # a quarter of the body
    sitk.WriteImage(sitk.GetImageFromArray(voxels), str(tmp_path / "a.nii.gz"))
    values = body_values(discover(tmp_path, progress=False).sources[0], Selection())
    assert values.modality == "CT"
    assert (values.quantiles.min(), values.quantiles.max()) == (40, 60)
    assert values.share_below(50.0) == pytest.approx(0.75, abs=0.002)


def test_the_scans_of_a_folder_are_read_and_damaged_ones_passed_over(tmp_path: Path):
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        voxels = np.full((30, 30, 30), -1000, np.int16)
        voxels[5:25, 5:25, 5:25] = rng.integers(-90, 90, (20, 20, 20))
        voxels[10:20, 10:20, 8:22] = -800
        sitk.WriteImage(sitk.GetImageFromArray(voxels), str(tmp_path / f"{name}.nii.gz"))
    whole = (tmp_path / "b.nii.gz").read_bytes()
    sources = discover(tmp_path, progress=False).sources
    headers = [header for _, header in scan_headers(sources) if isinstance(header, ScanHeader)]
    (tmp_path / "b.nii.gz").write_bytes(whole[: len(whole) // 2])  # its header still reads well
    chosen = window_of_scans(sources, headers, Selection(), None)
    assert chosen.value == (-1000.0, 260.0)
    assert chosen.why.endswith("in 1 CT")


def test_a_given_window_is_kept_and_nothing_is_read():
    assert window_of_scans((), (), Selection(), (-100.0, 300.0)).value == (-100.0, 300.0)
    assert window_of_scans((), (), Selection(), (-100.0, 300.0)).why == "as given"


def test_scans_that_are_mr_by_choice_or_by_header_are_not_read(tmp_path: Path):
    header = ScanHeader("a", "NIfTI", (9, 9, 9), (1.0, 1.0, 1.0), (9.0, 9.0, 9.0), "MR")
    assert window_of_scans((), [header], Selection(), None).value == WHOLE
