"""Preparing one scan: places in mm, cropping, the field of view, and refusals with their step."""

import numpy as np
import pytest

from orienteer.errors import ScanError
from orienteer.scans.preparation import Preparation
from orienteer.scans.prepare_scan import prepare_scan
from orienteer.scans.source import Scan, Selection
from tests.helpers.files import turned, write
from tests.helpers.stores import SETTINGS, tissue


@pytest.mark.parametrize(
    "geometry",
    [
        {"spacing": (1.0, 1.0, 1.0)},
        {"spacing": (0.8, 1.1, 2.5), "origin": (-120.5, 33.25, 901.0)},
        {"spacing": (1.0, 1.5, 3.0), "direction": turned((0, 0, 0), order=(2, 0, 1))},
        {"spacing": (1.0, 1.5, 2.0), "direction": turned((0, 0, 0), signs=(1, 1, -1))},  # left-handed
        {"spacing": (1.5, 1.5, 1.5), "direction": turned((15, 0, 0))},
        {"spacing": (1.0, 1.5, 2.0), "direction": turned((-10, 20, 5), order=(1, 2, 0), signs=(1, -1, 1))},
    ],
    ids=["plain", "anisotropic", "other order", "left-handed", "oblique", "oblique, turned"],
)
@pytest.mark.parametrize("spacing_mm", [(1.0, 1.0, 1.0), (1.7, 1.3, 0.9)])
def test_a_bright_ball_keeps_its_place_in_mm(tmp_path, geometry, spacing_mm):
    """The centre of mass of a smooth ball, located by the geometry of SimpleITK, is where the store has it."""
    spot = np.array([21.0, 17.0, 14.0])
    index = np.stack(np.meshgrid(*map(np.arange, (40, 36, 30)), indexing="ij"), axis=-1)
    distance_mm = np.linalg.norm((index - spot) * np.array(geometry["spacing"]), axis=-1)
    values = (1000 + 30000 * np.exp(-0.5 * (distance_mm / 5.0) ** 2)).astype(np.int16)
    values += np.random.default_rng(0).integers(0, 2, values.shape).astype(np.int16)
    source = write(tmp_path / "a.nii.gz", values, **geometry)
    image_direction = geometry.get("direction", np.eye(3))
    origin = np.array(geometry.get("origin", (5.0, -6.0, 7.0)))
    wanted_lps = origin + image_direction @ (spot * np.array(geometry["spacing"]))
    settings = Preparation(spacing_mm, mr_percentiles=(0.0, 100.0))
    arrays = prepare_scan(source, Selection(modality="MR"), settings)
    weight = np.clip(arrays.voxels.astype(float) + 600, 0, None)  # the upper four fifths of the ball alone
    places = np.stack(np.meshgrid(*map(np.arange, weight.shape), indexing="ij"), axis=-1)
    centre_vox = (places * weight[..., None]).sum(axis=(0, 1, 2)) / weight.sum()
    position_mm = np.array(arrays.origin_mm) + centre_vox * np.array(arrays.spacing_mm)
    np.testing.assert_allclose(position_mm, wanted_lps * [-1, -1, 1], atol=0.03)


def test_cropping_does_not_move_the_voxels(tmp_path):
    values = np.zeros((40, 30, 30), np.int16)
    values[15:33, 6:20, 9:24] = tissue(1, (18, 14, 15))
    source = write(tmp_path / "a.nii.gz", values, spacing=(1.0, 1.0, 1.0), direction=np.diag([-1.0, -1.0, 1.0]))
    tight, whole = (
        prepare_scan(source, Selection(modality="MR"), Preparation((1.0, 1.0, 1.0), crop_to_body=crop, margin_mm=3.0))
        for crop in (True, False)
    )
    shift = np.array(tight.origin_mm) - np.array(whole.origin_mm)
    assert shift.tolist() == [12.0, 3.0, 6.0]
    assert tight.voxels.shape == (24, 20, 21)
    np.testing.assert_array_equal(tight.voxels, whole.voxels[12:36, 3:23, 6:27])


def test_an_oblique_scan_marks_what_was_not_scanned(tmp_path):
    source = write(
        tmp_path / "a.nii.gz", tissue(2, (40, 40, 40)), spacing=(1.0, 1.0, 1.0), direction=turned((0, 0, 30))
    )
    arrays = prepare_scan(source, Selection(modality="MR"), Preparation((1.0, 1.0, 1.0)))
    assert not arrays.body.inside[0, 0].any()
    middle = tuple(size // 2 for size in arrays.body.inside.shape)
    assert arrays.body.inside[middle]
    assert arrays.body.body[middle] > 200
    # The field is a cube of 40 mm: blocks wholly inside it must hold less, but most of it.
    assert 0.6 < arrays.body.inside.sum() * 4**3 / 40**3 < 1.0


def test_a_label_map_saved_as_floats_is_refused(tmp_path):
    labels = np.kron(np.arange(8).reshape(2, 2, 2), np.ones((9, 9, 9))).astype(np.float32)
    source = write(tmp_path / "a.nii.gz", labels)
    with pytest.raises(ScanError, match="as in a label map") as caught:
        prepare_scan(source, Selection(modality="MR"), SETTINGS)
    assert caught.value.step == "read"


def test_air_alone_is_refused(tmp_path):
    values = (-1000 + np.random.default_rng(0).integers(0, 40, (12, 12, 12))).astype(np.int16)
    source = write(tmp_path / "a.nii.gz", values)
    with pytest.raises(ScanError, match="wanted a body in the scan") as caught:
        prepare_scan(source, Selection(), SETTINGS)
    assert caught.value.step == "crop"


def test_values_beyond_the_window_alone_are_refused(tmp_path):
    source = write(tmp_path / "a.nii.gz", (3000 + tissue()).astype(np.int16))
    with pytest.raises(ScanError, match="different values after the intensity rule") as caught:
        prepare_scan(source, Selection(modality="CT"), SETTINGS)
    assert caught.value.step == "normalise"


def test_values_that_turn_non_finite_are_refused(tmp_path, monkeypatch):
    source = write(tmp_path / "a.nii.gz", tissue())
    voxels = tissue().astype(np.float32)
    voxels[2, 2, 2] = np.inf
    scan = Scan("a.nii.gz", voxels, (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), np.eye(3), "MR", "NIfTI")
    monkeypatch.setattr("orienteer.scans.prepare_scan.read_scan", lambda *_: scan)
    with pytest.raises(ScanError, match="NaN or Inf") as caught:
        prepare_scan(source, Selection(), SETTINGS)
    assert caught.value.step == "resample"


def test_an_unexpected_error_names_scan_and_step(tmp_path, monkeypatch):
    source = write(tmp_path / "a.nii.gz", tissue())

    def broken(*_):
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr("orienteer.scans.prepare_scan.onto_grid", broken)
    with pytest.raises(ScanError, match=r"a\.nii\.gz: .*ZeroDivisionError: division by zero") as caught:
        prepare_scan(source, Selection(), SETTINGS)
    assert caught.value.step == "resample"
