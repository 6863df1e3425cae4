"""Which scans can be opened, and the warnings about scans that the model may not be fit for."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from orienteer.errors import InputError, ScanError
from orienteer.explorer.open_scan import open_scan
from orienteer.phantoms.torso import write_phantoms
from orienteer.runs.loaded import LoadedRun


def write(path: Path, voxels: np.ndarray, spacing_mm: float = 8.0) -> Path:
    image = sitk.GetImageFromArray(voxels)
    image.SetSpacing((spacing_mm,) * 3)
    sitk.WriteImage(image, str(path))
    return path


def test_a_scan_is_prepared_like_the_runs_own(loaded: LoadedRun, small_run: Path) -> None:
    with loaded.open_store() as store:
        key, name = next(iter(loaded.training.items()))
        stored = store.scan(key)
        voxels = store.read(key, (0, 0, 0), stored.shape_vox)
    scan = open_scan(small_run.parent / "scans" / name, loaded)
    assert (scan.shape_vox, scan.spacing_mm, scan.modality) == (stored.shape_vox, stored.spacing_mm, "CT")
    np.testing.assert_allclose(scan.origin_mm, stored.origin_mm)
    images = scan.images([(0, 0, 0), (3, 2, 1)], (16, 16, 16))
    np.testing.assert_array_equal(images[0, 1, 0], voxels[3:19, 2:18, 1:17])
    assert any("trained on a scan of this name" in warning for warning in scan.warnings)


def test_a_new_scan_of_the_same_kind_gives_no_warning(loaded: LoadedRun, new_scans: list[Path]) -> None:
    renamed = new_scans[0].rename(new_scans[0].with_name("new.nii.gz"))
    try:
        assert open_scan(renamed, loaded).warnings == ()
    finally:
        renamed.rename(new_scans[0])


def test_another_modality_gives_a_warning(loaded: LoadedRun, new_scans: list[Path]) -> None:
    as_mr = replace(loaded, config=replace(loaded.config, modality="MR"))
    warnings = open_scan(new_scans[0], as_mr).warnings
    assert any(warning.startswith("This scan is MR; the model was trained on CT only") for warning in warnings)


def test_without_its_store_the_modalities_are_unknown(loaded: LoadedRun, new_scans: list[Path], tmp_path: Path) -> None:
    config = replace(loaded.config, store=str(tmp_path / "gone"), modality="MR")
    moved = replace(loaded, folder=tmp_path / "run", config=config)  # beside it there is no store either
    assert not any("trained on CT" in warning for warning in open_scan(new_scans[0], moved).warnings)


def test_coarse_voxels_give_a_warning(loaded: LoadedRun, tmp_path: Path) -> None:
    write_phantoms(tmp_path, count=1, seed=3, shape_vox=(20, 16, 24), spacing_mm=18.0, labels=False, progress=False)
    (warning,) = open_scan(tmp_path, loaded).warnings[:1]
    assert "voxels are (18, 18, 18) mm, much coarser than the (8, 8, 8) mm" in warning


def test_a_scan_smaller_than_a_view(loaded: LoadedRun, tmp_path: Path) -> None:
    voxels = np.random.default_rng(0).integers(0, 100, (12, 30, 30)).astype(np.int16)
    with pytest.raises(ScanError, match=r"room for a view of \(16, 16, 16\) voxels .* smaller than a view on axis 2"):
        open_scan(write(tmp_path / "flat.nii.gz", voxels), loaded)


def test_a_scan_that_cannot_be_read(loaded: LoadedRun, tmp_path: Path) -> None:
    path = tmp_path / "broken.nii.gz"
    path.write_bytes(b"no scan")
    with pytest.raises(InputError, match=r"broken\.nii\.gz"):
        open_scan(path, loaded)


def test_a_missing_path(loaded: LoadedRun, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        open_scan(tmp_path / "nothing.nii.gz", loaded)


def test_a_folder_with_several_scans(loaded: LoadedRun, new_scans: list[Path]) -> None:
    with pytest.raises(InputError, match=r"wanted one scan, got 2, among them SYNTHETIC_torso_000"):
        open_scan(new_scans[0].parent, loaded)
