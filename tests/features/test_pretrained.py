"""A run's encoder as ``orienteer.load`` gives it: the very features of training."""

import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import torch

from orienteer.errors import InputError, ScanError
from orienteer.features.pretrained import load
from orienteer.runs.model_card import model_card, write_model_card
from orienteer.runs.run import Run
from orienteer.runs.run_config import read_config
from orienteer.scans.discover import discover
from orienteer.scans.preparation import Preparation
from orienteer.scans.read import read_scan
from orienteer.scans.source import Selection
from orienteer.scans.store import Store
from tests.helpers.saved_runs import SaveRun


@pytest.fixture(scope="module")
def stored(finished: Run, store: Path) -> tuple[Store, str, str]:
    """The store, and key and name of one of its scans."""
    opened = Store.open(store)
    key = opened.keys(read_config(finished.folder).part(Preparation).fingerprint())[0]
    return opened, key, opened.scan(key).name


def test_a_preprocessed_scan_is_bit_for_bit_what_training_saw(
    finished: Run, torsos: Path, stored: tuple[Store, str, str]
) -> None:
    store, key, name = stored
    scan = load(finished.folder).preprocess(torsos / name)
    known = store.scan(key)
    assert scan.images.shape[2:] == known.shape_vox
    assert (scan.name, scan.modality) == (name, known.modality)
    assert (scan.spacing_mm, scan.origin_mm) == (known.spacing_mm, known.origin_mm)
    assert np.array_equal(scan.images[0, 0].numpy(), store.read(key, (0, 0, 0), known.shape_vox))


def test_the_features_are_those_of_the_trained_network(finished: Run, stored: tuple[Store, str, str]) -> None:
    store, key, _ = stored
    checkpoint = torch.load(finished.folder / "checkpoints" / "last.ckpt", weights_only=False)
    trained = {name.removeprefix("network.encoder."): tensor for name, tensor in checkpoint["state_dict"].items()
               if name.startswith("network.encoder.")}  # fmt: skip
    pretrained = load(str(finished.folder))
    images = torch.from_numpy(store.read(key, (0, 0, 0), pretrained.network.view_size))[None, None]
    levels = pretrained(images)
    pretrained.network.load_state_dict(trained)
    for ours, theirs in zip(levels, pretrained.network(images), strict=True):
        assert torch.equal(ours, theirs)
        assert not ours.requires_grad


def test_the_network_is_in_eval_mode(finished: Run) -> None:
    assert not any(module.training for module in load(finished.folder).network.modules())


def test_a_scan_in_memory_gives_the_same_as_its_file(finished: Run, torsos: Path) -> None:
    source = discover(torsos, progress=False).sources[0]
    pretrained = load(finished.folder)
    one, other = pretrained.preprocess(source.files[0]), pretrained.preprocess(read_scan(source))
    assert torch.equal(one.images, other.images)
    assert one.origin_mm == other.origin_mm


def test_a_file_with_other_axes_is_turned(finished: Run, torsos: Path, tmp_path: Path) -> None:
    file = discover(torsos, progress=False).sources[0].files[0]
    turned = sitk.DICOMOrient(sitk.ReadImage(str(file)), "PIR")
    sitk.WriteImage(turned, str(tmp_path / "turned.nii.gz"))
    pretrained = load(finished.folder)
    one, other = pretrained.preprocess(file), pretrained.preprocess(tmp_path / "turned.nii.gz")
    assert torch.equal(one.images, other.images)
    np.testing.assert_allclose(one.origin_mm, other.origin_mm, atol=1e-3)


def test_views_cover_the_scan_in_the_order_of_their_starts(finished: Run, torsos: Path) -> None:
    pretrained = load(finished.folder)
    scan = pretrained.preprocess(discover(torsos, progress=False).sources[0].files[0])
    views, starts, size = scan.views(), scan.starts_vox(), pretrained.network.view_size
    assert views.shape == (len(starts), 1, *size)
    covered = torch.zeros_like(scan.images, dtype=torch.bool)
    for view, start in zip(views, starts, strict=True):
        inside = (0, 0, *(slice(int(at), int(at) + n) for at, n in zip(start, size, strict=True)))
        assert torch.equal(view[0], scan.images[inside])
        covered[inside] = True
    assert covered.all()
    assert len(pretrained(views)) == len(pretrained.network.channels)


