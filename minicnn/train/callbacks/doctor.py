"""A doctor beside the training: says what is wrong, in numbers and words, and what to try."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...nn import BatchNorm1d, BatchNorm2d
from ..diagnosis import Chart, Finding, findings, look
from ..diagnosis.look import relative_updates, weights
from .base import Callback

if TYPE_CHECKING:
    from ..trainer import Trainer


class Doctor(Callback):
    """Looks at every k-th step, k = ``every``, and says what is wrong, each fault once.

    Where a cause was found, or one effect, the effects that follow from it are not told as well.
    ``findings`` keeps what was said. The rules stand in `train/diagnosis/rules.py`. The doctor
    changes nothing: with it the weights are bit for bit the same as without.

    Raises ValueError for ``every`` below 1.
    """

    def __init__(self, every: int = 10) -> None:
        if every < 1:
            raise ValueError(f"Doctor: every must be at least 1 step, got {every}")
        self.every = every
        self.findings: list[Finding] = []
        self._chart = Chart()
        self._before: dict[str, Any] | None = None

    def on_fit_start(self, trainer: Trainer) -> None:
        """Begin a new chart; what was said before a resume stays said."""
        loss, model = trainer.loss, trainer.model
        known = {id(p) for group in trainer.optimizer.param_groups for p in group["params"]}
        norms = (m for m in model.modules() if isinstance(m, BatchNorm1d | BatchNorm2d))
        self._chart = Chart(
            task=trainer.task.name,
            loss_takes_logits=getattr(loss, "func", loss) is trainer.task.loss,
            forgotten=[
                name for name, p in model.named_parameters()
                if p.requires_grad and id(p) not in known
            ],
            batch_norms=sum(not norm.frozen for norm in norms),
            steps_per_epoch=trainer.steps,
        )  # fmt: skip

    def on_gradients(self, trainer: Trainer) -> None:
        """Look at the step, before the weights change."""
        self._chart.losses.append(trainer.loss_value)
        if (trainer.global_step - 1) % self.every == 0:
            images, labels = trainer.batch
            labels = trainer.task.truth(labels)
            self._chart.add(look(
                trainer.model, images, labels, trainer.outputs, trainer.global_step, trainer.lr
            ))  # fmt: skip
            self._before = weights(trainer.model)

    def on_step_end(self, trainer: Trainer) -> None:
        """See how far the weights went, and say what is new."""
        if self._before is None:
            return
        self._chart.add_updates(relative_updates(trainer.model, self._before))
        self._before = None
        for finding in findings(self._chart, effects=not self.findings):
            if finding.kind not in {said.kind for said in self.findings}:
                self.findings.append(finding)
                trainer.say(f"doctor, step {trainer.global_step}: {finding.short}")

    def state_dict(self) -> dict[str, Any]:
        """What was said."""
        return {"findings": [list(finding) for finding in self.findings]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Do not say it again."""
        self.findings = [Finding(*texts) for texts in state_dict["findings"]]
