"""Settings of the command locate."""

from dataclasses import dataclass
from typing import Literal

from orienteer.errors import InputError
from orienteer.scans.source import Selection
from orienteer.settings import require


@dataclass(frozen=True)
class LocateSettings(Selection):
    """Which places to find, in which scans, and what to write."""

    template: tuple[str, ...] = ()
    """Scan in which the places are marked: a file or a DICOM folder. Given several times, the templates vote."""
    points: tuple[str, ...] = ()
    """Places of the template: 3D Slicer markups (.mrk.json, .fcsv), or a CSV with right_mm, front_mm, head_mm. One file per
    template."""
    labels: tuple[str, ...] = ()
    """Label map of the template, whose centroids and boxes are found. One file per template."""
    label_names: str | None = None
    """JSON file with the names of label values. By default a dataset.json beside the label map, if there is one."""
    extremes: bool = False
    """Find the outermost points of each label too."""
    crop: tuple[str, ...] = ()
    """Names of places or labels around which each scan is cut out."""
    margin: float = 20.0
    """Margin of crops on all sides, mm."""
    transform: bool = False
    """Write the map from the template to each scan as an ITK transform (.h5)."""
    to_dicom_sr: bool = False
    """Write the places of each scan as a DICOM structured report (TID 1500) too, places.sr.dcm. Scans must be DICOM series;
    patient and study are copied from them into the report, as the standard requires."""
    pictures: bool = True
    """Write the page with templates and scans side by side."""
    store: str | None = None
    """Folder for prepared scans and their features. By default `store` beside the run folder, as in pretraining."""
    workers: int | None = None
    """Processes that prepare scans. By default one per core."""
    accelerator: Literal["auto", "cpu", "gpu"] = "auto"
    """Where to compute."""
    cluster: str | None = None
    """Which machines: local, tcp://HOST:PORT of a Dask scheduler, or a YAML file that describes a queue."""

    def __post_init__(self) -> None:
        """Rejects combinations that cannot be right."""
        do = "orienteer locate RUN --template x.nii.gz --points marks.mrk.json --scans FOLDER --out OUT"
        if not self.template:
            raise InputError("template", wanted="a scan in which places are marked", got="none", do=do)
        if not self.points and not self.labels:
            raise InputError("points", wanted="a file of places, or a label map with --labels", got="none", do=do)
        for name, files in (("points", self.points), ("labels", self.labels)):
            wanted = f"one file for each of the {len(self.template)} templates, in their order"
            require(len(files) in (0, len(self.template)), name, wanted, f"{len(files)} files", f"give --{name} as often "
                    "as --template")  # fmt: skip
        require(0 <= self.margin < 1000, "margin", "a length from 0 to 1000 mm", self.margin, "use --margin 20")
        if (self.extremes or self.label_names) and not self.labels:
            name = "extremes" if self.extremes else "label_names"
            raise InputError(name, wanted="a label map", got="none", do="give --labels, or leave this option out")
