from runner.memory.adapt import Edit, applied, next_smaller
from runner.spec.model import TrainSpec

TRAIN = TrainSpec(batch_size=8)


def test_checkpointing_comes_first_because_it_changes_no_result():
    edit = next_smaller(micro_batch=8, grad_checkpoint=False)
    assert edit.text == "train.grad_checkpoint: true"
    assert applied(TRAIN, edit).grad_checkpoint is True


def test_then_the_micro_batch_is_halved():
    edit = next_smaller(micro_batch=5, grad_checkpoint=True)
    assert edit == Edit("train.micro_batch", "5", "3")
    assert applied(TRAIN, edit).micro_batch == 3


def test_a_single_row_with_checkpointing_has_nothing_left_to_give():
    assert next_smaller(micro_batch=1, grad_checkpoint=True) is None
