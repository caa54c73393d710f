"""Shards: the gradient of the whole batch, and the same bits whichever thread computes them."""

import copy
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from jaxtyping import Int
from torch import Tensor, nn

from digits.data import DataSet
from digits.models import NETWORKS, build_model
from digits.recipe import Recipe
from digits.training import train
from digits.training.optimization import build_optimizer
from digits.training.shards import MIN_IMAGES, Judged, Shards
from digits.training.trainer import Trainer
from tests.training.test_training import Silent

CPU = torch.device("cpu")
IMAGES = torch.randint(0, 256, (64, 1, 28, 28), generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(64) % 10
RECIPE = Recipe(
    name="small", network="balanced", epochs=2, batch_size=64, validation_size=100, mean=0.1,
    std=0.3, precision="float32",
)  # fmt: skip


@pytest.fixture
def two_threads() -> Iterator[None]:
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(1)


def judge(model: nn.Module, indices: Int[Tensor, " n"], first: int) -> Judged:
    logits = model(IMAGES[indices])
    losses = F.cross_entropy(logits, LABELS[indices], reduction="none")
    return losses, logits.argmax(dim=1) == LABELS[indices]


def backward(model: nn.Module, num: int = 64, *, step: int = 0) -> Judged:
    return Shards(model, CPU, seed=0).backward(torch.arange(num), judge, epoch=1, step=step)


def test_the_gradient_is_that_of_the_whole_batch() -> None:
    model = build_model("compact", mean=0.1, std=0.3)
    expected, expected_right = judge(model, torch.arange(51), 0)
    gradients = torch.autograd.grad(expected.mean(), list(model.parameters()))
    losses, right = backward(model, 51)
    torch.testing.assert_close(losses, expected.detach())
    assert torch.equal(right, expected_right)
    for parameter, gradient in zip(model.parameters(), gradients, strict=True):
        torch.testing.assert_close(parameter.grad, gradient, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize(
    ("num", "expected"), [(2 * MIN_IMAGES, [(0, 16), (16, 16)]), (2 * MIN_IMAGES - 1, [(0, 31)])]
)
def test_a_batch_with_too_few_images_for_two_shards_is_one(
    num: int, expected: list[tuple[int, int]]
) -> None:
    seen: list[tuple[int, int]] = []

    def note(model: nn.Module, indices: Int[Tensor, " n"], first: int) -> Judged:
        seen.append((first, len(indices)))
        return judge(model, indices, first)

    shards = Shards(build_model("compact", mean=0.1, std=0.3), CPU, seed=0)
    shards.backward(torch.arange(num), note, epoch=1, step=0)
    assert seen == expected


def test_the_networks_statistics_of_batches_are_the_mean_of_the_shards() -> None:
    model = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(784), nn.Linear(784, 10))
    pixels = IMAGES.float()
    shards = Shards(model, CPU, seed=0)

    def judge_pixels(network: nn.Module, indices: Int[Tensor, " n"], first: int) -> Judged:
        logits = network(pixels[indices])
        return F.cross_entropy(logits, LABELS[indices], reduction="none"), logits.argmax(1) == 0

    shards.backward(torch.arange(64), judge_pixels, epoch=1, step=0)
    shards.average_statistics()
    norm, halves = model[1], pixels.flatten(1).split(32)
    assert isinstance(norm, nn.BatchNorm1d)
    means = torch.stack([half.mean(dim=0) for half in halves]).mean(dim=0)
    variances = torch.stack([half.var(dim=0) for half in halves]).mean(dim=0)
    torch.testing.assert_close(norm.running_mean, 0.1 * means)
    torch.testing.assert_close(norm.running_var, 0.9 + 0.1 * variances)
    assert int(norm.num_batches_tracked or 0) == 1


def test_batches_that_are_not_cut_have_the_statistics_of_the_plain_way() -> None:
    def make() -> nn.Sequential:
        torch.manual_seed(0)
        return nn.Sequential(nn.Flatten(), nn.BatchNorm1d(784), nn.Linear(784, 10))

    def judge_pixels(network: nn.Module, indices: Int[Tensor, " n"], first: int) -> Judged:
        logits = network(IMAGES[indices].float())
        return F.cross_entropy(logits, LABELS[indices], reduction="none"), logits.argmax(1) == 0

    model, plain = make(), make()
    shards = Shards(model, CPU, seed=0)
    for step in range(3):
        indices = torch.arange(20 * step, 20 * (step + 1))
        shards.backward(indices, judge_pixels, epoch=1, step=step)
        plain(IMAGES[indices].float())
    shards.average_statistics()
    for mine, its in zip(model.buffers(), plain.buffers(), strict=True):
        torch.testing.assert_close(mine, its)


def test_a_batch_that_is_not_cut_follows_the_statistics_of_both_shards() -> None:
    model = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(784), nn.Linear(784, 10))
    pixels = IMAGES.float()

    def judge_pixels(network: nn.Module, indices: Int[Tensor, " n"], first: int) -> Judged:
        logits = network(pixels[indices])
        return F.cross_entropy(logits, LABELS[indices], reduction="none"), logits.argmax(1) == 0

    shards = Shards(model, CPU, seed=0)
    shards.backward(torch.arange(40), judge_pixels, epoch=1, step=0)
    shards.backward(torch.arange(40, 64), judge_pixels, epoch=1, step=1)
    shards.average_statistics()
    means = [pixels[part].flatten(1).mean(dim=0) for part in (slice(40), slice(40, 64))]
    assert isinstance(model[1], nn.BatchNorm1d)
    torch.testing.assert_close(model[1].running_mean, 0.09 * means[0] + 0.1 * means[1])


