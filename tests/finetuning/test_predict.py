"""Predictions lie where their scans lie, bit for bit, whatever the format; bad scans and full disks harm nothing else."""

import errno
import gzip
import hashlib
import json
import os
import shutil
import struct
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
import torch

from orienteer.encoders import build_encoder
from orienteer.errors import InputError
from orienteer.finetuning.classification.network import Classifier, save_classifier
from orienteer.finetuning.model_files import SegmentationModel, load_model, save_model
from orienteer.finetuning.predict import file_names, predict, window_logits
from orienteer.finetuning.segmentation.network import build_segmenter
from orienteer.labelled.grids import differs, grid_geometry, source_geometry
from orienteer.labelled.nifti import write_labels
from orienteer.labelled.resampling import labels_on_grid, probabilities_on_file
from orienteer.scans.preparation import Preparation
from orienteer.scans.prepare_scan import prepare_scan
from orienteer.scans.source import DICOM, ScanSource, Selection
from tests.helpers.disguise import MakesAFile
from tests.helpers.files import image_of, source_of, turned, write_dicom
from tests.helpers.labelled import case_arrays

SIZE = (16, 16, 16)
RULES = {"CT": {"window_hu": [-1000, 1000]}, "MR": {"percentiles_of_body": [0.5, 99.5]}}
UNEVEN = {
    "spacing": (0.9, 1.1, 1.3),
    "origin": (12.3, -45.6, 78.9),
    "direction": turned((0, 0, 0), (2, 0, 1), (-1, 1, -1)),
}
OBLIQUE = {"spacing": (0.9, 1.1, 1.3), "origin": (12.3, -45.6, 78.9), "direction": turned((20, -10, 15))}


def made_model() -> SegmentationModel:
    encoder = build_encoder("tiny", SIZE, filters=[4, 8, 8], stem_stride=1)
    names = {0: "background", 2: "bright", 5: "grey"}
    network, _ = build_segmenter(encoder, len(names), deep_supervision=False, seed=0)
    preparation = Preparation(spacing_mm=(1.0, 1.0, 1.0), crop_to_body=False)
    return SegmentationModel(
        network.eval(), names, SIZE, 0.5, preparation, Selection(modality="MR"), torch.device("cpu")
    )


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    save_model(folder, made_model(), {})
    return folder


def write_scan(folder: Path, name: str, seed: int = 0, **geometry) -> ScanSource:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    image = image_of(case_arrays(seed)[0], **{"spacing": (1.0, 1.0, 1.0), **geometry})
    sitk.WriteImage(image, str(folder / name))
    return source_of(folder / name)


def itk_geometry(path: Path):
    image = sitk.ReadImage(str(path))
    return image.GetSize(), image.GetSpacing(), image.GetOrigin(), image.GetDirection()


@pytest.mark.parametrize("geometry", [{}, UNEVEN, OBLIQUE], ids=["plain", "turned", "oblique"])
@pytest.mark.parametrize("end", [".nii.gz", ".nii"])
def test_nifti_keeps_every_bit_of_its_geometry(tmp_path, model, geometry, end):
    write_scan(tmp_path / "scans", f"deep/a{end}", **geometry)
    predict(model, tmp_path / "scans", tmp_path / "out")
    scan, written = tmp_path / f"scans/deep/a{end}", tmp_path / "out/deep/a.nii.gz"
    assert itk_geometry(written) == itk_geometry(scan)
    old, new = nibabel.load(scan), nibabel.load(written)
    for field in ("qform_code", "sform_code", "srow_x", "srow_y", "srow_z", "quatern_b", "quatern_c", "quatern_d",
                  "qoffset_x", "qoffset_y", "qoffset_z"):  # fmt: skip
        assert np.array_equal(old.header[field], new.header[field]), field
    assert np.array_equal(old.header["pixdim"][:4], new.header["pixdim"][:4])
    assert np.array_equal(old.affine, new.affine)


