"""Baseline: the step-by-step guide's training loop as it is written there.

Images are converted one at a time, to a PIL image and a normalised tensor; batches of 64 in
float32, Adam at 1e-3. The transforms of torchvision (ToTensor, Normalize) are written out here, so
that it need not be installed.
"""

import warnings
from itertools import islice

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from digits.data import Split

EPOCHS = 5
BATCH_SIZE = 64


class GuideNet(nn.Module):
    """Network of the step-by-step guide, with its log-softmax and its two-dimensional dropout."""

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
    """Data set that converts and normalises an image at a time, as torchvision's MNIST does."""

    def __init__(self, split: Split) -> None:
        self.images, self.labels = split.images, split.labels

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        picture = Image.fromarray(self.images[index].numpy(), mode=None)
        pixels = torch.from_numpy(np.array(picture, np.uint8, copy=True))
        image = pixels.view(28, 28, 1).permute(2, 0, 1).contiguous().float().div(255)
        return image.clone().sub_(0.5).div_(0.5), int(self.labels[index])


class Guide:
    """The guide's network, optimizer and loop."""

    def __init__(self, split: Split, seed: int) -> None:
        # The guide's second dropout emits a warning at each step.
        warnings.filterwarnings("ignore", message="dropout2d: Received a 2-D input")
        torch.manual_seed(seed)
        self.net = GuideNet().train()
        self.optimizer = torch.optim.Adam(self.net.parameters(), lr=0.001)
        self.loader = DataLoader(PictureDataset(split), batch_size=BATCH_SIZE, shuffle=True)

    def train(self, num_steps: int | None = None) -> None:
        """Train for one epoch, or its first steps."""
        criterion = nn.CrossEntropyLoss()
        for inputs, labels in islice(self.loader, num_steps):
            self.optimizer.zero_grad()
            loss = criterion(self.net(inputs), labels)
            loss.backward()
            self.optimizer.step()
            loss.item()

    def accuracy(self, test: Split) -> dict[str, float]:
        """Measure test accuracy without dropout, and with it, as the guide does."""
        loader = DataLoader(PictureDataset(test), batch_size=BATCH_SIZE)
        right = {}
        with torch.no_grad():
            for name, is_training in (("eval_mode", False), ("as_written", True)):
                self.net.train(is_training)
                right[name] = sum(int((self.net(x).argmax(dim=1) == y).sum()) for x, y in loader)
        return {name: count / len(test) for name, count in right.items()}
