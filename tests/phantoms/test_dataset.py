"""A data set of phantoms in the Decathlon's form."""

import json

import numpy as np
import SimpleITK as sitk

from orienteer.phantoms import dataset
from orienteer.phantoms.anatomy import LABEL_NAMES
from orienteer.phantoms.dataset import write_phantom_set


def test_every_scan_is_listed_with_its_label_map(tmp_path):
    file = write_phantom_set(tmp_path, 2, seed=3, shape_vox=(16, 16, 24), spacing_mm=18.0, progress=False)
    listed = json.loads(file.read_text())
    assert file == tmp_path / "dataset.json"
    assert listed["labels"] == {"0": "background", **{str(value): name for value, name in LABEL_NAMES.items()}}
    assert len(listed["training"]) == 2
    for case in listed["training"]:
        scan, labels = (sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / case[key]))) for key in ("image", "label"))
        assert scan.shape == labels.shape == (24, 16, 16)
        assert set(np.unique(labels).tolist()) <= {0, *LABEL_NAMES}


def test_the_command_makes_what_the_function_makes(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["dataset", str(tmp_path), "--count", "1", "--seed", "4"])
    seen = {}
    monkeypatch.setattr(
        dataset, "write_phantom_set", lambda *given, **more: seen.update(given=given, more=more) or "file"
    )
    dataset.main()
    assert seen == {"given": (str(tmp_path), 1, 4), "more": {"hard": False}}
    assert capsys.readouterr().out == "file\n"
