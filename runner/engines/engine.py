"""What the text engine and the image engine share: tuning and generation behind the protocol."""

from __future__ import annotations

import gc
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import mlx.core as mx
from mlx import nn

from runner.engines import state
from runner.engines.adapters import check_same_form, read_config, read_weights, write_adapter
from runner.engines.backend import keeping_little
from runner.engines.compare import compare_answers, compare_paths
from runner.engines.decoding import Decoder, Job, answer_batch, completion, plan_batches
from runner.engines.digest import digest_arrays
from runner.engines.dropout import begin_training
from runner.engines.fast_paths import Choice, frozen_layers, shared_prefix
from runner.engines.frozen import FrozenLayers, embedding_shape, folder_of
from runner.engines.fuse import fuse
from runner.engines.heeding import one_by_one
from runner.engines.judging import judge_of
from runner.engines.liveness import context_tokens, probe, trained_parts, type_of
from runner.engines.loop import Loop
from runner.engines.lora import Attached, detach, load_into, trainable
from runner.engines.memory_relief import Relief
from runner.engines.packed import Packed, Walk
from runner.engines.protocol import (
    AnswerComparison,
    Asked,
    Fused,
    FuseRequest,
    GenerateRequest,
    GenerateResult,
    OnEvent,
    PathComparison,
    Probe,
    TuneRequest,
    TuneResult,
    never,
)
from runner.engines.reading import Reading
from runner.engines.remat import checkpointed
from runner.engines.repeats import in_order, sampled, second
from runner.engines.result import result_of
from runner.engines.rows import Prompt, Row, fit, make_row
from runner.engines.step import LossPath, Step
from runner.errors import InvalidError
from runner.samples.sample import Completion, Sample
from runner.spec.model import GenerateSpec, LoraSpec, TrainSpec


@dataclass(frozen=True)
class ChosenPath:
    """A loss path and what to say about it in `paths_taken`."""

    path: LossPath
    taken: dict[str, str]
    patch_layers: bool = False  # gradient checkpointing of the layers themselves; walks do their own


