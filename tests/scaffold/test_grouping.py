"""Splits hold whole groups, near the shares asked for, and the same every time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.errors import InvalidError
from runner.scaffold.importing.grouping import Shares, assign, join, near_pairs


def test_rows_that_share_a_key_over_others_are_one_group():
    groups = join([("a",), ("b",), ("b", "c"), (), ("c", "a")])
    assert groups == (0, 0, 0, 3, 0)


@given(st.lists(st.integers(0, 12), min_size=3, max_size=60), st.integers(0, 5))
def test_no_group_is_parted_and_train_is_never_empty(numbers, seed):
    groups = join([(str(n),) for n in numbers])
    chosen = assign(groups, Shares(), seed=seed)
    assert len({(g, s) for g, s in zip(groups, chosen, strict=True)}) == len(set(groups))
    assert "train" in chosen
    assert chosen == assign(groups, Shares(), seed=seed)
    if len(set(groups)) >= 3:
        assert set(chosen) == {"train", "valid", "test"}


def test_shares_are_met_to_a_row_where_groups_are_single_rows():
    chosen = assign(tuple(range(200)), Shares(60, 10, 30), seed=19)
    assert [chosen.count(s) for s in ("train", "valid", "test")] == [120, 20, 60]


def test_a_giant_document_does_not_end_in_the_test():
    groups = join([("giant",)] * 70 + [(f"d{i}",) for i in range(30)])
    for seed in range(20):
        assert set(assign(groups, Shares(), seed=seed)[:70]) == {"train"}


def test_a_share_of_zero_gets_nothing_and_two_groups_are_not_parted():
    assert "valid" not in assign(tuple(range(50)), Shares(80, 0, 20), seed=1)
    assert set(assign((0, 0, 2), Shares(), seed=1)) == {"train"}


@pytest.mark.parametrize("text", ["80/20", "a/b/c", "0/10/10", "80/-1/10", "nan/1/1", ""])
def test_a_ratio_of_another_form_is_refused(text):
    with pytest.raises(InvalidError, match="is not TRAIN/VALID/TEST"):
        Shares.parse(text)


def test_nearly_equal_texts_are_found_wherever_they_stand():
    words = [f"{chr(0xAC00 + 131 * i)}{chr(0xB200 + 57 * i)}{i * i}" for i in range(240)]
    texts = ["".join(words[8 * i : 8 * i + 8]) for i in range(30)]
    texts += [texts[3] + "끝", texts[17][:-1]]
    joined = join([tuple(f"{min(a, b)}" for a, b in near_pairs(texts) if i in (a, b)) for i in range(len(texts))])
    assert joined[30] == joined[3]
    assert joined[31] == joined[17]
    assert len(set(joined)) == 30
