"""Files of places: what is written is read again at the same voxel, in both frames of Slicer and on any grid."""

import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from orienteer.errors import InputError
from orienteer.files import write_csv
from orienteer.labelled.grids import Geometry, file_geometry
from orienteer.locating.formats.label_map import class_names, names_in, read_label_places
from orienteer.locating.formats.reading import read_points
from orienteer.locating.formats.slicer_fcsv import write_fcsv
from orienteer.locating.formats.slicer_json import write_slicer_boxes, write_slicer_points
from orienteer.locating.places import Place, from_voxels, to_voxels
from orienteer.scans.discover import discover

ANGLE = np.deg2rad(20)
TURN = np.array([[np.cos(ANGLE), -np.sin(ANGLE), 0], [np.sin(ANGLE), np.cos(ANGLE), 0], [0, 0, 1]])
GRIDS = {
    "upright": np.eye(3),
    "oblique": TURN,
    "left-handed": np.diag([-1.0, 1.0, 1.0]),
    "oblique, left-handed, permuted": (TURN @ np.diag([1.0, 1.0, -1.0]))[:, [2, 0, 1]],
}
VOXEL = (7, 4, 11)


def grid_of(direction: np.ndarray) -> Geometry:
    image = sitk.Image(20, 15, 25, sitk.sitkInt16)
    image.SetSpacing((0.7, 1.1, 2.5))
    image.SetOrigin((-12.5, 30.25, -400.0))
    image.SetDirection(direction.reshape(-1).tolist())
    return file_geometry(image)


@pytest.fixture(params=GRIDS, ids=lambda name: name)
def grid(request: pytest.FixtureRequest) -> Geometry:
    return grid_of(GRIDS[request.param])


@pytest.mark.parametrize("frame", ["LPS", "RAS"])
@pytest.mark.parametrize("ending", [".mrk.json", ".fcsv"])
def test_markups_keep_the_voxel_on_any_grid(grid, frame, ending, tmp_path: Path):
    point = from_voxels(np.array(VOXEL, float), grid)
    place, file = Place("the, place", tuple(point.tolist())), tmp_path / f"a{ending}"
    write = write_slicer_points if ending == ".mrk.json" else write_fcsv
    write(file, [place], frame=frame)
    read = read_points(file)
    assert read.names == ("the, place",)
    assert to_voxels(read.points_mm[0], grid) == pytest.approx(VOXEL, abs=1e-6)


def test_the_position_in_an_lps_file_is_what_itk_says_of_the_voxel(grid, tmp_path: Path):
    image = grid.image(np.zeros(grid.size[::-1], np.int16))
    point = from_voxels(np.array(VOXEL, float), grid)
    write_slicer_points(tmp_path / "a.mrk.json", [Place("a", tuple(point.tolist()))])
    position = json.loads((tmp_path / "a.mrk.json").read_text())["markups"][0]["controlPoints"][0]["position"]
    assert position == pytest.approx(image.TransformIndexToPhysicalPoint(VOXEL))
    assert image.TransformPhysicalPointToIndex(position) == VOXEL


def test_a_table_says_which_way_its_columns_count(grid, tmp_path: Path):
    right, front, head = from_voxels(np.array(VOXEL, float), grid).tolist()
    write_csv(tmp_path / "a.csv", ["place", "right_mm", "front_mm", "head_mm"], [["x", right, front, head]])
    write_csv(tmp_path / "b.csv", ["place", "left_mm", "back_mm", "foot_mm"], [["x", -right, -front, -head]])
    for name in ("a.csv", "b.csv"):
        assert to_voxels(read_points(tmp_path / name).points_mm[0], grid) == pytest.approx(VOXEL, abs=1e-9)


def test_decimal_commas_and_semicolons(tmp_path: Path):
    (tmp_path / "a.csv").write_text("Place;Left_mm;Front_mm;Head_mm\nx;1,5;2;-3,25\n")
    assert read_points(tmp_path / "a.csv").points_mm.tolist() == [[-1.5, 2.0, -3.25]]


def test_old_lists_state_their_frame_as_a_number(tmp_path: Path):
    head = "# Markups fiducial file version = 4.10\n# CoordinateSystem = {}\n# columns = id,x,y,z,label\n"
    for number, expected in ((0, [1.0, 2.0, 3.0]), (1, [-1.0, -2.0, 3.0])):
        (tmp_path / "a.fcsv").write_text(head.format(number) + "p1,1,2,3,a\n")
        assert read_points(tmp_path / "a.fcsv").points_mm.tolist() == [expected]


def test_points_that_are_not_placed_are_left_out_and_names_are_made_unique(tmp_path: Path):
    points = [{"label": "a", "position": [1, 2, 3]}, {"label": "a", "position": [4, 5, 6]}]
    points += [{"label": "b", "position": [0, 0, 0], "positionStatus": "undefined"}]
    markups = [{"type": "Fiducial", "coordinateSystem": "RAS", "controlPoints": points}]
    (tmp_path / "a.mrk.json").write_text(json.dumps({"markups": markups}))
    marks = read_points(tmp_path / "a.mrk.json")
    assert marks.names == ("a", "a 2")
    assert marks.points_mm.tolist() == [[1, 2, 3], [4, 5, 6]]


def test_boxes_are_written_and_read(tmp_path: Path):
    box = np.array([[-10.0, 5.0, 100.0], [30.0, 25.0, 160.0]])
    for frame in ("LPS", "RAS"):
        write_slicer_boxes(tmp_path / "a.mrk.json", [("liver", box)], frame)
        marks = read_points(tmp_path / "a.mrk.json")
        assert marks.regions[0].box_mm == pytest.approx(box)
        assert marks.places == (Place("liver", (10.0, 15.0, 130.0)),)


