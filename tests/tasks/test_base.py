"""The contract's records, and what a task gets without writing it."""

import pytest

from orienteer.errors import InputError
from orienteer.tasks.base import Features, FeatureSpec, Task, ViewShape
from tests.helpers.synthetic import make_views

SHAPE = ViewShape((16, 16, 16), (1.0, 1.0, 1.0), views=2, unit_mm=100.0)


class Paired(Task[None, None]):
    name = "paired"
    pairs = True


def test_cells_are_whole_strides_of_a_view():
    assert FeatureSpec(8, (1, 2, 4)).cells((5, 8, 16)) == (5, 4, 4)


def test_a_task_without_fitted_baselines_has_no_state_for_them():
    task = Task(None, [FeatureSpec(8, (2, 2, 2))], SHAPE)
    task.fit_baselines([make_views()])
    assert task.state_dict() == {}
    assert task.spatial


def test_what_a_task_must_write_is_an_error_until_it_is_written():
    task = Task(None, [], SHAPE)
    for call in (lambda: task.targets(make_views()), lambda: task(Features(()))):
        with pytest.raises(NotImplementedError, match=r"^$"):
            call()


@pytest.mark.parametrize(("views", "enough"), [(1, False), (2, True), (5, True)])
def test_a_pair_needs_two_views(views, enough):
    shape = ViewShape((16, 16, 16), (1.0, 1.0, 1.0), views=views, unit_mm=100.0)
    if enough:
        Paired(None, [], shape)
        return
    with pytest.raises(InputError, match="at least 2 for task 'paired', got 1"):
        Paired(None, [], shape)
