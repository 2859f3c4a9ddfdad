"""`runner/samples/hub_id.py`: what names a repository on the hub, for models and data sets alike."""

import pytest

from runner.errors import InvalidError
from runner.models.hub_data import look_up
from runner.samples.hub_id import is_hub_id, is_hub_source
from runner.spec.inputs import check_inputs
from tests.spec.specs import SMALL, read


def test_only_owner_and_name_make_a_hub_id():
    assert is_hub_id("mlx-community/Llama-3.2-3B-Instruct-4bit")
    assert is_hub_source("hf:owner/name")
    assert not is_hub_source("owner/name")
    no_ids = ("a", "a/b/c", "../b", "a/..", "/a/b", "a/b\n", "a--b/c", "a/b..c", "a한/b", "")
    assert not any(map(is_hub_id, no_ids))
    assert not any(is_hub_source(f"hf:{name}") for name in no_ids)


def test_spec_and_data_set_agree_that_two_hyphens_make_no_hub_id(tmp_path):
    spec = read(SMALL, "models.llama.path=a--b/c")
    assert "the model folder `a--b/c` is not there" in [f.message for f in check_inputs(spec, tmp_path)]
    with pytest.raises(InvalidError, match="is no data set"):
        look_up("a--b/c", "main")
