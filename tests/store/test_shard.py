"""Parts of a folder: each scan in one of them, and bad words refused."""

from pathlib import Path

import pytest

from orienteer.errors import InputError
from orienteer.scans.source import Discovery, ScanSource
from orienteer.store.shard import shard_of

FOLDER = Discovery(tuple(ScanSource(f"{number}", "NIfTI", (Path(f"{number}"),)) for number in range(10)), ())


@pytest.mark.parametrize("parts", [1, 3, 10])
def test_the_parts_are_the_folder(parts):
    shards = [shard_of(FOLDER, f"{number}/{parts}").sources for number in range(1, parts + 1)]
    assert sorted(source.name for shard in shards for source in shard) == [str(number) for number in range(10)]
    assert max(map(len, shards)) - min(map(len, shards)) <= 1
    assert shard_of(FOLDER, None) is FOLDER


@pytest.mark.parametrize("word", ["0/3", "4/3", "3", "a/b", "-1/2", "1/0", "1/2/3"])
def test_other_words_are_refused(word):
    with pytest.raises(InputError, match="shard: wanted K/N, K from 1 to N"):
        shard_of(FOLDER, word)


def test_an_empty_part_is_refused():
    with pytest.raises(InputError, match="shard: wanted at most one part per scan, got 11/11 of 10 scans"):
        shard_of(FOLDER, "11/11")
