"""A moving average of the weights over the steps of training, which generalises better than the last weights do."""

from collections.abc import Sequence

import keras
import numpy as np

HEAD_START = 10  # steps: the first ones are averaged over a time that grows with them


class Averages:
    """The exponential moving average of a model's trainable weights (Izmailov et al. 2018; Tarvainen and Valpola 2017).

    After t steps the average keeps the share min(`momentum`, (1 + t) / (10 + t)) of itself: so it forgets the untrained
    weights soon, and a training of few steps has an average worth keeping, too. (Keras' own optimizers start with the
    full momentum, and put the averages in the place of the weights after each `fit`.)

    values : float32, one array a trainable variable
    steps  : so many have been averaged
    """

    def __init__(self, model: keras.Model, momentum: float) -> None:
        self.model, self.momentum = model, momentum
        self.values: list[np.ndarray] = self._current()
        self.steps = 0

    def update(self) -> None:
        """Take the weights as they are after one more step."""
        kept = np.float32(min(self.momentum, (1 + self.steps) / (HEAD_START + self.steps)))
        for average, weight in zip(self.values, self._current(), strict=True):
            average += (1 - kept) * (weight - average)
        self.steps += 1

    def restore(self, values: Sequence[np.ndarray], steps: int) -> None:
        """Go on from averages of earlier steps."""
        self.values, self.steps = [np.array(value) for value in values], steps

    def weights(self) -> list[np.ndarray]:
        """All weights of the model in its order, the trainable ones averaged, the others as they are."""
        places = {variable.path: place for place, variable in enumerate(self.model.weights)}
        weights = self.model.get_weights()
        for variable, average in zip(self.model.trainable_variables, self.values, strict=True):
            weights[places[variable.path]] = average.copy()
        return weights

    def _current(self) -> list[np.ndarray]:
        return [np.array(keras.ops.convert_to_numpy(variable)) for variable in self.model.trainable_variables]
