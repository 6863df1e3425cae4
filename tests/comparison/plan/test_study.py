"""The study: named after its data, and refused where a scan lies in two parts."""

import pytest

from orienteer.comparison.config import make_config
from orienteer.comparison.plan.parts import Parts
from orienteer.comparison.plan.study import dataset_name, make_study
from orienteer.errors import InputError
from tests.helpers.small_study import study_of


def made(parts, contents):
    labels = {name: f"labels of {content}" for name, content in contents.items()}
    return make_study(make_config({"name": "x"}), [], {}, parts, contents, labels)


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"name": "liver CT", "data": "sets/x"}, "liver CT"),
        ({"data": "sets/liver/dataset.json"}, "liver"),
        ({"images": "sets/liver"}, "liver"),
    ],
)
def test_the_name_of_the_data_set(settings, name):
    assert dataset_name(make_config(settings)) == name


def test_the_network_without_pretraining_is_found_wherever_it_stands():
    assert study_of().untrained.name == "scratch"


def test_the_fingerprint_does_not_depend_on_names():
    first = made(Parts(("a", "b"), (), ("c",)), {"a": "1", "b": "2", "c": "3"})
    other = made(Parts(("z", "b"), (), ("c",)), {"b": "2", "c": "3", "z": "1"})
    assert first.data_fingerprint == other.data_fingerprint
    assert first.prints.scans == other.prints.scans


def test_a_scan_in_two_parts_is_refused():
    with pytest.raises(InputError, match="wanted no scan in two parts"):
        made(Parts(("a", "b"), (), ("c",)), {"a": "1", "b": "2", "c": "1"})
