"""What a network costs: counted by hand here."""

import pytest
import torch
from torch import Tensor, nn

from digits.models import NETWORKS, build_model, count_parameters
from digits.models.costs import LayerCost, image_shape, layer_costs


def test_classic_costs_what_is_counted_by_hand() -> None:
    costs = layer_costs(build_model("classic", mean=0.5, std=0.5), image_shape("classic"))
    found = {
        cost.name: (cost.shape, cost.num_parameters, cost.num_multiply_adds)
        for cost in costs
        if cost.num_parameters
    }
    assert found == {
        "conv1": ((32, 26, 26), 320, 32 * 26 * 26 * 9),
        "conv2": ((64, 24, 24), 18_496, 64 * 24 * 24 * 32 * 9),
        "fc1": ((128,), 1_179_776, 9216 * 128),
        "fc2": ((10,), 1290, 1280),
    }
    assert costs[0] == LayerCost("normalize", "Normalize", (1, 28, 28), 0, 0)
    assert LayerCost("pool", "MaxPool2d", (64, 12, 12), 0, 0) in costs


@pytest.mark.parametrize("name", NETWORKS)
def test_the_layers_parameters_and_convolutions_are_all_of_the_network_s(name: str) -> None:
    model = build_model(name, mean=0.5, std=0.5)
    costs = layer_costs(model, image_shape(name))
    assert sum(cost.num_parameters for cost in costs) == count_parameters(model)
    modules = dict(model.named_modules())
    for cost in costs:
        layer, expected = modules[cost.name], 0
        if isinstance(layer, nn.Conv2d):
            assert cost.shape is not None
            num_outputs = torch.Size(cost.shape).numel()
            times = 3 if name == "tiny" and cost.name.startswith("conv3.") else 1
            expected = times * num_outputs * layer.weight[0].numel()
        elif isinstance(layer, nn.Linear):
            expected = layer.weight.numel()
        assert cost.num_multiply_adds == expected, cost


class Odd(nn.Module):
    """A network with a parameter and a product of its own, and a layer that never runs."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(784, 3))
        self.head = nn.Linear(3, 10)
        self.unused = nn.Linear(2, 2)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(x.float().flatten(1) @ self.scale)
        return logits


class Listed(nn.Module):
    """A network whose layers are in a list, which itself never runs."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(784, 5), nn.Linear(5, 10)])

    def forward(self, x: Tensor) -> Tensor:
        logits = x.float().flatten(1)
        for layer in self.layers:
            logits = layer(logits)
        return logits


def test_a_list_of_layers_costs_what_they_cost() -> None:
    costs = layer_costs(Listed(), (1, 28, 28))
    assert [(cost.name, cost.num_multiply_adds) for cost in costs] == [
        ("layers.0", 784 * 5),
        ("layers.1", 50),
    ]


def test_what_a_module_computes_itself_is_its_own() -> None:
    model = Odd().train()
    assert layer_costs(model, (1, 28, 28)) == [
        LayerCost("", "Odd", (10,), 784 * 3, 784 * 3),
        LayerCost("head", "Linear", (10,), 40, 30),
        LayerCost("unused", "Linear", None, 6, 0),
    ]
    assert not model._forward_hooks
