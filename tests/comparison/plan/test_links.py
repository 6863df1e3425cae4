"""The folder of links holds the scans to pretrain on and nothing else."""

from orienteer.comparison.plan.links import link_scans
from orienteer.labelled.datasets import read_dataset
from tests.helpers.labelled import write_dataset


def test_the_folder_of_links_holds_the_asked_scans_and_forgets_others(tmp_path):
    cases = read_dataset(str(write_dataset(tmp_path / "data", 4)), None, None).cases
    links = tmp_path / "links"
    for chosen in (cases[:3], cases[1:2]):
        link_scans(chosen, links)
        linked = sorted(path.relative_to(links).as_posix() for path in links.rglob("*.nii.gz"))
        assert linked == [case.source.name for case in chosen]
    assert (links / cases[1].source.name).read_bytes() == cases[1].source.files[0].read_bytes()


def test_a_scan_that_changed_under_the_same_name_is_linked_again(tmp_path):
    cases = read_dataset(str(write_dataset(tmp_path / "data", 2)), None, None).cases
    stale = tmp_path / "links" / cases[0].source.name
    stale.parent.mkdir(parents=True)
    stale.symlink_to(cases[1].source.files[0])
    link_scans(cases[:1], tmp_path / "links")
    assert stale.resolve() == cases[0].source.files[0].resolve()
