"""The command locate: what it writes lies where it should, on scans whose files are oblique and left-handed too."""

import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from orienteer.errors import InputError
from orienteer.files import csv_rows, write_csv
from orienteer.labelled.grids import file_geometry
from orienteer.locating.answers import OUTSIDE
from orienteer.locating.formats.reading import read_points
from orienteer.locating.locate import locate
from orienteer.locating.places import to_voxels
from orienteer.store.store import Store
from tests.helpers.html import Page
from tests.locating.conftest import SPACING, write_scan

ANGLE = np.deg2rad(6)
OBLIQUE = np.array([[np.cos(ANGLE), -np.sin(ANGLE), 0], [np.sin(ANGLE), np.cos(ANGLE), 0], [0, 0, -1.0]])
"""Turned by six degrees, and left-handed."""


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory, scans: Path, encoder_run: Path) -> Path:
    """A folder with a template, its labels, a copy of its voxels in an oblique left-handed file, and its lower half."""
    folder = tmp_path_factory.mktemp("case")
    first = sorted(scans.glob("*.nii.gz"))[0]
    image, labels = sitk.ReadImage(str(first)), sitk.ReadImage(str(scans / "labels" / first.name))
    sitk.WriteImage(image, str(folder / "template.nii.gz"))
    sitk.WriteImage(labels, str(folder / "labels.nii.gz"))
    ras = sitk.DICOMOrient(image, "RAS")
    voxels = sitk.GetArrayFromImage(ras).transpose(2, 1, 0)
    (folder / "scans").mkdir()
    # the file's axes run left, back and, third, towards the feet
    write_scan(folder / "scans" / "oblique.nrrd", voxels[::-1, ::-1, ::-1], OBLIQUE)
    sitk.WriteImage(ras[:, :, : ras.GetSize()[2] // 2], str(folder / "scans" / "lower.nii.gz"))
    return folder


@pytest.fixture(scope="module")
def located(case: Path, encoder_run: Path):
    return locate(
        encoder_run,
        case / "scans",
        case / "out",
        template=[str(case / "template.nii.gz")],
        labels=[str(case / "labels.nii.gz")],
        crop=["label 4"],
        margin=16.0,
        transform=True,
        store=str(case / "store"),
        workers=0,
        accelerator="cpu",
    )


def labelled_voxels(case: Path) -> dict[str, np.ndarray]:
    """Centroid of each label in voxels of the template in RAS order."""
    labels = sitk.GetArrayFromImage(sitk.DICOMOrient(sitk.ReadImage(str(case / "labels.nii.gz")), "RAS"))
    return {f"label {value}": np.argwhere(labels == value).mean(0)[::-1] for value in np.unique(labels)[1:].tolist()}


def test_markups_lie_on_the_voxels_that_they_should_on_an_oblique_left_handed_file(located, case: Path):
    image = sitk.ReadImage(str(case / "scans" / "oblique.nrrd"))
    grid = file_geometry(image)
    marks = read_points(case / "out" / "scans" / "oblique.nrrd" / "places.mrk.json")
    truth = labelled_voxels(case)
    size = np.array(image.GetSize()) - 1
    errors = [
        np.linalg.norm((to_voxels(np.array(place.point_mm), grid) - (size - truth[place.name])) * SPACING)
        for place in marks.places
    ]
    assert len(errors) >= 5
    assert np.median(errors) < 2 * SPACING


def test_table_markups_and_json_say_the_same(located, case: Path):
    for scan in located.scans:
        rows = csv_rows(scan.folder / "places.csv")
        shown = {place.name: place.point_mm for place in read_points(scan.folder / "places.mrk.json").places}
        values = json.loads((scan.folder / "places.json").read_text())
        grid = file_geometry(sitk.ReadImage(str(case / "scans" / scan.name)))
        for row, place in zip(rows, values["places"], strict=True):
            point = np.array([float(row[f"{axis}_mm"]) for axis in ("right", "front", "head")])
            voxel = [float(row[f"voxel_{axis}"]) for axis in range(3)]
            assert to_voxels(point, grid) == pytest.approx(voxel, abs=0.01)
            assert [place["right_mm"], place["front_mm"], place["head_mm"]] == pytest.approx(point)
            assert (row["place"] in shown) == (row["verdict"] != OUTSIDE)
            if row["place"] in shown:
                assert shown[row["place"]] == pytest.approx(point, abs=0.01)
    every = csv_rows(case / "out" / "places.csv")
    assert {row["scan"] for row in every} == {"oblique.nrrd", "lower.nii.gz"}


def test_places_above_a_lower_half_are_outside(located, case: Path):
    scan = next(each for each in located.scans if each.name == "lower.nii.gz")
    half = sitk.ReadImage(str(case / "scans" / "lower.nii.gz")).GetSize()[2]
    truth = labelled_voxels(case)
    verdicts = {place.name: place.verdict for place in scan.places}
    above = [name for name, voxel in truth.items() if voxel[2] > half + 6]
    below = [name for name, voxel in truth.items() if voxel[2] < half - 6]
    assert above
    assert below
    assert np.mean([verdicts[name] == OUTSIDE for name in above]) > 0.7
    assert not any(verdicts[name] == OUTSIDE for name in below)


def test_a_crop_shows_the_same_values_at_the_same_places(located, case: Path):
    scan = next(each for each in located.scans if each.name == "oblique.nrrd")
    whole = sitk.ReadImage(str(case / "scans" / scan.name))
    crop = sitk.ReadImage(str(scan.folder / "crops" / "label 4.nii.gz"))
    again = sitk.Resample(whole, crop, sitk.Transform(), sitk.sitkNearestNeighbor)
    assert (sitk.GetArrayFromImage(again) == sitk.GetArrayFromImage(crop)).all()
    box = next(each for each in scan.boxes if each.name == "label 4").box_mm
    corner = crop.TransformPhysicalPointToContinuousIndex(((box[0] + box[1]) / 2 * [-1, -1, 1]).tolist())
    assert all(0 <= at <= size for at, size in zip(corner, crop.GetSize(), strict=True))


def test_the_transform_takes_marks_to_places(located, case: Path):
    scan = next(each for each in located.scans if each.name == "oblique.nrrd")
    transform = sitk.ReadTransform(str(scan.folder / "template_to_scan.h5"))
    labels = sitk.ReadImage(str(case / "labels.nii.gz"))
    shape = sitk.LabelShapeStatisticsImageFilter()
    shape.Execute(sitk.Cast(labels, sitk.sitkUInt8))
    for place in scan.places:
        there = transform.TransformPoint(shape.GetCentroid(int(place.name.split()[1])))
        assert np.array(there) * [-1, -1, 1] == pytest.approx(place.point_mm, abs=0.1)


def test_the_page_shows_every_scan_and_the_worst_first(located, case: Path):
    page = Page((case / "out" / "locate.html").read_text())
    names = [scan.name for scan in sorted(located.scans, key=lambda scan: scan.worst)]
    assert page.text.index(names[0]) < page.text.index(names[1])
    assert page.every("img")
    assert not any("http" in (tag.get("src") or "") for tag in page.every("img"))


def test_features_are_kept_in_the_store(located, case: Path):
    files = sorted((case / "store" / "fields").rglob("*.npz"))
    assert len(files) == 3
    with Store.open(case / "store") as store:
        assert all(store.scan(file.name.split("-")[0]) for file in files)


def test_one_point_and_hundreds(case: Path, encoder_run: Path, tmp_path: Path):
    size = sitk.ReadImage(str(case / "template.nii.gz"))
    centre = size.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in size.GetSize()])
    middle = np.array(centre) * [-1, -1, 1]
    for count in (1, 300):
        points = middle + np.random.default_rng(0).normal(0, 20, (count, 3)) * (count > 1)
        rows = [[f"p{number}", *point] for number, point in enumerate(points.tolist())]
        write_csv(tmp_path / "a.csv", ["place", "right_mm", "front_mm", "head_mm"], rows)
        answer = locate(
            encoder_run,
            case / "scans" / "oblique.nrrd",
            tmp_path / f"out{count}",
            template=str(case / "template.nii.gz"),
            points=str(tmp_path / "a.csv"),
            store=str(case / "store"),
            workers=0,
            pictures=False,
        )
        assert len(answer.scans[0].places) == count
        assert answer.scans[0].places[0].verdict != OUTSIDE


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "template: wanted a scan in which places are marked, got none"),
        ({"template": ["t.nii.gz"]}, "points: wanted a file of places"),
        ({"template": ["t.nii.gz"], "points": ["a.csv", "b.csv"]}, "one file for each of the 1 templates"),
        ({"template": ["t.nii.gz"], "points": ["a.csv"], "margin": -1.0}, "margin: wanted a length from 0"),
        ({"template": ["t.nii.gz"], "points": ["a.csv"], "extremes": True}, "extremes: wanted a label map"),
    ],
)
def test_settings_that_cannot_be(settings, words, encoder_run: Path, tmp_path: Path):
    with pytest.raises(InputError, match=words):
        locate(encoder_run, tmp_path, tmp_path / "out", **settings)


