"""Pretraining from a folder of scans to an encoder, read top to bottom."""

import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from orienteer.errors import InputError, TrainingStopped
from orienteer.pretraining import launch
from orienteer.pretraining.callbacks import Heldout, Interrupted, SaveLast
from orienteer.pretraining.data import (
    ViewData,
    heldout_loader,
    rival_batches,
    shown_views,
    split,
    usable_scans,
    view_policy,
)
from orienteer.pretraining.evaluation import fit_rivals
from orienteer.pretraining.gallery import SCANS, Gallery
from orienteer.pretraining.module import Pretraining
from orienteer.pretraining.pace import Pace
from orienteer.pretraining.plan import peak_memory_mb, plan_config
from orienteer.pretraining.reporter import Reporter
from orienteer.pretraining.trainer import build_trainer
from orienteer.probing.online import OnlineProbe
from orienteer.progress import say
from orienteer.runs import folder as run_folder
from orienteer.runs.checkpoints import check_fits, read_checkpoint
from orienteer.runs.config import PretrainConfig, make_config
from orienteer.runs.model_card import write_model_card
from orienteer.runs.network import build_network, task_weights
from orienteer.runs.plateau import plateau
from orienteer.runs.summary import make_summary, summary_table
from orienteer.runs.weights import save_encoder
from orienteer.scans.preparation import Preparation
from orienteer.scans.prepare import prepare
from orienteer.scans.prepare_report import PrepareReport
from orienteer.scans.source import Selection
from orienteer.scans.store import Store
from orienteer.types import AXES_CODE


@dataclass(frozen=True)
class Run:
    """A finished run: its folder, and what summary.json in it says."""

    folder: Path
    summary: dict[str, Any]


def pretrain(
    scans: str | Path | None = None,
    out: str | Path | None = None,
    **settings: Any,
) -> Run:
    """Trains an encoder on a folder of unlabelled scans and returns the run, with held-out errors in mm.

    Args:
        scans: folder of NIfTI, NRRD, MetaImage files or DICOM series; subfolders too.
        out: run folder to make, or with ``resume=True`` to go on with.
        **settings: any field of `PretrainConfig`, as on the command line.

    Raises:
        InputError: a setting or folder that cannot be used; nothing was trained.
        TrainingStopped: a loss that is not finite; the last good checkpoint is kept.
        KeyboardInterrupt: Ctrl-C; the last step is saved, ``resume=True`` goes on with it.

    Example:
        >>> import tempfile
        >>> from orienteer.phantoms.torso import write_phantoms
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = write_phantoms(f"{folder}/scans", count=3, seed=0, progress=False)
        ...     run = pretrain(f"{folder}/scans", f"{folder}/run", encoder="tiny", steps=2, batch=2, workers=0)
        ...     sorted(path.name for path in run.folder.glob("encoder.*"))
        ['encoder.json', 'encoder.safetensors']
    """
    given = {**settings, **{key: str(value) for key, value in (("scans", scans), ("out", out)) if value is not None}}
    config = make_config(given)
    if config.out is None:
        raise InputError("out", wanted="a run folder", got="none", do="name it: orienteer pretrain SCANS --out RUN")
    folder = Path(config.out)
    if launch.rank() > 0:
        launch.wait_until_ready(folder)
        unprobed = replace(run_folder.read_config(folder), resume=config.resume, probe=None)  # the first process does
        return _train(folder, unprobed, {})
    with run_folder.opened(folder, config.resume):
        try:
            config, counts = _resumed(folder, config, given) if config.resume else _begun(folder, config)
            launch.say_ready(folder)
            return _train(folder, config, counts)
        finally:
            launch.forget(folder)


def _begun(folder: Path, config: PretrainConfig) -> tuple[PretrainConfig, dict[str, int]]:
    """Plans, prepares and splits; writes what the run is made of into its folder."""
    made = plan_config(config)
    config = replace(made.config, store=made.config.store or str(folder.resolve().parent / "store"))
    for name, choice in made.scans.choices.items():
        say(f"{name}: {choice.value} ({choice.why})")
    for reason, count in Counter(item.reason for item in made.discovery.left_out).items():
        say(f"left out: {count} x {reason}")
    assert config.store is not None
    report = prepare(
        made.discovery,
        config.store,
        selection=config.part(Selection),
        preparation=config.part(Preparation),
        workers=config.prepare_workers,
    )
    say(report)
    store = Store.open(config.store)
    usable = usable_scans(store, report.keys, view_policy(config))
    names = {key: store.scan(key).name for key in report.keys}
    modalities = Counter(store.scan(key).modality for key in report.keys)
    say("modalities: " + ", ".join(f"{count} {name}" for name, count in sorted(modalities.items())))
    for key, reason in usable.too_small.items():
        say(f"set aside: {names[key]}: {reason}")
    training, validation = split(usable.keys, config.validation_fraction, config.seed)
    run_folder.write_split(
        folder,
        {key: names[key] for key in training},
        {key: names[key] for key in validation},
        {key: store.scan(key).content for key in names},
    )
    run_folder.write_failures(folder, report.failures, {names[key]: why for key, why in usable.too_small.items()})
    counts = _counts(report, len(usable.too_small), len(made.discovery.left_out))
    run_folder.write_counts(folder, counts)
    run_folder.write_config(folder, config.to_dict())  # last: a folder with a config.yaml is a run that can be resumed
    return config, counts


