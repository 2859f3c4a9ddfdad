"""Tests of runner.plan.forecasts: what is forecast where, and that no real step depends on it."""

from pathlib import Path

from runner.plan.build import build_steps
from runner.plan.choose import with_needs
from runner.plan.forecasts import NEEDED_BYTES, Place, places_of
from runner.plan.model import Step
from runner.run.rehearsal import up_to_rehearsals
from runner.spec.load import load_spec

ROOT = Path(__file__).parents[2]


def steps(*sets: str) -> dict[str, Step]:
    return {s.id: s for s in build_steps(load_spec(ROOT / "specs/demo.yaml", ROOT, overrides=sets))}


def test_every_tuning_and_every_answer_has_a_place_for_its_forecast() -> None:
    made = steps()
    places = places_of(tuple(made.values()))
    assert set(places) == {s.id for s in made.values() if s.kind in ("tune", "generate")}
    for name, place in places.items():
        params = made[place.step].params
        assert made[place.step].sources[0].id == made[name].group
        if place.part == "answers":
            entry = params["answers"][int(place.name)]
            assert entry["max_tokens"] == made[name].params["settings"]["max_tokens"]
            assert set(entry["prompts"]) in ({made[name].params["prompt"]}, set(made[name].params["paraphrases"]))
        else:
            assert place.name in [t["id"] for t in params["tunes"]]


def test_a_tuning_on_another_models_answers_is_forecast_when_those_are_counted() -> None:
    made = steps()
    assert places_of(tuple(made.values()))["tune/chain-lora"] == Place(
        "forecast/llama/chain-lora", "tunes", "chain-lora"
    )
    assert [n.step for n in made["forecast/llama/chain-lora"].needs] == ["lengths/chain-lora"]
    order = list(made)
    assert order.index("forecast/llama") < order.index("rehearse/llama") < order.index("forecast/llama/chain-lora")
    assert order.index("forecast/llama/chain-lora") < order.index("tune/chain-lora")


def test_a_prompt_that_holds_an_earlier_answer_has_room_for_all_of_it() -> None:
    made = steps()
    fed = next(s for s in made.values() if s.kind == "generate" and s.params["upstream"])
    place = places_of(tuple(made.values()))[fed.id]
    parent = next(n.step for n in fed.needs if n.role.startswith("upstream."))
    entry = made[place.step].params["answers"][int(place.name)]
    assert [tokens for _, tokens in entry["upstream"]] == [made[parent].params["settings"]["max_tokens"]]


def test_no_step_reads_a_forecast_and_the_memory_limit_is_in_no_key() -> None:
    made = steps()
    assert not [s.id for s in made.values() for n in s.needs if n.step.startswith("forecast/")]
    other = steps("limits.memory=64GB")
    assert {s.id: s.params for s in other.values()} == {s.id: s.params for s in made.values()}


def test_another_learning_rate_is_no_new_forecast_and_another_rank_is() -> None:
    forecast = steps()["forecast/llama"].params
    assert steps("defaults.tune.train.learning_rate=1e-5")["forecast/llama"].params == forecast
    assert steps("defaults.tune.lora.rank=3")["forecast/llama"].params != forecast


def test_under_a_limit_that_the_trace_itself_would_pass_nothing_is_forecast() -> None:
    made = steps(f"limits.memory={NEEDED_BYTES // 10**6 - 1}MB")
    assert not [name for name in made if name.startswith("forecast/")]


def test_a_target_brings_the_forecast_that_its_models_rehearsal_waits_for() -> None:
    made = tuple(steps().values())
    kept = with_needs(made, ["tune/llama-lora"])
    assert {"forecast/llama", "rehearse/llama"} <= {s.id for s in kept}
    assert {s.id for s in up_to_rehearsals(kept)} <= {s.id for s in kept}  # all that it waits for is there
