"""What happens inside a network: its filters, the maps it makes of a digit, what moves its answer.

Works for any network whose convolutions are `nn.Conv2d`, and leaves it as it was: the same mode,
no hooks, no gradients on its parameters.
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
    """What one stage of a network, a convolution and what follows it, makes of an image."""

    layers: tuple[str, ...]
    """Names of the stage's layers, in the order in which they ran: ("conv2", "pool", "relu2")."""
    maps: Float[Tensor, "channels h w"]
    """Output of the last of them, on the CPU."""


def first_filters(model: nn.Module) -> Float[Tensor, "filters channels h w"]:
    """The weights of the first convolution, on the CPU.

    Raises:
        InvalidInput: If the network has no `nn.Conv2d`.
    """
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d):
            return layer.weight.detach().float().cpu().clone()
    raise InvalidInput(_no_convolution(model))


def feature_maps(model: nn.Module, image: Num[Tensor, "h w"]) -> list[FeatureMaps]:
    """Follow one image through the convolutions of a network.

    Args:
        model: Takes raw pixels (n, 1, h, w).
        image: Raw pixels, 0 to 255. (h, w)

    Returns:
        A record for each convolution, in the order in which they ran. It holds the maps as the
        next convolution gets them: after activation and pooling, where these are layers.

    Raises:
        InvalidInput: If the network has no `nn.Conv2d`.
    """
    stages: list[FeatureMaps] = []

    def record(layer: nn.Module, inputs: object, output: object, *, name: str) -> None:
        if not isinstance(output, Tensor) or output.ndim != 4:
            return
        # A copy: the next layer may work in place, as ReLU does here.
        maps = output[0].detach().float().cpu().clone()
        if isinstance(layer, nn.Conv2d):
            stages.append(FeatureMaps((name,), maps))
        elif stages:
            stages[-1] = FeatureMaps((*stages[-1].layers, name), maps)

    leaves = [(name, layer) for name, layer in model.named_modules() if not any(layer.children())]
    hooks = [layer.register_forward_hook(partial(record, name=name)) for name, layer in leaves]
    try:
        with _evaluating(model), torch.no_grad():
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
    """How much the winning logit changes with each pixel: its gradient.

    The gradient of one picture is grainy. Averaged over noisy copies it shows what it has in
    common in the neighbourhood of the picture (SmoothGrad).

    Args:
        model: Raw pixels (n, 1, h, w) to logits (n, classes).
        images: Raw pixels, 0 to 255. (n, h, w)
        num_samples: Copies to average over, at least 1.
        noise: Standard deviation of what is added to each copy, in pixel values; 0 adds nothing.
        seed: Of the noise.

    Returns:
        Logits a pixel value, signed, on the CPU. The winner is that of the picture without
        noise. (n, h, w)

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
    with _evaluating(model), torch.enable_grad():
        winners = model(pixels.to(device)).argmax(dim=1, keepdim=True)
        for _ in range(num_samples):
            noisy = pixels + noise * torch.randn(pixels.shape, generator=generator)
            copies = noisy.to(device).requires_grad_()
            # An image's logits depend on that image only, so one sum gives every gradient.
            scores = model(copies).gather(1, winners).sum()
            total += torch.autograd.grad(scores, copies)[0].cpu()
    return total[:, 0] / num_samples


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    """Put a network in evaluation mode for a while; afterwards each layer is in its own again."""
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
