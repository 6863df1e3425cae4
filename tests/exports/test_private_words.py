"""Paths and names of scans are seen in texts; addresses on the web, fractions and words of the field are not taken for them."""

import json
from pathlib import Path

import pytest

from orienteer.errors import InputError
from orienteer.exports.private_words import check_nothing_private, first_path


@pytest.mark.parametrize(
    "text",
    ["in /srv/pacs/ct", "at ~/scans", r"D:\\scans\\anna", '"/mnt/pacs/export"', r"\\\\server\\share", "(/data/a b/c)"],
)
def test_a_path_is_seen(text: str) -> None:
    assert first_path(text) is not None


@pytest.mark.parametrize(
    "text",
    ["https://example.org/a/b", "hf://user/name", "3/4 of 5/6", "and/or", "application/json", "</p></b>", "mm / voxel"],
)
def test_other_text_is_not(text: str) -> None:
    assert first_path(text) is None


def test_the_names_of_scans_are_seen_as_whole_words(tmp_path: Path) -> None:
    row, other = {"key": "a", "name": "site/case_7.nii.gz"}, {"key": "b", "name": "ct.nii.gz"}
    (tmp_path / "split.json").write_text(json.dumps({"training": [row], "validation": [other]}))
    check_nothing_private(tmp_path, {"README.md": b"case_70 and a ct"})
    for text in (b"see case_7", b"case_7.nii.gz"):
        with pytest.raises(InputError, match=r"README.md: wanted a file without paths and names of scans, got case_7"):
            check_nothing_private(tmp_path, {"README.md": text})
