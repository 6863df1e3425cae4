"""Settings from plain values: what converts, what is refused and with which words."""

from dataclasses import dataclass, field
from typing import Any, Literal

import pytest

from orienteer.errors import InputError
from orienteer.settings import make_settings, nearest, plain, require


@dataclass(frozen=True)
class Noise:
    strength: float = 0.1
    range_hu: tuple[float, float] = (0.0, 1.0)


@dataclass(frozen=True)
class View:
    size_vox: tuple[int, ...] = (32, 32, 32)
    plane: Literal["axial", "coronal"] | None = None
    mode: Literal["free", "pairs"] = "free"
    noise: Noise = field(default_factory=Noise)
    tasks: dict[str, Any] = field(default_factory=dict)


def test_lists_become_tuples_and_tables_become_dataclasses() -> None:
    view = make_settings(View, {"size_vox": [1, 2, 3], "noise": {"range_hu": [2.0, 3.0]}, "tasks": {"gap": {}}})
    assert view == View(size_vox=(1, 2, 3), noise=Noise(range_hu=(2.0, 3.0)), tasks={"gap": {}})


def test_a_word_that_yaml_reads_as_a_number_is_taken_as_the_word() -> None:
    @dataclass(frozen=True)
    class Numbers:
        precision: Literal["32", "bf16"] = "bf16"
        width: int = 1

    made = make_settings(Numbers, {"precision": 32, "width": 32})
    assert (made.precision, made.width) == ("32", 32)
    with pytest.raises(InputError, match="precision: wanted one of 32, bf16, got 64"):
        make_settings(Numbers, {"precision": 64})


def test_plain_values_make_the_same_settings_again() -> None:
    view = View(size_vox=(1, 2, 3), noise=Noise(strength=0.5), tasks={"route": {"sizes": (1, 2)}})
    values = plain(view)
    assert values["noise"] == {"strength": 0.5, "range_hu": [0.0, 1.0]}
    assert values["tasks"] == {"route": {"sizes": [1, 2]}}
    assert plain(make_settings(View, values)) == values


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"size": [1]}, "size: wanted a known setting, got an unknown one. Do this: did you mean size_vox?"),
        ({"qqq": 1}, "did you mean one of --help's?"),
        ({"noise": {"strenght": 1}}, "did you mean strength"),
        ({"mode": "some"}, "mode: wanted one of free, pairs, got some. Do this: change mode to one of free, pairs."),
    ],
)
def test_what_cannot_be_is_refused_with_the_nearest_word(values: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message.replace("?", r"\?").split(". Do")[0]):
        make_settings(View, values)


def test_require_says_what_to_do() -> None:
    require(True, "steps", "at least 1", 0)
    with pytest.raises(InputError, match=r"steps: wanted at least 1, got 0. Do this: change steps to at least 1"):
        require(False, "steps", "at least 1", 0)
    with pytest.raises(InputError, match="Do this: use --steps 1"):
        require(False, "steps", "at least 1", 0, "use --steps 1")


def test_nearest_words() -> None:
    assert nearest("stpes", {"steps", "seed", "stem"}) == "steps or stem"
