"""The organs of the synthetic torso: shapes in mm around the middle of a standard body, and what a CT shows of them.

Axes as everywhere: x grows to the right, y to the front, z to the head. The liver lies right; heart, stomach, spleen
and aorta lie left; the left kidney lies higher; the right lung is larger and its floor higher. All of it is made up:
the proportions are a person's, no value was taken from one.
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
"""Label values and what they stand for; 0 is everything else."""

_NUMBER = {name: number for number, name in LABEL_NAMES.items()}

AIR_HU, FAT_HU, MUSCLE_HU = -1000.0, -100.0, 55.0

# Half widths (x) and half depths (y) of the trunk in mm, at heights from the thighs to the neck.
_HEIGHTS = (-260.0, -190.0, -140.0, -60.0, 0.0, 80.0, 150.0, 200.0, 235.0, 260.0)
_HALF_WIDTHS = (122.0, 138.0, 136.0, 118.0, 120.0, 130.0, 136.0, 140.0, 100.0, 58.0)
_HALF_DEPTHS = (76.0, 90.0, 88.0, 78.0, 80.0, 90.0, 92.0, 82.0, 66.0, 54.0)

Grid = Float32[np.ndarray, "size0 size1 size2"]
Region = Bool[np.ndarray, "size0 size1 size2"]


class Painted(NamedTuple):
    """The noiseless torso: HU, and the label of every voxel."""

    values_hu: Grid
    labels: UInt8[np.ndarray, "size0 size1 size2"]
    body: Region


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
    _Blob("spleen", (-88, -34, 40), (22, 34, 40), 50, 60, 0.0),
    _Blob("liver", (48, 8, 36), (72, 66, 58), 60, 50, 0.15),
    _Blob("gallbladder", (46, 46, -10), (13, 14, 24), 8, 0, 0.0),
    _Blob("kidney left", (-50, -42, -6), (22, 20, 46), 35, 130, 0.15),
    _Blob("kidney right", (50, -42, -26), (22, 20, 46), 35, 130, -0.15),
    _Blob("heart", (-20, 22, 96), (44, 40, 46), 45, 110, 0.3),
    _Blob("bladder", (0, 18, -196), (36, 30, 30), 5, 0, 0.0),
)


def paint(rng: np.random.Generator, right_mm: Grid, front_mm: Grid, up_mm: Grid, spacing_mm: float) -> Painted:
    """Returns one subject's torso on a grid of positions, given in mm from the middle of a standard body.

    Organs of a subject differ from the standard in place (4 mm), size (8 %), HU, amount of fat and contrast medium; all
    of it is drawn from ``rng``.
    """
    # One scale for the trunk, the rib cage and the fat: distance from the axis as a share of the skin's distance.
    width, depth = (np.interp(up_mm, _HEIGHTS, half).astype(np.float32) for half in (_HALF_WIDTHS, _HALF_DEPTHS))
    skin = _squared(right_mm / width) + _squared(front_mm / depth)
    canvas = _Canvas(right_mm.shape, skin < 1)
    canvas.values[canvas.body] = FAT_HU
    fat_share = rng.uniform(0.06, 0.2)
    canvas.values[skin < (1 - fat_share) ** 2] = MUSCLE_HU
    cavity = skin < (0.86 - fat_share) ** 2
    belly = cavity & (up_mm < 60) & (front_mm > -30)
    canvas.values[belly] = FAT_HU - 5
    contrast = float(rng.random() < 0.5) * rng.uniform(0.6, 1.2)

    _paint_bowel(canvas, rng, belly & (up_mm > -165) & (up_mm < 5) & (front_mm > -8), spacing_mm)
    _paint_blobs(canvas, rng, (right_mm, front_mm, up_mm), skin < (0.9 - fat_share) ** 2, contrast)
    _paint_lungs(canvas, rng, (right_mm, front_mm, up_mm), skin, fat_share)
    _paint_vessels(canvas, rng, (right_mm, front_mm, up_mm), contrast)
    _paint_spine(canvas, rng, (right_mm, front_mm, up_mm))
    _paint_ribs(canvas, rng, (right_mm, front_mm, up_mm), skin, fat_share)
    _paint_hips(canvas, rng, (right_mm, front_mm, up_mm))
    return Painted(canvas.values, canvas.labels, canvas.body)


class _Canvas:
    """HU and labels while organs are painted over each other; the last one wins, and none leaves the body."""

    def __init__(self, shape: tuple[int, ...], body: Region) -> None:
        self.values = np.full(shape, AIR_HU, dtype=np.float32)
        self.labels = np.zeros(shape, dtype=np.uint8)
        self.body = body

    def fill(self, region: Region, name: str, hu: float) -> None:
        region = region & self.body
        self.values[region] = hu
        self.labels[region] = _NUMBER[name]


def _paint_bowel(canvas: _Canvas, rng: np.random.Generator, region: Region, spacing_mm: float) -> None:
    """Loops of about 30 mm with fat between them and gas in some, cut out of waves of random direction."""
    places = np.argwhere(region).astype(np.float32) * np.float32(spacing_mm)  # mm, (voxels, 3)
    waves = rng.normal(size=(6, 3)).astype(np.float32)
    waves *= np.float32(2 * np.pi / 55) / np.linalg.norm(waves, axis=1, keepdims=True)
    loops = np.sin(places @ waves.T + rng.uniform(0, 2 * np.pi, 6).astype(np.float32)).sum(axis=1)  # (voxels,)
    inside, gas = loops > -0.6, loops > rng.uniform(2.4, 3.2)
    values = np.where(gas, -750, np.where(inside, 30, FAT_HU))
    canvas.values[region] = values
    canvas.labels[region] = np.where(inside, _NUMBER["bowel"], 0)


def _paint_blobs(
    canvas: _Canvas, rng: np.random.Generator, grid: tuple[Grid, Grid, Grid], room: Region, contrast: float
) -> None:
    for blob in _BLOBS:
        centre = np.asarray(blob.centre_mm) + rng.normal(0, 4, 3)
        radii = np.asarray(blob.radii_mm) * np.clip(rng.normal(1, 0.08, 3), 0.8, 1.2)
        hu = blob.hu + contrast * blob.contrast_hu + rng.normal(0, 6)
        region = _ellipsoid(grid, centre, radii, blob.slant) & room
        canvas.fill(region, blob.name, hu)
        if blob.name == "stomach":  # gas collects at the front of a person on the back
            gas = region & (grid[1] > centre[1] + rng.uniform(0.3, 0.7) * radii[1])
            canvas.fill(gas, "stomach", -850)


def _paint_lungs(
    canvas: _Canvas, rng: np.random.Generator, grid: tuple[Grid, Grid, Grid], skin: Grid, fat_share: float
) -> None:
    right, front, up = grid
    heart = canvas.labels == _NUMBER["heart"]
    # Towards the top the lungs grow narrow and end in a blunt tip.
    narrowing = np.clip((up - rng.normal(165, 5)) / 60, 0, None)
    chest = (skin + 0.5 * _squared(narrowing) < (0.84 - fat_share) ** 2) & ~heart
    for name, side, floor_mm in (("lung right", 1, 72), ("lung left", -1, 56)):
        middle_mm = 26 if side > 0 else 30  # the heart takes its room from the left lung
        dome = floor_mm + rng.normal(0, 5) - 34 * (_squared((right - side * 62) / 62) + _squared((front + 6) / 80))
        region = chest & (side * right > middle_mm - 0.35 * np.abs(front - 10)) & (up > dome)
        canvas.fill(region & (np.abs(right) > 12), name, rng.normal(-840, 25))


def _paint_vessels(canvas: _Canvas, rng: np.random.Generator, grid: tuple[Grid, Grid, Grid], contrast: float) -> None:
    right, front, up = grid
    along_spine = _spine_front(up) + 14
    # Below the navel both divide; the branches run outwards and forwards.
    branch = np.maximum(-90 - up, 0)
    for name, offset, top_mm, contrast_hu in (("vena cava", 14, 92, 80), ("aorta", -13, 158, 190)):
        radius_mm = rng.normal(10.5, 0.8)
        apart = np.where(branch > 0, np.abs(np.abs(right) - 0.55 * branch), np.abs(right - offset))
        beside = _squared(apart) + _squared(front - along_spine - 0.35 * branch)
        keep = (up < top_mm) & (up > -190) & ((branch == 0) | (right * offset > 0))
        canvas.fill(keep & (beside < radius_mm**2), name, 42 + contrast * contrast_hu + rng.normal(0, 5))
    arch = _squared(right + 8) + _squared(np.hypot(front + 12, up - 150) - 22) < 11**2
    canvas.fill(arch & (up > 148), "aorta", 42 + contrast * 190)
    pipe = _squared(right) + _squared(front - 2) < rng.normal(8.5, 0.5) ** 2
    canvas.fill(pipe & (up > 128), "windpipe", -950)


def _paint_spine(canvas: _Canvas, rng: np.random.Generator, grid: tuple[Grid, Grid, Grid]) -> None:
    """Vertebrae and discs, lower ones larger; the canal behind them; a spinous process; the sacrum at the end."""
    right, front, up = grid
    middle = _spine_front(up) - 16
    size = np.clip(17 - 0.02 * up, 12, 24)
    pitch = np.clip(30 - 0.03 * up, 22, 36)
    column = (_squared(right / 1.25) + _squared(front - middle) < _squared(size)) & (up > -150)
    process = (np.abs(right) < 4) & (front < middle - 20) & (front > middle - 44) & (up > -150)
    # A disc every pitch mm: pitch changes slowly, so that the phase is its integral, close to up / pitch.
    disc = np.cos(2 * np.pi * up / pitch + rng.uniform(0, 2 * np.pi)) > 0.72
    density_hu = rng.normal(230, 30)
    canvas.fill(column | (process & ~disc), "spine", density_hu)
    canvas.fill(column & disc, "spine", 85)
    canal = (_squared(right) + _squared(front - middle + size + 3) < 7**2) & (up > -150)
    canvas.fill(canal, "spine", 30)
    wedge = 46 + 0.5 * (up + 120)
    sacrum = (np.abs(right) < wedge) & (np.abs(front + 58) < 12) & (up < -112) & (up > -178)
    canvas.fill(sacrum, "spine", density_hu - 30)


def _paint_ribs(
    canvas: _Canvas, rng: np.random.Generator, grid: tuple[Grid, Grid, Grid], skin: Grid, fat_share: float
) -> None:
    right, front, up = grid
    shell = (skin > (0.85 - fat_share) ** 2) & (skin < (0.94 - fat_share) ** 2)
    slope = up + 0.35 * (front + 60)  # ribs run down towards the front
    bars = np.cos(2 * np.pi * slope / rng.normal(25, 0.7)) > 0.15
    cage = (slope > 25) & (up < 205) & (np.abs(right) > 16)
    canvas.fill(shell & bars & cage, "ribs and breastbone", rng.normal(320, 40))
    breastbone = shell & (np.abs(right) < 16) & (front > 0) & (up > 70) & (up < 190)
    canvas.fill(breastbone, "ribs and breastbone", rng.normal(180, 20))


def _paint_hips(canvas: _Canvas, rng: np.random.Generator, grid: tuple[Grid, Grid, Grid]) -> None:
    right, front, up = grid
    outward = np.abs(right)
    bone_hu = rng.normal(330, 40)
    bowl = np.sqrt(_squared(outward / 96) + _squared((front + 8) / 66) + _squared((up + 122) / 82))
    wings = (bowl > 0.86) & (bowl < 1.0) & (up < -92) & (up > -195) & (outward > 34) & (front < 30)
    pubis = (np.abs(front - 44) < 11) & (np.abs(up + 208) < 11) & (outward < 70)
    heads = _squared(outward - 84) + _squared(front - 4) + _squared(up + 206) < 23**2
    shafts = (_squared(outward - 96) + _squared(front - 2) < 15**2) & (up < -212)
    canvas.fill(wings | pubis | shafts, "hip bones and femurs", bone_hu)
    canvas.fill(heads, "hip bones and femurs", bone_hu + 60)
    marrow = (_squared(outward - 96) + _squared(front - 2) < 6**2) & (up < -226)
    canvas.fill(marrow, "hip bones and femurs", -40)


def _spine_front(up_mm: Grid) -> Grid:
    """Returns y in mm of the front of the spine at a height: it swings forwards and back like a real one."""
    return -30 + 9 * np.sin((up_mm + 120) / 62) * np.exp(-_squared(up_mm / 200)) - 0.03 * up_mm


def _ellipsoid(grid: tuple[Grid, Grid, Grid], centre: np.ndarray, radii: np.ndarray, slant: float) -> Region:
    right, front, up = grid
    high = up - np.float32(centre[2])
    aside = right - np.float32(centre[0]) - np.float32(slant) * high
    total = _squared(aside / np.float32(radii[0])) + _squared((front - np.float32(centre[1])) / np.float32(radii[1]))
    return total + _squared(high / np.float32(radii[2])) < 1


def _squared(values: Grid) -> Grid:
    return values * values
