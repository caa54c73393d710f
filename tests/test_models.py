import pytest
import torch
import torch.nn.functional as F

from digits.errors import InvalidInput
from digits.models import NETWORKS, Normalize, build_model, count_parameters

PUBLISHED_PARAMETERS = {"classic": 1_199_882, "deep": 593_200, "compact": 121_930}


@pytest.fixture(params=NETWORKS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_networks_have_the_documents_numbers_of_parameters(name: str) -> None:
    assert count_parameters(build_model(name, mean=0.5, std=0.5)) == PUBLISHED_PARAMETERS[name]


def test_networks_take_raw_pixels_and_return_ten_logits(name: str) -> None:
    model = build_model(name, mean=0.5, std=0.5).eval()
    pixels = torch.randint(0, 256, (3, 1, 28, 28), dtype=torch.uint8)
    logits = model(pixels)
    assert logits.shape == (3, 10)
    assert torch.equal(logits, model(pixels.float()))
    assert not torch.allclose(logits.exp().sum(dim=1), torch.ones(3)), "these look normalised"


def test_gradients_reach_every_parameter(name: str) -> None:
    torch.manual_seed(0)
    model = build_model(name, mean=0.1, std=0.3)
    logits = model(torch.randint(0, 256, (32, 1, 28, 28), dtype=torch.uint8))
    F.cross_entropy(logits, torch.arange(32) % 10).backward()
    for parameter_name, parameter in model.named_parameters():
        assert parameter.grad is not None, parameter_name
        assert parameter.grad.abs().sum() > 0, parameter_name


def test_classic_computes_what_the_document_writes() -> None:
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


def test_an_unknown_network_suggests_the_nearest() -> None:
    with pytest.raises(InvalidInput, match="did you mean 'compact'"):
        build_model("compct", mean=0.5, std=0.5)


def test_normalize_maps_black_and_white_as_the_documents_do() -> None:
    pixels = torch.tensor([0, 255], dtype=torch.uint8).view(1, 1, 1, 2)
    assert Normalize(0.5, 0.5)(pixels).flatten().tolist() == [-1.0, 1.0]


def test_the_documents_networks_have_their_dropout_where_it_belongs() -> None:
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