def test_marks_outside_the_template_and_folders_in_use_are_refused(case: Path, encoder_run: Path, tmp_path: Path):
    write_csv(tmp_path / "a.csv", ["place", "right_mm", "front_mm", "head_mm"], [["far", 5000, 0, 0]])
    given = {"template": str(case / "template.nii.gz"), "points": str(tmp_path / "a.csv")}
    with pytest.raises(InputError, match=r"place 'far': wanted a place inside the template .* mm outside"):
        locate(encoder_run, case / "scans", tmp_path / "out", **given)
    with pytest.raises(InputError, match="which is in use"):
        locate(encoder_run, case / "scans", tmp_path, **given)
    with pytest.raises(InputError, match="scans: wanted a folder, got none"):
        locate(encoder_run)
    given["crop"] = "liver"
    write_csv(tmp_path / "a.csv", ["place", "right_mm", "front_mm", "head_mm"], [["near", *_centre(case)]])
    with pytest.raises(
        InputError, match="crop: wanted the name of a place or label, got liver. Do this: use one of near"
    ):
        locate(encoder_run, case / "scans", tmp_path / "out", **given)


def _centre(case: Path) -> list[float]:
    image = sitk.ReadImage(str(case / "template.nii.gz"))
    point = image.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in image.GetSize()])
    return [-point[0], -point[1], point[2]]