class MlxEngine(ABC):
    """One loaded base model. Subclasses bring what reads samples, the package's calls, and which loss path serves."""

    model: nn.Module
    reading: Reading
    family: str
    end_tokens: frozenset[int]
    config: dict[str, Any]
    refusal: str  # why the model can't be walked; empty where it can
    root: Path | None = None  # of the project, once a request named it

    def prompt(self, sample: Sample, root: Path) -> Prompt:
        """The tokens that stand before the answer: the one function for training and generation."""
        return self.reading.prompt(sample, root)

    def answer(self, sample: Sample, prompt: Prompt, root: Path) -> list[int]:
        """The tokens of the sample's reference, with the end token."""
        return self.reading.answer(sample, prompt, root)

    @abstractmethod
    def attach(self, lora: LoraSpec, *, seed: int, stream: str) -> Attached:
        """Wrap modules in official LoRA layers."""

    @abstractmethod
    def lora_of(self, config: dict[str, Any]) -> LoraSpec:
        """The settings in an adapter's configuration."""

    @abstractmethod
    def layers(self) -> list[nn.Module]:
        """The language model's decoder layers."""

    @abstractmethod
    def choose_path(self, request: TuneRequest, rows: Sequence[Row]) -> ChosenPath:
        """The fastest loss path that is exact here."""

    @abstractmethod
    def package_inputs(self, row: Row) -> dict[str, Any]:
        """What the package's own call takes beside a row's tokens."""

    @abstractmethod
    def package_logits(self, model: nn.Module, tokens: mx.array, inputs: dict[str, Any]) -> mx.array:
        """The package's own call: logits [rows, tokens, vocabulary]."""

    @abstractmethod
    def decoder(self, request: GenerateRequest) -> Decoder:
        """A fresh decoder."""

    def packed(
        self, request: TuneRequest, rows: Sequence[Row], walk: Walk, image_token: int | None = None
    ) -> ChosenPath:
        """The packed path with what else is exact for this request."""
        width, dtype = embedding_shape(self.layers()[-1])
        prefix = shared_prefix(request, rows, image_token)
        frozen = frozen_layers(request, rows, layers=len(self.layers()), width=width, item_bytes=dtype.size)
        path = Packed(
            self.model, walk, recompute=request.grad_checkpoint, prefix=prefix.value, frozen=self._frozen(frozen)
        )
        return ChosenPath(path, {"packed": "on", "share_prefix": prefix.said, "cache_frozen_layers": frozen.said})

    def _frozen(self, choice: Choice) -> FrozenLayers | None:
        if not choice.value:
            return None
        if not choice.on_disk or self.root is None:
            return FrozenLayers(choice.value)
        return FrozenLayers(choice.value, folder_of(self.root, self.model, choice.value, self.image_settings()))

    def image_settings(self) -> dict[str, str]:
        """How images are cut into patches, as plain words; nothing for text."""
        return {}

    @contextmanager
    def seeing(self) -> Iterator[None]:
        """While answers are made: what is kept of images is that of the vision tower as it is."""
        yield

    def use_root(self, root: Path) -> None:
        """Told of the project's root when a step begins, before samples are read; caches may be kept below it."""
        self.root = root

    def rows(
        self,
        samples: Sequence[Sample],
        request: TuneRequest,
        *,
        on_event: OnEvent = lambda _: None,
        should_stop: Asked = never,
        should_shrink: Asked = never,
    ) -> tuple[Row, ...]:
        """Samples as rows that fit. Their images go through a frozen tower here.

        Raises:
            InvalidError: rows that are too long or train nothing, by name.
            InterruptedRunError: as `one_by_one`.
        """
        spec = request.train_spec
        made = []
        for sample in one_by_one(samples, on_event=on_event, should_stop=should_stop, should_shrink=should_shrink):
            prompt = self.prompt(sample, request.root)
            made.append(
                make_row(sample, prompt, self.answer(sample, prompt, request.root), mask_prompt=spec.mask_prompt)
            )
        return fit(made, max_seq_length=spec.max_seq_length, truncate=spec.truncate)

    def tune(
        self, request: TuneRequest, out: Path, *, on_event: OnEvent, should_stop: Asked, should_shrink: Asked = never
    ) -> TuneResult:
        """See `Engine.tune`."""
        began = time.perf_counter()
        if not request.train:
            raise InvalidError("there is no training sample")
        self.use_root(request.root)
        mx.reset_peak_memory()
        read = partial(
            self.rows, request=request, on_event=on_event, should_stop=should_stop, should_shrink=should_shrink
        )
        train, valid = read(request.train), read(request.valid)
        attached = self.attach(request.lora, seed=request.seed, stream=request.stream)
        try:
            if request.start_adapter is not None:
                check_same_form(read_config(request.start_adapter), attached.config)
                load_into(self.model, read_weights(request.start_adapter))
            beginning = trainable(self.model)
            start = digest_arrays(beginning)
            chosen = self.choose_path(request, (*train, *valid))
            step = Step(self.model, chosen.path, attached.dropout)
            digest = state.request_digest(request, train, valid, start, chosen.taken)
            judge = judge_of(request, self.answers, max((row.labels for row in valid), default=1))
            loop = Loop(request, step, train, valid, digest=digest, judge=judge)
            with checkpointed(self.layers() if chosen.patch_layers else []):
                outcome = loop.run(on_event, should_stop, should_shrink)
            adapter_digest = write_adapter(out, outcome.adapter, attached.config)
            parameters = sum(v.size for v in outcome.adapter.values())
            trained = trained_parts(attached, beginning, outcome.adapter)
        finally:
            self.model.eval()
            detach(self.model, attached)
        per_epoch = loop.order.updates_per_epoch
        return result_of(outcome, adapter_digest, parameters, trained, per_epoch, chosen.taken, began)

    def generate(
        self, request: GenerateRequest, *, on_event: OnEvent, should_stop: Asked, should_shrink: Asked = never
    ) -> GenerateResult:
        """See `Engine.generate`."""
        self.use_root(request.root)
        mx.reset_peak_memory()
        with self.adapted(request.adapter):
            return self.answers(request, on_event=on_event, should_stop=should_stop, should_shrink=should_shrink)

    def answers(
        self,
        request: GenerateRequest,
        *,
        on_event: OnEvent = lambda _: None,
        should_stop: Asked = never,
        should_shrink: Asked = never,
    ) -> GenerateResult:
        """Answers of the model as it is; a request's adapter is not looked at."""
        began = time.perf_counter()
        with self.seeing(), keeping_little():
            decoder = self.decoder(request)
            heard = one_by_one(request.samples, on_event=on_event, should_stop=should_stop, should_shrink=should_shrink)
            main, repeats = self._batches(request, decoder, heard)
            shares = request.settings.share_prefix
            shared = decoder.share([job.prompt for batch in main + repeats for job in batch] if shares else [])
            batches = main + repeats if request.main else repeats
            total, made = sum(len(b) for b in batches), list[Completion]()
            relief = Relief(should_shrink, lambda: None, on_event)
            for batch in batches:
                relief(len(made), total)
                answers = answer_batch(
                    batch,
                    decoder,
                    self.end_tokens,
                    seed=request.seed,
                    stream=request.stream,
                    should_stop=should_stop,
                )
                made += [completion(job, self.reading.decode(tokens), tokens, why) for job, tokens, why in answers]
                on_event({"event": "generated", "done": len(made), "total": total})
        why = "prompts share no long beginning" if shares else "not in the plan"
        packed = "on" if request.settings.pack else "off: not in the plan"
        taken = {
            "share_prefix": f"on: {shared} tokens" if shared else f"off: {why}",
            "packed": f"off: {self.refusal}" if self.refusal else packed,
        }
        return GenerateResult(in_order(made, request.samples), mx.get_peak_memory(), time.perf_counter() - began, taken)

    def compare(self, request: TuneRequest) -> tuple[PathComparison, ...]:
        """See `Engine.compare`."""
        self.use_root(request.root)
        quiet = replace(request, lora=replace(request.lora, dropout=0.0), grad_checkpoint=False)
        rows = self.rows(request.train, request)
        attached = self.attach(quiet.lora, seed=request.seed, stream=request.stream)

        def choose(asked: TuneRequest) -> tuple[LossPath, dict[str, str]]:
            chosen = self.choose_path(asked, rows)
            return chosen.path, chosen.taken

        try:
            begin_training(self.model)
            return compare_paths(quiet, rows, self.model, attached, choose, type_of(self.layers()[-1]))
        finally:
            self.model.eval()
            detach(self.model, attached)

    def compare_answers(self, request: GenerateRequest) -> tuple[AnswerComparison, ...]:
        """See `Engine.compare_answers`."""

        def answer(settings: GenerateSpec) -> GenerateResult:
            greedy = replace(settings, temperature=0.0)
            return self.generate(replace(request, settings=greedy), on_event=lambda _: None, should_stop=lambda: False)

        return compare_answers(request.settings, answer)

    def probe(self, adapter: Path, samples: tuple[Sample, ...], root: Path, *, out: Path) -> Probe:
        """See `Engine.probe`."""
        self.use_root(root)
        return probe(self, adapter, samples, root, out=out)

    def fuse(self, request: FuseRequest, out: Path) -> Fused:
        """See `Engine.fuse`."""
        self.use_root(request.root)
        return fuse(self, request, out)

    @abstractmethod
    def plain_weights(self) -> None:
        """Put plain layers in place of all quantized ones."""

    @abstractmethod
    def save_weights(self, folder: Path) -> None:
        """Write the model's weights as the package does."""

    @property
    def context_tokens(self) -> int | None:
        """See `Engine.context_tokens`."""
        return context_tokens(self.config)

    def close(self) -> None:
        """See `Engine.close`."""
        del self.model
        gc.collect()
        mx.clear_cache()

    @contextmanager
    def adapted(self, adapter: Path | None) -> Iterator[None]:
        """The base model with an adapter's layers on it, for a while; None is the base itself."""
        if adapter is None:
            yield
            return
        attached = self.attach(self.lora_of(read_config(adapter)), seed=0, stream="loaded")
        try:
            load_into(self.model, read_weights(adapter))
            self.model.eval()
            yield
        finally:
            detach(self.model, attached)

    def _batches(
        self, request: GenerateRequest, decoder: Decoder, samples: Iterator[Sample]
    ) -> tuple[list[list[Job]], list[list[Job]]]:
        """The main answers, and the repeats."""
        settings = request.settings
        main = [
            Job(s.id, self.prompt(s, request.root), settings.max_tokens, settings.temperature, settings.top_p)
            for s in samples
        ]
        batches = plan_batches(main, decoder, settings.batch_size)
        again = second(batches, request) if request.determinism else []
        drawn = plan_batches(sampled(main, request), decoder, settings.batch_size) if request.consistency else []
        return batches, again + drawn


def turned_off(spec: TrainSpec) -> str:
    """Why the packed path is not taken although the model could be walked; empty where it is."""
    return "" if spec.pack else "not in the plan"
