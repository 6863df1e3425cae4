"""Synthetic torsos: the same seed gives the same subject, organs lie where they belong, files come back as written."""

import numpy as np
import pytest
import SimpleITK as sitk

from orienteer.errors import InputError
from orienteer.phantoms.anatomy import LABEL_NAMES, SOFT
from orienteer.phantoms.torso import PREFIX, Phantom, _made_of, phantom, write_phantoms
from orienteer.scans.discover import discover
from orienteer.scans.read import read_scan

SMALL = {"shape_vox": (32, 32, 48), "spacing_mm": 10.0}
SEEDS = range(12)


@pytest.fixture(scope="module")
def subjects() -> list[Phantom]:
    return [phantom(seed, **SMALL) for seed in SEEDS]


def centre(torso: Phantom, name: str) -> np.ndarray:
    """Returns the centre of an organ in voxels."""
    number = next(value for value, organ in LABEL_NAMES.items() if organ == name)
    return np.argwhere(torso.labels == number).mean(axis=0)


def test_same_seed_same_subject_another_seed_another():
    first, again, other = phantom(3, **SMALL), phantom(3, **SMALL), phantom(4, **SMALL)
    np.testing.assert_array_equal(first.voxels, again.voxels)
    np.testing.assert_array_equal(first.labels, again.labels)
    assert first.origin_mm == again.origin_mm
    assert np.mean(first.labels != other.labels) > 0.02


def test_a_generator_moves_on_to_the_next_subject():
    rng = np.random.default_rng(3)
    first, second = phantom(rng, **SMALL), phantom(rng, **SMALL)
    np.testing.assert_array_equal(first.voxels, phantom(3, **SMALL).voxels)
    assert np.any(first.labels != second.labels)


def test_the_global_generator_is_not_touched():
    before = np.random.get_state()[1].copy()  # noqa: NPY002 - the point is that nobody moved it
    phantom(0, **SMALL)
    np.testing.assert_array_equal(before, np.random.get_state()[1])  # noqa: NPY002


def test_every_subject_has_every_organ(subjects):
    for torso in subjects:
        missing = set(LABEL_NAMES) - set(np.unique(torso.labels).tolist())
        # At 10 mm the smallest may fall between voxels, and the field may end below the windpipe.
        assert missing <= {15, 16, 18}, [LABEL_NAMES[number] for number in missing]


@pytest.mark.parametrize(
    ("higher", "lower", "axis"),
    [
        ("liver", "spleen", 0),
        ("liver", "stomach", 0),
        ("lung right", "lung left", 0),
        ("kidney right", "kidney left", 0),
        ("vena cava", "aorta", 0),
        ("heart", "spine", 1),
        ("liver", "kidney right", 1),
        ("heart", "liver", 2),
        ("liver", "bladder", 2),
        ("kidney left", "kidney right", 2),
        ("kidney right", "hip bones and femurs", 2),
    ],
)
def test_organs_lie_where_they_belong(subjects, higher, lower, axis):
    for torso in subjects:
        assert centre(torso, higher)[axis] > centre(torso, lower)[axis]


def test_left_is_not_a_mirror_of_right(subjects):
    for torso in subjects:
        sizes = np.bincount(torso.labels.ravel(), minlength=20)
        assert sizes[1] != sizes[2]
        assert centre(torso, "heart")[0] < centre(torso, "spine")[0], "the heart lies left"
        assert abs(centre(torso, "liver")[0] - centre(torso, "spine")[0]) > 1.5


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("lung right", -950, -600),
        ("liver", 20, 180),
        ("spine", 60, 300),
        ("hip bones and femurs", 150, 500),
        ("bladder", -40, 60),
    ],
)
def test_labels_lie_on_the_organs(subjects, name, low, high):
    number = next(value for value, organ in LABEL_NAMES.items() if organ == name)
    for torso in subjects:
        assert low < np.median(torso.voxels[torso.labels == number]) < high


