"""The recipe's network in PyTorch, to hold its training speed against: channels_last, bfloat16 autocast or float32."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from gliaflow.model.layers import AIR
from gliaflow.model.recipes import Recipe


class Block(nn.Sequential):
    """Two convolutions 3x3, each with batch normalisation (if the recipe has it) and ReLU, and dropout between."""

    def __init__(self, taken: int, filters: int, dropout: float, normalised: bool) -> None:
        layers: list[nn.Module] = []
        for channels in (taken, filters):
            layers.append(nn.Conv2d(channels, filters, 3, padding=1, bias=not normalised))
            layers += [nn.BatchNorm2d(filters)] if normalised else []
            layers.append(nn.ReLU(inplace=True))
            layers += [nn.Dropout(dropout)] if channels == taken else []
        super().__init__(*layers)


class UNet(nn.Module):
    """`gliaflow.model.unet` for pictures of (N, C, H, W), 0 to 255; gives logits (N, 1, H, W)."""

    def __init__(self, channels: int, shrink: int, folds: bool, filters: Sequence[int], recipe: Recipe) -> None:
        super().__init__()
        if recipe.standardise == "range":
            raise ValueError("The fixed range has not been written for PyTorch; measure a recipe with another one.")
        self.shrink, self.folds, self.over_head = shrink, folds, recipe.standardise == "head"
        normalised = recipe.normalise == "batch"
        entering = channels * shrink**2 if folds else channels
        down, up, lift = [], [], []
        for level, count in enumerate(filters):
            down.append(Block(entering, count, recipe.dropouts[level], normalised))
            entering = count
        for level in reversed(range(len(filters) - 1)):
            lift.append(nn.ConvTranspose2d(filters[level + 1], filters[level], 2, stride=2))
            up.append(Block(2 * filters[level], filters[level], recipe.dropouts[level], normalised))
        self.down, self.up, self.lift = nn.ModuleList(down), nn.ModuleList(up), nn.ModuleList(lift)
        self.probability = nn.Conv2d(filters[0], shrink**2 if folds else 1, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self._standardise(x)
        x = functional.pixel_unshuffle(x, self.shrink) if self.folds else functional.avg_pool2d(x, self.shrink)
        skips = []
        for block in self.down[:-1]:
            skips.append(block(x))
            x = functional.max_pool2d(skips[-1], 2)
        x = self.down[-1](x)
        for lift, block in zip(self.lift, self.up, strict=True):
            x = block(torch.cat([lift(x), skips.pop()], 1))
        x = self.probability(x)
        if self.folds:
            return functional.pixel_shuffle(x, self.shrink)
        return functional.interpolate(x, scale_factor=self.shrink, mode="bilinear")

    def _standardise(self, x: torch.Tensor) -> torch.Tensor:
        counted = (x > AIR * x.amax((2, 3), keepdim=True)).float() if self.over_head else torch.ones_like(x)
        pixels = counted.sum((2, 3), keepdim=True).clamp_min(1.0)
        mean = (x * counted).sum((2, 3), keepdim=True) / pixels
        variance = ((x - mean).square() * counted).sum((2, 3), keepdim=True) / pixels
        return (x - mean) / variance.sqrt().clamp_min(1.0)


def trainer(recipe: Recipe, size: int, channels: int, *, bfloat16: bool) -> Callable[[np.ndarray, np.ndarray], float]:
    """A function of images uint8 [N, H, W, C] and masks uint8 [N, H, W, 1] that takes a step and returns its loss.

    size : side length in pixels of whole slices, from which the recipe counts
    bfloat16 : compute under autocast, else in float32
    """
    torch.manual_seed(0)
    shrink = size // recipe.work_size
    network = UNet(channels, shrink, recipe.stem == "fold" and shrink > 1, recipe.filters, recipe)
    network = network.to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.Adam(network.parameters(), recipe.learning_rate)

    def step(images: np.ndarray, masks: np.ndarray) -> float:
        x = torch.from_numpy(images).permute(0, 3, 1, 2).float().contiguous(memory_format=torch.channels_last)
        y = torch.from_numpy(masks).permute(0, 3, 1, 2).float()
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            logits = network(x).float()
        p = torch.sigmoid(logits)
        pooled = 1 - (2 * (y * p).sum() + 1) / ((y + p).sum() + 1)
        loss = functional.binary_cross_entropy_with_logits(logits, y) + pooled
        loss.backward()
        if recipe.clip_norm is not None:
            nn.utils.clip_grad_norm_(network.parameters(), recipe.clip_norm)
        optimizer.step()
        return float(loss.detach())

    return step
