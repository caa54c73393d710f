import pytest
import torch
from jaxtyping import Num
from torch import Tensor, nn

from digits.errors import InvalidInput
from digits.evaluation.inspection import feature_maps, first_filters, saliency
from digits.models import NETWORKS, build_model, reads_lines

SHAPES = {
    "classic": [(32, 26, 26), (64, 12, 12)],
    "deep": [(32, 26, 26), (64, 12, 12), (128, 10, 10), (256, 4, 4)],
    "compact": [(32, 13, 13), (64, 5, 5)],
}


def random_images(n: int) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (n, 28, 28), dtype=torch.uint8, generator=generator)


def linear_model(seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 10))


@pytest.mark.parametrize("name", SHAPES)
def test_feature_maps_have_the_sizes_of_the_network_s_layers(name: str) -> None:
    stages = feature_maps(build_model(name, mean=0.5, std=0.5), random_images(1)[0])
    assert [tuple(stage.maps.shape) for stage in stages] == SHAPES[name]
    assert stages[0].layers[0] == "conv1"


def test_feature_maps_are_what_the_next_convolution_gets() -> None:
    model = build_model("compact", mean=0.5, std=0.5).eval()
    image = random_images(1)[0]
    seen: list[Tensor] = []
    hook = model.get_submodule("conv2").register_forward_pre_hook(
        lambda layer, inputs: seen.append(inputs[0].clone())
    )
    model(image[None, None])
    hook.remove()
    first, second = feature_maps(model, image)
    assert torch.equal(first.maps, seen[0][0])
    assert first.layers == ("conv1", "pool1", "relu1")
    assert second.maps.min() >= 0


def test_feature_maps_are_not_changed_by_later_layers_that_work_in_place() -> None:
    class Residual(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(1, 2, 3)

        def forward(self, x: Num[Tensor, "n 1 28 28"]) -> Tensor:
            out: Tensor = self.conv(x.float())
            return out.zero_().flatten(1)

    (stage,) = feature_maps(Residual(), random_images(1)[0])
    assert stage.maps.abs().sum() > 0


def test_first_filters_are_a_copy_of_the_first_convolution_s_weights() -> None:
    model = build_model("classic", mean=0.5, std=0.5)
    weight = model.get_parameter("conv1.weight")
    filters = first_filters(model)
    assert torch.equal(filters, weight)
    filters.zero_()
    assert weight.abs().sum() > 0


def test_a_network_without_convolutions_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"nn\.Conv2d layers, found none in"):
        first_filters(linear_model())
    with pytest.raises(InvalidInput, match=r"nn\.Conv2d layers, found none in"):
        feature_maps(FloatFirst(linear_model()), random_images(1)[0])


class FloatFirst(nn.Module):
    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.inner(x.float())
        return out


def test_saliency_of_a_linear_network_is_the_winning_row_of_its_weights() -> None:
    model = linear_model()
    images = random_images(4)
    weight = model.get_parameter("1.weight")
    winners = model(images[:, None].float()).argmax(dim=1)
    assert torch.allclose(saliency(model, images), weight[winners].reshape(-1, 28, 28))


@pytest.mark.parametrize("name", [name for name in NETWORKS if not reads_lines(name)])
def test_saliency_equals_autograd_image_by_image(name: str) -> None:
    model = build_model(name, mean=0.5, std=0.5).eval()
    images = random_images(3)
    expected = []
    for image in images:
        pixels = image[None, None].float().requires_grad_()
        logits = model(pixels)
        expected.append(torch.autograd.grad(logits[0, logits.argmax()], pixels)[0][0, 0])
    assert torch.allclose(saliency(model, images), torch.stack(expected), rtol=1e-3, atol=1e-7)


def test_smoothed_saliency_is_the_same_for_the_same_seed_only() -> None:
    model = build_model("compact", mean=0.5, std=0.5)
    images = random_images(2)
    first, again, other = (
        saliency(model, images, num_samples=2, noise=40.0, seed=seed) for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_saliency_needs_a_sample() -> None:
    with pytest.raises(InvalidInput, match="num_samples: expected at least 1, found 0"):
        saliency(linear_model(), random_images(1), num_samples=0)


def test_inspection_leaves_the_network_unchanged() -> None:
    model = build_model("classic", mean=0.5, std=0.5).train()
    model.get_submodule("dropout1").eval()
    modes = [layer.training for layer in model.modules()]
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with torch.no_grad():
        saliency(model, random_images(2), num_samples=2, noise=10.0)
        feature_maps(model, random_images(1)[0])
    assert [layer.training for layer in model.modules()] == modes
    assert all(p.grad is None for p in model.parameters())
    assert all(not layer._forward_hooks for layer in model.modules())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_hooks_are_removed_when_the_network_fails() -> None:
    model = build_model("compact", mean=0.5, std=0.5)
    with pytest.raises(RuntimeError):
        feature_maps(model, torch.zeros(20, 20))  # too small for its linear layer
    assert all(not layer._forward_hooks for layer in model.modules())