def test_a_scan_smaller_than_a_view_is_set_in_air(finished: Run, tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(0, 100, (40, 7, 40)).astype(np.int16)  # 7 voxels back-front
    image = sitk.GetImageFromArray(values)
    image.SetSpacing(load(finished.folder).preparation.spacing_mm)
    sitk.WriteImage(image, str(tmp_path / "thin.nii.gz"))
    scan = load(finished.folder).preprocess(tmp_path / "thin.nii.gz", Selection(modality="CT"))
    views, starts = scan.views(), scan.starts_vox()
    assert set(starts[:, 1]) == {-4}
    assert torch.equal(views[0, 0, :, 4:11, :], scan.images[0, 0, :16, :, :16])
    outside = torch.cat([views[:, :, :, :4], views[:, :, :, 11:]], dim=3)
    assert (outside == -1).all()


def test_the_crop_of_the_run_is_kept(save_run: SaveRun) -> None:
    run = save_run("tiny", (16, 16, 16), filters=[4, 8, 8])
    card = json.loads((run / "encoder.json").read_text())
    (run / "encoder.json").write_text(json.dumps({**card, "crop": {"to_body": False, "margin_mm": 7.0}}))
    assert load(run).preparation == Preparation((2.0, 2.0, 3.0), crop_to_body=False, margin_mm=7.0)


def test_a_folder_with_several_scans_is_refused(finished: Run, torsos: Path) -> None:
    with pytest.raises(InputError, match=r"wanted one scan, got 6: .*\. Do this: name one of them"):
        load(finished.folder).preprocess(torsos)


def test_a_scan_that_cannot_be_used_says_so(finished: Run, tmp_path: Path) -> None:
    (tmp_path / "broken.nii").write_bytes(b"no scan at all" * 50)
    with pytest.raises(ScanError, match=r"broken\.nii"):
        load(finished.folder).preprocess(tmp_path / "broken.nii")
    with pytest.raises(InputError, match="a path that does not exist"):
        load(finished.folder).preprocess(tmp_path / "none.nii")


def test_the_card_holds_what_a_user_must_know(finished: Run) -> None:
    card = load(finished.folder).card
    assert card["parameters"] == sum(p.numel() for p in load(finished.folder).network.parameters())
    assert set(card["versions"]) == {"orienteer", "torch", "monai"}
    for key in ("licence", "data_fingerprint", "sha256", "unit_mm", "view_size", "spacing_mm", "axes", "intensity"):
        assert card[key], key


def test_the_model_card_shows_figures_beside_their_rivals(finished: Run) -> None:
    card = load(finished.folder).card
    text = model_card(card, finished.summary)
    gap = finished.summary["heldout"]
    row = next(line for line in text.splitlines() if line.startswith("gap error (mm)"))
    assert row.split()[3:5] == [f"{gap['gap_error_mm']:.1f}", f"{gap['gap_error_mm_trivial']:.1f}"]
    for words in (
        card["sha256"],
        card["data_fingerprint"],
        card["licence"],
        "8 x 8 x 8 mm",
        "-1000 to 1000 HU",
        "tiny",
    ):
        assert words in text, words


def test_the_model_card_is_written_beside_the_weights(save_run: SaveRun) -> None:
    run = save_run("tiny", (16, 16, 16), filters=[4, 8, 8])
    write_model_card(run, {"heldout": {}, "scans": {"read": 3, "too_small": 1}})
    text = (run / "MODEL_CARD.md").read_text()
    assert text.startswith("---\nlibrary_name: orienteer\nlicense: cc-by-4.0\n")
    assert "3 read, 1 too small" in text