def test_voxels_are_a_ct(subjects):
    for torso in subjects:
        assert torso.voxels.min() >= -1024
        assert np.mean(torso.voxels < -900) > 0.2, "air around the body"
        assert np.mean(torso.voxels[torso.labels == 0] > -500) > 0.1, "fat and muscle between the organs"


def test_position_in_the_array_is_not_position_in_the_body(subjects):
    heights = [centre(torso, "heart")[2] * 10 for torso in subjects]
    assert np.std(heights) > 10, "mm"
    sizes = [np.count_nonzero(torso.labels == 3) ** (1 / 3) for torso in subjects]
    assert max(sizes) > 1.1 * min(sizes)


def test_any_size_and_spacing():
    torso = phantom(0, (20, 18, 26), (15.0, 12.0, 20.0))
    assert torso.voxels.shape == torso.labels.shape == (20, 18, 26)
    assert torso.spacing_mm == (15.0, 12.0, 20.0)
    corner = phantom(0, (8, 8, 8), 2.0)  # far smaller than the body: all inside
    assert corner.voxels.min() > -1024 or corner.labels.any()


@pytest.mark.parametrize(
    ("shape", "spacing"), [((4, 32, 32), 5.0), ((32, 32, 32), 0.0), ((32, 32, 32), (5.0, -5.0, 5.0))]
)
def test_sizes_that_cannot_be(shape, spacing):
    with pytest.raises(InputError, match="8 voxels or more, above 0 mm"):
        phantom(0, shape, spacing)


def test_written_scans_come_back_as_they_were(tmp_path):
    paths = write_phantoms(tmp_path, 2, seed=5, progress=False, **SMALL)
    discovery = discover(tmp_path)
    assert [source.files[0] for source in discovery.sources] == paths
    assert [item.name for item in discovery.left_out] == [f"labels/{path.name}" for path in paths]
    for index, source in enumerate(discovery.sources):
        torso, scan = phantom(np.random.default_rng([5, index]), **SMALL), read_scan(source)
        np.testing.assert_array_equal(scan.voxels, torso.voxels)
        np.testing.assert_allclose(scan.origin_mm, torso.origin_mm, atol=1e-3)
        np.testing.assert_allclose(scan.spacing_mm, torso.spacing_mm)
        np.testing.assert_array_equal(scan.axes, np.eye(3))
        assert scan.modality == "CT"


def test_label_maps_lie_on_their_scans(tmp_path):
    (path,) = write_phantoms(tmp_path, 1, progress=False, **SMALL)
    scan, labels = sitk.ReadImage(str(path)), sitk.ReadImage(str(tmp_path / "labels" / path.name))
    assert (scan.GetOrigin(), scan.GetSpacing(), scan.GetDirection(), scan.GetSize()) == (
        labels.GetOrigin(),
        labels.GetSpacing(),
        labels.GetDirection(),
        labels.GetSize(),
    )


def test_label_maps_are_known_without_their_folder(tmp_path):
    (path,) = write_phantoms(tmp_path / "a", 1, progress=False, **SMALL)
    (tmp_path / "a" / "labels" / path.name).rename(tmp_path / "a" / "what_is_it.nii.gz")
    discovery = discover(tmp_path)
    assert [source.name for source in discovery.sources] == [f"a/{path.name}"]
    assert "label map" in discovery.left_out[0].reason


def test_files_are_marked_as_synthetic(tmp_path):
    (path,) = write_phantoms(tmp_path, 1, seed=9, progress=False, **SMALL)
    assert path.name.startswith(PREFIX)
    assert "SYNTHETIC" in path.name
    assert sitk.ReadImage(str(path)).GetMetaData("descrip") == "synthetic torso CT, no patient; seed 9, subject 0"


