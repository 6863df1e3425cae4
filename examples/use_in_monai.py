"""Loads a pretrained network into MONAI, prepares a scan with MONAI's transforms, and predicts with sliding windows.

Run: python examples/use_in_monai.py
Only the first two steps need orienteer: a run to take the weights from, and their export.
"""

import json
from pathlib import Path

import torch
from monai.inferers import sliding_window_inference
from monai.networks import nets
from monai.transforms import Compose, EnsureChannelFirst, LoadImage, Orientation, ScaleIntensityRange, Spacing

import orienteer


def main() -> None:
    """Prints the shape of the output for one scan."""
    orienteer.demo("runs/small", subjects=6, steps=2, workers=0, prepare_workers=0)
    folder = orienteer.export("runs/small", to="monai", classes=5).folder

    facts = json.loads((folder / "export.json").read_text())
    network = getattr(nets, facts["target"].rpartition(".")[2])(**facts["target_arguments"])
    network.load_state_dict(torch.load(folder / "network.pt"), strict=True)  # only the output layer is new

    low, high = facts["intensity"]["CT"]["window_hu"]
    prepare = Compose(
        [
            LoadImage(),
            EnsureChannelFirst(),
            Orientation(facts["axes"], labels=None),
            Spacing(facts["spacing_mm"]),
            ScaleIntensityRange(low, high, -1, 1, clip=True),
        ]
    )
    image = prepare(Path("runs/small_scans/SYNTHETIC_torso_000.nii.gz"))
    with torch.no_grad():
        scores = sliding_window_inference(image[None].as_tensor(), facts["view_size"], 4, network.eval())
    print(f"image {tuple(image.shape)}, scores per class {tuple(scores.shape)}")


if __name__ == "__main__":
    main()