def test_dropout_is_a_layer_as_before_to_the_network_that_has_it() -> None:
    class Functional(nn.Sequential):
        def forward(self, x: Tensor) -> Tensor:
            drop = self[1]
            assert isinstance(drop, nn.Dropout)
            dropped = F.dropout(x.float().flatten(1), drop.p, self.training)
            drop.p = 1.0
            logits: Tensor = self[0](drop(dropped))
            return logits

    model = Functional(nn.Linear(784, 10), nn.Dropout(0.3))
    losses, _ = backward(model)
    weight, bias = model[0].weight, model[0].bias
    assert isinstance(weight, nn.Parameter)
    assert weight.grad is not None
    assert not weight.grad.any(), "all values were left out"
    assert isinstance(bias, nn.Parameter)
    torch.testing.assert_close(
        losses, F.cross_entropy(bias.expand(64, 10), LABELS, reduction="none").detach()
    )


@pytest.mark.parametrize("kind", [nn.Dropout, nn.Dropout2d])
def test_dropout_leaves_out_its_part_and_differs_between_shards_and_steps(
    kind: type[nn.Module],
) -> None:
    model = nn.Sequential(kind(0.25), nn.Flatten(), nn.Linear(784, 10))
    seen: list[Tensor] = []

    def look(network: nn.Module, indices: Int[Tensor, " n"], first: int) -> Judged:
        assert isinstance(network, nn.Sequential)
        seen.append(network[0](torch.ones(len(indices), 500, 2, 2)))
        logits = network[1:](IMAGES[indices].float())
        return F.cross_entropy(logits, LABELS[indices], reduction="none"), logits.argmax(1) == 0

    for step in (0, 1, 0):
        Shards(model, CPU, seed=0).backward(torch.arange(64), look, epoch=1, step=step)
    values = torch.stack(seen)
    assert values.unique().tolist() == pytest.approx([0, 4 / 3])
    assert float((values == 0).float().mean()) == pytest.approx(0.25, abs=0.01)
    assert bool((values.std(dim=(3, 4)) == 0).all()) == (kind is nn.Dropout2d)
    assert not torch.equal(seen[0], seen[1]), "another shard"
    assert not torch.equal(seen[0], seen[2]), "another step"
    assert torch.equal(seen[0], seen[4]), "the same place"