def test_what_exists_is_kept_and_the_rest_is_added(tmp_path):
    (first,) = write_phantoms(tmp_path, 1, progress=False, **SMALL)
    stamp, content = first.stat().st_mtime_ns, first.read_bytes()
    paths = write_phantoms(tmp_path, 3, progress=False, **SMALL)
    assert first.stat().st_mtime_ns == stamp
    paths[0].unlink()
    write_phantoms(tmp_path, 3, progress=False, **SMALL)
    assert first.read_bytes() == content


@pytest.mark.parametrize("other", [{"seed": 1}, {"spacing_mm": 9.0}, {"shape_vox": (32, 32, 40)}])
def test_scans_of_other_settings_are_not_taken_for_these(tmp_path, other):
    write_phantoms(tmp_path, 1, progress=False, **SMALL)
    with pytest.raises(InputError, match="use another folder or remove the old files"):
        write_phantoms(tmp_path, 1, progress=False, **{**SMALL, **other})


def test_a_failure_while_writing_leaves_no_scan(tmp_path, monkeypatch):
    def full(image, name, useCompression):
        with open(name, "wb") as file:
            file.write(b"half")
        raise RuntimeError("no space left on device")

    monkeypatch.setattr(sitk, "WriteImage", full)
    with pytest.raises(RuntimeError, match="no space"):
        write_phantoms(tmp_path, 1, labels=False, progress=False, **SMALL)
    assert list(tmp_path.iterdir()) == []


def test_without_label_maps(tmp_path):
    write_phantoms(tmp_path, 1, labels=False, progress=False, **SMALL)
    assert not (tmp_path / "labels").exists()


def test_none_at_all(tmp_path):
    with pytest.raises(InputError, match="one subject or more, got 0"):
        write_phantoms(tmp_path, 0)


def test_hard_phantoms_have_soft_organs_of_one_intensity_and_a_part_of_the_trunk():
    easy, hard = phantom(2, **SMALL), phantom(2, **SMALL, hard=True)
    assert hard.voxels.shape[:2] == easy.voxels.shape[:2]
    assert 0.5 * easy.voxels.shape[2] < hard.voxels.shape[2] < easy.voxels.shape[2]
    assert hard.labels.shape == hard.voxels.shape
    assert len({phantom(seed, **SMALL, hard=True).voxels.shape[2] for seed in range(6)}) > 1
    painted = [paint_of(seed, hard=True) for seed in range(3)]
    for median_hu in painted:
        assert max(median_hu.values()) - min(median_hu.values()) < 60
    assert max(max(one.values()) - min(one.values()) for one in (paint_of(seed, hard=False) for seed in range(3))) > 60


def paint_of(seed: int, hard: bool) -> dict[int, float]:
    """Returns the median HU of each soft organ of which enough is in view."""
    torso = phantom(seed, **SMALL, hard=hard)
    names = {value for value, name in torso.label_names.items() if name in SOFT and name not in ("stomach", "bowel")}
    organs = {value: torso.voxels[torso.labels == value] for value in names}
    return {value: float(np.median(voxels)) for value, voxels in organs.items() if voxels.size > 40}


def test_hard_and_easy_phantoms_are_never_mixed_up(tmp_path):
    paths = write_phantoms(tmp_path, 2, progress=False, hard=True, **SMALL)
    before = [path.read_bytes() for path in paths]
    assert [path.read_bytes() for path in write_phantoms(tmp_path, 2, progress=False, hard=True, **SMALL)] == before
    with pytest.raises(InputError, match="use another folder"):
        write_phantoms(tmp_path, 2, progress=False, **SMALL)


@pytest.mark.parametrize("index", [0, 10, 159])
def test_a_hard_phantom_of_any_seed_can_be_written(index: int) -> None:
    """What the file says of itself fits into a NIfTI header, and subjects differ in it."""
    said = {_made_of(40_000, number, (96, 80, 120)) for number in (index, index + 1)}
    assert len(said) == 2
    assert max(map(len, said)) <= 79
