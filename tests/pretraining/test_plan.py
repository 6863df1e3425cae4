"""The command plan: what it prints, and that it leaves everything as it was."""

import shutil
from pathlib import Path

import pytest

from orienteer.pretraining.plan import MOST_LISTED, plan
from tests.helpers.small_run import SMALL


def test_it_prints_every_choice_with_its_reason(torsos: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(torsos, tmp_path / "scans")
    (folder / "cut.nii.gz").write_bytes(b"not a scan")
    before = sorted(folder.rglob("*"))
    lines = str(plan(str(folder), dry_run=False, **{**SMALL, "spacing_mm": [8.0, 8.0, 8.0]})).splitlines()
    assert sorted(folder.rglob("*")) == before
    rows = {line[:12].strip(): line for line in lines}
    assert "(8.0, 8.0, 8.0)" in rows["spacing_mm"]
    assert rows["spacing_mm"].endswith("as given")
    assert "128 x 128 x 128 mm" in rows["a view"]
    assert "3 views per scan, 2 scans per step" in rows["a view"]
    assert "unreadable: 1" in lines
    assert "too small for a view: 0" in lines
    assert any(line.startswith("  cut.nii.gz: ") for line in lines)
    assert "time" not in rows


def test_a_dry_run_measures_time_and_memory(torsos: Path) -> None:
    made = plan(
        str(torsos), method="reconstruction", **{key: SMALL[key] for key in SMALL if key not in ("method", "views")}
    )
    assert made.seconds_per_step is not None
    assert made.peak_memory_mb is not None
    assert 0 < made.seconds_per_step < 60
    assert made.peak_memory_mb > 10
    assert f"6 steps of {made.seconds_per_step:.2f} s" in str(made)
    needs = made.needs
    assert needs is not None
    assert needs.flops > 1e6
    rows = {line[:12].strip(): line for line in str(made).splitlines()}
    assert f"{needs.memory_bytes / 2**20:.0f} MB" in rows["GPU memory"]
    assert f"{needs.flops / 1e12:.3g} TFLOP" in rows["work"]
    assert f"{6 * needs.flops / 1e15:.3g} PFLOP the run" in rows["work"]


def test_long_lists_are_cut(torsos: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(torsos, tmp_path / "scans")
    for number in range(MOST_LISTED + 2):
        (folder / f"cut_{number:02d}.nii.gz").write_bytes(b"not a scan")
    text = str(plan(str(folder), dry_run=False, **SMALL))
    assert f"unreadable: {MOST_LISTED + 2}" in text
    assert "  ... and 2 more" in text


def test_a_recipe_for_a_gpu_is_counted_where_there_is_none(torsos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of its size is computed: a network for a GPU would take minutes here."""
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    made = plan(str(torsos), accelerator="gpu", batch=8, precision="bf16")
    assert made.config.encoder == "dynunet"  # as on a machine with a GPU
    assert "to 96 voxels along each axis" in str(made)
    assert made.cost is None
    assert made.needs is not None
    assert made.needs.peak_bytes > 10**8
    assert "which this machine does not have: nothing is timed" in str(made)
    assert "GPU memory" in str(made)
