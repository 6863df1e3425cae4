"""Who is ahead, by how much, and how sure that is."""

import numpy as np
import pytest

from orienteer.comparison.results.table import Row
from orienteer.comparison.results.verdicts import Verdict, verdicts

CASES = 12


def rows(means: dict[str, float], seeds: int, fractions=(0.1,), metric=("probe", "dice_mean", ""), noise=0.05):
    """Values of methods on the same cases: each case has its own level, common to all methods."""
    rng = np.random.default_rng(0)
    level = rng.normal(0, 0.1, CASES)
    downstream, name, unit = metric
    return [
        Row("d", downstream, method, fraction, seed, f"c{case}", name, unit,
            mean + level[case] + rng.normal(0, noise) * (1 if not unit else 20), "", None, None, None, "1")
        for method, mean in means.items() for fraction in fractions for seed in range(seeds) for case in range(CASES)
    ]  # fmt: skip


def verdict_on(*args, **more) -> Verdict:
    (verdict,) = verdicts(rows(*args, **more)).values()
    return verdict


def test_a_large_paired_difference_is_ahead():
    verdict = verdict_on({"scratch": 0.3, "a": 0.5, "b": 0.4}, seeds=3)
    assert (verdict.grade, verdict.best[0], verdict.second[0], verdict.level) == ("ahead", "a", "b", ())
    assert (verdict.seeds, verdict.cases, verdict.share) == (3, CASES, "0.1")
    assert verdict.lead.startswith("+0.1")
    assert verdict.scratch.startswith("+0.2")


def test_one_seed_allows_no_verdict_however_large_the_difference():
    assert verdict_on({"scratch": 0.1, "a": 0.9}, seeds=1).grade == "none"


@pytest.mark.parametrize(("seeds", "grade"), [(2, "perhaps"), (3, "ahead")])
def test_two_seeds_allow_a_perhaps_only(seeds, grade):
    assert verdict_on({"scratch": 0.1, "a": 0.9}, seeds=seeds).grade == grade


def test_methods_that_cannot_be_distinguished_are_named():
    verdict = verdict_on({"scratch": 0.3, "a": 0.5, "b": 0.499}, seeds=3)
    assert verdict.grade == "level"
    assert set(verdict.level) <= {"a", "b"}
    assert len(verdict.level) == 1


def test_less_error_is_better():
    verdict = verdict_on({"a": 40.0, "b": 20.0}, seeds=3, metric=("retrieval", "error_mm", "mm"))
    assert (verdict.best[0], verdict.grade, verdict.scratch) == ("b", "ahead", None)
    assert verdict.lead.startswith("+2")  # positive: the best is better


def test_baselines_are_no_methods_and_scratch_is_one():
    verdict = verdict_on({"scratch": 0.3, "a": 0.2, "majority map": 0.9}, seeds=3)
    assert (verdict.best[0], verdict.scratch) == ("scratch", None)
    assert verdict_on({"a": 0.5, "majority map": 0.9}, seeds=3).grade == "alone"


def test_several_shares_are_judged_by_their_mean():
    assert verdict_on({"scratch": 0.3, "a": 0.5}, seeds=2, fractions=(0.1, 1.0)).share == "mean"


@pytest.mark.parametrize("noise", [0.2, 0.005])
def test_decimals_follow_the_interval(noise):
    verdict = verdict_on({"scratch": 0.3, "a": 0.5}, seeds=4, noise=noise)
    decimals = len(verdict.lead.split(",")[0].partition(".")[2])
    assert decimals == (2 if noise > 0.1 else 3)


def test_nothing_measured_has_no_verdict():
    assert verdicts([]) == {}
