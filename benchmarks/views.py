"""Views per second and bytes on disk: the store against a memory map (the limit), MONAI and TorchIO.

``python -m benchmarks.views --json FILE``. Real scans, enlarged so that every axis has at least 256 voxels; where they
are missing, invented ones, which the table states. Store and memory map read the very same boxes, in turns, on one
thread, with all files in the page cache; both turn int16 into float32. The others read as their own documentation says.
"""

import statistics
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
import torch
from scipy import ndimage

from benchmarks.command import parser_of, save
from benchmarks.timing import in_turns, timed
from orienteer.scans.normalise import to_values
from orienteer.scans.preparation import Preparation
from orienteer.store.index import StoredScan
from orienteer.store.prepare_folder import prepare_folder
from orienteer.store.store import Store

REAL_SCANS = Path(__file__).parents[2] / "shared" / "data" / "scans"
NAMES = ("thorax_ct.nii.gz", "abdomen_ct.nii.gz", "colin27_mr.nii.gz")
LEAST_EDGE_VOX = 256
SIZES_VOX = (48, 64)
VIEWS_PER_SCAN = 3
BOXES, REPEATS = 150, 9


@dataclass(frozen=True)
class Row:
    """One way of reading views of one size."""

    name: str
    size_vox: int
    views_per_second: float
    nbytes: int


def main() -> None:
    options = parser_of(__doc__).parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        result = measure(Path(folder))
    print(_table(result))
    save(options.json, result)


def measure(folder: Path) -> dict[str, Any]:
    """Returns all numbers of the benchmark as JSON values."""
    origin = _write_scans(folder / "scans")
    settings = Preparation(spacing_mm=(1.0, 1.0, 1.0), crop_to_body=False)
    report = prepare_folder(folder / "scans", folder / "store", preparation=settings, workers=0, progress=False)
    with Store.open(folder / "store") as store:
        scans = [store.scan(key) for key in report.keys]
        maps = _memory_maps(store, scans, folder / "maps")
        rows, ratios = [], {}
        for size in SIZES_VOX:
            boxes = _boxes(scans, size)
            seconds = in_turns({"store": _store_reader(store, boxes), "map": _map_reader(maps, boxes)}, REPEATS)
            rates = {name: [BOXES / each for each in times] for name, times in seconds.items()}
            pairs = zip(rates["store"], rates["map"], strict=True)
            ratios[size] = statistics.median(ours / limit for ours, limit in pairs)
            rows.append(Row("memory map (.npy)", size, statistics.median(rates["map"]), _bytes(folder / "maps")))
            rows.append(Row("store", size, statistics.median(rates["store"]), report.nbytes))
    paths = sorted((folder / "scans").iterdir())
    for size in SIZES_VOX:
        rows.append(Row("MONAI, compressed file", size, _monai(paths, size), _bytes(folder / "scans")))
        cache = folder / "cache"
        rate = _monai_persistent(paths, size, cache)
        rows.append(Row("MONAI, PersistentDataset", size, rate, _bytes(cache)))
        rows.append(Row("TorchIO, Queue", size, _torchio(paths, size), _bytes(folder / "scans")))
    return _result(origin, scans, rows, ratios)


def _result(origin: str, scans: list[StoredScan], rows: list[Row], ratios: dict[int, float]) -> dict[str, Any]:
    rate = {(row.name, row.size_vox): row.views_per_second for row in rows}
    nbytes = {row.name: row.nbytes for row in rows}
    over_monai = {size: rate["store", size] / rate["MONAI, compressed file", size] for size in SIZES_VOX}
    return {
        "scans": f"{origin}: " + ", ".join(f"{scan.name} {'x'.join(map(str, scan.shape_vox))}" for scan in scans),
        "over_memory_map": min(ratios.values()),
        "over_monai_compressed": min(over_monai.values()),
        "bytes_over_memory_map": nbytes["store"] / nbytes["memory map (.npy)"],
        "over_memory_map_by_size": ratios,
        "over_monai_compressed_by_size": over_monai,
        "bytes": nbytes,
        "rows": [vars(row) for row in rows],
    }


def _table(result: dict[str, Any]) -> str:
    lines = [result["scans"], "", f"{'reader':<26} {'view':>5} {'views/s':>10} {'MB on disk':>11}"]
    for row in sorted(result["rows"], key=lambda row: (row["size_vox"], -row["views_per_second"])):
        lines.append(
            f"{row['name']:<26} {row['size_vox']:>5} {row['views_per_second']:>10.1f} {row['nbytes'] / 1e6:>11.1f}"
        )
    lines += [
        "",
        f"store over memory map: {result['over_memory_map']:.2f} of the rate (wanted: 0.5 or more), "
        f"{result['bytes_over_memory_map']:.2f} of the bytes",
        f"store over MONAI reading the compressed file: {result['over_monai_compressed']:.0f} times (wanted: 20)",
    ]
    return "\n".join(lines)


# Scans


