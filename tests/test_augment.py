import pytest
import torch
import torch.nn.functional as F

from digits.augment import augment as augment_labelled
from digits.augment.geometry import random_affine, sampling_grid
from digits.recipe import Augmentation

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
