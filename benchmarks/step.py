"""The whole training step against the bare encoder: how much do the tasks of a method cost?

    python -m benchmarks.step --json FILE

``ratio`` is the time of a whole step (views in memory -> encoder -> tasks -> losses -> backward -> optimiser) over the time
of the bare encoder's forward and backward on the same views, without a decoder: SegResNet with 16 initial filters, 2 scans, 3
views of 48 voxels for the default method, and every method of ``METHODS_MEASURED`` on three encoders, 2 scans, 4 views of 32
voxels, with the decoder where the method trains one. All take turns, and medians are compared, so that a noisy machine affects
all alike. ``where_it_goes`` are the forward and backward of single tasks, as shares of the bare encoder.
"""

from collections.abc import Callable
from typing import Any

import torch

from benchmarks.command import parser_of, save
from benchmarks.step_baseline import NaiveHeads
from benchmarks.timing import medians
from orienteer.encoders import can_decode
from orienteer.methods import METHODS, listed_tasks, resolve_method
from orienteer.pretraining.module import Pretraining, named_losses, total_loss
from orienteer.runs.network import Network, build_network, task_weights
from orienteer.runs.run_config import RunConfig, make_run_config
from orienteer.views.batch import ViewBatch

METHODS_MEASURED = ("default", "spatial", "paper", "reconstruction")
ENCODERS_MEASURED: tuple[tuple[str, dict[str, Any]], ...] = (
    ("tiny", {}),
    ("segresnet", {"init_filters": 16}),
    ("dynunet", {}),
)


def config(encoder: str, views: int, size: int, method: str = "default", **arguments: object) -> RunConfig:
    sizes = {"views": views, "view_size": (size, size, size), "spacing_mm": (2.0, 2.0, 2.0), "unit_mm": 100.0}
    chosen = resolve_method(method)
    tasks = {"method": method, "tasks": listed_tasks(chosen), "only_tasks": True, "teacher": chosen.teacher}
    return make_run_config({"encoder": encoder, "encoder_arguments": dict(arguments), **sizes, **tasks})


def batch_of(settings: RunConfig, scans: int) -> ViewBatch:
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(scans, settings.views, 1, *settings.view_size, generator=generator) * 2 - 1
    centres = torch.rand(scans, settings.views, 3, generator=generator) * 200
    return ViewBatch(images, centres, tuple(str(scan) for scan in range(scans)), settings.spacing_mm)


def bare_encoder(network: Network, views: ViewBatch) -> Callable[[], None]:
    def run() -> None:
        network.encoder.zero_grad(set_to_none=True)
        network.encoder(views.images.flatten(0, 1))[-1].square().mean().backward()

    return run


def whole_step(settings: RunConfig, network: Network, views: ViewBatch) -> Callable[[], None]:
    module = Pretraining(network, task_weights(settings), settings)
    optimiser = module.configure_optimizers()["optimizer"]

    def run() -> None:
        optimiser.zero_grad(set_to_none=True)
        total_loss(module.weights, named_losses(network.answers(views, module.teacher))).backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()

    return run


def naive_step(network: Network, views: ViewBatch) -> Callable[[], None]:
    with torch.no_grad():
        channels = network.features(views.images).levels[-1].shape[2]
    heads = NaiveHeads(channels, views.views)
    optimiser = torch.optim.AdamW([*network.encoder.parameters(), *heads.parameters()])

    def run() -> None:
        optimiser.zero_grad(set_to_none=True)
        heads.step_loss(network.features(views.images).levels[-1], views.centres_mm / 100).backward()
        optimiser.step()

    return run


def optimiser_alone(settings: RunConfig, network: Network) -> Callable[[], None]:
    optimiser = Pretraining(network, task_weights(settings), settings).configure_optimizers()["optimizer"]

    def run() -> None:
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()

    return run


def tasks_alone(network: Network, views: ViewBatch) -> dict[str, Callable[[], None]]:
    with torch.no_grad():
        levels = network.features(views.images).levels
    leaves = tuple(level.detach().requires_grad_() for level in levels)
    features = type(network.features(views.images))(leaves)

    def runner(task: torch.nn.Module) -> Callable[[], None]:
        def run() -> None:
            torch.stack(list(task.loss(task(features), task.targets(views)).values())).sum().backward()

        return run

    return {name: runner(task) for name, task in network.tasks.items()}