def _write_scans(folder: Path) -> str:
    """Writes the scans to read as .nii.gz, RAS, 1 mm; returns where they come from."""
    folder.mkdir(parents=True)
    paths = [REAL_SCANS / name for name in NAMES if (REAL_SCANS / name).is_file()]
    named = ((path.name, _read(path)) for path in paths) if paths else _invented()
    for name, voxels in named:
        large = ndimage.zoom(voxels, LEAST_EDGE_VOX / min(voxels.shape), order=1)
        image = sitk.GetImageFromArray(np.ascontiguousarray(np.rint(large).astype(np.int16).transpose(2, 1, 0)))
        image.SetDirection((-1.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0, 1.0))
        sitk.WriteImage(image, str(folder / name), useCompression=True, compressionLevel=1)
    return "real scans, enlarged" if paths else "INVENTED scans (the real ones are missing)"


def _read(path: Path) -> np.ndarray:
    return sitk.GetArrayFromImage(sitk.ReadImage(str(path))).transpose(2, 1, 0).astype(np.float32)


def _invented() -> Iterator[tuple[str, np.ndarray]]:
    """Yields smooth shapes with the noise of a scanner: neither flat, which packs too well, nor pure noise."""
    rng = np.random.default_rng(0)
    for number in range(3):
        shapes = ndimage.gaussian_filter(rng.normal(size=(180, 170, 160)).astype(np.float32), 6)
        tissue = shapes / shapes.std() * 150 + rng.normal(0, 15, shapes.shape)
        across = np.indices(shapes.shape[:2]) / np.array(shapes.shape[:2])[:, None, None] - 0.5
        air = ((across**2).sum(axis=0) > 0.2)[..., None]
        yield f"invented_{number}.nii.gz", np.where(air, -1000 + rng.normal(0, 15, shapes.shape), tissue)


def _memory_maps(store: Store, scans: list[StoredScan], folder: Path) -> dict[str, np.ndarray]:
    """Writes the store's own voxels as .npy and maps them."""
    folder.mkdir()
    for scan in scans:
        values = store.read(scan.key, (0, 0, 0), scan.shape_vox)
        np.save(folder / f"{scan.key}.npy", np.rint(values * 1000).astype(np.int16))
    return {scan.key: np.load(folder / f"{scan.key}.npy", mmap_mode="r") for scan in scans}


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


# Store and memory map

Box = tuple[str, tuple[int, int, int], tuple[int, int, int]]


def _boxes(scans: list[StoredScan], size: int) -> list[Box]:
    rng = np.random.default_rng(size)
    boxes = []
    for number in range(BOXES):
        scan = scans[number % len(scans)]
        start0, start1, start2 = (int(rng.integers(0, edge - size + 1)) for edge in scan.shape_vox)
        boxes.append((scan.key, (start0, start1, start2), (size, size, size)))
    return boxes


def _store_reader(store: Store, boxes: list[Box]) -> Callable[[], None]:
    def read() -> None:
        for key, start, size in boxes:
            store.read(key, start, size)

    return read


def _map_reader(maps: dict[str, np.ndarray], boxes: list[Box]) -> Callable[[], None]:
    def read() -> None:
        for key, (i, j, k), (a, b, c) in boxes:
            to_values(maps[key][i : i + a, j : j + b, k : k + c])

    return read


# MONAI and TorchIO


def _monai_steps(size: int) -> list[Any]:
    from monai.transforms import EnsureChannelFirstd, LoadImaged, RandSpatialCropSamplesd

    return [
        LoadImaged("image", image_only=True),
        EnsureChannelFirstd("image"),
        RandSpatialCropSamplesd("image", (size,) * 3, num_samples=VIEWS_PER_SCAN, random_size=False),
    ]


def _monai(paths: list[Path], size: int) -> float:
    """Returns views per second when MONAI reads the compressed files."""
    from monai.data import Dataset
    from monai.transforms import Compose

    return _rate(Dataset([{"image": str(path)} for path in paths], Compose(_monai_steps(size))))


def _monai_persistent(paths: list[Path], size: int, cache: Path) -> float:
    """Returns views per second once MONAI's cache on disk is filled."""
    from monai.data import PersistentDataset
    from monai.transforms import Compose

    data = PersistentDataset([{"image": str(path)} for path in paths], Compose(_monai_steps(size)), cache_dir=cache)
    for number in range(len(paths)):
        data[number]
    return _rate(data)


def _rate(data: Any) -> float:
    """Returns views per second of a data set of MONAI."""
    reading = timed(lambda: sum(len(data[number]) for number in range(len(data))))
    return float(reading.result / reading.seconds)


def _torchio(paths: list[Path], size: int) -> float:
    """Returns views per second of TorchIO's queue, filled in this process, as many views per scan as elsewhere."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import torchio

        subjects = torchio.SubjectsDataset([torchio.Subject(image=torchio.ScalarImage(path)) for path in paths])
        queue = torchio.Queue(
            subjects,
            max_length=VIEWS_PER_SCAN * len(paths),
            samples_per_volume=VIEWS_PER_SCAN,
            sampler=torchio.UniformSampler(size),
            num_workers=0,
            shuffle_subjects=False,
        )
        numbers = range(VIEWS_PER_SCAN * len(paths))
        reading = timed(lambda: sum(queue[number]["image"]["data"].shape[0] for number in numbers))
        return float(reading.result / reading.seconds)


if __name__ == "__main__":
    main()
