"""The command `finetune`: folders in use, impossible settings, Ctrl-C and resuming, of both tasks."""

import json
import os
import signal

import pytest
import torch
import yaml

from orienteer.errors import InputError
from orienteer.exports.push import push
from orienteer.finetuning.finetune import finetune
from orienteer.finetuning.segmentation import train as segmentation
from tests.helpers.finetuned import same_weights
from tests.helpers.labelled import SMALL, rewrite_labels
from tests.helpers.published import segresnet


def test_ctrl_c_saves_the_step_and_resume_ends_as_if_nothing_had_happened(
    segmented, labelled_data, labelled_store, tmp_path, monkeypatch
):
    out, loss, steps = tmp_path / "run", segmentation.step_loss, []

    def stopping(*given):
        of_step = loss(*given)

        def stop_at_the_second_step(step, batch):
            steps.append(step)
            if len(steps) == 2:
                os.kill(os.getpid(), signal.SIGINT)
            return of_step(step, batch)

        return stop_at_the_second_step

    monkeypatch.setattr(segmentation, "step_loss", stopping)
    with pytest.raises(KeyboardInterrupt):
        finetune(data=labelled_data, out=out, store=labelled_store, **SMALL)
    assert len(steps) == 2
    assert not (out / "summary.json").exists()
    monkeypatch.undo()
    finetune(out=out, resume=True)
    assert same_weights(out, segmented.folder)
    steps_logged = [json.loads(line)["step"] for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert steps_logged == [1, 2, 3, 4]


def test_resume_refuses_other_settings(segmented, labelled_data):
    with pytest.raises(InputError, match="seed: wanted 0, the value that the run started with, got 3"):
        finetune(out=segmented.folder, resume=True, seed=3)


def test_a_folder_in_use_is_not_overwritten(segmented, labelled_data, labelled_store):
    with pytest.raises(InputError, match="which holds a run"):
        finetune(data=labelled_data, out=segmented.folder, store=labelled_store, **SMALL)


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"fold": 3}, "fold: wanted 0 to folds - 1 = 2"),
        ({"fraction": 0.0}, "fraction: wanted above 0"),
        ({"schedule": "thawed"}, "schedule: wanted one of full, frozen, decoder-first"),
        ({"patch_size": [15, 16, 16]}, r"patch_size: wanted multiples of \(4, 4, 4\)"),
        ({"learnign_rate": 1.0}, "did you mean learning_rate"),
        ({"accelerator": "gpu"}, "wanted a GPU"),
    ],
)
def test_settings_that_cannot_be_are_refused_before_any_work(labelled_data, labelled_store, tmp_path, setting, words):
    if setting.get("accelerator") == "gpu" and torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(InputError, match=words):
        finetune(data=labelled_data, out=tmp_path / "run", store=labelled_store, **{**SMALL, **setting})


def test_a_split_file_is_refused_for_a_classification(tmp_path):
    with pytest.raises(InputError, match="split: wanted none, for a classification"):
        finetune(data="x.csv", out=tmp_path / "out", task="classification", split="splits_final.json")


def test_without_an_output_folder_the_option_is_named(labelled_data):
    with pytest.raises(InputError, match="out: wanted a folder, got none. Do this: name it: orienteer finetune"):
        finetune(data=labelled_data)


def test_a_full_disk_while_predicting_leaves_nothing_half_written(labelled_data, labelled_store, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    out = tmp_path / "run"
    monkeypatch.setattr("orienteer.labelled.nifti.write_bytes", full)
    with pytest.raises(InputError, match=r"room for a prediction, got No space left on device"):
        finetune(data=labelled_data, out=out, store=labelled_store, **{**SMALL, "steps": 1, "output_layer": "new"})
    assert not list(out.rglob("*.nii.gz"))
    monkeypatch.undo()
    run = finetune(out=out, resume=True)  # the training is done; the predictions are made
    assert len(list((run.folder / "predictions").rglob("*.nii.gz"))) == 2


def test_the_original_command_with_resume_goes_on_and_its_data_may_have_moved(data_copy, labelled_store, tmp_path):
    settings = {**SMALL, "encoder": "auto", "encoder_arguments": {"filters": (4, 8, 8)}, "modality": "auto", "steps": 1}
    settings |= {"output_layer": "new", "store": labelled_store, "out": str(tmp_path / "run")}
    first = finetune(data=data_copy, **settings)
    moved = data_copy.rename(tmp_path / "moved")
    again = finetune(data=moved, resume=True, **settings)
    assert again.summary["test"] == first.summary["test"]
    rewrite_labels(moved / "labelsTr/case_1.nii.gz", lambda values: values.clip(max=1))
    with pytest.raises(InputError, match="other files under the same names, first imagesTr/case_1"):
        finetune(data=moved, resume=True, **settings)


def test_a_run_on_the_hub_is_pinned_and_resumed_by_its_name(
    save_run, fake_hub, labelled_data, labelled_store, tmp_path
):
    theirs = save_run("tiny", filters=[4, 8, 8], stem_stride=1)
    push(str(theirs), to=str(tmp_path / "pushed"))
    address = f"hf://user/name@{fake_hub.put('user/name', tmp_path / 'pushed')}"
    settings = {name: value for name, value in SMALL.items() if not name.startswith("encoder")}
    run = finetune("hf://user/name", labelled_data, tmp_path / "organs", store=labelled_store, **settings)
    assert run.summary["start"] == address
    config = yaml.safe_load((run.folder / "config.yaml").read_text())
    assert (config["run"], config["encoder"]) == (address, "tiny")
    finetune("hf://user/name", out=run.folder, resume=True)
    with pytest.raises(InputError, match="run: wanted hf://user/name@"):
        finetune("hf://user/other", out=run.folder, resume=True)


def test_a_network_starts_from_a_file_of_others(publish, labelled_data, labelled_store, tmp_path, capsys):
    path = publish("supervised_suprem_segresnet_2100.pth", segresnet())
    settings = {name: value for name, value in SMALL.items() if not name.startswith("encoder")}
    run = finetune(data=labelled_data, out=tmp_path / "organs", start=str(path), store=labelled_store, **settings)
    assert "weights of supervised_suprem_segresnet_2100.pth, MONAI's SegResNet (SuPreM): 58" in capsys.readouterr().err
    assert run.summary["start_report"]["share"] == 1.0
    assert run.summary["start"] == path.name
    finetune(out=run.folder, resume=True)
