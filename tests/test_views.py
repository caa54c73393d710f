import torch
import torch.nn.functional as F
from torch import Tensor

from digits.views import VIEWS, Views

MIDDLE = 14


def plain_view(images: Tensor, width: float, shift: float) -> Tensor:
    """Each pixel of a view taken by itself from where it comes from, interpolated by torch."""
    y, x = torch.meshgrid(torch.arange(28.0), torch.arange(28.0), indexing="ij")
    source = (x - MIDDLE - shift * (y - MIDDLE)) / width + MIDDLE
    grid = torch.stack([source, y], dim=-1) * 2 / 27 - 1  # corners are at -1 and 1
    grids = grid.expand(len(images), -1, -1, -1)
    views = F.grid_sample(images.float(), grids, mode="bicubic", align_corners=True)
    return views.clamp(0, 255)


def test_views_are_those_that_torch_samples_pixel_by_pixel() -> None:
    images = torch.randint(0, 256, (5, 1, 28, 28), generator=torch.Generator().manual_seed(0))
    views = Views()(images).unflatten(0, (3, 5))
    for view, (width, shift) in zip(views, VIEWS, strict=True):
        torch.testing.assert_close(view, plain_view(images, width, shift), rtol=0, atol=0.01)


def test_the_first_images_are_as_they_were_to_the_bit() -> None:
    images = torch.randint(0, 256, (7, 1, 28, 28), generator=torch.Generator().manual_seed(1))
    assert torch.equal(Views()(images)[:7], images.float())


def test_one_view_is_narrower_and_one_leans_less_to_the_right() -> None:
    leaning = torch.zeros(1, 1, 28, 28)
    for row in range(8, 21):  # a 1 that leans to the right: its upper end is there
        leaning[0, 0, row, round(MIDDLE - 0.35 * (row - MIDDLE))] = 255
    _, narrower, upright = Views()(leaning)[:, 0]
    centres = (upright * torch.arange(28)).sum(dim=1)[8:21] / upright.sum(dim=1)[8:21]
    assert (centres - MIDDLE).abs().max() < 0.6
    wide = torch.zeros(1, 1, 28, 28)
    wide[..., 4:25] = 200
    for view, width in zip(Views()(wide)[:, 0, MIDDLE], (21, 0.8 * 21, 21), strict=True):
        assert abs(int((view > 100).sum()) - width) <= 1
    assert (narrower[:8] == 0).all()