def row(
    encoder: str, views: int, size: int, scans: int, repeats: int, naive: bool, **arguments: object
) -> dict[str, Any]:
    settings = config(encoder, views, size, **arguments)
    network = build_network(settings)
    batch = batch_of(settings, scans)
    runs = {"encoder": bare_encoder(network, batch), "step": whole_step(settings, network, batch)}
    if naive:
        runs["naive"] = naive_step(network, batch)
    seconds = medians(runs, repeats)
    result = {"encoder": encoder, "views": views, "size": size, "scans": scans, **arguments}
    result |= {"encoder_ms": seconds["encoder"] * 1e3, "step_ms": seconds["step"] * 1e3}
    result["ratio"] = seconds["step"] / seconds["encoder"]
    if naive:
        result["naive_ratio"] = seconds["naive"] / seconds["encoder"]
    return result


def where_it_goes(repeats: int) -> dict[str, float]:
    settings = config("segresnet", 3, 48)
    network, batch = build_network(settings), batch_of(config("segresnet", 3, 48), 2)
    whole_step(settings, network, batch)()
    runs = {**tasks_alone(network, batch), "optimiser and clipping": optimiser_alone(settings, network)}
    seconds = medians({"encoder": bare_encoder(network, batch), **runs}, repeats)
    return {name: seconds[name] / seconds["encoder"] for name in runs}


def by_method(encoder: str, arguments: dict[str, Any], repeats: int) -> dict[str, dict[str, Any]]:
    """Returns, for each method, the whole step and its single tasks as shares of the bare encoder."""
    bare = build_network(config(encoder, 4, 32, "spatial", **arguments))
    batch = batch_of(config(encoder, 4, 32, "spatial", **arguments), 2)
    runs: dict[str, Callable[[], None]] = {"bare": bare_encoder(bare, batch)}
    for method in METHODS_MEASURED:
        decoder = {"decoder": True} if METHODS[method].decoder and can_decode(encoder) else {}
        settings = config(encoder, 4, 32, method, **arguments, **decoder)
        network = build_network(settings)
        runs[method] = whole_step(settings, network, batch)
        runs |= {f"{method} {task}": run for task, run in tasks_alone(network, batch).items()}
    seconds = medians(runs, repeats)
    shares = {name: seconds[name] / seconds["bare"] for name in runs}
    return {
        method: {
            "ratio": shares[method],
            "where_it_goes": {
                name.removeprefix(f"{method} "): share
                for name, share in shares.items()
                if name.startswith(f"{method} ")
            },
        }
        for method in METHODS_MEASURED
    }


def print_methods(measured: dict[str, dict[str, dict[str, Any]]]) -> None:
    """Prints the whole step of every method on every encoder, and where the rest goes."""
    for encoder, methods in measured.items():
        for method, values in methods.items():
            parts = ", ".join(f"{task} {share:.2f}" for task, share in values["where_it_goes"].items())
            print(f"{encoder:<12}{method:<16}{values['ratio']:>6.2f}   {parts}", flush=True)


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--repeats", type=int, default=7)
    options = parser.parse_args()
    asked = row("segresnet", 3, 48, scans=2, repeats=options.repeats, naive=False)
    print(f"whole step / bare encoder, SegResNet-16, 2 scans x 3 views of 48 voxels: {asked['ratio']:.3f}")
    parts = where_it_goes(options.repeats)
    print("where the rest goes, as shares of the bare encoder:")
    print("\n".join(f"  {name:<24} {share:7.3f}" for name, share in parts.items()))
    methods = {name: by_method(name, arguments, options.repeats) for name, arguments in ENCODERS_MEASURED}
    print("\nwhole step / bare encoder, 2 scans x 4 views of 32 voxels, by encoder and method:")
    print_methods(methods)
    print(f"\n{'encoder':<12}{'views':>6}{'size':>6}{'encoder ms':>12}{'step ms':>10}{'ratio':>8}{'naive loop':>12}")
    table = []
    for encoder, arguments in (("segresnet", {"init_filters": 8}), ("tiny", {})):
        for views in range(2, 9):
            line = row(encoder, views, 32, 2, max(3, options.repeats // 2), naive=True, **arguments)
            table.append(line)
            print(
                f"{encoder:<12}{views:>6}{32:>6}{line['encoder_ms']:>12.1f}{line['step_ms']:>10.1f}"
                f"{line['ratio']:>8.2f}{line['naive_ratio']:>12.2f}",
                flush=True,
            )
    save(
        options.json,
        {"ratio": asked["ratio"], "asked": asked, "where_it_goes": parts, "methods": methods, "table": table},
    )


if __name__ == "__main__":
    main()
