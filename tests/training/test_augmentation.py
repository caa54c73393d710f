from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from digits.recipe import Augmentation
from digits.training.augmentation import NO_DIGIT
from digits.training.augmentation import augment as augment_labelled
from digits.training.augmentation.geometry import random_affine, sampling_grid
from digits.training.augmentation.styles import WAYS, rewrite

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
    torch.testing.assert_close(
        augment(images, Augmentation(), generator()), images.float(), rtol=0, atol=0.01
    )


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
    ANEW, elastic_pixels=1.5, shift_pixels=1.5, pens=0.9, surroundings=0.9, nonsense=0.3, plain=0.1
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
        places = torch.arange(28.0)
        assert float((image.sum(dim=1) * places).sum() / image.sum()) == pytest.approx(14, abs=0.3)
        assert float((image.sum(dim=0) * places).sum() / image.sum()) == pytest.approx(14, abs=0.3)


@pytest.mark.parametrize("n", [1, 2, 3, 64])
def test_every_effect_keeps_number_size_and_range(n: int) -> None:
    for seed in range(8):
        labels = torch.arange(n) % 10
        changed, new_labels = augment_labelled(strokes(n), labels, ALL, generator(seed))
        assert changed.shape == (n, 1, 28, 28)
        assert bool(changed.isfinite().all())
        assert -0.01 <= float(changed.min()) <= float(changed.max()) <= 255.01
        looped = (labels == 9) & (new_labels == 2)
        assert bool(((new_labels == labels) | (new_labels == NO_DIGIT) | looped).all())


def test_the_same_state_gives_the_same_pictures_with_every_effect() -> None:
    labels = torch.arange(64) % 10
    first, again = (augment_labelled(strokes(64), labels, ALL, generator(3)) for _ in range(2))
    assert torch.equal(first[0], again[0])
    assert torch.equal(first[1], again[1])


def test_only_what_was_made_nonsense_has_no_digit() -> None:
    labels = torch.arange(2000) % 10
    only = Augmentation(nonsense=0.25)
    changed, new_labels = augment_labelled(strokes(2000), labels, only, generator())
    spoilt = new_labels == NO_DIGIT
    assert 0.22 < float(spoilt.double().mean()) < 0.28
    kept = changed[~spoilt] - augment(strokes(2000), Augmentation(), generator())[~spoilt]
    assert float(kept.abs().max()) < 0.1


def test_digits_are_rewritten_as_other_hands_do_each_in_its_part() -> None:
    images = strokes(4000)
    labels = torch.arange(4000) % 10
    images[labels == 4, :, 14:17, 6:22] = 255  # a four has a bar
    written, new_labels = rewrite(images, labels, 1.0, generator())
    changed = (written - images).abs().amax(dim=(1, 2, 3)) > 50
    assert set(labels[changed].tolist()) == {digit for digit, *_ in WAYS}
    for digit in {digit for digit, *_ in WAYS}:
        part = sum(high - low for other, _, low, high, _ in WAYS if other == digit)
        found = float(changed[labels == digit].double().mean())
        assert found == pytest.approx(part, abs=0.08)
    relabelled = labels != new_labels
    assert set(labels[relabelled].tolist()) == {9}
    assert set(new_labels[relabelled].tolist()) == {2}
    assert bool(changed[relabelled].all())


def test_digits_are_left_as_they_are_when_no_pens_are_wanted() -> None:
    images, labels = strokes(200), torch.arange(200) % 10
    changed, new_labels = augment_labelled(images, labels, Augmentation(pens=1e-9), generator())
    assert float((changed - images).abs().max()) < 0.1
    assert torch.equal(new_labels, labels)


def test_part_of_the_images_stays_plain() -> None:
    images = strokes(1000)
    changed = augment(images, replace(ALL, plain=0.4), generator())
    same = (changed == images).all(dim=3).all(dim=2).flatten()
    assert 0.35 < float(same.double().mean()) < 0.46
