import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from digits.errors import InvalidInput
from digits.models import (
    NETWORKS,
    Normalize,
    build_model,
    count_parameters,
    reads_lines,
    register_network,
)
from digits.models.glyphs import Accurate

PARAMETERS = {
    "classic": 1_199_882,  # as the guides say
    "deep": 593_200,
    "compact": 121_930,
    "fast": 208_746,  # as their docstrings say
    "balanced": 103_978,
    "accurate": 418_634,
    "tiny": 2_500,
    "glyph-classifier": 155_466,
}

LINE_PARAMETERS = 624_084


@pytest.fixture(autouse=True)
def as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test registers is gone after it."""
    monkeypatch.setattr("digits.models.registry.NETWORKS", dict(NETWORKS))


@pytest.fixture(params=PARAMETERS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_networks_have_the_numbers_of_parameters_that_are_written_down(name: str) -> None:
    assert count_parameters(build_model(name, mean=0.5, std=0.5)) == PARAMETERS[name]


def test_a_wider_network_has_so_many_times_the_channels_in_each_convolution() -> None:
    narrow, wide = Accurate(0.5, 0.5), Accurate(0.5, 0.5, width=3)
    for layer, wider in zip(narrow, wide, strict=True):
        if isinstance(layer, nn.Conv2d):
            assert isinstance(wider, nn.Conv2d)
            assert wider.out_channels == 3 * layer.out_channels
    assert wide(torch.zeros(2, 1, 28, 28)).shape == (2, 10)


def test_networks_take_raw_pixels_and_return_ten_logits(name: str) -> None:
    model = build_model(name, mean=0.5, std=0.5).eval()
    pixels = torch.randint(0, 256, (3, 1, 28, 28), dtype=torch.uint8)
    logits = model(pixels)
    assert logits.shape == (3, 10)
    assert torch.equal(logits, model(pixels.float()))
    assert not torch.allclose(logits.exp().sum(dim=1), torch.ones(3)), "these look normalised"


PIXELS = torch.randint(0, 256, (3, 1, 28, 28), generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    "scaled",
    [PIXELS / 255, PIXELS / 127.5 - 1, (PIXELS / 255 - 0.1307) / 0.3081, (PIXELS > 99).float()],
    ids=["0 to 1", "-1 to 1", "standardised", "black and white"],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_floats_on_another_scale_are_warned_of(scaled: Tensor, dtype: torch.dtype) -> None:
    model = build_model("fast", mean=0.13, std=0.31).eval()
    with pytest.warns(UserWarning, match=r"Expected raw pixels from 0 to 255, found floats from"):
        model(scaled.to(dtype))


@pytest.mark.parametrize(
    "pixels",
    [PIXELS.byte(), PIXELS, PIXELS.float(), PIXELS.double(), 0 * PIXELS.float(), PIXELS / 51 - 1],
    ids=["uint8", "int64", "float32", "float64", "black", "resampled, of faint ink"],
)
def test_raw_pixels_are_not_warned_of(pixels: Tensor) -> None:
    model = build_model("fast", mean=0.13, std=0.31).eval()
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        model(pixels)
    assert warned == []


def test_training_looks_at_no_pixel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("digits.models.layers._warn_of_other_scale", None)
    build_model("fast", mean=0.13, std=0.31).train()(PIXELS / 255)


@pytest.mark.usefixtures("unchecked")
def test_the_warning_is_in_no_graph_and_in_the_way_of_none() -> None:
    model = build_model("fast", mean=0.13, std=0.31).eval()
    scaled = PIXELS / 255
    graph = torch.export.export(model, (scaled,)).graph
    assert not any("aminmax" in str(node.target) for node in graph.nodes)
    torch.fx.symbolic_trace(model)
    of_each = torch.func.vmap(lambda image: model(image[None])[0])(scaled)
    assert of_each.shape == (3, 10)
    assert model.to("meta")(scaled.to("meta")).shape == (3, 10)


def test_gradients_reach_every_parameter(name: str) -> None:
    torch.manual_seed(0)
    model = build_model(name, mean=0.1, std=0.3)
    logits = model(torch.randint(0, 256, (32, 1, 28, 28), dtype=torch.uint8))
    F.cross_entropy(logits, torch.arange(32) % 10).backward()
    for parameter_name, parameter in model.named_parameters():
        assert parameter.grad is not None, parameter_name
        assert parameter.grad.abs().sum() > 0, parameter_name


def test_classic_computes_what_the_guide_writes() -> None:
    """Pooling before ReLU, and logits instead of log-probabilities, change no prediction."""
    torch.manual_seed(0)
    model = build_model("classic", mean=0.5, std=0.5).eval()
    pixels = torch.randint(0, 256, (4, 1, 28, 28), dtype=torch.uint8)
    net = dict(model.named_children())

    x = (pixels.float() / 255 - 0.5) / 0.5
    x = F.relu(net["conv1"](x))
    x = F.relu(net["conv2"](x))
    x = F.max_pool2d(x, 2)
    x = torch.flatten(x, 1)
    x = F.relu(net["fc1"](x))
    as_written = F.log_softmax(net["fc2"](x), dim=1)

    torch.testing.assert_close(model(pixels).log_softmax(dim=1), as_written)


def test_the_network_that_reads_lines_gives_a_column_every_two_pixels() -> None:
    model = build_model("line-recognizer", mean=0.1, std=0.3)
    assert count_parameters(model) == LINE_PARAMETERS
    assert [name for name in NETWORKS if reads_lines(name)] == ["line-recognizer"]
    for width in (16, 50, 128):
        pixels = torch.randint(0, 256, (2, 1, 40, width), dtype=torch.uint8)
        outputs = model(pixels)
        assert outputs.shape == (2, 20, width // 2)
    outputs.square().mean().backward()
    for parameter_name, parameter in model.named_parameters():
        assert parameter.grad is not None, parameter_name
        assert parameter.grad.abs().sum() > 0, parameter_name


def test_an_unknown_network_suggests_the_nearest() -> None:
    with pytest.raises(InvalidInput, match="did you mean 'compact'"):
        build_model("compct", mean=0.5, std=0.5)


def test_normalize_maps_black_and_white_as_the_guides_do() -> None:
    pixels = torch.tensor([0, 255], dtype=torch.uint8).view(1, 1, 1, 2)
    assert Normalize(0.5, 0.5)(pixels).flatten().tolist() == [-1.0, 1.0]


def test_the_guides_networks_have_their_dropout_where_it_belongs() -> None:
    """Whole feature maps between the convolutions and the linear layers, elements after those."""
    model = build_model("classic", mean=0.5, std=0.5).train()
    net = dict(model.named_children())
    maps = net["dropout1"](torch.ones(50, 64, 12, 12))
    whole = maps.flatten(2).unique(dim=2)
    assert whole.shape == (50, 64, 1), "each map is dropped or kept as a whole"
    assert float((whole == 0).float().mean()) == pytest.approx(0.25, abs=0.03)
    assert float((net["dropout2"](torch.ones(100, 128)) == 0).float().mean()) == pytest.approx(
        0.5, abs=0.03
    )


def test_a_registered_network_gets_normalised_pixels() -> None:
    seen = []

    @register_network("mine")
    class Mine(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(784, 10)

        def forward(self, x: Tensor) -> Tensor:
            seen.append(x)
            return self.linear(x.flatten(1))  # type: ignore[no-any-return]

    model = build_model("mine", mean=0.5, std=0.25)
    assert isinstance(Mine(), nn.Module), "the class is as it was"
    assert model.training
    pixels = torch.randint(0, 256, (5, 1, 28, 28), dtype=torch.uint8)
    logits = model(pixels)
    torch.testing.assert_close(seen[-1], (pixels / 255 - 0.5) / 0.25)
    assert logits.shape == (5, 10)
    assert count_parameters(model) == 7850


def test_the_last_registration_of_a_name_counts() -> None:
    for width in (1, 2):
        register_network("mine")(lambda width=width: two_layers(width))
    assert count_parameters(build_model("mine", mean=0, std=1)) == 785 * 2 + 3 * 10


def two_layers(width: int) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(784, width), nn.Linear(width, 10))


def test_lazy_layers_get_their_sizes_before_an_optimizer_asks_for_them() -> None:
    @register_network("lazy")
    def make() -> nn.Module:
        return nn.Sequential(nn.LazyConv2d(4, 5), nn.Flatten(), nn.LazyLinear(10))

    model = build_model("lazy", mean=0, std=1)
    assert count_parameters(model) == 4 * 26 + 10 * (4 * 24 * 24 + 1)


def test_a_trial_leaves_batch_norm_and_the_random_numbers_alone() -> None:
    @register_network("normed")
    def make() -> nn.Module:
        return nn.Sequential(
            nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Dropout(), nn.Flatten(), nn.Linear(1352, 10)
        )

    torch.manual_seed(0)
    model = build_model("normed", mean=0, std=1)
    after = torch.rand(3)
    torch.manual_seed(0)
    make()
    assert torch.equal(after, torch.rand(3))
    assert all(parameter.grad is None for parameter in model.parameters())
    buffers = dict(model.named_buffers())
    assert int(buffers["network.1.num_batches_tracked"]) == 0
    assert buffers["network.1.running_mean"].tolist() == [0, 0]


class Viewing(nn.Module):
    """Flattens as old tutorials do."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3)

    def forward(self, x: Tensor) -> Tensor:
        maps: Tensor = self.conv(x)
        return maps.view(len(x), -1)[:, :10]