def _resumed(folder: Path, config: PretrainConfig, given: Mapping[str, Any]) -> tuple[PretrainConfig, dict[str, int]]:
    """Takes up a run: its own settings, and only those given anew that change how fast it goes."""
    before = run_folder.read_config(folder)
    run_folder.check_unchanged(before, make_config(given), given, run_folder.MAY_DIFFER)
    faster = {name: getattr(config, name) for name in run_folder.MAY_DIFFER if name in given}
    return replace(before, **{**faster, "resume": True}), run_folder.read_counts(folder)


def _train(folder: Path, config: PretrainConfig, counts: dict[str, int]) -> Run:
    begun = time.monotonic()
    last = folder / "checkpoints" / "last.ckpt"
    resumed = read_checkpoint(last) if config.resume and last.is_file() else None
    start_step = resumed["global_step"] if resumed else 0
    if start_step >= config.steps:
        say(f"{folder} is finished: {start_step} of {config.steps} steps")
        return Run(folder, run_folder.read_summary(folder))
    assert config.store is not None
    store = Store.open(config.store)
    training, validation = run_folder.read_split(folder)
    names = {**training, **validation}
    run_folder.check_prepared(store, names, config)
    network = build_network(replace(config, weights=None) if resumed else config)
    if resumed is None:  # before the module makes moving averages of the network, buffers too
        fit_rivals(network, rival_batches(store, list(training), config))
    module = Pretraining(network, task_weights(config), config, names)
    if resumed is not None:
        check_fits(resumed, module, last)
    facts = encoder_facts(config, run_folder.fingerprint(store.scan(key).content for key in names))
    data = ViewData(store, list(training), config, start_step)
    pace = Pace(lambda: data.timed.waited_s if data.timed else 0.0, config.batch * (config.views or 0))
    reporter = Reporter(folder, pace, config.log_every, start_step, shown=True)
    heldout = Heldout(
        folder,
        list(validation),
        lambda rank, world: heldout_loader(store, list(validation), config, rank, world),
        config.validate_every or config.steps,
        reporter,
        pace,
        Gallery(folder, shown_views(store, list(validation), config, SCANS), reporter.picture)
        if config.pictures
        else None,
        on_best=lambda trained: save_encoder(folder, trained.best_network.encoder, facts),
        probe=OnlineProbe(config) if config.probe is not None else None,
    )
    with SaveLast(folder, config.validate_every or config.steps, pace) as saver:
        trainer = build_trainer(config, [pace, reporter, heldout, saver])
        if trainer.is_global_zero:
            run_folder.write_environment(folder, config, facts["data_fingerprint"], str(trainer.strategy.root_device))
        try:
            trainer.fit(module, data, ckpt_path=last if resumed else None)
        except Interrupted:
            say(
                f"stopped after step {trainer.global_step} of {config.steps}. Go on with: "
                f"orienteer pretrain --resume --out {folder}"
            )
            raise KeyboardInterrupt from None
        except TrainingStopped as error:
            raise TrainingStopped(f"{error} Go on with: orienteer pretrain --resume --out {folder}") from None
        finally:
            reporter.close()
    speed = {"views_per_second": pace.views_per_second, "data_wait_share": pace.data_wait_share}
    speed["peak_memory_mb"] = peak_memory_mb(torch.device("cpu"))
    hint = plateau([step for step, _ in heldout.losses], [loss for _, loss in heldout.losses])
    summary = make_summary(heldout.figures, hint, counts, trainer.global_step, speed, time.monotonic() - begun)
    if trainer.is_global_zero:
        save_encoder(folder, module.best_network.encoder, facts)
        run_folder.write_summary(folder, summary)
        write_model_card(folder, summary)
        said = f"{summary_table(summary)}\n\n{hint.words if hint is not None else ''}"
        say(f"\n{said}\nthe encoder, pictures and figures are in {folder}")
    return Run(folder, summary)


def _counts(report: PrepareReport, too_small: int, left_out: int) -> dict[str, int]:
    return {
        "read": report.prepared + report.reused,
        "failed": len(report.failures),
        "too_small": too_small,
        "duplicates": len(report.duplicates),
        "left_out": left_out,
    }


def encoder_facts(config: PretrainConfig, data_fingerprint: str) -> dict[str, Any]:
    """Returns what encoder.json says beside the network: what a user must do to a scan before the encoder sees it."""
    plain = config.to_dict()
    return {
        "view_size": plain["view_size"],
        "spacing_mm": plain["spacing_mm"],
        "axes": AXES_CODE,
        "intensity": {
            "CT": {"window_hu": plain["ct_window_hu"], "to": [-1, 1]},
            "MR": {"percentiles_of_body": plain["mr_percentiles"], "to": [-1, 1]},
        },
        "crop": {"to_body": config.crop_to_body, "margin_mm": config.margin_mm},
        "unit_mm": config.unit_mm,
        "method": config.method,
        "steps": config.steps,
        "seed": config.seed,
        "data_fingerprint": data_fingerprint,
        "licence": "unknown: set it before you share the weights; it depends on the scans",
    }
