"""Energy: the sum of the counters of whole processors, or nothing at all."""

import pytest

from orienteer.comparison.work import energy


@pytest.fixture(autouse=True)
def no_gpu(monkeypatch):
    monkeypatch.setattr(energy, "_gpus", lambda: [])


def counter(folder, name, microjoules):
    (folder / name).mkdir(parents=True)
    (folder / name / "energy_uj").write_text(f"{microjoules}\n")


def test_packages_add_up_and_their_parts_are_not_counted_twice(tmp_path):
    counter(tmp_path, "intel-rapl:0", 1_500_000)
    counter(tmp_path, "intel-rapl:1", 2_000_000)
    counter(tmp_path, "intel-rapl:0:0", 900_000)
    assert energy.joules(tmp_path) == 3.5


def test_a_gpu_adds_to_the_processors(tmp_path, monkeypatch):
    counter(tmp_path, "intel-rapl:0", 1_000_000)
    monkeypatch.setattr(energy, "_gpus", lambda: [40.0])
    assert energy.joules(tmp_path) == 41.0


def test_a_sum_that_cannot_be_read_in_full_is_unknown(tmp_path):
    assert energy.joules(tmp_path / "none") is None
    counter(tmp_path, "intel-rapl:0", 1_000_000)
    counter(tmp_path, "intel-rapl:1", "denied")
    assert energy.joules(tmp_path) is None


def test_a_counter_that_restarted_gives_no_energy():
    assert energy.used(10.0, 12.34) == 2.3
    assert energy.used(12.0, 10.0) is None
    assert energy.used(None, 10.0) is None
    assert energy.used(10.0, None) is None
