"""The training loop: batch, loss, backward, step; callbacks do what comes beside."""

import math
import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from typing import Any

import numpy as np

from .. import ops, random
from ..nn import Module
from ..optim import Optimizer, ReduceLROnPlateau, Schedule
from ..tensor import Tensor
from .blame import check_parameters, explain_bad_loss
from .callbacks.base import Callback
from .history import Epoch, History
from .measure import Evaluation, evaluate_batches
from .state import collect, restore
from .tasks import Loss, Task, find_task


class Trainer:
    """Trains ``model`` with ``optimizer`` for a task: multiclass, binary or multilabel.

    ``loss(outputs, target)`` is the task's own if not given. ``schedule`` goes on with each batch
    (`callbacks.EpochSchedule` with each epoch). In training a model may return a tuple, with its
    logits first and those of auxiliary heads after them, if ``loss`` takes it.

    Callbacks may read ``epoch`` and ``step`` (both from 1), ``steps`` (of an epoch), ``epochs``,
    ``global_step``, ``batch`` (images and labels), ``outputs`` (the logits), ``loss_value``,
    ``history``, ``train_loader`` and ``val_loader``.
    """

    def __init__(
        self, model: Module, optimizer: Optimizer, *, task: str = "multiclass",
        loss: Loss | None = None, schedule: Schedule | None = None,
        callbacks: Sequence[Callback] = (), seed: int = 0, device: str = "cpu",
    ) -> None:  # fmt: skip
        if isinstance(schedule, ReduceLROnPlateau):
            raise TypeError(
                "Trainer: a schedule must count batches, got ReduceLROnPlateau, which needs an "
                "epoch's loss; pass callbacks=[EpochSchedule(schedule)]"
            )
        self.model, self.optimizer, self.schedule = model.to(device), optimizer, schedule
        self.task: Task = find_task(task)
        self.loss: Loss = loss or self.task.loss
        self.callbacks = sorted(callbacks, key=lambda callback: callback.order)
        self.seed, self.device = seed, device
        self.history: History = []
        self.epoch = self.step = self.steps = self.epochs = self.global_step = 0
        self.sums = Sums()
        self.finished: str | None = None  # why it ended before all epochs were done
        self.interrupted: str | None = None  # why it ends for now
        self.train_loader: Any = None
        self.val_loader: Any = None
        self.batch: tuple[np.ndarray, np.ndarray]
        self.outputs: Tensor
        self.loss_value = math.nan
        self.printer: Any = print

    @property
    def lr(self) -> float:
        """The learning rate of the first parameter group."""
        return self.optimizer.param_groups[0]["lr"]

    @property
    def inside_epoch(self) -> bool:
        """Whether an epoch has begun that is not yet measured."""
        return len(self.history) < self.epoch

    def stop(self, reason: str) -> None:
        """End the training for good after this step, or after this epoch at its last step."""
        self.finished = self.finished or reason

    def interrupt(self, reason: str) -> None:
        """End the training for now, after this step; measuring is broken off too."""
        self.interrupted = self.interrupted or reason

    def say(self, text: str) -> None:
        """Print a line, above the progress bar if there is one."""
        self.printer(text)

    def fit(self, train_loader: Any, val_loader: Any = None, epochs: int = 1) -> History:
        """Train until ``epochs`` epochs are done in all, those before a resume included.

        Raises FloatingPointError if the loss is NaN or infinite, naming epoch, step and layer, or
        if an epoch ends with such parameters; ValueError for a number of epochs below 1.
        """
        if epochs < 1:
            raise ValueError(f"fit: epochs must be at least 1, got {epochs}")
        self.train_loader, self.val_loader = train_loader, val_loader
        if self.global_step == 0:
            random.manual_seed(self.seed)
        elif self.inside_epoch and len(train_loader) != self.steps:
            raise ValueError(
                f"fit: the rest of an epoch must be of {self.steps} steps, got a loader of "
                f"{len(train_loader)}; resume with the same data and batch size"
            )
        self.epochs, self.steps = epochs, len(train_loader)
        try:
            self.call("on_fit_start")
            while not self._stopping and len(self.history) < epochs:
                self._epoch()
        finally:
            self.call("on_fit_end")
        return self.history

    def evaluate(self, loader: Any, curves: bool = True) -> Evaluation:
        """Loss and metrics on all batches of a loader, in eval mode; see `evaluate_batches`."""
        with self._for_evaluation():
            return evaluate_batches(
                self.model, self._watched(loader), self.task, self.loss, loader.dataset.classes,
                curves,
            )  # fmt: skip

    def evaluation_state(self) -> dict[str, np.ndarray]:
        """The model's state as it is measured and used; of averaged weights where there are any."""
        with self._for_evaluation():
            return self.model.state_dict()

    def state_dict(self) -> dict[str, Any]:
        """The whole state of the training, for `save_checkpoint`."""
        return collect(self)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on, bit for bit, where the training stood that gave ``state_dict``.

        Raises ValueError if this trainer is not made like that one.
        """
        restore(self, state_dict)

    @contextmanager
    def _for_evaluation(self) -> Iterator[None]:
        self.call("on_evaluate_start")
        try:
            yield
        finally:
            self.call("on_evaluate_end")

    def call(self, moment: str) -> None:
        """Let every callback do what it does at this moment."""
        for callback in self.callbacks:
            getattr(callback, moment)(self)

    @property
    def _stopping(self) -> bool:
        return bool(self.finished or self.interrupted)

    def _watched(self, batches: Iterable[Any]) -> Iterator[Any]:
        for batch in batches:
            if self.interrupted:
                raise _Interrupted
            yield batch

    def _epoch(self) -> None:
        """Train on every batch once, or on those that are left of a resumed epoch; measure."""
        start = time.perf_counter()
        if not self.inside_epoch:
            self.epoch, self.step, self.sums = self.epoch + 1, 0, Sums()
        if self.step < self.steps:
            self._train()
        if self.step == self.steps:
            check_parameters(self.model, f"epoch {self.epoch}", self.lr)
            with suppress(_Interrupted):
                result = self.val_loader and self.evaluate(self.val_loader, curves=False)
                self._close(result, time.perf_counter() - start)
                return
        self.sums.seconds += time.perf_counter() - start

    def _close(self, result: Evaluation | None, seconds: float) -> None:
        """Add the epoch to the history."""
        self.history.append(Epoch(
            self.epoch, *self.sums.means(), result and result.loss, result and result.accuracy,
            self.lr, round(self.sums.seconds + seconds, 3),
        ))  # fmt: skip
        self.call("on_epoch_end")

    def _train(self) -> None:
        self.model.train()
        self.train_loader.set_epoch(self.epoch - 1)
        self.call("on_epoch_start")
        with closing(_batches(self.train_loader, self.step)) as batches:
            for batch in batches:
                self.batch = batch
                self.step, self.global_step = self.step + 1, self.global_step + 1
                self.call("on_batch_start")
                self._step()
                self.call("on_step_end")
                if self._stopping:
                    return
        self.step = self.steps  # where batches were left out, whose images could not be read

    def _step(self) -> None:
        """One batch: batch, loss, backward, step."""
        images, labels = self.batch
        state = random.get_state()
        x = Tensor(images).to(self.device)
        with np.errstate(all="ignore"):  # a loss that is not finite says it better
            outputs = self.model(x)
            self.outputs = outputs[0] if isinstance(outputs, tuple) else outputs
            _check_loss(self.loss, outputs)
            target = Tensor(self.task.target(labels, self.outputs)).to(self.device)
            loss = self.loss(outputs, target)
            self.loss_value = loss.item()
            if not math.isfinite(self.loss_value):
                random.set_state(state)
                where = f"epoch {self.epoch}, step {self.step} of {self.steps}"
                raise FloatingPointError(
                    explain_bad_loss(self.model, x, self.loss_value, where, self.lr)
                )
            self.optimizer.zero_grad()
            loss.backward()
            self.call("on_gradients")
            self.optimizer.step()
        if self.schedule is not None:
            self.schedule.step()
        self.sums.add(self.task, self.outputs.numpy(), labels, self.loss_value)


class _Interrupted(Exception):
    """Measuring was broken off."""


class Sums:
    """What the steps of one epoch add up to; part of a checkpoint made inside an epoch."""

    def __init__(self, loss: float = 0.0, right: int = 0, n: int = 0, seconds: float = 0.0) -> None:
        self.loss, self.right, self.n, self.seconds = loss, right, n, seconds

    def add(self, task: Task, logits: np.ndarray, labels: np.ndarray, loss: float) -> None:
        """Add a batch whose mean loss is ``loss``."""
        right = task.answers(logits) == task.truth(labels)
        self.right += int(right.reshape(len(labels), -1).all(1).sum())
        self.loss, self.n = self.loss + loss * len(labels), self.n + len(labels)

    def means(self) -> tuple[float, float]:
        """Loss per image and share of right answers."""
        return self.loss / self.n, self.right / self.n


def _batches(loader: Any, start: int) -> Generator[tuple[np.ndarray, np.ndarray]]:
    """The batches of an epoch from number ``start`` on."""
    loader.start(start)
    yield from loader


def _check_loss(loss: Loss, outputs: Any) -> None:
    if isinstance(outputs, tuple) and getattr(loss, "func", loss) is ops.cross_entropy:
        raise TypeError(
            f"fit: cross_entropy takes logits, got {len(outputs)} outputs of the model, the last "
            "of auxiliary heads; pass loss=models.auxiliary_loss, or build the model without them"
        )
