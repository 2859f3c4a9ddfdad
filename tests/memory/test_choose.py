from runner.errors import ExitCode
from runner.memory.choose import Remedy, budget_for, candidates_for, choose, largest_that_fits, least_line, refusal
from runner.memory.forecast import Candidate
from runner.memory.model import Forecast
from runner.spec.model import TrainSpec

GB = 10**9


def candidate(micro, recompute, gigabytes):
    peak = Forecast("micro-batch", int(gigabytes * GB))
    return Candidate((Forecast("update", 2 * GB), peak), micro_batch=micro, grad_checkpoint=recompute)


FOUR = [candidate(4, False, 60.4), candidate(4, True, 14.5), candidate(2, False, 33.2), candidate(2, True, 10.2)]


def test_the_largest_micro_batch_is_wanted_and_then_the_cheapest_checkpointing():
    assert candidates_for(TrainSpec(batch_size=4)) == (
        (4, False), (4, True), (2, False), (2, True), (1, False), (1, True),
    )  # fmt: skip
    assert [size for size, _ in candidates_for(TrainSpec(batch_size=6, grad_checkpoint=True))] == [6, 3, 2, 1]


def test_what_the_spec_fixes_is_not_varied():
    assert candidates_for(TrainSpec(batch_size=8, micro_batch=2, grad_checkpoint=False)) == ((2, False),)


def test_the_first_candidate_that_fits_is_chosen_and_says_why():
    choice = choose(FOUR, budget_for(20 * GB, 64 * GB))
    assert (choice.micro_batch, choice.grad_checkpoint, choice.peak_bytes) == (4, True, int(14.5 * GB))
    assert "micro-batch 4 without checkpointing would need 60.4 GB" in choice.reasons[0]
    assert "fit under the limit of 20.0 GB" in choice.reasons[-1]


def test_a_small_machine_counts_before_a_large_limit():
    choice = choose(FOUR, budget_for(20 * GB, 14 * GB))
    assert (choice.micro_batch, choice.grad_checkpoint) == (2, True)
    assert "the 14.0 GB that this machine can give" in choice.reasons[-1]


def test_the_reserve_leaves_about_two_gigabytes_under_the_line():
    budget = budget_for(20 * GB, None)
    assert 1.9 * GB < budget.reserve_bytes < 2.3 * GB
    assert budget_for(None, None) is None


def test_without_a_line_the_first_candidate_is_taken():
    assert choose(FOUR, None).micro_batch == 4


def test_a_limit_below_the_reserve_fits_nothing():
    budget = budget_for(300 * 10**6, None)
    assert budget.fits_bytes == 0
    assert choose(FOUR, budget) is None


def test_the_least_limit_that_works_is_named_and_works():
    peak = 9 * 10**6
    tiny = [Candidate((Forecast("update", peak),), micro_batch=1, grad_checkpoint=True)]
    said = refusal("tune/a", tiny, budget_for(100 * 10**6, None), [], weights_bytes=10**6).help
    assert "`limits.memory: 1.5GB` is the least that works" in said
    assert "smaller" not in said
    for bytes_needed in (peak, 5 * GB, 40 * GB):
        line = least_line(bytes_needed)
        assert budget_for(line, None).fits_bytes >= bytes_needed
        assert budget_for(line - 10**8, None).fits_bytes < bytes_needed
    assert "limits.memory" not in refusal("tune/a", FOUR, budget_for(None, 8 * GB), [], weights_bytes=1).help


def test_when_nothing_fits_the_error_names_the_prediction_and_the_edit():
    budget = budget_for(8 * GB, None)
    assert choose(FOUR, budget) is None
    remedy = largest_that_fits({2048: 10 * GB, 1024: 7 * GB, 512: 5 * GB, 256: 4 * GB}, budget, "train.max_seq_length")
    error = refusal("tune/qwen-lora", FOUR, budget, [remedy], weights_bytes=2 * GB)
    assert error.exit_code == ExitCode.RESOURCE
    assert "tune/qwen-lora: predicted peak 10.2 GB (micro-batch 2 with checkpointing" in error.message
    assert error.help == "`train.max_seq_length: 512` would need 5.0 GB"


def test_a_limit_below_the_models_own_weights_is_said_to_be_one():
    error = refusal("tune/a", FOUR, budget_for(8 * GB, None), [Remedy("k", "1", 1)], weights_bytes=16 * GB)
    assert "the model's weights alone are 16.0 GB" in error.help


def test_when_no_value_fits_no_value_is_promised():
    budget = budget_for(8 * GB, None)
    assert largest_that_fits({512: 9 * GB}, budget, "train.max_seq_length") is None
    assert "num_layers" in refusal("tune/a", FOUR, budget, [], weights_bytes=1).help
