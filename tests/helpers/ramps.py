"""A scan whose values are a linear ramp, and an encoder that only averages: features can be computed by hand."""

from pathlib import Path

import numpy as np
import SimpleITK as sitk
from torch import nn

from orienteer.encoders.base import Encoder
from orienteer.features.pretrained import Pretrained
from orienteer.scans.preparation import Preparation
from orienteer.scans.source import Selection
from orienteer.store.prepare_folder import prepare_folder
from orienteer.store.store import Store
from orienteer.types import Triple

RAMP_HU = 2000.0


def ramp_store(folder: Path, shape_vox: Triple) -> tuple[Store, str, np.ndarray]:
    """Returns a store with one CT that is the mean of a ramp along each axis, its key, and its normalised values."""
    places = np.stack(np.meshgrid(*(np.arange(length) / length for length in shape_vox), indexing="ij"), axis=-1)
    values = (places.mean(-1) - 0.5) * RAMP_HU
    image = sitk.GetImageFromArray(np.round(values).astype(np.int16).transpose(2, 1, 0))
    image.SetDirection((-1, 0, 0, 0, -1, 0, 0, 0, 1))
    (folder / "scans").mkdir()
    sitk.WriteImage(image, str(folder / "scans" / "ramp.nii.gz"))
    settings = Preparation((1.0, 1.0, 1.0), crop_to_body=False)
    report = prepare_folder(
        folder / "scans", folder / "store", Selection(modality="CT"), settings, workers=0, progress=False
    )
    reader = Store.open(folder / "store")
    return reader, report.keys[0], reader.read(report.keys[0], (0, 0, 0), shape_vox)


class RampEncoder(Encoder):
    """Averages voxels over cells of 2, 2 and 4: three levels of one channel."""

    family, arguments, divisor = "ramp", {}, (4, 4, 4)
    channels, strides = (1, 1, 1), ((2, 2, 2), (2, 2, 2), (4, 4, 4))

    def __init__(self, view_size: Triple) -> None:
        super().__init__()
        self.view_size = view_size
        self.pools = nn.ModuleList([nn.AvgPool3d(2), nn.Identity(), nn.AvgPool3d(2)])

    def stages(self) -> list[nn.Sequential]:
        return [nn.Sequential(pool) for pool in self.pools]

    @classmethod
    def frozen(cls, view_size: Triple) -> Pretrained:
        """Returns the encoder ready for scans of 1 mm voxels."""
        return Pretrained(cls(view_size).eval(), {}, Preparation((1.0, 1.0, 1.0)))
