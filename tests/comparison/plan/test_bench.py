"""The bench: parts of a data set, its cases prepared once, and labels drawn alike for all methods."""

import json
from dataclasses import replace

import pytest

from orienteer.comparison.config import make_config
from orienteer.comparison.plan.bench import set_up
from orienteer.errors import InputError
from orienteer.scans.discover import discover
from orienteer.scans.patients import Evidence, groups_of, units
from tests.helpers.labelled import write_dataset


def test_parts_hold_the_cases_in_order_and_links_the_scans_to_pretrain_on(bench, preparation):
    names = {
        part: [case.name for case in bench.part(preparation, part)] for part in ("pretraining", "validation", "test")
    }
    assert [len(cases) for cases in names.values()] == [3, 1, 2]
    assert names["pretraining"] == sorted(bench.parts.pretraining)
    assert len([path for path in bench.links.rglob("*.nii.gz")]) == 3


def test_cases_are_prepared_once_per_preparation(bench, preparation):
    assert bench.cases(preparation) is bench.cases(replace(preparation))
    coarser = bench.cases(replace(preparation, spacing_mm=(2.0, 2.0, 2.0)))
    assert coarser is not bench.cases(preparation)
    assert set(coarser.cases) == set(bench.cases(preparation).cases)


def test_smaller_shares_of_the_labels_are_parts_of_larger_ones(bench, preparation):
    drawn = [{case.name for case in bench.labelled(preparation, share, seed=1)} for share in (0.3, 0.6, 1.0)]
    assert [len(cases) for cases in drawn] == [1, 2, 3]
    assert drawn[0] < drawn[1] < drawn[2] == set(bench.parts.pretraining)


@pytest.mark.parametrize("changes", [{"evaluate": "test"}, {"cases": [4, 0, 2], "downstream": ["retrieval"]}])
def test_a_part_that_is_needed_and_empty_stops(tmp_path, changes):
    data = write_dataset(tmp_path / "data")
    config = make_config({"data": str(data), "cases": [4, 2, 0], **changes})
    with pytest.raises(InputError, match="wanted a part with cases"):
        set_up(config, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def with_patients(folder, patients):
    """Writes a data set whose first cases are of these patients."""
    data = write_dataset(folder)
    description = json.loads(data.read_text())
    for entry, patient in zip(description["training"], patients, strict=False):
        entry["patient"] = patient
    data.write_text(json.dumps(description))
    return str(data)


def test_the_pretraining_is_told_which_scans_are_of_one_patient(tmp_path):
    data = with_patients(tmp_path / "data", "PPQQ")
    bench = set_up(make_config({"data": data, "cases": [4, 1, 1]}), tmp_path / "out")
    sources = [source.name for source in discover(bench.links, progress=False).sources]
    assert sorted(bench.linked) == sources
    assert len(units(sources, groups_of(sources, Evidence(pattern=bench.group_by)))) == 2
    alone = set_up(make_config({"data": data, "cases": [4, 1, 1], "group_by": "none"}), tmp_path / "alone")
    assert alone.group_by == "none"
    assert len(units(sources, groups_of(sources, Evidence(pattern=alone.group_by)))) == 4


def test_one_patient_alone_cannot_be_pretrained_on(tmp_path):
    data = with_patients(tmp_path / "data", "PPPQRS")
    with pytest.raises(InputError, match="split: wanted scans of at least 2 patients to pretrain on"):
        set_up(make_config({"data": data, "cases": [3, 1, 1]}), tmp_path / "out")
