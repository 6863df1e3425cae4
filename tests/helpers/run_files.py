"""Reads the files of run folders, to compare two runs."""

import json
from pathlib import Path
from typing import Any

import torch


def lines(run: Path, part: str) -> list[dict[str, Any]]:
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    slow = {"views_per_second", "data_wait_share"}
    return [{key: value for key, value in row.items() if key not in slow} for row in rows if row["part"] == part]


def weights(run: Path, name: str = "last.ckpt") -> dict[str, torch.Tensor]:
    return torch.load(run / "checkpoints" / name, weights_only=True)["state_dict"]


def assert_same_run(one: Path, other: Path) -> None:
    assert weights(one).keys() == weights(other).keys()
    for name, value in weights(one).items():
        assert torch.equal(value, weights(other)[name]), name
    assert lines(one, "train") == lines(other, "train")
    assert lines(one, "heldout") == lines(other, "heldout")
    assert (one / "encoder.safetensors").read_bytes() == (other / "encoder.safetensors").read_bytes()
