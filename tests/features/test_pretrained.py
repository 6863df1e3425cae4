"""A run's encoder as ``orienteer.load`` returns it: exactly the features of training, and features of whole scans."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
import torch

from orienteer.errors import InputError, ScanError
from orienteer.features.pretrained import Pretrained, load
from orienteer.features.reading import read_body_views
from orienteer.runs.run import Run
from orienteer.runs.run_config import read_config
from orienteer.scans.discover import discover
from orienteer.scans.preparation import Preparation
from orienteer.scans.read import read_scan
from orienteer.store.store import Store
from tests.helpers.ramps import RampEncoder, ramp_store
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


@pytest.fixture(scope="module")
def pretrained(finished: Run) -> Pretrained:
    return load(finished.folder)


def test_features_of_a_ramp_are_the_ramp_at_every_place(tmp_path: Path) -> None:
    # An encoder that averages voxels gives, between the centres of its cells, exactly the value of a linear ramp.
    store, key, _ = ramp_store(tmp_path, (40, 24, 28))
    points = np.random.default_rng(0).uniform(2, np.array([40, 24, 28]) - 3, (50, 3))
    found = RampEncoder.frozen((16, 16, 16)).features_at(store, key, points, overlap=0.5)
    assert found.shape == (50, 3)
    wanted = 2 * ((points / np.array([40, 24, 28])).mean(1, keepdims=True) - 0.5)
    # Interpolation is exact except in the half cell at a view's border, where only the cell at the border is used.
    assert np.abs(found - wanted).max() < 0.02


def test_features_at_depend_on_the_place_alone(pretrained: Pretrained, stored: tuple[Store, str, str]) -> None:
    store, key, _ = stored
    points = np.random.default_rng(1).uniform(0, np.array(store.scan(key).shape_vox) - 1, (40, 3))
    together = pretrained.features_at(store, key, points)
    alone = pretrained.features_at(store, key, points[7:8])
    assert np.allclose(together[7:8], alone, atol=1e-4)
    assert together.shape == (40, sum(pretrained.network.channels))


def test_view_vectors_are_the_means_of_the_last_level(pretrained: Pretrained, stored: tuple[Store, str, str]) -> None:
    store, key, _ = stored
    found = pretrained.view_vectors(store, key)
    views = np.concatenate(list(read_body_views(store, key, pretrained.view_size, 0.0)))
    wanted = pretrained(torch.from_numpy(views)[:, None])[-1].mean((2, 3, 4)).numpy()
    assert np.allclose(found.vectors, wanted, atol=1e-5)
    assert np.array_equal(pretrained.view_vectors(store, key).vectors, found.vectors)


def test_view_centres_are_in_body_millimetres(pretrained: Pretrained, stored: tuple[Store, str, str]) -> None:
    store, key, _ = stored
    scan = store.scan(key)
    found = pretrained.view_vectors(store, key, overlap=0.5)
    low = np.array(scan.origin_mm) + 7.5 * np.array(scan.spacing_mm)
    high = low + (np.array(scan.shape_vox) - 16) * np.array(scan.spacing_mm)
    assert (found.centres_mm >= low - 1e-6).all()
    assert (found.centres_mm <= high + 1e-6).all()
    assert len(np.unique(found.centres_mm, axis=0)) == len(found.centres_mm)


def test_padding_is_ignored_in_a_vector(tmp_path: Path) -> None:
    store, key, values = ramp_store(tmp_path, (8, 16, 16))
    found = RampEncoder.frozen((16, 16, 16)).view_vectors(store, key)
    # The scan fills whole cells of four voxels: its mean is the mean of the ramp, without the air around it.
    assert np.allclose(found.vectors[0, -1], values.mean(), atol=1e-3)


def test_the_random_twin_has_other_weights_of_the_same_shapes(pretrained: Pretrained) -> None:
    before = torch.random.get_rng_state()
    twin, again = pretrained.random_twin(seed=1), pretrained.random_twin(seed=1)
    assert torch.equal(torch.random.get_rng_state(), before)
    weights, other = pretrained.network.state_dict(), twin.network.state_dict()
    assert {name: value.shape for name, value in weights.items()} == {
        name: value.shape for name, value in other.items()
    }
    assert any(not torch.equal(weights[name], other[name]) for name in weights)
    assert all(torch.equal(value, other[name]) for name, value in again.network.state_dict().items())
    assert not any(module.training for module in twin.network.modules())


def test_another_spacing_and_uncropped_scans_change_the_preparation_alone(
    pretrained: Pretrained, finished: Run
) -> None:
    assert pretrained.preparation == read_config(finished.folder).part(Preparation)
    coarser = load(finished.folder, spacing_mm=(9.0, 9.0, 9.0)).preparation
    assert coarser == replace(pretrained.preparation, spacing_mm=(9.0, 9.0, 9.0))
    assert pretrained.uncropped().preparation == replace(pretrained.preparation, crop_to_body=False)
    assert pretrained.uncropped().network is pretrained.network


def test_a_gpu_that_torch_cannot_use_is_refused(finished: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(InputError, match="accelerator: wanted a GPU that torch can use"):
        load(finished.folder, "gpu")
