"""Time `classic` against document 000 as written, epoch by epoch in turn, on all 60,000 images.

    python benchmarks/train_speed.py --seeds 3 --epochs 5

Both have the same network, batch size (64), optimizer (Adam) and number of epochs. The document's
way reads each image as a picture, makes a tensor of it and normalises it, computes in float32, and
keeps its learning rate; `classic` trains as `digits train` does, with its own schedule. The
transforms of torchvision (ToTensor, Normalize) are written out here, so that it is not needed.

Each way has a process of its own and takes turns with the other, so that neither profits from how
the other set up torch or the memory. Prints a line an epoch, then medians with their range, and
keeps all in results/train_speed.json.
"""

import argparse
import json
import multiprocessing
import statistics
import tempfile
import time
import warnings
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from rich.console import Console
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

import digits
from digits.data import Split
from digits.files import write_atomic
from digits.hardware import describe_machine, describe_versions, find_commit
from digits.progress import TrainingProgress
from digits.run import EpochRecord

RESULT = Path(__file__).parent / "results" / "train_speed.json"
NUM_IMAGES = 60_000


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


def document_accuracy(net: DocumentNet, test: Split) -> dict[str, float]:
    """On the test set: as the document measures, with dropout on, and as it should be."""
    loader = DataLoader(PictureDataset(test), batch_size=64)
    right = {}
    with torch.no_grad():
        for name, is_training in (("as_written", True), ("eval_mode", False)):
            net.train(is_training)
            right[name] = sum(int((net(x).argmax(dim=1) == y).sum()) for x, y in loader)
    return {name: count / len(test) for name, count in right.items()}


def train_document(seed: int, num_epochs: int, turns: Connection) -> None:
    """Train the document's way; send the seconds of each epoch, then the accuracy."""
    # The document's second dropout warns at each step.
    warnings.filterwarnings("ignore", message="dropout2d: Received a 2-D input")
    turns.recv()
    mnist = digits.load("mnist")
    torch.manual_seed(seed)
    net = DocumentNet().train()
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(net.parameters(), lr=0.001)
    loader = DataLoader(PictureDataset(mnist.train), batch_size=64, shuffle=True)
    for _ in range(num_epochs):
        started = time.perf_counter()
        for inputs, labels in loader:
            optimizer.zero_grad()
            loss = criterion(net(inputs), labels)
            loss.backward()
            optimizer.step()
            loss.item()
        turns.send(time.perf_counter() - started)
        turns.recv()
    turns.send(document_accuracy(net, mnist.test))


def train_classic(seed: int, num_epochs: int, turns: Connection) -> None:
    """Train as `digits train` does; send the seconds of each epoch, then the summary."""

    class Turns(TrainingProgress):
        def epoch(self, record: EpochRecord) -> None:
            turns.send(record.seconds)
            turns.recv()

    turns.recv()
    with tempfile.TemporaryDirectory() as folder:
        run = digits.train(
            "classic",
            out=Path(folder) / "run",
            device="cpu",
            progress=Turns(Console(quiet=True)),
            seed=seed,
            epochs=num_epochs,
            validation_size=0,
        )
        turns.send(run.summary)


WAYS = {"document": train_document, "classic": train_classic}


def compare(seed: int, num_epochs: int) -> dict[str, Any]:
    """Train both ways with one seed, an epoch each in turn."""
    context = multiprocessing.get_context("spawn")
    ends: dict[str, Connection] = {}
    for name, way in WAYS.items():
        ends[name], turns = context.Pipe()
        context.Process(target=way, args=(seed, num_epochs, turns), daemon=True).start()
        turns.close()  # so that a process that dies is an end of file here

    def take_turn(name: str) -> Any:
        ends[name].send("your turn")
        return ends[name].recv()

    times: dict[str, list[float]] = {name: [] for name in WAYS}
    for epoch in range(1, num_epochs + 1):
        for name in WAYS:
            times[name].append(take_turn(name))
        document, classic = times["document"][-1], times["classic"][-1]
        print(
            f"seed {seed}  epoch {epoch}/{num_epochs}  document {document:.1f} s  "
            f"classic {classic:.1f} s  ratio {document / classic:.2f}",
            flush=True,
        )
    accuracy = {"document": take_turn("document")}
    summary = take_turn("classic")
    accuracy["classic"] = summary["test"]["accuracy"]
    print(f"seed {seed}  test accuracy {accuracy}", flush=True)
    return {
        "seed": seed,
        "precision": summary["precision"],
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
    digits.load("mnist")  # once, before the clocks run
    seeds = [compare(seed, arguments.epochs) for seed in range(arguments.seeds)]
    seconds = {way: [t for seed in seeds for t in seed["epoch_seconds"][way]] for way in WAYS}
    pairs = zip(seconds["document"], seconds["classic"], strict=True)
    accuracy = {
        "document_as_written": [s["test_accuracy"]["document"]["as_written"] for s in seeds],
        "document": [s["test_accuracy"]["document"]["eval_mode"] for s in seeds],
        "classic": [s["test_accuracy"]["classic"] for s in seeds],
    }
    result = {
        "seconds_an_epoch": {way: spread(each) for way, each in seconds.items()},
        "images_per_second": {
            way: spread([NUM_IMAGES / t for t in each]) for way, each in seconds.items()
        },
        "times_faster": spread([slow / fast for slow, fast in pairs]),
        "test_accuracy_mean": {
            way: round(statistics.mean(each), 5) for way, each in accuracy.items()
        },
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
