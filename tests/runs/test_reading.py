"""How a run reads scans, from config.yaml alone."""

from pathlib import Path

import pytest

from orienteer.errors import InputError
from orienteer.runs.folder import write_config
from orienteer.runs.reading import read_reading
from orienteer.runs.run_config import read_config
from tests.helpers.run_settings import run_config


@pytest.mark.parametrize(
    "changes", [{}, {"frame": 1, "modality": "MR"}, {"ct_window_hu": (-200.0, 300.0), "margin_mm": 2.0}]
)
def test_it_is_that_of_the_whole_settings(tmp_path: Path, changes: dict) -> None:
    write_config(tmp_path, run_config(**changes).to_dict())
    reading, config = read_reading(tmp_path), read_config(tmp_path)
    assert reading.preparation == config.preparation
    assert (reading.selection.frame, reading.selection.modality) == (config.frame, config.modality)
    assert reading.store == config.store_folder(tmp_path)


def test_a_folder_that_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"wanted a run folder with config\.yaml"):
        read_reading(tmp_path)
