from dataclasses import fields, replace
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import digits
from digits.reading.ink.glyphs import frame
from digits.recipe import Augmentation
from digits.training.augmentation import FIELDS, MODULES, digest_amounts
from digits.training.augmentation import augment as augment_labelled
from digits.training.augmentation.geometry import framed, random_affine, sampling_grid
from digits.training.augmentation.styles import all_styles, change_style
from digits.training.targets import one_hot

STRONG = Augmentation(rotation_degrees=20, shift_pixels=3, scale=0.2, shear_degrees=10)


def augment(
    images: torch.Tensor, augmentation: Augmentation, generator: torch.Generator
) -> torch.Tensor:
    labels = torch.arange(len(images)) % 10
    return augment_labelled(images, labels, augmentation, generator)[0]


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def images() -> torch.Tensor:
    return torch.randint(0, 256, (16, 1, 28, 28), dtype=torch.uint8, generator=generator())


def test_no_augmentation_changes_nothing(images: torch.Tensor) -> None:
    labels = torch.arange(16) % 10
    same, targets = augment_labelled(images, labels, Augmentation(), generator())
    assert torch.equal(same, images)
    assert torch.equal(targets, one_hot(labels, 10))


def test_the_same_generator_state_gives_the_same_pictures(images: torch.Tensor) -> None:
    first = augment(images, STRONG, generator(1))
    assert torch.equal(first, augment(images, STRONG, generator(1)))
    assert not torch.equal(first, augment(images, STRONG, generator(2)))


def test_each_image_of_a_batch_is_changed_differently() -> None:
    same = torch.zeros(2, 1, 28, 28)
    same[:, :, 8:20, 12:16] = 255
    first, second = augment(same, STRONG, generator())
    assert not torch.equal(first, second)


def test_augmented_pixels_stay_in_range(images: torch.Tensor) -> None:
    changed = augment(images, STRONG, generator())
    assert changed.shape == images.shape
    assert float(changed.min()) >= 0
    assert float(changed.max()) <= 255.001


def test_thin_strokes_stay_sharp() -> None:
    """Shifted by half a pixel, a stroke of one pixel keeps half its contrast if bilinear."""
    stroke = torch.zeros(100, 1, 28, 28)
    stroke[:, :, 4:24, 14] = 255
    changed = augment(stroke, Augmentation(shift_pixels=1), generator())
    contrast = changed.square().mean(dim=(1, 2, 3)) / stroke.square().mean(dim=(1, 2, 3))
    assert 0.65 < float(contrast.min()) < 0.75
    assert 0.95 < float(contrast.max()) <= 1.01


def test_the_grid_is_that_of_torch() -> None:
    maps = random_affine(20, STRONG, generator(), size=28)
    expected = F.affine_grid(maps, [20, 1, 28, 24], align_corners=False)
    torch.testing.assert_close(sampling_grid(maps, 28, 24), expected)


def centre_of_mass(image: torch.Tensor) -> tuple[float, float]:
    rows, columns = torch.meshgrid(torch.arange(28.0), torch.arange(28.0), indexing="ij")
    mass = image.sum()
    return float((rows * image).sum() / mass), float((columns * image).sum() / mass)


def test_shifts_move_the_centre_by_no_more_than_their_limit() -> None:
    dot = torch.zeros(200, 1, 28, 28)
    dot[:, :, 13:15, 13:15] = 255
    moved = augment(dot, Augmentation(shift_pixels=2), generator())
    offsets = [(r - 13.5, c - 13.5) for r, c in (centre_of_mass(image[0]) for image in moved)]
    largest = max(max(abs(dr), abs(dc)) for dr, dc in offsets)
    assert 1.8 < largest <= 2.01


def test_scale_changes_the_area_within_its_limits() -> None:
    disc = torch.zeros(200, 1, 28, 28)
    disc[:, :, 9:19, 9:19] = 255
    areas = augment(disc, Augmentation(scale=0.2), generator()).sum(dim=(1, 2, 3)) / (255 * 100)
    assert 1 / 1.2**2 - 0.03 < float(areas.min()) < 0.75
    assert 1.35 < float(areas.max()) < 1.2**2 + 0.03


