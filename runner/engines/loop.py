"""The training loop, one for text and images. What is trained and how a loss is computed come from outside.

An *update* is one optimizer step over `batch_size` rows; an *iteration* is one micro-batch of it.
"""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

import mlx.core as mx
import mlx.optimizers as optim
from mlx.utils import tree_flatten

from runner.engines import randomness, state
from runner.engines.dropout import begin_training
from runner.engines.judging import Judge, Judgement, by_loss
from runner.engines.lora import load_into, trainable
from runner.engines.memory_relief import Relief
from runner.engines.optimizer import make_optimizer
from runner.engines.order import Order, micro_batches, order_of
from runner.engines.protocol import Event, OnEvent, ShouldShrink, ShouldStop, TuneRequest, never
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


@dataclass(frozen=True)
class Outside:
    """What the loop tells and is asked between two micro-batches."""

    on_event: OnEvent
    should_stop: ShouldStop
    relief: Relief


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
        judge: Judge = by_loss,
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
        outside = Outside(on_event, should_stop, Relief(should_shrink, self._save, on_event))
        total = self.order.updates
        if self._owes_validation(total):  # it was stopped in the middle of it
            self._settle(total, outside)
        while not self._ended(total):
            self._update(total, outside)
            self._settle(total, outside)
        is_best = self.spec.best != "last" and bool(self.best)
        return Outcome(self.best if is_best else trainable(model), self.progress, resumed, is_best)

    def _settle(self, total: int, outside: Outside) -> None:
        """What an update leaves to do."""
        if self._owes_validation(total):
            self._validate(total, outside)
        # the last one, too: until the adapter is proven and safe, the end is only one more position
        if self.progress.update % self.spec.save_every == 0 or self._ended(total):
            self._save()

    def _update(self, total: int, outside: Outside) -> None:
        progress, began = self.progress, time.perf_counter()
        rows = [self.train[i] for i in self.order.indices(progress.update)]
        tokens = sum(row.labels for row in rows)
        micros = micro_batches(rows, self.request.micro_batch)
        for index in range(progress.micro, len(micros)):
            self._listen(total, outside)
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
        outside.on_event(
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

    def _owes_validation(self, total: int) -> bool:
        update, seen = self.progress.update, self.progress.valid_losses
        every = self.spec.eval_every or self.order.updates_per_epoch
        is_due = bool(self.valid) and update > 0 and (update % every == 0 or update == total)
        return is_due and not (seen and seen[-1][0] == update)

    def _validate(self, total: int, outside: Outside) -> None:
        """Mean loss a supervised token over the valid rows, without dropout, and the metric where one chooses; draws
        nothing from any stream. Where it is stopped, it is owed."""
        model, progress = self.step.model, self.progress
        model.eval()
        try:
            loss = self._validation_loss(total, outside)
            judged = self._judged(loss, total, outside)
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
        event = {"event": "validated", "done": progress.update, "total": total, "loss": loss}
        outside.on_event(event if judged.score is None else event | {self.spec.best: judged.score})

    def _validation_loss(self, total: int, outside: Outside) -> float:
        found = 0.0
        for rows in micro_batches(self.valid, self.request.micro_batch):
            self._listen(total, outside)
            batch: Batch = self.step.path.batch(rows)
            part = float(self.step.loss(batch).item())
            if not math.isfinite(part):
                raise StepError(_not_finite("validation loss", self.progress.update - 1, rows))
            found += part
            outside.on_event(self._validating(total))
        return found / sum(row.labels for row in self.valid)

    def _judged(self, loss: float, total: int, outside: Outside) -> Judgement:
        def tell(_: Event) -> None:
            outside.on_event(self._validating(total))

        asked = {"should_stop": outside.should_stop, "should_shrink": outside.relief.asked}
        try:
            return self.judge(loss, on_event=tell, **asked)
        except InterruptedRunError:
            self._interrupt()

    def _validating(self, total: int) -> Event:
        return {"event": "validating", "done": self.progress.update, "total": total}

    def _listen(self, total: int, outside: Outside) -> None:
        if outside.should_stop():
            self._interrupt()
        outside.relief(self.progress.update, total)

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

    def _interrupt(self) -> NoReturn:
        self._save()
        where = f"update {self.progress.update} of {self.order.updates}"
        help_text = "run the same command again to go on from there"
        raise InterruptedRunError(f"stopped at {where}; saved", signal=signal.SIGTERM, help=help_text)


def _not_finite(what: str, update_number: int, rows: Sequence[Row]) -> str:
    names = ", ".join(f"`{row.id}`" for row in rows)
    return f"the {what} of update {update_number + 1} is not a finite number; its rows: {names}"
