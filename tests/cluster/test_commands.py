"""The commands on a cluster give what they give on one machine, bit for bit, and a lost worker changes nothing."""

import os
import shutil
import signal
import threading
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from orienteer.auditing.audit import audit
from orienteer.comparison.compare import compare
from orienteer.features.embed import embed
from orienteer.files import read_json
from orienteer.finetuning.predict import predict
from orienteer.phantoms.dataset import write_phantom_set
from orienteer.pretraining.prepare import prepare
from orienteer.store.index import Index
from orienteer.store.store import array_path
from tests.comparison.conftest import SETTINGS as SMALL_COMPARISON
from tests.helpers.dask_cluster import wait_until
from tests.helpers.files import write
from tests.helpers.saved_models import segmentation_folder as segmentation_folder
from tests.helpers.saved_models import write_scan
from tests.helpers.stores import tissue

SETTINGS = {"spacing_mm": [1.0, 1.0, 1.0], "modality": "MR", "accelerator": "cpu"}


def content_of(store: Path):
    """Returns rows of the index, failures, duplicates and the bytes of all arrays."""
    with Index.for_reading(store) as index:
        entries = list(index.entries())
        outcomes = index.failures(), [index.duplicates(settings) for settings in settings_of(index)]
    return entries, outcomes, {scan.key: array_path(store, scan.key).read_bytes() for scan, _ in entries}


def settings_of(index: Index):
    return [settings for (settings,) in index._rows("SELECT settings FROM settings ORDER BY settings", ())]


@pytest.fixture(scope="module")
def scans(tmp_path_factory):
    """Eight scans, one of which is there twice, and a broken one."""
    folder = tmp_path_factory.mktemp("many") / "scans"
    for number in range(8):
        write(folder / f"scan{number}.nii.gz", tissue(number), spacing=(1.0, 1.0, 1.0))
    shutil.copy(folder / "scan3.nii.gz", folder / "twin.nii.gz")
    write(folder / "odd.nii.gz", np.full((20, 20, 20), 7, np.int16))
    return folder


def test_prepare_while_a_worker_is_killed(cluster, scans, tmp_path):
    prepare(scans, tmp_path / "here", **SETTINGS, workers=1)
    first = cluster.workers[0]

    def kill() -> None:
        wait_until(lambda: any((tmp_path / "there").glob("arrays/*/*.b2nd")), "array")
        os.kill(first.pid, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    report = prepare(scans, tmp_path / "there", **SETTINGS, cluster=cluster.address)
    killer.join()
    cluster.start_worker()
    assert (len(report.keys), len(report.duplicates), [item.name for item in report.failures]) == (8, 1, ["odd.nii.gz"])
    assert content_of(tmp_path / "there") == content_of(tmp_path / "here")
    again = prepare(scans, tmp_path / "there", **SETTINGS, cluster=cluster.address)
    assert (again.prepared, again.reused) == (0, 8)
    assert not [path for path in tmp_path.rglob("*") if path.name.startswith(".cluster")]


@pytest.mark.slow
def test_embed_and_predict(cluster, finished, torsos, segmentation_folder, tmp_path):
    write_scan(tmp_path / "scans", "a.nii.gz")
    few = tmp_path / "few"
    few.mkdir()
    shutil.copy(min(torsos.glob("*.nii.gz")), few)
    for where, chosen in (("here", None), ("there", cluster.address)):
        out = tmp_path / where
        options = {"store": str(out / "store"), "accelerator": "cpu", "pictures": False, "cluster": chosen}
        assert len(embed(finished.folder, few, out / "v.npy", **options).scans) == 1
        assert predict(segmentation_folder, tmp_path / "scans", out / "maps", cluster=chosen).failures == ()
    names = "v.npy", "v.json", "maps/a.nii.gz", "maps/predictions.json"
    here, there = ({name: (tmp_path / where / name).read_bytes() for name in names} for where in ("here", "there"))
    assert here == there


@pytest.mark.slow
def test_audit(cluster, torsos, tmp_path):
    scans = tmp_path / "scans"
    scans.mkdir()
    for path in sorted(torsos.glob("*.nii.gz"))[:3]:
        shutil.copy(path, scans)
    copied = sitk.ReadImage(str(min(scans.iterdir())))
    copied.SetSpacing((8.0, 8.0, 9.0))
    sitk.WriteImage(copied, str(scans / "copied.nii.gz"))
    audit(scans, tmp_path / "here", anatomy=False, pictures=False, workers=0)
    made = audit(scans, tmp_path / "there", anatomy=False, pictures=False, cluster=cluster.address)
    assert len(made.findings) > 0
    here, there = (
        {path.name: path.read_text() for path in (tmp_path / where).iterdir()} for where in ("here", "there")
    )
    assert here == there


@pytest.mark.slow
def test_compare(cluster, tmp_path):
    write_phantom_set(tmp_path / "data", 4, shape_vox=(40, 32, 48), spacing_mm=8.0, progress=False)
    settings = {**SMALL_COMPARISON, "cases": [2, 1, 1], "downstream": ["sides"], "methods": ["scratch", "default"]}
    store = {"store": str(tmp_path / "store")}
    here = compare(tmp_path / "data", tmp_path / "here", **settings, **store)
    there = compare(
        tmp_path / "data", tmp_path / "there", **{**settings, "parallel": None}, **store, cluster=cluster.address
    )
    assert (here.failed, here.done) == (there.failed, there.done) == ({}, 5)
    one, other = ({cell["hash"]: cell["values"] for cell in cells_of(made.folder)} for made in (here, there))
    assert one == other
    one, other = (weights_of(made.folder) for made in (here, there))
    assert len(one) > 0
    assert one == other


def weights_of(folder: Path):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("encoder.safetensors")}


def cells_of(folder: Path):
    return [read_json(path) for path in (folder / "cells").glob("*.json")]
