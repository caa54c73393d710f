"""Time `classic` against document 000 as written, epoch by epoch in turn, on all 60,000 images.

    python benchmarks/train_speed.py --seeds 3 --epochs 5

Both have the same network, batch size (64), optimizer (Adam) and number of epochs. The document's
way reads each image as a picture, makes a tensor of it and normalises it, and computes in float32.
torchvision's three transforms are written out here, so that it is not needed. Prints a line an
epoch, then medians with their range, and keeps all in results/train_speed.json.
"""

import argparse
import json
import statistics
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

import digits
from digits.data import Split
from digits.evaluation import predict
from digits.files import write_atomic
from digits.hardware import (
    describe_machine,
    describe_versions,
    find_commit,
    seeded,
    select_device,
    select_precision,
)
from digits.metrics import compute_metrics
from digits.trainer import Trainer

RESULT = Path(__file__).parent / "results" / "train_speed.json"
CPU = torch.device("cpu")


class DocumentNet(nn.Module):
    """The network of document 000, with its log-softmax and its two-dimensional dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, 3, 1)
        self.conv2 = nn.Conv2d(32, 64, 3, 1)
        self.dropout1 = nn.Dropout2d(0.25)
        self.dropout2 = nn.Dropout2d(0.5)
        self.fc1 = nn.Linear(9216, 128)
        self.fc2 = nn.Linear(128, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.conv1(x))
        x = F.relu(self.conv2(x))
        x = F.max_pool2d(x, 2)
        x = self.dropout1(x)
        x = torch.flatten(x, 1)
        x = F.relu(self.fc1(x))
        x = self.dropout2(x)
        return F.log_softmax(self.fc2(x), dim=1)


class PictureDataset(Dataset[tuple[Tensor, int]]):
    """One image at a time: picture, tensor, normalised, as torchvision's MNIST does it."""

    def __init__(self, split: Split) -> None:
        self.images, self.labels = split.images, split.labels

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        picture = Image.fromarray(self.images[index].numpy(), mode=None)
        pixels = torch.from_numpy(np.array(picture, np.uint8, copy=True))
        image = pixels.view(28, 28, 1).permute(2, 0, 1).contiguous().float().div(255)
        return image.clone().sub_(0.5).div_(0.5), int(self.labels[index])


def document_epoch(net: DocumentNet, optimizer: torch.optim.Optimizer, loader: Any) -> float:
    """Train one epoch as the document does. Returns seconds."""
    criterion = nn.CrossEntropyLoss()
    started = time.perf_counter()
    for inputs, labels in loader:
        optimizer.zero_grad()
        loss = criterion(net(inputs), labels)
        loss.backward()
        optimizer.step()
        loss.item()
    return time.perf_counter() - started


def document_accuracy(net: DocumentNet, test: Split) -> dict[str, float]:
    """On the test set: as the document measures, with dropout on, and as it should be."""
    loader = DataLoader(PictureDataset(test), batch_size=64)
    right = {}
    with torch.no_grad():
        for name, is_training in (("as_written", True), ("eval_mode", False)):
            net.train(is_training)
            right[name] = sum(int((net(x).argmax(dim=1) == y).sum()) for x, y in loader)
    return {name: count / len(test) for name, count in right.items()}


def compare(seed: int, num_epochs: int, mnist: digits.DigitSet) -> dict[str, Any]:
    """Train both ways with one seed, an epoch each in turn."""
    torch.manual_seed(seed)
    net = DocumentNet().train()
    adam = torch.optim.Adam(net.parameters(), lr=0.001)
    loader = DataLoader(PictureDataset(mnist.train), batch_size=64, shuffle=True)
    recipe = digits.load_recipe("classic").override(
        seed=seed,
        epochs=num_epochs,
        validation_size=0,
        precision=select_precision("auto", select_device("cpu")),
    )
    with seeded(seed, CPU):
        trainer = Trainer(recipe, mnist, CPU)
    times: dict[str, list[float]] = {"document": [], "classic": []}
    for epoch in range(1, num_epochs + 1):
        times["document"].append(document_epoch(net, adam, loader))
        while not trainer.is_epoch_over:
            trainer.advance()
        times["classic"].append(trainer.end_epoch().seconds)
        print(
            f"seed {seed}  epoch {epoch}/{num_epochs}  document {times['document'][-1]:.1f} s  "
            f"classic {times['classic'][-1]:.1f} s  "
            f"ratio {times['document'][-1] / times['classic'][-1]:.2f}",
            flush=True,
        )
    logits = predict(
        trainer.model, mnist.test.images, device="cpu", precision=trainer.recipe.precision
    )
    accuracy = {
        "document": document_accuracy(net, mnist.test),
        "classic": compute_metrics(logits, mnist.test.labels).accuracy,
    }
    print(f"seed {seed}  test accuracy {accuracy}", flush=True)
    return {
        "seed": seed,
        "precision": trainer.recipe.precision,
        "epoch_seconds": {way: [round(t, 2) for t in each] for way, each in times.items()},
        "test_accuracy": accuracy,
    }


def spread(values: list[float]) -> dict[str, float]:
    """Median and range."""
    return {
        "median": round(statistics.median(values), 3),
        "min": round(min(values), 3),
        "max": round(max(values), 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=5)
    arguments = parser.parse_args()
    # The document's second dropout warns at each step.
    warnings.filterwarnings("ignore", message="dropout2d: Received a 2-D input")
    mnist = digits.load("mnist")
    seeds = [compare(seed, arguments.epochs, mnist) for seed in range(arguments.seeds)]

    seconds = {
        way: [t for seed in seeds for t in seed["epoch_seconds"][way]]
        for way in ("document", "classic")
    }
    pairs = zip(seconds["document"], seconds["classic"], strict=True)
    accuracy = {
        "document_as_written": [s["test_accuracy"]["document"]["as_written"] for s in seeds],
        "document": [s["test_accuracy"]["document"]["eval_mode"] for s in seeds],
        "classic": [s["test_accuracy"]["classic"] for s in seeds],
    }
    result = {
        "seconds_an_epoch": {way: spread(each) for way, each in seconds.items()},
        "images_per_second": {
            way: spread([len(mnist.train) / t for t in each]) for way, each in seconds.items()
        },
        "times_faster": spread([slow / fast for slow, fast in pairs]),
        "test_accuracy_mean": {way: statistics.mean(each) for way, each in accuracy.items()},
        "seeds": seeds,
        "machine": describe_machine(),
        "versions": describe_versions(),
        "commit": find_commit(),
    }
    write_atomic(RESULT, (json.dumps(result, indent=2) + "\n").encode())
    for name in ("seconds_an_epoch", "images_per_second", "times_faster", "test_accuracy_mean"):
        print(f"{name}: {result[name]}")
    print(f"→ {RESULT}")


if __name__ == "__main__":
    main()
