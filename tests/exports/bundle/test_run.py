"""Bundles that `monai.bundle` itself runs, in a process that has no orienteer: the same labels, the same features."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk

from orienteer.exports.export import export
from orienteer.features.embed import embed
from orienteer.finetuning.predict import predict
from orienteer.runs.recipe import recipe_facts
from orienteer.scans.preparation import Preparation
from tests.exports.bundle.conftest import GEOMETRIES
from tests.helpers.saved_models import itk_geometry

pytestmark = pytest.mark.slow

RUNNER = Path(__file__).parents[2] / "helpers" / "run_bundles.py"

VALUES = [0, 2, 5]
"""Label values of the models of these tests."""

WANTED = ("version", "monai_version", "pytorch_version", "numpy_version", "optional_packages_version", "task",
          "description", "authors", "copyright", "network_data_format")  # fmt: skip
OF_TENSORS = ("type", "format", "modality", "num_channels", "spatial_shape", "dtype", "value_range", "is_patch_data",
              "channel_def")  # fmt: skip


def schema() -> dict[str, Any]:
    """The keys that MONAI's bundle specification demands of metadata.json."""
    tensor = {"type": "object", "required": list(OF_TENSORS), "properties": {
        "num_channels": {"type": "integer"}, "spatial_shape": {"type": "array"}, "value_range": {"type": "array"},
        "is_patch_data": {"type": "boolean"}, "channel_def": {"type": "object"}}}  # fmt: skip
    tensors = {"type": "object", "minProperties": 1, "additionalProperties": tensor}
    data = {"type": "object", "required": ["inputs", "outputs"], "properties": {"inputs": tensors, "outputs": tensors}}
    version = {"type": "string", "pattern": r"^\d+\.\d+\.\d+"}
    versions = {name: version for name in ("version", "monai_version", "pytorch_version", "numpy_version")}
    properties = {**versions, "network_data_format": data, "copyright": {"type": "string"}}
    return {"$schema": "http://json-schema.org/draft-07/schema#", "type": "object", "required": list(WANTED),
            "properties": properties}  # fmt: skip


@pytest.fixture(scope="module")
def case(tmp_path_factory, varied_folder, ct_model, mr_scans, torso_data) -> dict[str, Any]:
    """All bundles, exported and run in one process, with what orienteer makes of the same scans."""
    folder = tmp_path_factory.mktemp("bundles")
    run = pretraining_run(folder)
    bundles = {"mr": varied_folder, "ct": ct_model, "pretrained": run}
    for name, of in bundles.items():
        options = {"classes": 4} if name == "pretrained" else {}
        export(str(of), to="monai-bundle", out=str(folder / name), **options)
    (folder / "schema.json").write_text(json.dumps(schema()))

    def step(bundle: str, config: str, kind: str, **options: Any) -> dict[str, Any]:
        return {"bundle": str(folder / bundle), "config": config, "kind": kind, "title": f" of {bundle}",
                "schema": str(folder / "schema.json"), "options": {"logging_file": False, **options}}  # fmt: skip

    scans, few = str(torso_data / "imagesTr"), {"epochs": 1, "val_interval": 1, "dataset_dir": str(torso_data)}
    alone = min((torso_data / "imagesTr").iterdir())
    steps = [
        step("ct", "inference", "slicer"),  # first: no other has yet told the process where the scripts are
        step("mr", "inference", "infer", dataset_dir=str(mr_scans), output_dir=str(folder / "theirs/mr")),
        step("ct", "inference", "infer", dataset_dir=scans, output_dir=str(folder / "theirs/ct"), label_values=VALUES),
        step("pretrained", "inference", "infer", dataset_dir=scans, output_dir=str(folder / "theirs/features")),
        step("pretrained", "train", "train", **few),
        step("pretrained", "segment", "infer", dataset_dir=scans, output_dir=str(folder / "theirs/after")),
        step(
            "ct", "inference", "parts", scan=str(min((torso_data / "imagesTr").iterdir())), to=str(folder / "parts.npy")
        ),
        *(step(bundle, "inference", "verify") for bundle in ("mr", "ct")),
        step("pretrained", "segment", "verify"),
    ]
    steps[0]["options"] = {
        "dataset_dir": str(alone.parent), "datalist": [str(alone)], "output_dir": str(folder / "theirs/slicer")
    }  # fmt: skip
    (folder / "steps.json").write_text(json.dumps(steps))
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run([sys.executable, str(RUNNER), "steps.json", "report.json"], cwd=folder, env=environment,
                          capture_output=True, text=True, timeout=300)  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    report = json.loads((folder / "report.json").read_text())
    return {"folder": folder, "run": run, "report": report, "torsos": torso_data / "imagesTr", "mr": mr_scans,
            "models": bundles}  # fmt: skip


