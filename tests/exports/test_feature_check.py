"""Features of an export are compared with the run's: equal to rounding, or nothing is written."""

import pytest
import torch

from orienteer.errors import InputError
from orienteer.exports import monai
from orienteer.exports.export import export
from orienteer.exports.feature_check import TOLERANCE, largest_difference, require_same_features, small_size
from tests.helpers.saved_runs import SaveRun
from tests.helpers.small_encoders import SMALL


def test_a_comparison_that_fails_stops_the_export(save_run: SaveRun, monkeypatch: pytest.MonkeyPatch) -> None:
    run = save_run("tiny", (16, 16, 16), filters=[4, 8, 8])
    monkeypatch.setattr(monai, "_compared", lambda *given: (0.5, [1, 1, 1]))
    with pytest.raises(InputError, match=r"a difference of 0\.5; nothing was written"):
        export(str(run), to="monai")
    assert not (run / "export").exists()


def test_a_comparison_with_nan_or_other_shapes_fails() -> None:
    one = (torch.ones(2),)
    for other in ((torch.tensor([1.0, float("nan")]),), (torch.ones(3),), (torch.ones(2), torch.ones(2))):
        with pytest.raises(InputError, match="nothing was written"):
            require_same_features("features", largest_difference(one, other))


def test_rounding_is_no_difference_and_a_wrong_tensor_is_one() -> None:
    levels = (torch.tensor([1.0, -2.0]), torch.tensor([100.0]))
    require_same_features("features", largest_difference(levels, tuple(level * (1 + 1e-6) for level in levels)))
    assert largest_difference(levels, (levels[0], torch.tensor([80.0]))) == pytest.approx(0.2)
    assert TOLERANCE < 1e-3


@pytest.mark.parametrize("name", ["tiny", "mednext-s", "vit", "residual"])
def test_the_size_for_quick_checks_fits_the_encoder(name: str) -> None:
    encoder = SMALL[name].build()
    encoder.check_size(small_size(encoder))
