"""The training loop, one for text and images. What is trained and how a loss is computed come from outside.

An *update* is one optimizer step over `batch_size` rows; an *iteration* is one micro-batch of it.
"""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import mlx.core as mx
import mlx.optimizers as optim
from mlx.utils import tree_flatten

from runner.engines import randomness, state
from runner.engines.dropout import begin_training
from runner.engines.judging import Judgement
from runner.engines.lora import load_into, trainable
from runner.engines.memory_relief import Relief
from runner.engines.optimizer import make_optimizer
from runner.engines.order import Order, micro_batches, order_of
from runner.engines.protocol import OnEvent, ShouldShrink, ShouldStop, TuneRequest, never
from runner.engines.rows import Row
from runner.engines.schedule import learning_rate
from runner.engines.state import Progress, Tensors
from runner.engines.step import Arrays, Batch, Step, begin, restored, update
from runner.errors import InterruptedRunError, StepError


@dataclass(frozen=True)
class Outcome:
    """What the loop reached: the adapter's tensors (the best ones where the spec asks), and how."""

    adapter: dict[str, mx.array]
    progress: Progress
    resumed_from_update: int
    is_best: bool = False  # of the best update, not the last


class Loop:
    """One tuning of attached LoRA layers over rows that fit."""

    def __init__(
        self,
        request: TuneRequest,
        step: Step,
        train: Sequence[Row],
        valid: Sequence[Row],
        *,
        digest: str,
        judge: Callable[[float], Judgement] = Judgement,
    ) -> None:
        self.request, self.step, self.train, self.valid = request, step, train, valid
        self.spec = request.train_spec
        self.digest = digest  # of everything that the result depends on
        self.judge = judge
        self.order: Order = order_of(train, self.spec, seed=request.seed, stream=request.stream)
        self.optimizer: optim.Optimizer = make_optimizer(self.spec)
        self.progress = Progress()
        self.gathered: Arrays | None = None
        self.best: dict[str, mx.array] = {}
        self._started = 0.0

    def run(self, on_event: OnEvent, should_stop: ShouldStop, should_shrink: ShouldShrink = never) -> Outcome:
        """Train to the end, from the checkpoint if there is one.

        Raises:
            StepError: NaN or Inf in loss or gradients, with the row ids.
            InterruptedRunError: `should_stop` said so; a checkpoint was written.
        """
        model = self.step.model
        begin(model, self.optimizer)
        resumed = self._resume()
        self._started = time.perf_counter() - self.progress.seconds
        begin_training(model)
        relief = Relief(should_shrink, self._save, on_event)
        total = self.order.updates
        while not self._ended(total):
            self._update(total, on_event, should_stop, relief)
            if self._due(self.spec.eval_every or self.order.updates_per_epoch, total):
                self._validate(on_event)
            # the last one, too: until the adapter is proven and safe, the end is only one more position
            if self.progress.update % self.spec.save_every == 0 or self._ended(total):
                self._save()
        is_best = self.spec.best != "last" and bool(self.best)
        return Outcome(self.best if is_best else trainable(model), self.progress, resumed, is_best)

    def _update(self, total: int, on_event: OnEvent, should_stop: ShouldStop, relief: Relief) -> None:
        progress, began = self.progress, time.perf_counter()
        rows = [self.train[i] for i in self.order.indices(progress.update)]
        tokens = sum(row.labels for row in rows)
        micros = micro_batches(rows, self.request.micro_batch)
        for index in range(progress.micro, len(micros)):
            if should_stop():
                self._interrupt()
            relief(progress.update, total)
            self._iteration(index, micros[index], tokens)
        rate = learning_rate(self.spec, progress.update, total)
        self.optimizer.learning_rate = rate
        model = self.step.model
        norm = update(model, self.optimizer, self.gathered or {}, self.spec.clip_norm)
        mx.eval(model.trainable_parameters(), self.optimizer.state, norm)
        grad_norm = float(norm.item())
        if not math.isfinite(grad_norm):
            raise StepError(_not_finite("gradient", progress.update, rows))
        loss, seconds = progress.loss, time.perf_counter() - began
        self.gathered = None
        progress.update, progress.micro, progress.loss = progress.update + 1, 0, 0.0
        progress.trained_tokens += tokens
        row = {"update": progress.update, "loss": loss, "learning_rate": rate, "grad_norm": grad_norm}
        progress.history.append(row | {"tokens": tokens, "seconds": seconds})
        on_event(
            {"event": "update", "done": progress.update, "total": total, "loss": loss, "learning_rate": rate}
            | {"tokens_per_second": tokens / max(seconds, 1e-9), "peak_memory_bytes": mx.get_peak_memory()}
        )

    def _iteration(self, index: int, rows: tuple[Row, ...], tokens: int) -> None:
        request, progress = self.request, self.progress
        key = randomness.key(request.seed, request.stream, "dropout", progress.update, index)
        keys = self.step.dropout.draw(key)
        result = self.step.micro(self.step.path.batch(rows), mx.array(1.0 / tokens), keys, self.gathered)
        mx.eval(result.loss, result.gradients)
        loss = float(result.loss.item())
        if not math.isfinite(loss):
            raise StepError(_not_finite("loss", progress.update, rows))
        self.gathered = result.gradients
        progress.micro, progress.loss = index + 1, progress.loss + loss

    def _ended(self, total: int) -> bool:
        return self.progress.update >= total or self.progress.stopped_early

    def _due(self, every: int, total: int) -> bool:
        return bool(self.valid) and (self.progress.update % every == 0 or self.progress.update == total)

    def _validate(self, on_event: OnEvent) -> None:
        """Mean loss a supervised token over the valid rows, without dropout, and the metric where one chooses; draws
        nothing from any stream."""
        model, progress = self.step.model, self.progress
        model.eval()
        total = 0.0
        try:
            for rows in micro_batches(self.valid, self.request.micro_batch):
                batch: Batch = self.step.path.batch(rows)
                part = float(self.step.loss(batch).item())
                if not math.isfinite(part):
                    raise StepError(_not_finite("validation loss", progress.update - 1, rows))
                total += part
            loss = total / sum(row.labels for row in self.valid)
            judged = self.judge(loss)
        finally:
            begin_training(model)
        progress.valid_losses.append((progress.update, loss))
        if judged.score is not None:
            progress.valid_scores.append((progress.update, judged.score))
        if progress.best_cost is None or judged.cost < progress.best_cost:
            progress.best_cost, progress.best_update, progress.without_gain = judged.cost, progress.update, 0
            if self.spec.best != "last":
                self.best = trainable(model)
        else:
            progress.without_gain += 1
        progress.stopped_early = self.spec.patience is not None and progress.without_gain >= self.spec.patience
        event = {"event": "validated", "done": progress.update, "total": self.order.updates, "loss": loss}
        on_event(event if judged.score is None else event | {self.spec.best: judged.score})

    def _save(self) -> None:
        progress = self.progress
        progress.seconds = time.perf_counter() - self._started
        optimizer = dict(tree_flatten(self.optimizer.state))
        tensors = Tensors(trainable(self.step.model), optimizer, self.gathered or {}, self.best)
        state.save(self.request.checkpoint_folder, progress, tensors, request=self.digest)

    def _resume(self) -> int:
        found = state.load(self.request.checkpoint_folder, request=self.digest)
        if found is None:
            return 0
        self.progress = found.progress
        load_into(self.step.model, found.tensors.adapter)
        self.optimizer.state = restored(self.optimizer.state, found.tensors.optimizer)
        self.gathered = found.tensors.gathered or None
        self.best = found.tensors.best
        return found.progress.update

    def _interrupt(self) -> None:
        self._save()
        where = f"update {self.progress.update} of {self.order.updates}"
        help_text = "run the same command again to go on from there"
        raise InterruptedRunError(f"stopped at {where}; saved", signal=signal.SIGTERM, help=help_text)


def _not_finite(what: str, update_number: int, rows: Sequence[Row]) -> str:
    names = ", ".join(f"`{row.id}`" for row in rows)
    return f"the {what} of update {update_number + 1} is not a finite number; its rows: {names}"
