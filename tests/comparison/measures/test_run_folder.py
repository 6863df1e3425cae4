"""Where a pretraining lies: in a folder that names method and seed, or in one that was made before under its hash alone."""

from pathlib import Path

from orienteer.comparison.measures.pretraining import run_folder


def test_a_new_folder_names_the_method_and_is_found_by_its_hash(tmp_path: Path) -> None:
    folder = run_folder(tmp_path, "0123", "default-seed0-0123")
    assert folder == tmp_path / "runs/default-seed0-0123"
    folder.mkdir(parents=True)
    assert run_folder(tmp_path, "0123") == folder
    assert run_folder(tmp_path, "0123", "renamed-seed0-0123") == folder


def test_a_folder_of_an_earlier_comparison_is_used_as_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "runs/4567"
    folder.mkdir(parents=True)
    assert run_folder(tmp_path, "4567", "default-seed0-4567") == folder