class TwoInTraining(nn.Linear):
    """Gives what auxiliary heads give: more than logits, but in training only."""

    def __init__(self) -> None:
        super().__init__(784, 10)

    def forward(self, x: Tensor) -> Any:
        logits = super().forward(x.flatten(1))
        return (logits, logits) if self.training else logits


class InPairs(nn.Linear):
    def forward(self, x: Tensor) -> Any:
        return super().forward(x), x


def forgets() -> Any:
    """Makes a network, and does not return it."""
    nn.Linear(784, 10)


MISFITS: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "three channels": (lambda: nn.Conv2d(3, 10, 28), "fails on two images: .*channels"),
    "arguments missing": (lambda: nn.Linear(), "can't be made: TypeError"),  # type: ignore[call-arg]
    "nothing made": (forgets, "expected an nn.Module, found NoneType"),
    "two in training": (TwoInTraining, "fails in training mode on two images"),
    "wrong size": (
        lambda: nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten(), nn.Linear(4 * 28 * 28, 10)),
        "fails on two images: RuntimeError: .*cannot be multiplied",
    ),
    "view": (Viewing, r"Use \.reshape"),
    "nine classes": (
        lambda: nn.Sequential(nn.Flatten(), nn.Linear(784, 9)),
        r"expected logits \(2, 10\) for two images, found \(2, 9\)",
    ),
    "a tuple": (lambda: nn.Sequential(nn.Flatten(), InPairs(784, 10)), "found tuple"),
    "softmax": (
        lambda: nn.Sequential(nn.Flatten(), nn.Linear(784, 10), nn.Softmax(dim=1)),
        "remove its softmax",
    ),
    "nothing to learn": (
        lambda: nn.Sequential(nn.AdaptiveAvgPool2d((2, 5)), nn.Flatten()),
        "expected parameters to train",
    ),
}


@pytest.mark.parametrize(("make", "message"), MISFITS.values(), ids=MISFITS.keys())
def test_a_registered_network_that_does_not_fit_is_refused_in_one_line(
    make: Callable[[], nn.Module], message: str
) -> None:
    register_network("mine")(make)
    with pytest.raises(InvalidInput, match=message) as error:
        build_model("mine", mean=0.5, std=0.5)
    assert "Network 'mine'" in str(error.value)
    assert "\n" not in str(error.value)


def test_log_probabilities_are_logits_as_well() -> None:
    register_network("mine")(
        lambda: nn.Sequential(nn.Flatten(), nn.Linear(784, 10), nn.LogSoftmax(dim=1))
    )
    assert build_model("mine", mean=0.5, std=0.5)


def test_names_of_the_package_can_not_be_taken() -> None:
    with pytest.raises(InvalidInput, match="'deep' is taken"):
        register_network("deep")


@pytest.mark.usefixtures("unchecked")
def test_a_decorator_without_a_name_says_how_it_is_written() -> None:
    with pytest.raises(InvalidInput, match=r"as in @digits.register_network\('mine'\)"):
        register_network(nn.Linear)  # type: ignore[arg-type]
