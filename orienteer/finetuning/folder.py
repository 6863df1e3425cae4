"""What the output folder of a fine-tuning holds beside the files that every run has."""

from pathlib import Path

from orienteer.finetuning.config import FinetuneConfig, make_config
from orienteer.runs.folder import read_settings

MAY_DIFFER = {"workers", "accelerator", "prepare_workers", "resume", "out", "pictures", "store", "save_every"}
"""Settings that may differ when a fine-tuning is resumed: they change how fast it goes, not what comes out."""


def read_config(folder: Path) -> FinetuneConfig:
    """Returns the settings of a fine-tuning.

    Raises:
        InputError: the folder is none, or its config.yaml cannot be read.
    """
    return make_config(read_settings(folder, "finetune"))
