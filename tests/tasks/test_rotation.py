from orienteer.tasks.rotation import Rotation
from orienteer.views.rearrange import TURNS, fitting_turns
from tests.helpers.synthetic import make_features, make_task


def test_classes_are_the_turns_that_keep_the_size_of_the_views():
    for size, count in (((16, 16, 16), 10), ((16, 16, 24), 6), ((16, 32, 24), 4)):
        task = make_task("rotation", size=size)
        assert tuple(task.changes) == fitting_turns(size)
        assert task(make_features(size=size)).scores.shape == (2, 3, count)


def test_every_turn_has_a_name_of_its_own():
    assert len({Rotation.class_name(number) for number in range(len(TURNS))}) == len(TURNS)
