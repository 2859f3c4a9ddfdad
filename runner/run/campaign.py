"""`plan` and `apply` of a campaign: survey, steps, plan, loop, account, under the project's lock."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

from runner.errors import ChangedError, ExitCode, IntegrityError, LorarunError
from runner.memory.adapt import MOST_TIMES
from runner.models.facts import facts_of
from runner.models.lock import Lock, lock_path, read_lock
from runner.plan.asked import asked_by
from runner.plan.build import build_steps
from runner.plan.choose import named, with_needs
from runner.plan.model import Plan, Step
from runner.plan.names import REHEARSAL, tune_id
from runner.plan.resolve import make_plan, settled_rehearsals
from runner.run.account import Account, account
from runner.run.adapting import Adapted, adaptation, noted, settle, spec_after
from runner.run.bringing import bring, unplannable, wanted_by
from runner.run.bringing_data import bring_data
from runner.run.choosing import choose_all, pins_of
from runner.run.counted import tuning_rows
from runner.run.journal import Event, Journal, Listener, place
from runner.run.lockfile import hold_to_lock, keep_lock, pin_paths
from runner.run.loop import Loop, StepOutcome
from runner.run.project_lock import project_lock
from runner.run.real_rows import RealRows
from runner.run.rehearsal import Course, Seen, news
from runner.run.saved import SavedPlan, hold_to_plan, saved_plan
from runner.run.signals import resumable
from runner.run.survey import Survey, need_models, survey
from runner.run.unchanged import check_unchanged
from runner.spec.model import Spec


@dataclass(frozen=True, kw_only=True)
class Options:
    """How a campaign is to be run."""

    force: frozenset[str] = frozenset()  # steps to run whatever is cached, by id or pattern
    environment_change: str = "ask"  # ask | rerun | keep
    lock_timeout_seconds: float = 0.0
    repair: bool = False
    locked: bool = False  # inputs have to be those of the lock
    saved: SavedPlan | None = None  # the plan has to be this one still
    targets: tuple[str, ...] = ()  # steps to run with what they need, by id or pattern; none is all
    adapt: bool = False  # a tuning that ran out of memory is run anew with a smaller micro-batch
    offline: bool = False  # a model that is not on this machine is not fetched


@dataclass(frozen=True)
class Planned:
    """A plan with what it was made from."""

    plan: Plan
    steps: tuple[Step, ...]
    survey: Survey
    whole: tuple[Step, ...] = ()  # all of the campaign, whatever the targets: what the lock is about


@dataclass(frozen=True)
class Outcome:
    """What `apply` came to. With targets nothing is judged, and there is no account."""

    account: Account | None
    ran: int
    cached: int
    seconds: float
    failure: LorarunError | None


def plan_campaign(spec: Spec, root: Path, options: Options) -> Planned:
    """What `apply` would do, and why. Writes nothing but caches.

    Raises:
        ResourceError: a tuning fits in no way under the memory limit; nothing was started.
        UsageError: a target, or a step to force, that no step is called.
    """
    whole = _steps(spec, root)
    force = frozenset(named(whole, options.force))
    surveyed = survey(spec, root, force=force, keep_environment=options.environment_change == "keep")
    steps = _without_idle(spec, _targeted(whole, options), surveyed, options)
    return Planned(make_plan(spec, steps, surveyed.known), steps, surveyed, whole)


def _steps(spec: Spec, root: Path) -> tuple[Step, ...]:
    configs = {name: facts_of(model, root).config for name, model in spec.models.items()}
    pins = pins_of(read_lock(root / lock_path(spec.path)) or Lock())
    rows = tuning_rows(spec, root)
    asked = asked_by(build_steps(spec, configs=configs, pins=pins)) if spec.limits.memory_bytes else {}
    chosen = choose_all(spec, root, asked, rows=rows)
    return build_steps(spec, choices=chosen.tunes, answers=chosen.answers, configs=configs, pins=pins, rows=rows)


def _targeted(steps: tuple[Step, ...], options: Options) -> tuple[Step, ...]:
    return with_needs(steps, named(steps, options.targets)) if options.targets else steps


def _without_idle(spec: Spec, steps: tuple[Step, ...], surveyed: Survey, options: Options) -> tuple[Step, ...]:
    """The steps without rehearsals before nothing, as far as it is known what will run."""
    asked = {*surveyed.known.force, *(named(steps, options.targets) if options.targets else ())}
    return settled_rehearsals(spec, steps, surveyed.known, asked=asked)


def apply_campaign(spec: Spec, root: Path, options: Options, listener: Listener) -> Outcome:
    """Run a campaign and record it.

    Raises:
        LockedError: another run holds the project.
        ChangedError: only the environment changed, and nobody said what to do about it; or the inputs are not the
            locked ones where `locked` asks for them.
        InterruptedRunError: Ctrl-C or SIGTERM; what was fetched and made so far stays.
        InvalidError, ResourceError, IntegrityError: see `Loop.run`.
    """
    started = time.monotonic()
    with project_lock(root, timeout_seconds=options.lock_timeout_seconds):
        journal = Journal(place(root, spec.metadata.name), listener)
        try:
            with resumable(f"lorarun apply {spec.path}"):
                planned = _ready(spec, root, options, journal)
                return _run(spec, root, planned, journal, started, options)
        except LorarunError as error:
            if journal.is_begun:
                journal({"event": "stopped", "exit_code": int(error.exit_code), "message": error.message})
            raise
        finally:
            journal.close()


def _ready(spec: Spec, root: Path, options: Options, emit: Listener) -> Planned:
    """The plan that is run: its models on this machine, nothing in its way, the lock written."""
    bring_data(spec, root, emit, offline=options.offline)
    bring(unplannable(spec, root), spec, root, emit, offline=options.offline)
    planned = plan_campaign(spec, root, options)
    if options.repair and repair(planned.survey):
        planned = plan_campaign(spec, root, options)
    _hold(spec, root, options, planned)
    if missing := wanted_by(planned.plan, planned.survey.absent):
        if options.saved:
            need_models(planned.survey, root)  # what comes may change the plan that was saved
        bring(missing, spec, root, emit, offline=options.offline)
        planned = plan_campaign(spec, root, options)
        _hold(spec, root, options, planned)
    keep_lock(spec, root, planned.survey, planned.whole)
    return planned


def _hold(spec: Spec, root: Path, options: Options, planned: Planned) -> None:
    """Refuse a plan that is not the saved one, inputs that are not the locked ones, an environment that changed."""
    if options.saved:
        hold_to_plan(options.saved, saved_plan(spec, planned.plan, planned.survey.known, targets=options.targets))
    if options.locked:
        hold_to_lock(spec, root, planned.survey, planned.steps)
    if options.environment_change == "ask":
        _ask_about_environment(planned.plan)


def _run(spec: Spec, root: Path, planned: Planned, journal: Journal, started: float, options: Options) -> Outcome:
    cached = [s.step.id for s in planned.plan.steps if s.action == "cached"]
    ids = [s.step.id for s in planned.plan.steps]
    journal({"event": "plan", "campaign": spec.metadata.name, "spec": spec.path, "steps": ids, "cached": cached})
    loop, planned = _loop(spec, root, planned, journal, options)
    edits: list[Adapted] = []
    while options.adapt and len(edits) < MOST_TIMES and (edit := adaptation(loop.failure)):
        edits.append(edit)
        journal({"event": "adapted", "step": tune_id(edit.tune), "text": edit.note})
        settle(spec, root, edit)
        spec = spec_after(spec, edit)
        planned = plan_campaign(spec, root, options)
        planned = replace(planned, steps=noted(planned.steps, edits))
        again, planned = _loop(spec, root, planned, journal, options)
        again.outcomes = _carried(loop.outcomes, again.outcomes)
        loop = again
    done = None if options.targets else account(spec, root, planned.survey, planned.steps, loop.outcomes)
    actions = [o.action for o in loop.outcomes.values()]
    seconds = round(time.monotonic() - started, 3)
    outcome = Outcome(done, actions.count("run"), actions.count("cached"), seconds, loop.failure)
    journal(_result(outcome))
    return outcome


def _loop(spec: Spec, root: Path, planned: Planned, journal: Journal, options: Options) -> tuple[Loop, Planned]:
    """Run what is planned; the loop as it ended, and the steps as the rehearsals left them."""
    surveyed = planned.survey
    surveyed.known.outputs.clear()
    loop = Loop(
        spec=spec,
        root=root,
        artifacts=surveyed.artifacts,
        known=surveyed.known,
        sources=surveyed.places,
        emit=journal,
        log=place(root, spec.metadata.name).with_name("worker.log"),
        check_sources=lambda names: check_unchanged(spec, root, surveyed, names),
        command=f"lorarun apply {spec.path}",
        tell_again=bool(options.targets),
    )
    loop.real_rows = RealRows(planned.whole or planned.steps, lambda step, file: _made(loop, step, file))
    course = Course(
        planned.steps,
        report=lambda step: _output(loop, step, REHEARSAL),
        pin=lambda seen: _pin(spec, root, seen, locked=options.locked),
        replan=lambda: _targeted(_steps(spec, root), options),
        settle=lambda steps: _without_idle(spec, steps, surveyed, options),
    )
    loop.run(course, of=len(course.steps))
    loop.block(course.steps)
    check_unchanged(spec, root, surveyed)
    return loop, replace(planned, steps=course.steps)


def _carried(before: dict[str, StepOutcome], after: dict[str, StepOutcome]) -> dict[str, StepOutcome]:
    """The later outcomes; a step that an earlier attempt of this very run made was run, not cached."""
    made = {name: o for name, o in before.items() if o.action == "run"}
    return {n: made[n] if n in made and made[n].key == o.key and o.action == "cached" else o for n, o in after.items()}


def _output(loop: Loop, step: Step, file: str) -> Path | None:
    """Where a step that came to its end has left a file."""
    return _made(loop, step.id, file)


def _made(loop: Loop, step: str, file: str) -> Path | None:
    outcome = loop.outcomes.get(step)
    if outcome is None or outcome.action not in ("run", "cached"):
        return None
    return loop.artifacts.place(outcome.key) / file


def _pin(spec: Spec, root: Path, seen: Seen, *, locked: bool) -> bool:
    """Write what was measured of fast paths into the lock, as far as it is new; whether one was turned off."""
    found = news(seen, pins_of(read_lock(root / lock_path(spec.path)) or Lock()))
    said = [pin for pins in (*found.tunes.values(), *found.answers.values()) for pin in pins.values()]
    if not said or locked:
        return False
    pin_paths(spec, root, found)
    return any(pin.startswith("off") for pin in said)


def _result(outcome: Outcome) -> Event:
    done = outcome.account
    code = outcome.failure.exit_code if outcome.failure else ExitCode.SUCCESS
    return {
        "event": "result",
        "verdict": done.verdict.status if done else None,
        "exit_code": int(done.verdict.exit_code if done else code),
        "reason": done.verdict.reason if done else "only some steps were asked for, so nothing is judged",
        "record": done.record_id if done else None,
        "ran": outcome.ran,
        "cached": outcome.cached,
        "seconds": outcome.seconds,
    }


def repair(surveyed: Survey) -> list[str]:
    """Set every damaged step output aside, so that it is made again; the names of what was moved."""
    artifacts, moved = surveyed.artifacts, []
    for key in {**artifacts.manifests(), **artifacts.broken}:
        try:
            if key not in artifacts.broken:
                artifacts.verify(key)
                continue
        except IntegrityError:
            pass
        moved.append(artifacts.quarantine(key).name)
    return moved


def _ask_about_environment(plan: Plan) -> None:
    changed = [
        s for s in plan.steps if s.action == "run" and s.reasons and {r.code for r in s.reasons} == {"environment"}
    ]
    if changed:
        what = "; ".join(dict.fromkeys(r.text for s in changed for r in s.reasons))
        names = ", ".join(s.step.id for s in changed)
        raise ChangedError(
            f"only the environment changed ({what}); {names} would run again",
            help="`--rerun-changed-environment` runs them again, `--keep` goes on with the outputs that are there",
        )