def test_a_turned_box_of_slicer_has_its_corners_where_slicer_draws_them(tmp_path: Path):
    markup = {"type": "ROI", "coordinateSystem": "RAS", "center": [1, 2, 3], "size": [20, 40, 10], "name": "x"}
    markup["orientation"] = TURN.reshape(-1).tolist()
    (tmp_path / "a.mrk.json").write_text(json.dumps({"markups": [markup]}))
    (region,) = read_points(tmp_path / "a.mrk.json").regions
    corners = np.array([[i, j, k] for i in (-10, 10) for j in (-20, 20) for k in (-5, 5)]) @ TURN.T + [1, 2, 3]
    assert region.box_mm == pytest.approx(np.stack([corners.min(0), corners.max(0)]))


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.txt", "", "ends in .txt"),
        ("b.csv", "place,right_mm,front_mm\na,1,2\n", "one column head_mm or foot_mm, got neither"),
        ("b.csv", "place,right_mm,left_mm,front_mm,head_mm\na,1,2,3,4\n", "got both"),
        (
            "b.csv",
            "place,right_mm,front_mm,head_mm\na,1,two,4\n",
            "line 2: wanted a number in mm in front_mm, got 'two'",
        ),
        ("b.csv", "place,right_mm,front_mm,head_mm\na,1,nan,4\n", "within 100 m"),
        ("c.fcsv", "# CoordinateSystem = IJK\n1,2,3,4\n", "points in RAS or LPS, got IJK"),
        ("c.fcsv", "# CoordinateSystem = RAS\n", "at least one place, got none"),
        ("c.fcsv", "# CoordinateSystem = RAS\np,1,x,3\n", "point 1"),
        ("d.mrk.json", "{", "none that can be read"),
        ("d.mrk.json", '{"a": 1}', "a list `markups`"),
        ("d.mrk.json", '{"markups": [{"controlPoints": [{"position": [1, 2]}]}]}', "3 numbers in mm"),
        ("d.mrk.json", '{"markups": [{"coordinateSystem": "IJK", "controlPoints": []}]}', "LPS or RAS, got 'IJK'"),
        ("d.mrk.json", '{"markups": [{"coordinateUnits": "in", "controlPoints": []}]}', "lengths in mm"),
        ("d.mrk.json", '{"markups": []}', "at least one place"),
    ],
)
def test_files_that_cannot_be_used(name, text, words, tmp_path: Path):
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=words.replace("(", r"\(")):
        read_points(tmp_path / name)


def test_a_file_that_is_not_there(tmp_path: Path):
    with pytest.raises(InputError, match="no such file"):
        read_points(tmp_path / "a.csv")


def labelled(folder: Path, grid: Geometry) -> tuple[Path, Path]:
    values = np.random.default_rng(0).integers(0, 500, grid.size[::-1]).astype(np.int16)
    labels = np.zeros(grid.size[::-1], np.uint8)
    labels[8:13, 3:6, 5:10] = 2  # file2, file1, file0
    labels[1, 1, 1] = 5
    scan, file = folder / "scan.nrrd", folder / "labels.nrrd"
    sitk.WriteImage(grid.image(values), str(scan))
    sitk.WriteImage(grid.image(labels), str(file))
    return scan, file


def test_label_maps_give_centroids_ends_and_boxes(grid, tmp_path: Path):
    scan, file = labelled(tmp_path, grid)
    (source,) = discover(scan, progress=False).sources
    marks = read_label_places(file, source, {2: "liver", 5: "dot"}, extremes=True)
    assert marks.names[0] == "liver"
    assert to_voxels(marks.points_mm[0], grid) == pytest.approx((7, 4, 10), abs=1e-5)
    by_name = dict(zip(marks.names, marks.points_mm, strict=True))
    region = marks.regions[0]
    for axis, (low, high) in enumerate((("left", "right"), ("back", "front"), ("foot", "head"))):
        assert by_name[f"liver {low}"][axis] == pytest.approx(region.box_mm[0, axis])
        assert by_name[f"liver {high}"][axis] == pytest.approx(region.box_mm[1, axis])
    corners = from_voxels(np.array([[i, j, k] for i in (5, 9) for j in (3, 5) for k in (8, 12)], float), grid)
    assert region.box_mm == pytest.approx(np.stack([corners.min(0), corners.max(0)]), abs=1e-6)
    assert to_voxels(by_name["dot"], grid) == pytest.approx((1, 1, 1), abs=1e-5)


def test_names_of_labels_are_found_nearby(tmp_path: Path):
    folder = tmp_path / "labelsTr"
    folder.mkdir()
    (tmp_path / "dataset.json").write_text('{"labels": {"background": 0, "liver": 6}}')
    assert class_names(folder / "a.nii.gz") == {0: "background", 6: "liver"}
    (folder / "dataset.json").write_text('{"labels": {"0": "background", "6": "hepar"}}')
    assert class_names(folder / "a.nii.gz")[6] == "hepar"
    with pytest.raises(InputError, match="a table `labels`"):
        names_in(_written(tmp_path / "x.json", '{"labels": {}}'))


def test_names_of_a_slicer_segmentation_are_in_its_header(tmp_path: Path):
    image = sitk.Image(4, 4, 4, sitk.sitkUInt8)
    image.SetMetaData("Segment0_Name", "spleen")
    image.SetMetaData("Segment0_LabelValue", "3")
    sitk.WriteImage(image, str(tmp_path / "a.seg.nrrd"))
    assert class_names(tmp_path / "a.seg.nrrd") == {3: "spleen"}


def _written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path
