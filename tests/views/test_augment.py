from dataclasses import fields, replace

import numpy as np
import pytest
import torch

from orienteer.errors import InputError
from orienteer.views.augment import Augmentation, AugmentationParameters, _axis_matrix, apply, draw_parameters

CHANGES = ("scale", "shift", "gamma", "noise", "blur", "low_resolution")
NEVER = Augmentation(**{f"{change}_probability": 0.0 for change in CHANGES})


def always(*changes: str, **settings) -> Augmentation:
    return replace(NEVER, **{f"{change}_probability": 1.0 for change in changes}, **settings)


def views(count: int = 3, size: tuple[int, int, int] = (12, 9, 16), seed: int = 0) -> torch.Tensor:
    return torch.rand((count, 1, *size), generator=torch.Generator().manual_seed(seed)) * 2 - 1


def nothing(count: int) -> AugmentationParameters:
    return draw_parameters(np.random.default_rng(0), count, NEVER)


@pytest.mark.parametrize("augmentation", [NEVER, replace(always(*CHANGES), enabled=False)])
def test_switched_off_changes_no_bit(augmentation):
    images = views()
    assert torch.equal(apply(images, draw_parameters(np.random.default_rng(1), 3, augmentation)), images)


@pytest.mark.parametrize("change", CHANGES)
def test_each_change_changes_every_view_and_leaves_its_input_alone(change):
    images = views()
    kept = images.clone()
    changed = apply(images, draw_parameters(np.random.default_rng(1), 3, always(change)))
    assert torch.equal(images, kept)
    assert changed.shape == images.shape
    assert changed.dtype == images.dtype
    for before, after in zip(images, changed, strict=True):
        assert (before - after).abs().max() > 1e-3


def test_what_was_drawn_can_be_saved_and_replayed(tmp_path):
    images, parameters = views(), draw_parameters(np.random.default_rng(2), 3, always(*CHANGES))
    file = tmp_path / "drawn.npz"
    np.savez(file, **{entry.name: getattr(parameters, entry.name) for entry in fields(parameters)})
    with np.load(file) as saved:
        again = AugmentationParameters(**{k: int(v) if k == "noise_seed" else v for k, v in saved.items()})
    assert torch.equal(apply(images, parameters), apply(images, again))


def test_views_of_a_set_are_changed_independently():
    same = views(1).expand(4, -1, -1, -1, -1)
    for change in CHANGES:
        changed = apply(
            same, draw_parameters(np.random.default_rng(3), 4, always(change, low_resolution_range=(1.0, 4.0)))
        )
        for i in range(4):
            for j in range(i):
                assert not torch.equal(changed[i], changed[j]), change


def test_a_view_is_changed_whatever_its_companions():
    parameters = draw_parameters(
        np.random.default_rng(3), 3, always("scale", "shift", "gamma", "blur", "low_resolution")
    )
    images = views()
    second = AugmentationParameters(
        **{
            entry.name: getattr(parameters, entry.name)[1:2]
            for entry in fields(parameters)
            if entry.name != "noise_seed"
        },
        noise_seed=0,
    )
    torch.testing.assert_close(apply(images, parameters)[1:2], apply(images[1:2], second))


def test_switching_one_change_on_leaves_the_others_as_they_were():
    without = draw_parameters(np.random.default_rng(4), 5, always("shift", "low_resolution"))
    both = draw_parameters(np.random.default_rng(4), 5, always("shift", "low_resolution", "scale", "noise"))
    assert np.array_equal(without.shift, both.shift)
    assert np.array_equal(without.low_resolution, both.low_resolution)
    assert without.noise_seed == both.noise_seed


def test_shares_and_ranges_are_kept():
    augmentation = Augmentation()
    parameters = draw_parameters(np.random.default_rng(5), 4000, augmentation)
    for name, setting, none, limits in [
        ("scale", "scale", 1.0, augmentation.scale_range),
        ("shift", "shift", 0.0, augmentation.shift_range),
        ("gamma", "gamma", 1.0, augmentation.gamma_range),
        ("noise", "noise", 0.0, augmentation.noise_range),
        ("blur_vox", "blur", 0.0, augmentation.blur_range_vox),
        ("low_resolution", "low_resolution", 1.0, augmentation.low_resolution_range),
    ]:
        values = getattr(parameters, name)
        chosen = values[values != none]
        assert len(chosen) / 4000 == pytest.approx(getattr(augmentation, f"{setting}_probability"), abs=0.03)
        assert limits[0] <= chosen.min() < chosen.max() <= limits[1]
        span = limits[1] - limits[0]
        assert chosen.min() < limits[0] + 0.05 * span
        assert chosen.max() > limits[1] - 0.05 * span


def test_scale_and_shift_are_what_they_say():
    images = views(2)
    parameters = replace(nothing(2), scale=np.array([1.1, 1.0]), shift=np.array([0.0, -0.2]))
    changed = apply(images, parameters)
    torch.testing.assert_close(changed[0], images[0] * 1.1)
    torch.testing.assert_close(changed[1], images[1] - 0.2)


