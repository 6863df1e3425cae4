"""Fine-tunes a pretrained network on a few label maps, compares it with training from scratch, and predicts new scans.

Run: python examples/finetune_and_predict.py
With your own data: ``data="dataset.json"``, and leave out ``steps``, ``batch`` and the workers.
"""

import orienteer


def main() -> None:
    """Prints the mean Dice of both networks and the label maps that were written."""
    orienteer.demo("runs/small", subjects=6, steps=2, workers=0, prepare_workers=0)
    data = orienteer.write_phantom_set("organs", count=3, seed=1)

    small = {
        "data": str(data),
        "folds": 3,
        "steps": 1,
        "batch": 1,
        "workers": 0,
        "prepare_workers": 0,
        "pictures": False,
    }
    tuned = orienteer.finetune("runs/small", out="runs/tuned", **small)
    scratch = orienteer.finetune("runs/small", out="runs/scratch", start="scratch", **small)
    for name, result in (("pretrained", tuned), ("scratch", scratch)):
        print(f"{name:>10}: Dice {result.summary['test']['dice_mean']:.3f}")

    orienteer.write_phantoms("new", count=1, seed=9, labels=False)
    predictions = orienteer.predict("runs/tuned", scans="new", to="label_maps")
    print("written:", *predictions.files.values())


if __name__ == "__main__":
    main()
