from orienteer.tasks.jigsaw import Jigsaw
from orienteer.views.rearrange import ORDERS, cube_orders
from tests.helpers.synthetic import make_features, make_task


def test_classes_are_all_orders():
    task = make_task("jigsaw")
    assert list(task.changes) == list(range(ORDERS))
    assert task(make_features()).scores.shape == (2, 3, ORDERS)


def test_an_order_is_named_by_its_cubes_from_one_to_eight():
    names = [Jigsaw.class_name(number) for number in range(ORDERS)]
    assert [[int(cube) - 1 for cube in name.split()] for name in names] == [list(order) for order in cube_orders()]
