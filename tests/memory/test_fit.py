import pytest

from benchmarks.memory import Case, config_of
from runner.errors import ExitCode, ResourceError
from runner.memory.choose import budget_for
from runner.memory.fit import fit, tune_shape
from runner.memory.forecast import RowShape
from runner.spec.model import LoraSpec, TrainSpec

GB = 10**9
CONFIG = config_of(Case("tune", hidden=128, layers=2, vocabulary=8000))


def limit_for(fits):
    """The limit under which so many bytes fit."""
    return next(n for n in range(fits, 4 * GB, 10**6) if budget_for(n, None).fits_bytes >= fits)


def fitted(limit, **train):
    settings = TrainSpec(**({"batch_size": 8} | train))
    made = fit(
        CONFIG,
        dtype="float32",
        tunes={"a": tune_shape(LoraSpec(dropout=0.1), settings, (RowShape(256, 255),) * 8)},
        answers={},
        names={"a": "tune/작은-모형"},
        limit_bytes=limit,
        machine_bytes=None,
        environment={"LORARUN_BLAS": "none"},
    )
    return made.tunes["a"]


def test_a_child_process_decides_from_the_config_alone():
    roomy = fitted(40 * GB)
    assert (roomy.micro_batch, roomy.grad_checkpoint) == (8, False)
    tight = fitted(limit_for(roomy.peak_bytes // 2))
    assert tight.micro_batch < 8
    assert tight.peak_bytes <= tight.budget.fits_bytes
    assert "would need" in tight.reasons[0]


def test_when_nothing_fits_the_error_names_the_key_and_the_largest_value():
    with pytest.raises(ResourceError, match="tune/작은-모형: predicted peak") as found:
        fitted(limit_for(20 * 10**6), micro_batch=1)
    assert found.value.exit_code == ExitCode.RESOURCE
    key, _, value = found.value.help.split("`")[1].partition(": ")
    assert key == "train.max_seq_length"
    assert 2 <= int(value) < 256


def test_a_limit_below_the_weights_is_told_from_one_below_the_step():
    with pytest.raises(ResourceError, match="predicted peak") as found:
        fitted(limit_for(10**6))
    assert "the model's weights alone are" in found.value.help
