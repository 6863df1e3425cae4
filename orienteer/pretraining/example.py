"""A run of two steps on small synthetic torsos, for examples that need a run and no data."""

from pathlib import Path

from orienteer.phantoms.torso import write_phantoms
from orienteer.pretraining.pretrain import pretrain


def example_run(folder: str | Path) -> tuple[Path, list[Path]]:
    """Returns the folder of a run, and the scans that it was made of, in seconds. Two steps teach it nothing.

    Args:
        folder: where they go, as ``run`` and ``scans``.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     run, scans = example_run(folder)
        ...     run.name, len(scans), (run / "encoder.safetensors").is_file()
        ('run', 3, True)
    """
    scans = write_phantoms(Path(folder, "scans"), count=3, shape_vox=(40, 32, 48), spacing_mm=8.0, progress=False)
    run = pretrain(
        scans[0].parent,
        Path(folder, "run"),
        method="spatial",
        encoder="tiny",
        encoder_arguments={"stem_stride": 1},
        view_size=(16, 16, 16),
        steps=2,
        batch=2,
        header_steps=0,
        audit_rules=False,
        workers=0,
        prepare_workers=0,
        pictures=False,
    )
    return run.folder, scans