def test_values_are_the_data_sets_own(tmp_path, model):
    write_scan(tmp_path / "scans", "a.nii.gz")
    predict(model, tmp_path / "scans", tmp_path / "out")
    written = sitk.ReadImage(str(tmp_path / "out/a.nii.gz"))
    assert written.GetPixelIDValue() == sitk.sitkUInt8
    assert set(np.unique(sitk.GetArrayViewFromImage(written))) <= {0, 2, 5}


@pytest.mark.parametrize("end", [".nrrd", ".mha"])
def test_other_formats_keep_their_geometry_as_far_as_nifti_can_hold_it(tmp_path, model, end):
    write_scan(tmp_path / "scans", f"a{end}", **OBLIQUE)
    predict(model, tmp_path / "scans", tmp_path / "out")
    old, new = itk_geometry(tmp_path / f"scans/a{end}"), itk_geometry(tmp_path / "out/a.nii.gz")
    assert new[0] == old[0]
    for wanted, got in zip(old[1:], new[1:], strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-5)


def test_a_dicom_series_gets_the_geometry_of_its_slices(tmp_path, model):
    write_dicom(tmp_path / "scans/knee", case_arrays(0)[0], modality="MR")
    result = predict(model, tmp_path / "scans", tmp_path / "out")
    (written,) = (tmp_path / "out").rglob("*.nii.gz")
    assert list(result.files) == ["knee"]
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(tmp_path / "scans/knee")))
    series, labels = reader.Execute(), sitk.ReadImage(str(written))
    assert labels.GetSize() == series.GetSize()
    for index in ((0, 0, 0), tuple(edge - 1 for edge in series.GetSize())):
        placed = [image.TransformIndexToPhysicalPoint(index) for image in (labels, series)]
        np.testing.assert_allclose(*placed, atol=1e-3)


def test_nothing_but_geometry_is_copied_from_a_header(tmp_path, model):
    write_scan(tmp_path / "scans", "a.nii")
    path = tmp_path / "scans/a.nii"
    raw = bytearray(path.read_bytes())
    raw[148:163] = b"Nobody^Invented"  # descrip
    raw[228:243] = b"Nobody^Invented"  # aux_file
    path.write_bytes(bytes(raw))
    predict(model, tmp_path / "scans", tmp_path / "out")
    assert b"Invented" not in gzip.decompress((tmp_path / "out/a.nii.gz").read_bytes())


def test_a_big_endian_file_stays_readable(tmp_path):
    write_scan(tmp_path, "little.nii", **OBLIQUE)
    little = nibabel.load(tmp_path / "little.nii")
    header = little.header.as_byteswapped(">")
    nibabel.Nifti1Image(np.asarray(little.dataobj), None, header).to_filename(tmp_path / "a.nii")
    source = source_of(tmp_path / "a.nii")
    assert struct.unpack(">i", (tmp_path / "a.nii").read_bytes()[:4])[0] == 348
    labels = np.arange(18 * 20 * 16, dtype=np.uint16).reshape(16, 20, 18)
    write_labels(tmp_path / "out.nii.gz", labels, source_geometry(source), source)
    assert itk_geometry(tmp_path / "out.nii.gz") == itk_geometry(tmp_path / "a.nii")
    assert np.array_equal(sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "out.nii.gz"))), labels)


@pytest.mark.parametrize("geometry", [{}, UNEVEN, OBLIQUE], ids=["plain", "turned", "oblique"])
@pytest.mark.parametrize("spacing", [0.7, 1.0])
def test_labels_go_to_the_prepared_grid_and_back_to_their_place(tmp_path, geometry, spacing):
    source = write_scan(tmp_path, "a.nii.gz", **geometry)
    truth = case_arrays(0)[1].transpose(2, 1, 0)  # file order
    arrays = prepare_scan(source, Selection(modality="MR"), Preparation((spacing,) * 3, crop_to_body=False))
    own, grid = source_geometry(source), grid_geometry(arrays.voxels.shape, arrays.spacing_mm, arrays.origin_mm)
    on_grid = labels_on_grid(np.ascontiguousarray(truth), 3, own, grid)
    back = probabilities_on_file(np.stack([on_grid == c for c in range(3)]).astype(np.float32), grid, own)
    for number in (1, 2):
        overlap = 2 * ((back == number) & (truth == number)).sum() / ((back == number).sum() + (truth == number).sum())
        assert overlap > (0.999 if not geometry and spacing == 1 else 0.85)
    # Bright voxels of the prepared scan are those of class 1: labels and image lie on each other.
    bright = arrays.voxels > 600
    assert 2 * (bright & (on_grid == 1)).sum() / (bright.sum() + (on_grid == 1).sum()) > 0.7


