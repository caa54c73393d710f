"""Weights of the guides' own networks are read as the network of digits that they fit."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import digits
from digits.data import DataSet
from digits.errors import InvalidInput
from digits.models import NETWORKS, build_model, reads_lines
from digits.models.foreign import fit_network, from_state_dict, read_state_dict
from digits.run import Run


class StepByStep(nn.Module):
    """The network of the step-by-step guide, with its logarithm of the softmax."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 32, 3, 1), nn.Conv2d(32, 64, 3, 1)
        self.dropout1, self.dropout2 = nn.Dropout2d(0.25), nn.Dropout2d(0.5)
        self.fc1, self.fc2 = nn.Linear(9216, 128), nn.Linear(128, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.conv2(F.relu(self.conv1(x)))), 2)
        x = F.relu(self.fc1(torch.flatten(self.dropout1(x), 1)))
        return F.log_softmax(self.fc2(x), dim=1)


class Deep(nn.Module):
    """The network of the deep guide, its linear layers named first."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(4096, 50), nn.Linear(50, 10)
        self.conv1, self.conv2 = nn.Conv2d(1, 32, 3), nn.Conv2d(32, 64, 3)
        self.conv3, self.conv4 = nn.Conv2d(64, 128, 3), nn.Conv2d(128, 256, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.conv2(F.relu(self.conv1(x)))), 2)
        x = F.max_pool2d(F.relu(self.conv4(F.relu(self.conv3(x)))), 2)
        return F.log_softmax(self.fc2(F.relu(self.fc1(x.flatten(1)))), dim=1)


def compact() -> nn.Sequential:
    """The network of the compact guide, whose layers have numbers for names."""
    convolutions = nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3), nn.ReLU()
    linear = nn.Flatten(), nn.Linear(1600, 64), nn.ReLU(), nn.Linear(64, 10)
    return nn.Sequential(*convolutions, nn.MaxPool2d(2), *linear)


GUIDES: dict[str, Callable[[], nn.Module]] = {
    "classic": StepByStep,
    "deep": Deep,
    "compact": compact,
}


@pytest.mark.parametrize("network", GUIDES)
@pytest.mark.parametrize(("mean", "std"), [(0.5, 0.5), (0.1307, 0.3081)])
def test_logits_are_those_of_the_guide_s_own_class(
    network: str, mean: float, std: float, tmp_path: Path
) -> None:
    torch.manual_seed(1)
    theirs = GUIDES[network]().eval()
    torch.save(theirs.state_dict(), tmp_path / "net.pt")
    ours = digits.from_state_dict(tmp_path / "net.pt", mean=mean, std=std)
    assert type(ours) is NETWORKS[network]
    pixels = torch.randint(0, 256, (20, 1, 28, 28), dtype=torch.uint8)
    with torch.no_grad():
        expected = theirs((pixels.float() / 255 - mean) / std)
        logits = ours(pixels)
    if network != "compact":  # whose logits are the outputs
        logits = logits.log_softmax(dim=1)
    torch.testing.assert_close(logits, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("network", sorted(n for n in NETWORKS if not reads_lines(n)))
def test_the_weights_of_every_network_of_ours_bring_their_normalisation(network: str) -> None:
    model = build_model(network, mean=0.2, std=0.4).eval()
    loaded = from_state_dict(model.state_dict())
    pixels = torch.randint(0, 256, (3, 1, 28, 28), dtype=torch.uint8)
    with torch.no_grad():
        assert torch.equal(loaded(pixels), model(pixels))
    with pytest.raises(InvalidInput, match=r"mean: expected 0\.2, as the weights have it, found"):
        from_state_dict(model.state_dict(), mean=0.5, std=0.4)


def test_drawing_throwaway_weights_leaves_the_generator_alone() -> None:
    weights = StepByStep().state_dict()
    before = torch.get_rng_state()
    from_state_dict(weights, mean=0.5, std=0.5)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("wrap", [lambda w: {"epoch": 3, "model_state_dict": w}, lambda w: w])
def test_checkpoints_and_wrapped_networks_are_taken(
    wrap: Callable[[dict[str, Tensor]], dict[str, Any]], tmp_path: Path
) -> None:
    weights = {f"module.{name}": t for name, t in StepByStep().state_dict().items()}
    torch.save(wrap(weights), tmp_path / "net.pt")
    fit = fit_network(read_state_dict(tmp_path / "net.pt"), mean=0.5, std=0.5)
    assert (fit.network, fit.tensors["fc1.weight"]) == ("classic", "module.fc1.weight")


def padded() -> dict[str, Tensor]:
    """Weights of the step-by-step guide, but that its convolutions have padding."""
    return {**StepByStep().state_dict(), "fc1.weight": torch.zeros(128, 64 * 14 * 14)}


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (
            padded(),
            "No network fits these weights; the nearest is 'classic', with fc1.weight (128, 9216), "
            "where the weights have fc1.weight (128, 12544).",
        ),
        (
            dict([*compact().state_dict().items()][:-2]),
            "the nearest is 'compact', with fc2.weight (10, 64), where the weights have nothing "
            "more.",
        ),
        ({"weight": torch.zeros(7, 1, 3, 3)}, "where the weights have weight (7, 1, 3, 3)."),
        (
            StepByStep().state_dict(),
            "The weights fit 'classic'; expected the mean and the standard",
        ),
        ({}, "expected a state_dict, as torch.save(model.state_dict(), …) writes, found dict."),
        ({"epoch": 3}, "expected tensors by name, found int for 'epoch'."),
        ({"w": torch.tensor([float("nan")])}, "expected finite numbers, found others in w."),
    ],
)
def test_what_does_not_fit_is_told(weights: dict[str, Any], message: str, unchecked: None) -> None:
    with pytest.raises(InvalidInput, match=re.escape(message)):
        from_state_dict(weights)


class Code:
    """What a file may hold that runs code when it is loaded."""

    ran = False

    def __reduce__(self) -> Any:
        return setattr, (Code, "ran", True)


def test_loading_executes_nothing(tmp_path: Path) -> None:
    torch.save({"conv1.weight": Code()}, tmp_path / "code.pt")
    torch.save(StepByStep(), tmp_path / "whole.pt")
    (tmp_path / "text.pt").write_text("no weights")
    torch.save(StepByStep().state_dict(), tmp_path / "net.pt")
    content = bytearray((tmp_path / "net.pt").read_bytes())
    (tmp_path / "cut.pt").write_bytes(content[:5000])
    content[len(content) // 2] ^= 1
    (tmp_path / "flipped.pt").write_bytes(content)
    for name in ("code", "whole", "text"):
        with pytest.raises(InvalidInput, match="expected weights alone, found what only code can"):
            from_state_dict(tmp_path / f"{name}.pt", mean=0.5, std=0.5)
    assert not Code.ran
    for name in ("cut", "flipped"):
        with pytest.raises(InvalidInput, match=r"file of torch\.save, found a damaged one"):
            from_state_dict(tmp_path / f"{name}.pt", mean=0.5, std=0.5)
    with pytest.raises(InvalidInput, match=r"none\.pt: there is no such file"):
        from_state_dict(tmp_path / "none.pt", mean=0.5, std=0.5)


def test_an_imported_run_is_measured_exported_and_read_with(
    blob_set: DataSet,
    export_with_blobs: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    call: Callable[..., tuple[int, str, str]],
) -> None:
    monkeypatch.setattr("digits.importing.load", lambda name: blob_set)
    torch.manual_seed(0)
    theirs = compact()
    images = (blob_set.train.images[:, None].float() / 255 - 0.5) / 0.5
    optimizer = torch.optim.Adam(theirs.parameters(), lr=1e-3)
    for first in range(0, 600, 50):
        batch = slice(first, first + 50)
        loss = F.cross_entropy(theirs(images[batch]), blob_set.train.labels[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    weights, out = tmp_path / "net.pt", tmp_path / "run"
    torch.save(theirs.state_dict(), weights)
    normalised = ("--mean", "0.5", "--std", "0.5")
    status, output, errors = call("import", str(weights), "--out", str(out), *normalised)
    assert (status, errors) == (0, "")
    assert "  3.weight (64, 32, 3, 3) → conv2.weight\n" in output

    run = Run(out)
    assert run.is_finished
    accuracy = run.summary["test"]["accuracy"]
    assert accuracy > 0.9
    assert digits.evaluate(run, blob_set.test).accuracy == accuracy
    assert f"test accuracy  {accuracy:.2%}" in output
    assert run.recipe.network == "compact"
    assert run.summary["imported"]["tensors"]["fc2.bias"] == "9.bias"
    assert 0.05 < run.summary["temperature"] < 20
    assert not run.history
    status, output, _ = call("export", str(out), "--json")
    assert status == 0
    glyphs = blob_set.test.images[:5].numpy()
    read = digits.Reader(json.loads(output)["path"], threshold=0).classify(glyphs)
    assert [digit.label for digit in read] == blob_set.test.labels[:5].tolist()

    status, _, errors = call("import", str(weights), "--out", str(out), *normalised)
    assert status == 2
    assert "exists already" in errors
    status, _, errors = call("import", str(weights), "--out", str(tmp_path / "other"))
    assert status == 2
    assert errors.count("\n") == 1
    assert not (tmp_path / "other").exists()
