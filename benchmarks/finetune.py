"""Our fine-tuning step against a hand-written MONAI loop, and our prediction against MONAI's own inferer.

    python -m benchmarks.finetune --json FILE

``step_ratio`` is the time of a whole step of ours (patches cut from cached cases, turned, mirrored, changed in intensity,
then loss, backward, clipping and optimiser) over that of a loop as one writes it with MONAI, on the same network, loss and
size of patches, its patches lying in memory and not augmented at all. ``window_ratio`` is the time of our sliding-window
prediction over that of `monai.inferers.SlidingWindowInferer` on the same network. Both take turns and the medians are
compared, so that a noisy machine affects both alike. Everything is in 32 bits.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
import torch
from monai.inferers import SlidingWindowInferer
from monai.losses import DeepSupervisionLoss, DiceCELoss
from monai.networks.nets import DynUNet

from benchmarks.command import parser_of, save
from benchmarks.timing import medians
from orienteer.encoders import build_encoder
from orienteer.finetuning.config import FinetuneConfig
from orienteer.finetuning.loop import take_step
from orienteer.finetuning.schedules import Schedule
from orienteer.finetuning.segmentation.inference import WINDOWS_AT_ONCE, window_logits
from orienteer.finetuning.segmentation.loss import step_loss
from orienteer.finetuning.segmentation.model import SegmentationModel
from orienteer.finetuning.segmentation.network import build_segmenter
from orienteer.finetuning.segmentation.patches import LOWEST, Patches
from orienteer.labelled.case_reader import CaseReader
from orienteer.labelled.cases import prepare_cases
from orienteer.labelled.datasets import read_dataset
from orienteer.scans.preparation import Preparation
from orienteer.scans.source import Selection
from orienteer.store.store import Store

PATCH, CLASSES, BATCH = (32, 48, 32), 3, 2
NETWORK: dict[str, Any] = {
    "spatial_dims": 3,
    "in_channels": 1,
    "out_channels": CLASSES,
    "kernel_size": [3, 3, 3, 3],
    "strides": [1, 2, 2, 2],
    "upsample_kernel_size": [2, 2, 2],
    "filters": [16, 32, 64, 128],
    "deep_supervision": True,
    "deep_supr_num": 2,
}
SETTINGS = FinetuneConfig(precision="32", batch=BATCH, patch_size=PATCH, spacing_mm=(1.0, 1.0, 1.0))


def write_cases(folder: Path, count: int = 4, shape: tuple[int, int, int] = (56, 40, 48)) -> None:
    rng = np.random.default_rng(0)
    for number in range(count):
        image = rng.integers(0, 1000, shape).astype(np.int16)
        labels = np.zeros(shape, np.uint8)
        labels[20:30, 10:20, 10:30], labels[30:40, 20:30, 10:30] = 1, 2
        for kind, values in (("images", image), ("labels", labels)):
            (folder / kind).mkdir(exist_ok=True)
            sitk.WriteImage(sitk.GetImageFromArray(values), str(folder / kind / f"case_{number}.nii.gz"))


def our_step(folder: Path) -> Callable[[], None]:
    data = read_dataset(None, str(folder / "images"), str(folder / "labels"))
    preparation = Preparation((1.0, 1.0, 1.0), crop_to_body=False)
    prepared = prepare_cases(data, folder / "store", preparation, Selection(modality="MR"), workers=0, shown=False)
    patches = Patches(CaseReader(Store.open(folder / "store")), list(prepared.cases.values()), PATCH, BATCH, seed=0)
    encoder = build_encoder("tiny", PATCH, stem_stride=1)
    network, filled = build_segmenter(encoder, CLASSES, deep_supervision=True, seed=0)
    level = {f"network.{name}": number for name, number in filled.level.items()}
    schedule = Schedule(network.train(), level, filled.levels, SETTINGS)
    loss = step_loss(SETTINGS, network, torch.device("cpu"), (1.0, 1.0, 1.0), bf16=False)
    steps = iter(range(SETTINGS.steps))

    def run() -> None:
        step = next(steps)
        batch = patches[step]
        take_step(SETTINGS, network, schedule, step, lambda: loss(step, batch)).item()

    return run


def monai_step() -> Callable[[], None]:
    network = DynUNet(**NETWORK).train()
    loss = DeepSupervisionLoss(DiceCELoss(include_background=False, to_onehot_y=True, softmax=True, batch=True))
    optimiser = torch.optim.AdamW(network.parameters(), lr=SETTINGS.learning_rate)
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(BATCH, 1, *PATCH, generator=generator) * 2 - 1
    labels = torch.randint(0, CLASSES, (BATCH, 1, *PATCH), generator=generator).float()

    def run() -> None:
        optimiser.zero_grad(set_to_none=True)
        value = loss(list(network(images).unbind(1)), labels)
        value.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), SETTINGS.clip_norm)
        optimiser.step()
        value.item()

    return run


def windows() -> dict[str, Callable[[], object]]:
    network, _ = build_segmenter(build_encoder("tiny", PATCH, stem_stride=1), CLASSES, True, seed=0)
    preparation = Preparation((1.0, 1.0, 1.0), crop_to_body=False)
    classes = {number: str(number) for number in range(CLASSES)}
    model = SegmentationModel(network.eval(), classes, PATCH, 0.5, preparation, Selection(), torch.device("cpu"))
    image = torch.rand(1, 1, 64, 72, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    inferer = SlidingWindowInferer(PATCH, WINDOWS_AT_ONCE, 0.5, mode="gaussian", cval=LOWEST)
    bare = network.network  # MONAI's DynUNet itself

    def monai() -> Any:
        with torch.inference_mode():
            return inferer(image, bare)

    assert torch.allclose(
        window_logits(model, image), monai()
    )  # the same prediction, else the times cannot be compared
    return {"ours": lambda: window_logits(model, image), "monai": monai}


def main() -> None:
    parser = parser_of(__doc__)
    parser.add_argument("--repeats", type=int, default=9)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        write_cases(Path(folder))
        steps = medians({"ours": our_step(Path(folder)), "monai": monai_step()}, options.repeats)
    predictions = medians(windows(), options.repeats)
    values: dict[str, Any] = {
        "step_ratio": steps["ours"] / steps["monai"],
        "window_ratio": predictions["ours"] / predictions["monai"],
        "step_ms": {name: value * 1e3 for name, value in steps.items()},
        "window_ms": {name: value * 1e3 for name, value in predictions.items()},
    }
    print(f"{'':<34}{'ours ms':>10}{'MONAI ms':>10}{'ratio':>8}")
    for name, what in (("step", "fine-tuning step"), ("window", "sliding-window prediction")):
        times = values[f"{name}_ms"]
        print(f"{what:<34}{times['ours']:>10.1f}{times['monai']:>10.1f}{values[f'{name}_ratio']:>8.3f}")
    save(options.json, values)


if __name__ == "__main__":
    main()
