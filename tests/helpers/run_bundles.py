"""A program of its own that runs MONAI bundles where there is no orienteer: `run_bundles.py STEPS.json REPORT.json`."""

import json
import sys
from pathlib import Path
from typing import Any

ABSENT = ("orienteer", "SimpleITK", "jaxtyping")


def take_parts(root: str, file: str, options: dict[str, Any]) -> None:
    """Predicts one scan as MONAI Label does: with parts of the config, each taken from it alone."""
    import numpy as np
    import torch
    from monai.bundle import ConfigParser
    from monai.transforms import Compose, SaveImaged

    parser = ConfigParser()
    parser.read_config(file)
    parser.config["bundle_root"] = root
    network, preprocessing, inferer, postprocessing = (
        parser.get_parsed_content(key, instantiate=True)
        for key in ("network_def", "preprocessing", "inferer", "postprocessing")
    )
    network.load_state_dict(torch.load(f"{root}/models/model.pt", weights_only=True))
    item = Compose(list(preprocessing.transforms))({"image": options["scan"]})
    with torch.no_grad():
        item["pred"] = inferer(item["image"][None], network.eval())[0]
    item = Compose([each for each in postprocessing.transforms if not isinstance(each, SaveImaged)])(item)
    np.save(options["to"], item["pred"].numpy())


def as_slicer(root: str, file: str, options: dict[str, Any]) -> None:
    """Predicts one scan as 3D Slicer's module for bundles does: sets a few entries, takes the evaluator alone, and runs it."""
    import torch
    from monai.bundle import ConfigParser

    parser = ConfigParser()
    parser.read_config(file)
    for key, value in {"bundle_root": root, **options, "window_device": "cpu", "device": torch.device("cpu")}.items():
        parser[key] = value
    parser["inferer"]["device"] = torch.device("cpu")
    parser["dataloader"]["num_workers"] = 0
    assert len(parser.get_parsed_content("dataloader")) == 1
    with torch.no_grad():
        parser.get_parsed_content("evaluator").run()


def verify(root: str, file: str, schema: str) -> None:
    """Lets MONAI check the metadata, and that the network has the outputs that they promise."""
    from monai.bundle import verify_metadata, verify_net_in_out

    metadata = f"{root}/configs/metadata.json"
    verify_metadata(meta_file=metadata, filepath=schema)
    verify_net_in_out(net_id="network_def", meta_file=metadata, config_file=file, device="cpu", bundle_root=root)


def run(root: str, file: str, kind: str, options: dict[str, Any]) -> list[str] | None:
    """Runs a config, and returns the properties that it lacks."""
    from monai.bundle import ConfigWorkflow

    workflow = ConfigWorkflow(config_file=file, workflow_type=kind, bundle_root=root, **options)
    workflow.initialize()
    missing = workflow.check_properties()
    workflow.run()
    workflow.finalize()
    return missing


def main(steps: Path, report: Path) -> None:
    """Takes every step, and writes what properties are missing by the title of the step."""
    missing = {}
    for step in json.loads(steps.read_text()):
        file = f"{step['bundle']}/configs/{step['config']}.json"
        if step["kind"] == "parts":
            take_parts(step["bundle"], file, step["options"])
        elif step["kind"] == "slicer":
            as_slicer(step["bundle"], file, step["options"])
        elif step["kind"] == "verify":
            verify(step["bundle"], file, step["schema"])
        else:
            missing[step["config"] + step["title"]] = run(step["bundle"], file, step["kind"], step["options"])
    report.write_text(json.dumps(missing))


if __name__ == "__main__":
    for name in ABSENT:
        sys.modules[name] = None  # type: ignore[assignment]  # importing it fails
    main(Path(sys.argv[1]), Path(sys.argv[2]))
