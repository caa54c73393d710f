"""Inspection of a network: its first filters, feature maps, and saliency maps (SmoothGrad).

The functions work for any network whose convolutions are `nn.Conv2d`. They leave the network
unchanged: each layer in its own mode, no hooks, no gradients on the parameters.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Float, Num
from torch import Tensor, nn

from digits.errors import InvalidInput


@dataclass(frozen=True)
class FeatureMaps:
    """Feature maps of one image behind one stage: a convolution and the layers that follow it."""

    layers: tuple[str, ...]
    """Names of the stage's layers in the order in which they ran: ("conv2", "pool", "relu2")."""
    maps: Float[Tensor, "channels h w"]
    """Output of the stage's last layer, on the CPU."""


def first_filters(model: nn.Module) -> Float[Tensor, "filters channels h w"]:
    """Copy the weights of a network's first convolution.

    Args:
        model: The network to inspect.

    Returns:
        The weights, on the CPU. (filters, channels, h, w)

    Raises:
        InvalidInput: If the network has no `nn.Conv2d`.
    """
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d):
            return layer.weight.detach().float().cpu().clone()
    raise InvalidInput(_no_convolution(model))


def feature_maps(model: nn.Module, image: Num[Tensor, "h w"]) -> list[FeatureMaps]:
    """Record the feature maps of one image behind each convolution.

    Args:
        model: A network that takes raw pixels (n, 1, h, w).
        image: Raw pixels, 0 to 255. (h, w)

    Returns:
        One record for each convolution, in the order in which they ran. It holds the maps that
        the next convolution receives: after activation and pooling, where these are layers.

    Raises:
        InvalidInput: If the network has no `nn.Conv2d`.
    """
    stages: list[FeatureMaps] = []

    def record(layer: nn.Module, inputs: object, output: object, *, name: str) -> None:
        if not isinstance(output, Tensor) or output.ndim != 4:
            return
        # Copied because the next layer may work in place, as ReLU does here.
        maps = output[0].detach().float().cpu().clone()
        if isinstance(layer, nn.Conv2d):
            stages.append(FeatureMaps((name,), maps))
        elif stages:
            stages[-1] = FeatureMaps((*stages[-1].layers, name), maps)

    leaves = [(name, layer) for name, layer in model.named_modules() if not any(layer.children())]
    hooks = [layer.register_forward_hook(partial(record, name=name)) for name, layer in leaves]
    try:
        with _evaluation_mode(model), torch.no_grad():
            model(image[None, None].to(_device(model)))
    finally:
        for hook in hooks:
            hook.remove()
    if not stages:
        raise InvalidInput(_no_convolution(model))
    return stages


def saliency(
    model: nn.Module,
    images: Num[Tensor, "n h w"],
    *,
    num_samples: int = 1,
    noise: float = 0.0,
    seed: int = 0,
) -> Float[Tensor, "n h w"]:
    """Compute saliency maps: the gradient of the predicted class's logit by each pixel.

    The gradient of a single image is grainy. SmoothGrad averages it over noisy copies of the
    image, which keeps what the neighbourhood of the image has in common.

    Args:
        model: Maps raw pixels (n, 1, h, w) to logits (n, classes).
        images: Raw pixels, 0 to 255. (n, h, w)
        num_samples: Number of noisy copies to average over, at least 1.
        noise: Standard deviation of the Gaussian noise in each copy, in pixel values; 0 adds none.
        seed: Seed of the noise.

    Returns:
        Signed gradients in logits per pixel value, on the CPU. The class is the one predicted
        for the image without noise. (n, h, w)

    Raises:
        InvalidInput: If num_samples < 1.

    Source: Simonyan et al. 2014, arXiv:1312.6034; Smilkov et al. 2017, arXiv:1706.03825.
    """
    if num_samples < 1:
        raise InvalidInput(f"num_samples: expected at least 1, found {num_samples}.")
    generator = torch.Generator().manual_seed(seed)
    device = _device(model)
    pixels = images[:, None].float().cpu()  # (n, 1, h, w)
    total = torch.zeros_like(pixels)
    with _evaluation_mode(model), torch.enable_grad():
        winners = model(pixels.to(device)).argmax(dim=1, keepdim=True)
        for _ in range(num_samples):
            noisy = pixels + noise * torch.randn(pixels.shape, generator=generator)
            copies = noisy.to(device).requires_grad_()
            # Each image's logits depend on that image alone, so one sum gives every gradient.
            scores = model(copies).gather(1, winners).sum()
            total += torch.autograd.grad(scores, copies)[0].cpu()
    return total[:, 0] / num_samples


@contextmanager
def _evaluation_mode(model: nn.Module) -> Iterator[None]:
    """Put a network in evaluation mode, and restore each layer's mode on exit."""
    was_training = {layer: layer.training for layer in model.modules()}
    model.eval()
    try:
        yield
    finally:
        for layer, mode in was_training.items():
            layer.training = mode


def _device(model: nn.Module) -> torch.device:
    return next((p.device for p in model.parameters()), torch.device("cpu"))


def _no_convolution(model: nn.Module) -> str:
    return f"Expected a network with nn.Conv2d layers, found none in {type(model).__name__}."