def pretraining_run(folder: Path) -> Path:
    """A pretraining run with new weights, for CT in voxels of 8 mm."""
    from orienteer.encoders import build_encoder
    from orienteer.runs.weights import save_encoder

    (folder / "run").mkdir()
    facts = {"view_size": [16, 16, 16], **recipe_facts(Preparation(spacing_mm=(8.0, 8.0, 8.0)))}
    save_encoder(folder / "run", build_encoder("tiny", (16, 16, 16), filters=(4, 8, 8)), facts)
    return folder / "run"


@pytest.mark.parametrize("kind", ["mr", "ct"])
def test_labels_are_those_of_predict_on_the_same_voxels(case, tmp_path, kind):
    scans = case["mr"] if kind == "mr" else case["torsos"]
    predict(case["models"][kind], scans, tmp_path / "ours")
    names = [path.name.removesuffix(".nii.gz") for path in scans.glob("*.nii.gz")]
    assert len(names) >= 3
    for name in names:
        ours = sitk.ReadImage(str(tmp_path / f"ours/{name}.nii.gz"))
        theirs = sitk.ReadImage(str(case["folder"] / f"theirs/{kind}/{name}_seg.nii.gz"))
        for wanted, got in zip(itk_geometry_of(ours), itk_geometry_of(theirs), strict=True):
            np.testing.assert_allclose(got, wanted, atol=1e-4)
        one, other = sitk.GetArrayFromImage(ours), sitk.GetArrayFromImage(theirs)
        if kind == "mr":  # by default the numbers of the classes, which name them in metadata.json
            other = np.array(VALUES, one.dtype)[other]
        assert len(np.unique(one)) == 3
        assert np.mean(one != other) < 1e-3, name


def itk_geometry_of(image: sitk.Image) -> tuple[Any, ...]:
    return image.GetSize(), image.GetSpacing(), image.GetOrigin(), image.GetDirection()


def test_every_geometry_is_tried(case):
    assert {path.name.removesuffix("_seg.nii.gz") for path in (case["folder"] / "theirs/mr").iterdir()} == set(
        GEOMETRIES
    )
    assert itk_geometry(case["mr"] / "plain.nii.gz") != itk_geometry(case["mr"] / "turned.nii.gz")


def test_slicers_way_gives_the_same_labels(case):
    (written,) = (case["folder"] / "theirs/slicer").iterdir()
    whole = sitk.GetArrayFromImage(sitk.ReadImage(str(case["folder"] / "theirs/ct" / written.name)))
    alone = sitk.GetArrayFromImage(sitk.ReadImage(str(written)))
    np.testing.assert_array_equal(np.array(VALUES)[alone], whole)
    assert len(np.unique(alone)) == 3


def test_its_parts_alone_give_the_same_labels(case):
    first = min(case["torsos"].iterdir()).name.removesuffix(".nii.gz")
    whole = sitk.GetArrayFromImage(sitk.ReadImage(str(case["folder"] / f"theirs/ct/{first}_seg.nii.gz")))
    np.testing.assert_array_equal(np.array(VALUES)[np.load(case["folder"] / "parts.npy")[0]].transpose(2, 1, 0), whole)


def test_features_are_those_of_embed(case, tmp_path):
    embedded = embed(
        case["run"], case["torsos"], tmp_path / "v.npy", workers=0, pictures=False, store=str(tmp_path / "s")
    )
    for name, vector in zip(embedded.scans, embedded.vectors, strict=True):
        written = np.load(case["folder"] / f"theirs/features/{name}.npz")
        np.testing.assert_allclose(written["vector"], vector, atol=2e-5)
        assert written["vectors"].shape == (len(written["centres_mm"]), vector.size)
        assert np.abs(vector).max() > 0.1


def test_a_step_of_training_gives_weights_that_segment(case):
    models = case["folder"] / "pretrained/models"
    assert {path.name for path in models.iterdir()} == {"model.pt", "encoder.ts", "finetuned.pt"}
    assert (models / "finetuned.pt").read_bytes() != (models / "model.pt").read_bytes()
    assert len(list((case["folder"] / "theirs/after").glob("*_seg.nii.gz"))) == 3


def test_no_property_that_programs_ask_for_is_missing(case):
    assert set(case["report"]) == {"inference of mr", "inference of ct", "inference of pretrained", "train of pretrained",
                                   "segment of pretrained"}  # fmt: skip
    assert not any(case["report"].values())