def test_gamma_bends_values_and_survives_those_out_of_range():
    images = torch.tensor([-1.5, -1.0, 0.0, 1.0, 1.5]).reshape(1, 1, 5, 1, 1)
    changed = apply(images, replace(nothing(1), gamma=np.array([2.0])))
    torch.testing.assert_close(changed.flatten(), torch.tensor([-1.0, -1.0, -0.5, 1.0, 1.0]))


def test_noise_has_the_drawn_spread_and_no_mean():
    images = torch.zeros(2, 1, 24, 20, 22)
    noise = apply(images, replace(nothing(2), noise=np.array([0.05, 0.2])))
    assert noise.mean().abs() < 0.01
    assert noise[0].std() == pytest.approx(0.05, rel=0.03)
    assert noise[1].std() == pytest.approx(0.2, rel=0.03)
    assert abs(float((noise[0] * noise[1]).mean())) < 0.05 * 0.2 * 0.05  # one view's noise says nothing of the other's


@pytest.mark.parametrize(
    "drawn", [{"blur_vox": 1.0}, {"low_resolution": 2.4}, {"blur_vox": 0.5, "low_resolution": 1.7}]
)
def test_smoothing_moves_no_voxel(drawn):
    size = (14, 11, 18)
    parameters = replace(nothing(1), **{name: np.array([value]) for name, value in drawn.items()})
    images = views(1, size)
    for axis in (2, 3, 4):  # a mirrored view gives the mirrored result: no side is preferred
        torch.testing.assert_close(apply(images.flip(axis), parameters), apply(images, parameters).flip(axis))
    places = [torch.arange(n, dtype=torch.float32) - (n - 1) / 2 for n in size]
    blob = torch.exp(-sum(p**2 / 6 for p in torch.meshgrid(*places, indexing="ij")))[None, None]
    smooth = apply(blob, parameters)
    for axis in range(3):
        mass = smooth.sum(dim=[2 + other for other in range(3) if other != axis]).flatten()
        assert abs(float((mass * places[axis]).sum() / mass.sum())) < 1e-4


@pytest.mark.parametrize("drawn", [{"blur_vox": 2.0}, {"low_resolution": 3.0}])
def test_smoothing_keeps_constants_and_takes_detail_away(drawn):
    parameters = replace(nothing(1), **{name: np.array([value]) for name, value in drawn.items()})
    flat = torch.full((1, 1, 10, 7, 13), -0.7)
    torch.testing.assert_close(apply(flat, parameters), flat)
    noise = views(1)
    assert apply(noise, parameters).std() < 0.5 * noise.std()


def test_blur_equals_a_gaussian_filter():
    from scipy.ndimage import gaussian_filter

    images = views(1, (21, 20, 19))
    expected = gaussian_filter(images[0, 0].numpy(), 0.9, truncate=8)
    blurred = apply(images, replace(nothing(1), blur_vox=np.array([0.9])))[0, 0].numpy()
    inner = (slice(6, -6),) * 3  # at the border scipy mirrors, we weigh what there is
    np.testing.assert_allclose(blurred[inner], expected[inner], atol=1e-5)


def test_a_coarse_grid_of_half_the_voxels_averages_pairs():
    images = views(1, (8, 1, 1))
    coarse = images.reshape(4, 2).mean(1)
    expected = torch.nn.functional.interpolate(coarse[None, None], size=8, mode="linear", align_corners=False)
    changed = apply(images, replace(nothing(1), low_resolution=np.array([2.0])))
    torch.testing.assert_close(changed.flatten(), expected.flatten())


def test_everything_at_its_strongest_stays_sane():
    strong = always(*CHANGES, noise_range=(0.3, 0.3), scale_range=(2.0, 2.0), shift_range=(1.0, 1.0))
    strong = replace(strong, gamma_range=(0.1, 5.0))
    changed = apply(views(6), draw_parameters(np.random.default_rng(0), 6, strong))
    assert torch.isfinite(changed).all()
    assert changed.abs().max() < 2 + 1 + 6 * 0.3


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"noise_probability": 1.2}, "noise_probability: wanted a fraction"),
        ({"blur_range_vox": (1.0, 0.5)}, "blur_range_vox: wanted 0.0 <= lowest <= highest"),
        ({"gamma_range": (0.0, 1.0)}, "gamma_range: wanted 0.001 <= lowest"),
        ({"low_resolution_range": (0.5, 1.0)}, "low_resolution_range: wanted 1.0 <= lowest"),
        ({"shift_range": (0.0, float("nan"))}, "shift_range: wanted finite"),
        ({"shift_range": (float("-inf"), 0.0)}, "shift_range: wanted finite"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings, words):
    with pytest.raises(InputError, match=words):
        Augmentation(**settings)


def test_a_blur_leaves_no_denormal_weights():
    """Products with numbers below 1e-38 take ten times as long."""
    parameters = draw_parameters(np.random.default_rng(0), 6, Augmentation(blur_probability=1.0))
    matrix = _axis_matrix(64, parameters, np.arange(6)).float()
    smallest = torch.finfo(torch.float32).tiny
    assert not ((matrix != 0) & (matrix.abs() < smallest)).any()
    torch.testing.assert_close(matrix.sum(-1), torch.ones(6, 64))
