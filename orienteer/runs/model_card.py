"""MODEL_CARD.md: what was trained on which scans, how well it does on held-out scans, and how to load it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from orienteer.files import write_text
from orienteer.runs.card import read_card
from orienteer.runs.recipe import ct_window_of, mr_percentiles_of, spacing_of
from orienteer.runs.records import patients_in_words
from orienteer.runs.summary import summary_table

MODEL_CARD_FILE = "MODEL_CARD.md"

PIPELINE = "image-feature-extraction"
"""What the weights are for, in the words that model hubs sort by."""

TAGS = ("medical-imaging", "radiology", "3d", "self-supervised-learning", "feature-extraction")


def write_model_card(folder: Path, summary: Mapping[str, Any]) -> None:
    """Writes MODEL_CARD.md next to encoder.json, from that file and the run's summary."""
    write_text(folder / MODEL_CARD_FILE, model_card(read_card(folder), summary))


def model_card(facts: Mapping[str, Any], summary: Mapping[str, Any] | None, address: str = "this folder") -> str:
    """Returns the model card as Markdown: metadata for model hubs, then the page.

    Args:
        facts: content of encoder.json.
        summary: content of summary.json; None leaves out the scans and the results.
        address: what the example loads.

    Example:
        >>> facts = {"encoder": "tiny", "parameters": 1000, "method": "default", "steps": 600, "seed": 0,
        ...          "spacing_mm": [2.0, 2.0, 2.0], "view_size": [32, 32, 32], "axes": "RAS", "unit_mm": 100.0,
        ...          "intensity": {"CT": {"window_hu": [-1000, 1000]}, "MR": {"percentiles_of_body": [0.5, 99.5]}},
        ...          "data_fingerprint": "cb40", "licence": "unknown", "sha256": "bdd4", "target": None}
        >>> print(model_card(facts, {"heldout": {}, "scans": {"read": 12}}).splitlines()[13])
        # An encoder of 3D scans, pretrained without labels
    """
    of_run = () if summary is None else (_data(facts, summary), _results(summary))
    parts = (_head(facts), _what(facts), *of_run, _input(facts), _load(facts, address), _limits(of_run != ()))
    return "\n\n".join(parts) + "\n"


def _head(facts: Mapping[str, Any]) -> str:
    # The licence of the weights depends on the scans, so only a person can fill it in.
    licence = "other" if facts["licence"].startswith("unknown") else facts["licence"].lower()
    library = str(facts["target"]).partition(".")[0].replace("_", "-") if facts["target"] else ""
    names = (*TAGS, str(facts["encoder"]), *filter(None, (library,)))
    tags = "\n".join(f"- {tag}" for tag in names)
    return f"---\nlibrary_name: orienteer\nlicense: {licence}\npipeline_tag: {PIPELINE}\ntags:\n{tags}\n---"


def _what(facts: Mapping[str, Any]) -> str:
    target = f" Its weights fit `{facts['target']}`." if facts["target"] else ""
    return (
        "# An encoder of 3D scans, pretrained without labels\n\n"
        f"Network `{facts['encoder']}`, {facts['parameters'] / 1e6:.1f} million parameters.{target} Pretrained with the method "
        f"`{facts['method']}` of orienteer for {facts['steps']} steps (seed {facts['seed']}). `config.yaml` of the run holds "
        "every setting.\n\n"
        f"Licence of the weights: {facts['licence']}."
    )


def _data(facts: Mapping[str, Any], summary: Mapping[str, Any]) -> str:
    counts = {name: count for name, count in summary["scans"].items() if not name.startswith("patient")}
    words = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items())
    return (
        f"## Scans\n\n{words}. {patients_in_words(summary['scans'])} `data_fingerprint` {facts['data_fingerprint']} is a "
        "hash of the content of all training and held-out scans: the same scans give the same fingerprint. `split.json` lists "
        f"which ones were held out.{_before(facts)}"
    )


def _before(facts: Mapping[str, Any]) -> str:
    """Returns what the weights had been trained on before: their licence depends on that too."""
    earlier = [_origin(each) for each in facts.get("started_from", [])]
    return f" The weights began as those of {', before that '.join(earlier)}." if earlier else ""


def _origin(origin: Mapping[str, Any]) -> str:
    place = f" ({origin['address']})" if "address" in origin else ""
    if "file" in origin:
        return f"`{origin['file']}`, {origin['origin']}{place}"
    steps, method = origin.get("steps"), origin.get("method")
    return f"a run of {steps} steps of `{method}` on scans with fingerprint {origin.get('data_fingerprint')}{place}"


def _results(summary: Mapping[str, Any]) -> str:
    return (
        "## Results on held-out scans\n\nThe baseline predicts without a network. A task that is not clearly better than its "
        f"baseline has learned nothing.\n\n```text\n{summary_table(summary)}\n```"
    )


def _input(facts: Mapping[str, Any]) -> str:
    (low, high), (lower, upper) = ct_window_of(facts), mr_percentiles_of(facts)
    return (
        "## Input\n\n"
        f"- one channel, axes in {facts['axes']} order: they grow to the right, to the front and to the head\n"
        f"- voxels of {_times(spacing_of(facts))} mm\n"
        f"- CT: {low:g} to {high:g} HU are mapped to -1 to 1 and clipped\n"
        f"- MR: percentiles {lower:g} to {upper:g} of the body's voxels are mapped to -1 to 1 and clipped\n"
        f"- it was trained on views of {_times(facts['view_size'])} voxels; the unit of length was {facts['unit_mm']:g} mm"
    )


def _load(facts: Mapping[str, Any], address: str) -> str:
    return (
        "## How to load it\n\n```python\nimport orienteer\n\n"
        f'pretrained = orienteer.load("{address}")\nscan = pretrained.preprocess("scan.nii.gz")\n'
        "levels = pretrained(scan.views()[:1])  # feature maps of one view, finest first\n```\n\n"
        "`orienteer export` writes the weights for MONAI, nnU-Net, ONNX and others. sha256 of the weights: "
        f"`{facts['sha256']}`."
    )


def _limits(results: bool) -> str:
    what = "The results above hold" if results else "The weights are"
    return (
        f"## Limits\n\n{what} for scans like those it was trained on, not for other organs, modalities or "
        "resolutions. For research only; not a medical device."
    )


def _times(numbers: Sequence[int | float]) -> str:
    return " x ".join(f"{number:g}" for number in numbers)
