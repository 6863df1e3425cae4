"""What a resumed run knows of earlier validations, also of those that older versions saved."""

from pathlib import Path

import torch

from orienteer.pretraining.pace import Pace
from orienteer.pretraining.reporter import Reporter
from orienteer.pretraining.validation import Validation
from orienteer.runs.run import Run


def validation() -> Validation:
    pace = Pace(lambda: 0.0, views_per_step=1)
    reporter = Reporter(Path(), pace, every=1, start_step=0, shown=False)
    return Validation(
        Path(), ["a"], lambda rank, world: [], 3, reporter, pace, gallery=None, on_best=lambda module: None
    )


def test_the_state_survives_a_checkpoint() -> None:
    before, after = validation(), validation()
    state = {"best": 0.5, "figures": {"loss": 0.5}, "losses": [[3, 0.7], [6, 0.5]], "warned": True}
    before.load_state_dict(state)
    after.load_state_dict(before.state_dict())
    assert after.state_dict() == before.state_dict() == {**state, "losses": [(3, 0.7), (6, 0.5)]}
    assert after.metrics == {"loss": 0.5}


def test_the_state_of_an_older_version_is_understood(finished: Run) -> None:
    callback = validation()
    callback.load_state_dict({"best": 0.5, "figures": {"loss": 0.5}})
    assert callback.losses == []
    # Lightning finds the state by this name; another one would silently lose it on resume.
    saved = torch.load(finished.folder / "checkpoints" / "last.ckpt", weights_only=True)["callbacks"]
    assert saved[callback.state_key] == saved["Heldout"]
    assert [step for step, _ in saved["Heldout"]["losses"]] == [3, 6]