class Noisy(nn.Sequential):
    """Draws by itself, as only the network's author knows where, and not from the beginning."""

    def __init__(self, mean: float, std: float, **of_its_images: int) -> None:
        super().__init__(nn.Flatten(), nn.BatchNorm1d(784), nn.Linear(784, 10))
        self.num_seen = 0

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = super().forward(x.float() / 255)  # type: ignore[no-untyped-call]
        self.num_seen += self.training
        return F.dropout(logits, 0.3, self.training and self.num_seen > 3)


class Closed(nn.Module):
    """Computes by a function that holds on to the network itself, also in a copy."""

    def __init__(self, mean: float, std: float, **of_its_images: int) -> None:
        super().__init__()
        self.norm, self.linear = nn.BatchNorm1d(784), nn.Linear(784, 10)
        self.block: Callable[[Tensor], Tensor] = lambda x: self.linear(
            self.norm(x.float().flatten(1))
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.block(x)


class Seeded(nn.Sequential):
    """Draws from a generator of its own."""

    def __init__(self, mean: float, std: float, **of_its_images: int) -> None:
        super().__init__(nn.Flatten(), nn.Linear(784, 10))
        self.generator = torch.Generator().manual_seed(0)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = super().forward(x.float() / 255)  # type: ignore[no-untyped-call]
        return logits + torch.rand(len(logits), 1, generator=self.generator)


class Remembering(nn.Sequential):
    """Keeps what it computed, so it can't be copied."""

    def __init__(self, mean: float, std: float, **of_its_images: int) -> None:
        super().__init__(nn.Flatten(), nn.Linear(784, 10))
        self.logits = self[1](torch.zeros(1, 784)) + 1

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = super().forward(x.float() / 255)  # type: ignore[no-untyped-call]
        self.logits = logits
        return logits


@pytest.mark.usefixtures("with_blobs", "two_threads")
@pytest.mark.parametrize(
    "overrides",
    [
        {},
        {"network": "classic", "precision": "bfloat16", "shift_pixels": 2.0},
        {"network": "noisy"},
        {"network": "remembering"},
        {"network": "closed"},
        {"network": "seeded"},
    ],
    ids=["statistics", "dropout", "draws by itself", "no copies", "reaches itself", "generator"],
)
def test_the_number_of_threads_changes_no_bit_of_what_shards_compute(
    tmp_path: Path, overrides: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    own = {"noisy": Noisy, "remembering": Remembering, "closed": Closed, "seeded": Seeded}
    for name, kind in own.items():
        monkeypatch.setitem(NETWORKS, name, kind)
    recipe, found = RECIPE.override(**overrides), []
    for name, num_threads in (("one", 1), ("two", 2), ("again", 2)):
        torch.set_num_threads(num_threads)
        run = train(recipe, out=tmp_path / name, progress=Silent())
        assert torch.get_num_threads() == num_threads, "as it was"
        found.append((run.model_path.read_bytes(), run.summary["test"]))
    assert found[1] == found[2]
    # Without copies, threads share each operation, and how many there are may decide its last bit.
    assert found[0] == found[1] or recipe.network in ("remembering", "closed", "seeded")


def test_a_network_that_reaches_itself_is_trained_as_one_shard() -> None:
    torch.manual_seed(0)
    model = Closed(0.1, 0.3)
    plain = copy.deepcopy(model)
    plain.block = lambda x: plain.linear(plain.norm(x.float().flatten(1)))
    shards = Shards(model, CPU, seed=0)
    for step in range(2):
        indices = torch.arange(32 * step, 32 * (step + 1))
        shards.backward(indices, judge, epoch=1, step=step)
        plain.zero_grad()
        judge(plain, indices, 0)[0].mean().backward()
        for ours, theirs in zip(model.parameters(), plain.parameters(), strict=True):
            torch.testing.assert_close(ours.grad, theirs.grad)
    shards.average_statistics()
    for mine, its in zip(model.buffers(), plain.buffers(), strict=True):
        torch.testing.assert_close(mine, its)


@pytest.mark.usefixtures("two_threads")
@pytest.mark.parametrize("failing", [0, 32], ids=["this thread's shard", "the other's"])
def test_what_fails_in_a_shard_is_raised_once_no_shard_goes_on(failing: int) -> None:
    ended = []

    def fail(model: nn.Module, indices: Int[Tensor, " n"], first: int) -> Judged:
        if first == failing:
            raise KeyboardInterrupt
        judged = judge(model, indices, first)
        ended.append(first)
        return judged

    shards = Shards(build_model("compact", mean=0.1, std=0.3), CPU, seed=0)
    with pytest.raises(KeyboardInterrupt):
        shards.backward(torch.arange(64), fail, epoch=1, step=0)
    assert ended == [32 - failing]
    assert torch.get_num_threads() == 2


def test_a_replica_follows_the_networks_weights(blob_set: DataSet) -> None:
    trainer = Trainer(RECIPE, blob_set, CPU)
    for _ in range(2):
        trainer.advance()
    other = Trainer(RECIPE.override(seed=1), blob_set, CPU)
    other.load_state_dict(copy.deepcopy(trainer.state_dict()))
    for each in (trainer, other):
        each.advance()
    for mine, its in zip(trainer.model.parameters(), other.model.parameters(), strict=True):
        assert torch.equal(mine, its)
    statistics = (each.shards.state_dict() for each in (trainer, other))
    for ours, theirs in zip(*map(chain.from_iterable, statistics), strict=True):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize(
    ("overrides", "kind"),
    [
        ({"learning_rate": 0.1}, partial(torch.optim.Adam, lr=0.1)),
        ({"weight_decay": 0.1}, partial(torch.optim.AdamW, lr=1e-3, weight_decay=0.1)),
        ({"optimizer": "sgd"}, partial(torch.optim.SGD, lr=1e-3, momentum=0.9, nesterov=True)),
    ],
)
def test_the_optimizer_moves_as_torchs_own(
    overrides: dict[str, Any], kind: Callable[..., torch.optim.Optimizer]
) -> None:
    ours, theirs = nn.Linear(3, 2), nn.Linear(3, 2)
    theirs.load_state_dict(ours.state_dict())
    optimizers = build_optimizer(RECIPE.override(**overrides), ours), kind(theirs.parameters())
    for _ in range(3):
        for layer, optimizer in zip((ours, theirs), optimizers, strict=True):
            optimizer.zero_grad()
            layer(torch.eye(3)).square().sum().backward()
            optimizer.step()
    torch.testing.assert_close(ours.weight, theirs.weight)


def test_training_does_not_load_torchs_compiler() -> None:
    """Loading it takes as long as the quickest recipe trains."""
    program = """
import sys, torch
from digits.data import DataSet, Split
from digits.hardware import seeded
from digits.recipe import Recipe
from digits.training.trainer import Trainer
from tests.training.test_training import Silent

split = Split("train", torch.zeros(40, 28, 28, dtype=torch.uint8), torch.arange(40) % 10)
recipe = Recipe(name="a", network="balanced", epochs=1, batch_size=32, validation_size=0, mean=0.1,
                std=0.3, precision="float32", schedule="one_cycle")
with seeded(0, torch.device("cpu")):
    trainer = Trainer(recipe, DataSet("mnist", split, split, "here"), torch.device("cpu"))
    while not trainer.is_epoch_over:
        trainer.advance()
    trainer.load_state_dict(trainer.state_dict())
print("torch._dynamo" in sys.modules)
"""
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
