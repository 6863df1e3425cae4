"""The whole training step against the bare encoder: how much do the three tasks cost?

    python -m benchmarks.step --json FILE

``ratio`` is the time of a whole step (views in memory -> encoder -> tasks -> losses -> backward -> optimiser) over the time
of the bare encoder's forward and backward on the same views: SegResNet with 16 initial filters, 2 scans, 3 views of 48
voxels. Both take turns, and the median of each is compared, so that a noisy machine affects both alike.
"""

from collections.abc import Callable
from typing import Any

import torch

from benchmarks.command import parser_of, save
from benchmarks.step_baseline import NaiveHeads
from benchmarks.timing import medians
from orienteer.pretraining.module import Pretraining, named_losses, total_loss
from orienteer.runs.network import Network, build_network, task_weights
from orienteer.runs.run_config import RunConfig, make_run_config
from orienteer.views.batch import ViewBatch


def config(encoder: str, views: int, size: int, **arguments: object) -> RunConfig:
    sizes = {"views": views, "view_size": (size, size, size), "spacing_mm": (2.0, 2.0, 2.0), "unit_mm": 100.0}
    return make_run_config({"encoder": encoder, "encoder_arguments": dict(arguments), **sizes})


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
        total_loss(module.weights, named_losses(network.answers(views))).backward()
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


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--repeats", type=int, default=7)
    options = parser.parse_args()
    asked = row("segresnet", 3, 48, scans=2, repeats=options.repeats, naive=False)
    print(f"whole step / bare encoder, SegResNet-16, 2 scans x 3 views of 48 voxels: {asked['ratio']:.3f}")
    parts = where_it_goes(options.repeats)
    print("where the rest goes, as shares of the bare encoder:")
    print("\n".join(f"  {name:<24} {share:7.3f}" for name, share in parts.items()))
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
    save(options.json, {"ratio": asked["ratio"], "asked": asked, "where_it_goes": parts, "table": table})


if __name__ == "__main__":
    main()