def test_a_grid_of_another_place_or_size_is_told_in_words():
    image = grid_geometry((10, 10, 10), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0))
    assert differs(grid_geometry((10, 10, 10), (1.0, 1.0, 1.0), (0.01, 0.0, 0.0)), image) is None
    assert differs(grid_geometry((10, 10, 11), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0)), image) == (
        "10 x 10 x 11 voxels where the image has 10 x 10 x 10"
    )
    assert differs(grid_geometry((10, 10, 10), (1.0, 1.0, 2.0), (0.0, 0.0, 0.0)), image) == "up to 9 mm away"


def test_windows_are_monais(model):
    from monai.inferers import SlidingWindowInferer

    loaded = load_model(model)
    image = torch.rand(1, 1, 20, 30, 14, generator=torch.Generator().manual_seed(0)) * 2 - 1
    inferer = SlidingWindowInferer(SIZE, sw_batch_size=2, overlap=0.5, mode="gaussian", cval=-1.0)
    with torch.inference_mode():
        theirs = inferer(image, loaded.network)
    torch.testing.assert_close(window_logits(loaded, image), theirs)


def test_bad_scans_are_named_and_counted_and_the_others_are_predicted(tmp_path, model, capsys):
    write_scan(tmp_path / "scans", "good.nii.gz")
    whole = (tmp_path / "scans/good.nii.gz").read_bytes()
    (tmp_path / "scans/cut.nii.gz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "scans/empty.nii.gz").touch()
    result = predict(model, tmp_path / "scans", tmp_path / "out")
    assert result.files == {"good.nii.gz": "good.nii.gz"}
    assert {failure.name for failure in result.failures} == {"cut.nii.gz", "empty.nii.gz"}
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["good.nii.gz", "predictions.json"]
    assert "1 label maps in" in capsys.readouterr().err


def test_the_same_command_again_goes_on_where_it_was_stopped(tmp_path, model):
    for name in ("a.nii.gz", "b.nii.gz"):
        write_scan(tmp_path / "scans", name)
    predict(model, tmp_path / "scans", tmp_path / "out")
    (tmp_path / "out/b.nii.gz").unlink()
    before = (tmp_path / "out/a.nii.gz").stat().st_mtime_ns
    predict(model, tmp_path / "scans", tmp_path / "out")
    assert (tmp_path / "out/b.nii.gz").is_file()
    assert (tmp_path / "out/a.nii.gz").stat().st_mtime_ns == before


def test_other_peoples_folders_and_other_models_predictions_are_left_alone(tmp_path, model):
    write_scan(tmp_path / "scans", "a.nii.gz")
    (tmp_path / "full").mkdir()
    (tmp_path / "full/mine.txt").write_text("mine")
    with pytest.raises(InputError, match="holds other files"):
        predict(model, tmp_path / "scans", tmp_path / "full")
    (tmp_path / "other").mkdir()
    (tmp_path / "other/predictions.json").write_text(json.dumps({"model": "another", "files": {}}))
    with pytest.raises(InputError, match="predictions of another model"):
        predict(model, tmp_path / "scans", tmp_path / "other")
    for cut in ('{"model": ', "[]", '{"model": "x", "files": [1]}'):
        (tmp_path / "other/predictions.json").write_text(cut)
        with pytest.raises(InputError, match="predictions of another model"):
            predict(model, tmp_path / "scans", tmp_path / "other")


def test_a_full_disk_leaves_nothing_half_written(tmp_path, model, monkeypatch):
    write_scan(tmp_path / "scans", "a.nii.gz")

    def full(number: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match="room for a prediction, got No space left on device"):
        predict(model, tmp_path / "scans", tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())
    monkeypatch.undo()
    assert predict(model, tmp_path / "scans", tmp_path / "out").files == {"a.nii.gz": "a.nii.gz"}


def test_damaged_and_foreign_weights_are_refused(tmp_path, model):
    card, blob = (model / "model.json").read_text(), (model / "model.safetensors").read_bytes()
    folder = tmp_path / "copy"
    folder.mkdir()
    with pytest.raises(InputError, match="none that can be read"):
        load_model(folder)
    (folder / "model.json").write_text(card)
    with pytest.raises(InputError, match="no such file"):
        load_model(folder)
    (folder / "model.safetensors").write_bytes(blob[:-10])
    with pytest.raises(InputError, match="cut short or was changed"):
        load_model(folder)
    (folder / "model.safetensors").write_bytes(blob)
    other = json.loads(card)
    other["target_arguments"]["filters"] = [4, 8, 16]
    (folder / "model.json").write_text(json.dumps(other))
    with pytest.raises(InputError, match="tensors that do not fit"):
        load_model(folder)


def test_a_pickle_in_place_of_the_model_is_never_run(tmp_path, model):
    folder, mark = tmp_path / "copy", tmp_path / "it_ran"
    folder.mkdir()
    torch.save({"network": MakesAFile(mark)}, folder / "model.safetensors")
    card = json.loads((model / "model.json").read_text())
    for sha256 in (card["sha256"], hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()):
        (folder / "model.json").write_text(json.dumps({**card, "sha256": sha256}))
        with pytest.raises(InputError, match="cut short or was changed|wanted a safetensors file"):
            load_model(folder)
    assert not mark.exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda card: [], "no format, task, classes"),
        (lambda card: {**card, "format": 2}, "wanted format 1, got 2"),
        (lambda card: {key: card[key] for key in card if key != "patch_size"}, "got no patch_size"),
        (lambda card: {**card, "target": "monai.networks.nets.hovernet.download_url"}, "check where the weights file"),
        (lambda card: {**card, "patch_size": [16, 16]}, "patch_size in .*: wanted three whole numbers above 0"),
        (lambda card: {**card, "target_arguments": {"depth": 3}}, "target_arguments: wanted those of"),
        (lambda card: {**card, "task": "classification"}, "got no encoder, arguments, view_size"),
    ],
)
def test_a_damaged_model_json_is_refused(tmp_path, model, change, words):
    shutil.copy(model / "model.safetensors", tmp_path)
    card = json.loads((model / "model.json").read_text())
    (tmp_path / "model.json").write_text(json.dumps(change(card)))
    with pytest.raises(InputError, match=words):
        predict(tmp_path, tmp_path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_model_json_that_is_none_is_refused(tmp_path):
    (tmp_path / "model.json").write_bytes(b"\x00\xff")
    with pytest.raises(InputError, match="none that can be read"):
        load_model(tmp_path)


def test_a_classifier_is_not_taken_for_a_segmentation(tmp_path):
    save_classifier(tmp_path, Classifier(build_encoder("tiny", SIZE, filters=[4, 8, 8]), 2, seed=0), ("a", "b"), SIZE,
                    {"spacing_mm": [1, 1, 1], "intensity": RULES, "modality": "MR", "overlap": 0.0})  # fmt: skip
    with pytest.raises(InputError, match="wanted the folder of a segmentation, got one of task 'classification'"):
        load_model(tmp_path)


def test_two_scans_of_one_name_get_two_label_maps():
    names = file_names(["a.nrrd", "a.nii.gz", "b.mha"])
    assert names == {"a.nrrd": "a.nrrd.nii.gz", "a.nii.gz": "a.nii.gz.nii.gz", "b.mha": "b.nii.gz"}


def test_the_source_of_a_series_is_known_by_its_format(tmp_path):
    write_dicom(tmp_path / "knee", case_arrays(0)[0], modality="MR")
    source = ScanSource("knee", DICOM, tuple(sorted((tmp_path / "knee").iterdir())))
    assert source_geometry(source).size == (18, 20, 16)
