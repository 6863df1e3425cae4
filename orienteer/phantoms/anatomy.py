"""The organs of the synthetic torso: shapes in mm around the centre of a standard body, and their HU.

Axes as everywhere: x grows to the right, y to the front, z to the head. The liver lies right; heart, stomach, spleen
and aorta lie left; the left kidney lies higher; the right lung is larger and its floor higher. All values are
invented with plausible proportions; none was measured in a person.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float32, UInt8

LABEL_NAMES = {
    1: "lung right",
    2: "lung left",
    3: "heart",
    4: "liver",
    5: "stomach",
    6: "spleen",
    7: "kidney right",
    8: "kidney left",
    9: "aorta",
    10: "vena cava",
    11: "spine",
    12: "ribs and breastbone",
    13: "hip bones and femurs",
    14: "bladder",
    15: "pancreas",
    16: "gallbladder",
    17: "bowel",
    18: "windpipe",
}
"""Organ names by label value; 0 is everything else."""

_NUMBER = {name: number for number, name in LABEL_NAMES.items()}

AIR_HU, FAT_HU, MUSCLE_HU = -1000.0, -100.0, 55.0

# Half widths (x) and half depths (y) of the trunk in mm, at heights from the thighs to the neck.
_HEIGHTS = (-260.0, -190.0, -140.0, -60.0, 0.0, 80.0, 150.0, 200.0, 235.0, 260.0)
_HALF_WIDTHS = (122.0, 138.0, 136.0, 118.0, 120.0, 130.0, 136.0, 140.0, 100.0, 58.0)
_HALF_DEPTHS = (76.0, 90.0, 88.0, 78.0, 80.0, 90.0, 92.0, 82.0, 66.0, 54.0)

Grid = Float32[np.ndarray, "size0 size1 size2"]
Region = Bool[np.ndarray, "size0 size1 size2"]
Corner = tuple[float | int, float | int, float | int]
Labels = UInt8[np.ndarray, "size0 size1 size2"]


class Painted(NamedTuple):
    """The noiseless torso: HU, and the label of every voxel."""

    values_hu: Grid
    labels: Labels


class _Blob(NamedTuple):
    """An ellipsoid: centre and half axes in mm, HU, HU added by contrast medium."""

    name: str
    centre_mm: tuple[float, float, float]
    radii_mm: tuple[float, float, float]
    hu: float
    contrast_hu: float = 0.0
    slant: float = 0.0  # how far it leans: mm of x per mm of z


_BLOBS = (
    _Blob("pancreas", (-8, 6, 2), (54, 12, 13), 40, 40, 0.0),
    _Blob("stomach", (-50, 22, 34), (34, 34, 40), 25, 10, 0.25),
    _Blob("spleen", (-76, -32, 40), (24, 32, 40), 50, 60, 0.0),
    _Blob("liver", (48, 8, 36), (72, 66, 58), 60, 50, 0.15),
    _Blob("gallbladder", (46, 46, -10), (13, 14, 24), 8, 0, 0.0),
    _Blob("kidney left", (-50, -42, -6), (22, 20, 46), 35, 130, 0.15),
    _Blob("kidney right", (50, -42, -26), (22, 20, 46), 35, 130, -0.15),
    _Blob("heart", (-20, 22, 96), (44, 40, 46), 45, 110, 0.3),
    _Blob("bladder", (0, 18, -196), (36, 30, 30), 5, 0, 0.0),
)


def paint(rng: np.random.Generator, right_mm: Grid, front_mm: Grid, up_mm: Grid) -> Painted:
    """Returns one subject's torso on a grid of positions in mm from the centre of a standard body.

    The organs of a subject differ from the standard in position (4 mm), size (8 %), HU, amount of fat and contrast medium,
    all drawn from ``rng``.
    """
    # One scale for trunk, rib cage and fat: squared distance from the axis, as a share of the skin's.
    width, depth = (np.interp(up_mm, _HEIGHTS, half).astype(np.float32) for half in (_HALF_WIDTHS, _HALF_DEPTHS))
    skin = _squared(right_mm / width) + _squared(front_mm / depth)
    values = np.full(skin.shape, AIR_HU, dtype=np.float32)
    canvas = _Canvas(right_mm, front_mm, up_mm, skin, values, np.zeros(skin.shape, dtype=np.uint8))
    fat_share = rng.uniform(0.06, 0.2)
    contrast = float(rng.random() < 0.5) * rng.uniform(0.6, 1.2)
    values[skin < 1] = FAT_HU
    values[skin < (1 - fat_share) ** 2] = MUSCLE_HU
    belly = canvas.window((-150, -30, -260), (150, 150, 60))
    belly.values[belly.skin < (0.86 - fat_share) ** 2] = FAT_HU - 5

    _paint_bowel(canvas.window((-150, -8, -165), (150, 150, 5)), rng, fat_share)
    _paint_blobs(canvas, rng, fat_share, contrast)
    _paint_lungs(canvas.window((-150, -150, 0), (150, 150, 260)), rng, fat_share)
    _paint_vessels(canvas.window((-80, -100, -195), (80, 60, 185)), rng, contrast)
    _paint_windpipe(canvas.window((-12, -12, 125), (12, 15, 300)), rng)
    _paint_spine(canvas.window((-60, -110, -185), (60, 20, 300)), rng)
    _paint_ribs(canvas.window((-160, -110, -20), (160, 110, 210)), rng, fat_share)
    _paint_hips(canvas.window((-125, -90, -300), (125, 80, -90)), rng)
    return Painted(values, canvas.labels)


SOFT = (
    *("heart", "liver", "stomach", "spleen", "kidney right", "kidney left"),
    *("aorta", "vena cava", "bladder", "pancreas", "gallbladder", "bowel"),
)
"""Organs that have nearly the same intensity in hard phantoms."""


def even_out(rng: np.random.Generator, painted: Painted) -> None:
    """Gives all soft organs nearly the intensity of muscle, except for gas in them. In place."""
    common_hu = MUSCLE_HU + rng.normal(0, 5)
    for name in SOFT:
        region = (painted.labels == _NUMBER[name]) & (painted.values_hu > -300)
        painted.values_hu[region] = common_hu + rng.normal(0, 6)


class _Canvas(NamedTuple):
    """Positions in mm, and the HU and labels painted so far; later organs cover earlier ones."""

    right: Grid
    front: Grid
    up: Grid
    skin: Grid
    values: Grid
    labels: Labels

    def window(self, low_mm: Corner, high_mm: Corner) -> "_Canvas":
        """Returns the part between two corners: a view of the same memory with far fewer voxels."""
        box = []
        for axis, (grid, low, high) in enumerate(zip(self[:3], low_mm, high_mm, strict=True)):
            others = tuple(other for other in range(3) if other != axis)
            near = np.flatnonzero((grid.max(axis=others) >= low) & (grid.min(axis=others) <= high))
            box.append(slice(int(near[0]), int(near[-1]) + 1) if near.size else slice(0, 0))
        return _Canvas(*(part[tuple(box)] for part in self))

    def fill(self, region: Region, name: str, hu: float | int) -> None:
        """Paints an organ, limited to the body."""
        region = region & (self.skin < 1)
        self.values[region] = hu
        self.labels[region] = _NUMBER[name]


def _paint_bowel(canvas: _Canvas, rng: np.random.Generator, fat_share: float) -> None:
    """Paints loops of about 30 mm with fat between them and gas in some, from waves of random direction."""
    region = canvas.skin < (0.86 - fat_share) ** 2
    places = np.stack([grid[region] for grid in canvas[:3]], axis=1)  # mm, (voxels, 3)
    waves = rng.normal(size=(6, 3))
    waves *= 2 * np.pi / 55 / np.linalg.norm(waves, axis=1, keepdims=True)
    phases = rng.uniform(0, 2 * np.pi, 6)
    loops = np.sin(places @ waves.T.astype(np.float32) + phases.astype(np.float32)).sum(axis=1)  # (voxels,)
    inside, gas = loops > -0.6, loops > rng.uniform(2.4, 3.2)
    canvas.values[region] = np.where(gas, -750, np.where(inside, 30, FAT_HU))
    canvas.labels[region] = np.where(inside, _NUMBER["bowel"], 0)


def _paint_blobs(canvas: _Canvas, rng: np.random.Generator, fat_share: float, contrast: float) -> None:
    for blob in _BLOBS:
        centre = np.asarray(blob.centre_mm) + rng.normal(0, 4, 3)
        radii = np.asarray(blob.radii_mm) * np.clip(rng.normal(1, 0.08, 3), 0.8, 1.2)
        hu = blob.hu + contrast * blob.contrast_hu + rng.normal(0, 6)
        (x, y, z), (across, deep, high) = centre.tolist(), radii.tolist()
        reach = across + abs(blob.slant) * high
        window = canvas.window((x - reach, y - deep, z - high), (x + reach, y + deep, z + high))
        above = window.up - z
        squared = _squared((window.right - x - blob.slant * above) / across) + _squared((window.front - y) / deep)
        region = (squared + _squared(above / high) < 1) & (window.skin < (0.93 - fat_share) ** 2)
        window.fill(region, blob.name, hu)
        if blob.name == "stomach":  # gas collects at the front of a person who lies on the back
            window.fill(region & (window.front > y + rng.uniform(0.3, 0.7) * deep), "stomach", -850)


def _paint_lungs(canvas: _Canvas, rng: np.random.Generator, fat_share: float) -> None:
    right, front, up = canvas[:3]
    # The lungs taper upwards to a blunt apex.
    narrowing = np.clip((up - rng.normal(165, 5)) / 60, 0, None)
    heart = canvas.labels == _NUMBER["heart"]
    chest = (canvas.skin + 0.5 * _squared(narrowing) < (0.84 - fat_share) ** 2) & ~heart & (np.abs(right) > 12)
    for name, side, floor_mm in (("lung right", 1, 72), ("lung left", -1, 56)):
        medial_mm = 26 if side > 0 else 30  # the heart takes space from the left lung
        dome = floor_mm + rng.normal(0, 5) - 34 * (_squared((right - side * 62) / 62) + _squared((front + 6) / 80))
        region = chest & (side * right > medial_mm - 0.35 * np.abs(front - 10)) & (up > dome)
        canvas.fill(region, name, rng.normal(-840, 25))


def _paint_vessels(canvas: _Canvas, rng: np.random.Generator, contrast: float) -> None:
    """Paints the aorta left and the vena cava right of the midline in front of the spine; below the navel both divide."""
    right, front, up = canvas[:3]
    branch = np.maximum(-90 - up, 0)
    ahead = _squared(front - _spine_front(up) - 14 - 0.35 * branch)
    for name, offset, top_mm, contrast_hu in (("vena cava", 14, 92, 80), ("aorta", -13, 158, 190)):
        aside = np.where(branch > 0, np.abs(right) - abs(offset) - 0.45 * branch, right - offset)
        # Of the branches only those on the vessel's side are drawn: four parallel tubes would merge at this size.
        keep = (up < top_mm) & (up > -190) & ((branch == 0) | (right * offset > 0))
        tube = _squared(aside) + ahead < rng.normal(10.5, 0.8) ** 2
        canvas.fill(keep & tube, name, 42 + contrast * contrast_hu + rng.normal(0, 5))
    arch = _squared(right + 8) + _squared(np.hypot(front + 12, up - 150) - 22) < 11**2
    canvas.fill(arch & (up > 148), "aorta", 42 + contrast * 190)


def _paint_windpipe(canvas: _Canvas, rng: np.random.Generator) -> None:
    pipe = _squared(canvas.right) + _squared(canvas.front - 2) < rng.normal(8.5, 0.5) ** 2
    canvas.fill(pipe & (canvas.up > 128), "windpipe", -950)


def _paint_spine(canvas: _Canvas, rng: np.random.Generator) -> None:
    """Paints vertebrae and discs, lower ones larger, the canal behind them, spinous processes and the sacrum."""
    right, front, up = canvas[:3]
    behind = front - (_spine_front(up) - 16)
    size = np.clip(17 - 0.02 * up, 12, 24)
    above = up > -150
    column = (_squared(right / 1.25) + _squared(behind) < _squared(size)) & above
    # Vertebrae 36 mm high in the lumbar spine and 24 mm in the neck: the phase is the integral of 1 / (30 - 0.025 up).
    phase = -40 * np.log(np.clip(1 - up / 1200, 0.1, None))
    disc = np.cos(2 * np.pi * phase + rng.uniform(0, 2 * np.pi)) > 0.72
    density_hu = rng.normal(230, 30)
    process = (np.abs(right) < 4) & (behind < -20) & (behind > -44) & above & ~disc
    canvas.fill(column | process, "spine", density_hu)
    canvas.fill(column & disc, "spine", 85)
    canvas.fill((_squared(right) + _squared(behind + size + 3) < 7**2) & above, "spine", 30)
    wedge = 46 + 0.5 * (up + 120)
    sacrum = (np.abs(right) < wedge) & (np.abs(front + 58) < 12) & (up < -112) & (up > -178)
    canvas.fill(sacrum, "spine", density_hu - 30)


def _paint_ribs(canvas: _Canvas, rng: np.random.Generator, fat_share: float) -> None:
    right, front, up = canvas[:3]
    shell = (canvas.skin > (0.85 - fat_share) ** 2) & (canvas.skin < (0.94 - fat_share) ** 2)
    slope = up + 0.35 * (front + 60)  # ribs run down towards the front
    bars = np.cos(2 * np.pi * slope / rng.normal(25, 0.7)) > 0.15
    cage = (slope > 25) & (up < 205) & (np.abs(right) > 16)
    canvas.fill(shell & bars & cage, "ribs and breastbone", rng.normal(320, 40))
    breastbone = shell & (np.abs(right) < 16) & (front > 0) & (up > 70) & (up < 190)
    canvas.fill(breastbone, "ribs and breastbone", rng.normal(180, 20))


def _paint_hips(canvas: _Canvas, rng: np.random.Generator) -> None:
    right, front, up = canvas[:3]
    outward = np.abs(right)
    bone_hu = rng.normal(330, 40)
    bowl = _squared(outward / 96) + _squared((front + 8) / 66) + _squared((up + 122) / 82)
    wings = (bowl > 0.86**2) & (bowl < 1) & (up < -92) & (up > -195) & (outward > 34) & (front < 30)
    pubis = (np.abs(front - 44) < 11) & (np.abs(up + 208) < 11) & (outward < 70)
    shaft = _squared(outward - 96) + _squared(front - 2)
    canvas.fill(wings | pubis | ((shaft < 15**2) & (up < -212)), "hip bones and femurs", bone_hu)
    heads = _squared(outward - 84) + _squared(front - 4) + _squared(up + 206) < 23**2
    canvas.fill(heads, "hip bones and femurs", bone_hu + 60)
    canvas.fill((shaft < 6**2) & (up < -226), "hip bones and femurs", -40)  # marrow


def _spine_front(up_mm: Grid) -> Grid:
    """Returns y in mm of the front of the spine at a height, curved like a real spine."""
    front: Grid = -30 + 9 * np.sin((up_mm + 120) / 62) * np.exp(-_squared(up_mm / 200)) - 0.03 * up_mm
    return front


def _squared(values: Grid) -> Grid:
    squares: Grid = values * values
    return squares
