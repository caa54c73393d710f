"""Digits for tests that need no MNIST."""

import cv2
import numpy as np
import torch


def draw_digits(num: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Digits in MNIST's form, of several sizes and strokes, and their labels."""
    labels = np.arange(num) % 10
    images = np.zeros((num, 28, 28), np.uint8)
    for index, (image, label) in enumerate(zip(images, labels, strict=True)):
        place, size = (6 + index % 3, 23), 0.7 + 0.03 * (index % 4)
        cv2.putText(image, str(label), place, cv2.FONT_HERSHEY_SIMPLEX, size, 255, 1 + index % 2)
    return torch.from_numpy(images), torch.from_numpy(labels)
