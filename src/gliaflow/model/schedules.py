"""What is decided between epochs, as plain state that a checkpoint can carry: the best, when to stop, the rate."""

import math
from dataclasses import dataclass


@dataclass
class Best:
    """The best epoch so far; `waited` epochs have brought nothing better since, as Keras' EarlyStopping counts."""

    higher: bool
    value: float | None = None
    epoch: int = 0
    waited: int = 0

    def update(self, epoch: int, value: float) -> bool:
        """Whether `value` is the best so far. A NaN, nothing to choose by, is as good as any."""
        better = (
            self.value is None or math.isnan(self.value) or (value > self.value if self.higher else value < self.value)
        )
        if better:
            self.value, self.epoch, self.waited = value, epoch, 0
        else:
            self.waited += 1
        return better


@dataclass
class Plateau:
    """Lowers the learning rate after `patience` epochs without a lower loss, as Keras' ReduceLROnPlateau does."""

    patience: int
    factor: float
    least: float
    min_delta: float = 1e-4
    best: float = math.inf
    waited: int = 0

    def update(self, loss: float, rate: float) -> float:
        """The learning rate of the next epoch, after an epoch with this loss and rate."""
        if loss < self.best - self.min_delta:
            self.best, self.waited = loss, 0
            return rate
        self.waited += 1
        if self.waited >= self.patience and rate > self.least:
            self.waited = 0
            return max(rate * self.factor, self.least)
        return rate
