"""A loaded run reproduces what the run itself measured."""

import shutil
from pathlib import Path

import pytest
import torch
import yaml

from orienteer.errors import InputError
from orienteer.pretraining.collapse import Embeddings
from orienteer.pretraining.data import heldout_loader
from orienteer.pretraining.evaluation import MetricSums, heldout_metrics
from orienteer.pretraining.pretrain import pretrain
from orienteer.runs.folder import write_config
from orienteer.runs.loaded import load_run
from tests.helpers.small_run import SMALL


def test_it_reproduces_the_metrics_of_the_run_on_held_out_scans(finished):
    loaded = load_run(finished.folder, device="cpu")
    sums, embeddings = MetricSums(), Embeddings(list(loaded.validation), loaded.network.encoder.channels[-1])
    weights = dict.fromkeys(loaded.network.tasks, 1.0)
    with loaded.open_store() as store:
        for views in heldout_loader(store, list(loaded.validation), loaded.config, 0, 1):
            sums.add(heldout_metrics(loaded.network, weights, views, True, embeddings), views.batch)
    means = MetricSums.means(*sums.sums()) | embeddings.metrics(embeddings.sums())
    for key, value in finished.summary["heldout"].items():
        assert means[key] == pytest.approx(value, rel=1e-4), key


def test_predictions_do_not_depend_on_how_many_sets_are_encoded_together(finished, monkeypatch):
    loaded = load_run(finished.folder, device="cpu")
    with loaded.open_store() as store:
        views = next(iter(heldout_loader(store, list(loaded.validation), loaded.config, 0, 1)))
    many = loaded.gaps_mm(loaded.predict(views))
    monkeypatch.setattr("orienteer.runs.loaded.VIEWS_AT_ONCE", 1)
    one = loaded.gaps_mm(loaded.predict(views))
    assert many.keys() == one.keys()
    for name in many:
        torch.testing.assert_close(many[name], one[name], rtol=1e-4, atol=1e-3)


def test_averaged_weights_are_taken_where_there_are_any(torsos, store, tmp_path):
    settings = {**SMALL, "steps": 2, "weight_averaging": 0.5, "pictures": False}
    run = pretrain(torsos, tmp_path / "run", store=str(store), **settings)
    saved = torch.load(run.folder / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    loaded = load_run(run.folder, device="cpu").network.state_dict()
    name = next(name for name in loaded if name.endswith("weight"))
    assert torch.equal(loaded[name], saved[f"averaged.module.{name}"])
    assert not torch.equal(loaded[name], saved[f"network.{name}"])


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"wanted a run folder with config\.yaml"):
        load_run(tmp_path)


def test_a_run_without_a_checkpoint_is_refused(finished, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(finished.folder, folder, ignore=shutil.ignore_patterns("checkpoints", "tensorboard"))
    with pytest.raises(InputError, match="wanted a checkpoint, got no such file"):
        load_run(folder)


def test_a_checkpoint_of_another_network_is_refused(finished, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(finished.folder, folder, ignore=shutil.ignore_patterns("tensorboard"))
    config = yaml.safe_load((folder / "config.yaml").read_text())
    config["encoder_arguments"]["filters"] = [4, 8, 8, 16]
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    with pytest.raises(InputError, match="of another shape"):
        load_run(folder)


def test_views_of_another_size_or_spacing_are_refused(finished):
    from dataclasses import replace

    loaded = load_run(finished.folder, device="cpu")
    with loaded.open_store() as store:
        views = next(iter(heldout_loader(store, list(loaded.validation), loaded.config, 0, 1)))
    with pytest.raises(InputError, match=r"wanted views of \(16, 16, 16\) voxels"):
        loaded.predict(replace(views, images=views.images[..., :8]))
    with pytest.raises(InputError, match="prepare the scans with LoadedRun.preparation"):
        loaded.predict(replace(views, spacing_mm=(1.0, 1.0, 1.0)))


def test_a_checkpoint_of_another_run_is_refused(finished, tmp_path):
    folder = shutil.copytree(
        finished.folder, tmp_path / "run", ignore=shutil.ignore_patterns("tensorboard", "pictures")
    )
    config = yaml.safe_load((folder / "config.yaml").read_text())
    write_config(folder, config | {"seed": 7})  # as if its last.ckpt had been copied from the run with seed 0
    with pytest.raises(InputError, match=r"last\.ckpt: wanted a checkpoint of this run: .* got one of another run"):
        load_run(folder)


@pytest.mark.parametrize("run", ["hf://user/name", Path("hf://user/name@v1")])
def test_weights_on_the_hub_are_no_run(run: str | Path) -> None:
    with pytest.raises(InputError, match="wanted a run folder, with its tasks, got weights on the hub"):
        load_run(run)