def test_rotation_keeps_lengths_and_its_limit() -> None:
    maps = random_affine(500, Augmentation(rotation_degrees=30), generator(), size=28)[:, :, :2]
    torch.testing.assert_close(maps @ maps.mT, torch.eye(2).expand(500, 2, 2))
    angles = torch.rad2deg(torch.atan2(maps[:, 1, 0], maps[:, 0, 0]))
    assert 29 < float(angles.abs().max()) <= 30


def test_shear_slants_without_changing_the_area() -> None:
    maps = random_affine(500, Augmentation(shear_degrees=15), generator(), size=28)[:, :, :2]
    torch.testing.assert_close(torch.linalg.det(maps), torch.ones(500))
    slants = torch.rad2deg(torch.atan(maps[:, 0, 1]))
    assert 14 < float(slants.abs().max()) <= 15


ANEW = Augmentation(rotation_degrees=20, shear_degrees=20, scale=0.1, stretch=0.4, framing="anew")
ALL = replace(
    ANEW,
    elastic_pixels=1.5,
    shift_pixels=1.5,
    writing_styles=0.9,
    stroke_variation=0.9,
    degradation=0.9,
    outliers=0.3,
    unchanged=0.1,
)


def strokes(n: int) -> torch.Tensor:
    """Slanted strokes of different lengths, as framed digits are."""
    images = torch.zeros(n, 1, 28, 28)
    for index, image in enumerate(images):
        for y in range(5 + index % 4, 24 - index % 3):
            image[0, y, 10 + y // 4 : 14 + y // 4] = 255
    return images


def test_digits_framed_anew_are_twenty_pixels_large_and_their_mass_is_where_mnist_s_is() -> None:
    moved = augment(strokes(64), replace(ANEW, scale=0), generator())[:, 0]
    ink = moved > 64
    for image, mask in zip(moved, ink, strict=True):
        rows, columns = (mask.any(dim=axis).nonzero().flatten() for axis in (1, 0))
        assert 18 <= max(int(rows[-1] - rows[0]), int(columns[-1] - columns[0])) + 1 <= 22
        # Whole pixels are moved, so half a pixel may be missing.
        assert centre_of_mass(image) == pytest.approx((14, 14), abs=0.6)


@pytest.mark.mnist
def test_training_images_and_pictures_are_framed_by_one_rule() -> None:
    """A digit that is nearer than half a pixel to two places may come to either, in either wing."""
    images = digits.load("mnist").test.images[:200]
    pixels = images[:, None].float()
    maps = framed(pixels, torch.eye(2, 3).repeat(len(images), 1, 1))
    grid = sampling_grid(maps, 28, 28)
    resampled = F.grid_sample(pixels, grid, mode="bicubic", align_corners=False)
    trained_on = resampled[:, 0].clamp(0, 255)
    read = [frame(image.numpy() / np.float32(255), image.numpy() > 64) for image in images]
    apart = np.abs(trained_on.numpy() - np.stack(read)).mean(axis=(1, 2))
    assert np.median(apart) < 0.1  # grey levels a pixel
    assert np.mean(apart > 1) < 0.02


@pytest.mark.parametrize("n", [1, 2, 3, 64])
def test_every_effect_keeps_number_size_and_range(n: int) -> None:
    for seed in range(8):
        labels = torch.arange(n) % 10
        changed, targets = augment_labelled(strokes(n), labels, ALL, generator(seed))
        assert changed.shape == (n, 1, 28, 28)
        assert bool(changed.isfinite().all())
        assert -0.01 <= float(changed.min()) <= float(changed.max()) <= 255.01
        torch.testing.assert_close(targets.sum(dim=1), torch.ones(n))
        looped = (labels == 9) & (targets[:, 2] == 1)
        is_digit = targets.gather(1, labels[:, None])[:, 0] == 1
        assert bool((is_digit | is_outlier(targets) | looped).all())


def is_outlier(targets: torch.Tensor) -> torch.Tensor:
    return (targets == 0.1).all(dim=1)


def test_the_same_state_gives_the_same_pictures_with_every_effect() -> None:
    labels = torch.arange(64) % 10
    first, again = (augment_labelled(strokes(64), labels, ALL, generator(3)) for _ in range(2))
    assert torch.equal(first[0], again[0])
    assert torch.equal(first[1], again[1])


def test_only_outliers_have_uniform_targets() -> None:
    labels = torch.arange(2000) % 10
    only = Augmentation(outliers=0.25)
    changed, targets = augment_labelled(strokes(2000), labels, only, generator())
    kept = ~is_outlier(targets)
    assert 0.72 < float(kept.double().mean()) < 0.78
    assert float((changed - strokes(2000))[kept].abs().max()) < 0.1
    assert torch.equal(targets[kept], one_hot(labels[kept], 10))


def test_each_writing_style_is_given_to_its_part_of_a_digit() -> None:
    images = strokes(4000)
    labels = torch.arange(4000) % 10
    images[labels == 4, :, 14:17, 6:22] = 255  # a four has a bar
    written, new_labels = change_style(images, labels, 1.0, generator())
    changed = (written - images).abs().amax(dim=(1, 2, 3)) > 50
    parts = dict.fromkeys((style.digit for style in all_styles()), 0.0)
    for style in all_styles():
        parts[style.digit] += style.part
    assert set(labels[changed].tolist()) == parts.keys()
    for digit, part in parts.items():
        found = float(changed[labels == digit].double().mean())
        assert found == pytest.approx(part, abs=0.08)
    relabelled = labels != new_labels
    assert set(labels[relabelled].tolist()) == {9}
    assert set(new_labels[relabelled].tolist()) == {2}
    assert bool(changed[relabelled].all())


@pytest.mark.parametrize("field", ["writing_styles", "stroke_variation", "degradation", "outliers"])
def test_a_field_changes_about_its_part_of_the_images(field: str) -> None:
    """And nearly none if it is nearly 0; a style exists for about a third of the digits."""
    images, labels = strokes(1000), torch.arange(1000) % 10
    rarely, often = (Augmentation(**dict[str, Any]({field: part})) for part in (1e-9, 0.5))
    still, _ = augment_labelled(images, labels, rarely, generator())
    assert float((still - images).abs().max()) < 0.1
    changed, _ = augment_labelled(images, labels, often, generator())
    part = float(((changed - images).abs().amax(dim=(1, 2, 3)) > 1).double().mean())
    assert 0.05 < part < 0.55


def other_values(value: Any) -> Any:
    """An amount like this one, but another."""
    if isinstance(value, tuple):
        return tuple(other_values(part) for part in value)
    return value + 2 if isinstance(value, int) else value / 2


AMOUNTS = [
    pytest.param(module, field.name, id=f"{module.__name__.rpartition('.')[2]}.{field.name}")
    for module in MODULES
    for field in fields(module.AMOUNTS)
]


@pytest.fixture(scope="module")
def mnist_like() -> tuple[torch.Tensor, torch.Tensor]:
    """Strokes of several widths and greys, with bars: each effect has something to change."""
    images = strokes(600)
    images[::3] = F.max_pool2d(images[::3], 3, stride=1, padding=1)
    images[:, :, 14:16, 8:20] = 150
    images[1::4] *= torch.rand(150, 1, 1, 1, generator=generator())
    return images, torch.arange(600) % 10


@pytest.mark.parametrize(("module", "name"), AMOUNTS)
def test_every_amount_decides_the_pictures_and_the_digest(
    module: ModuleType,
    name: str,
    mnist_like: tuple[torch.Tensor, torch.Tensor],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = augment_labelled(*mnist_like, ALL, generator())
    digest = digest_amounts(ALL)
    amounts = module.AMOUNTS
    changed = replace(amounts, **{name: other_values(getattr(amounts, name))})
    monkeypatch.setattr(module, "AMOUNTS", changed)
    after = augment_labelled(*mnist_like, ALL, generator())
    assert not (torch.equal(before[0], after[0]) and torch.equal(before[1], after[1]))
    assert digest_amounts(ALL) != digest


def test_recipes_have_a_digest_if_their_augmentation_draws_with_amounts() -> None:
    assert digest_amounts(Augmentation()) is None
    assert digest_amounts(STRONG) is None
    on: dict[str, Any] = dict.fromkeys(FIELDS, 0.5) | {"framing": "anew"}
    for name in FIELDS:
        assert digest_amounts(Augmentation(**{name: on[name]})) == digest_amounts(ALL)


def test_part_of_the_images_stays_unchanged() -> None:
    images = strokes(1000)
    changed = augment(images, replace(ALL, unchanged=0.4), generator())
    same = (changed == images).all(dim=3).all(dim=2).flatten()
    assert 0.35 < float(same.double().mean()) < 0.46
