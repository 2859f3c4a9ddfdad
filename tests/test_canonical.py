"""Canonical bytes are told from others alike where the fast reader serves and where RFC 8785's code does."""

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from runner.canonical import canonical_json, parse_canonical

SAME = ["0", "-5", "0.1", "1e-7", "1e+21", "123456789012345680000", "9007199254740991", '"e-10,"', '"1.0"', '"é\\n"']
OTHER = ["-0", "1.0", "1.50", "1e5", "1e-05", "1e+16", "10000000000000001", "9007199254740993", '"\\u00e9"', '"\\/"']


@pytest.mark.parametrize("shape", ['{"a":%s,"b":1}', '{"a":[%s]}', '{"a":{"b":[0,%s]}}', "%s", "[%s]"])
@pytest.mark.parametrize("text", SAME)
def test_canonical_text_comes_back_as_it_was(shape, text):
    data = (shape % text).encode()
    assert canonical_json(parse_canonical(data)) == data


@pytest.mark.parametrize("shape", ['{"a":%s,"b":1}', '{"a":[%s]}', '{"a":{"b":[0,%s]}}', "%s", "[%s]"])
@pytest.mark.parametrize("text", [*OTHER, "NaN", "1e999", "Infinity"])
def test_another_text_for_the_same_value_is_refused(shape, text):
    with pytest.raises(ValueError, match=r"."):
        parse_canonical((shape % text).encode())


@pytest.mark.parametrize(
    "text",
    [
        '{"b":1,"a":1}',
        '{"a":1,"a":1}',
        '{"a": 1}',
        '{"a":1}\n',
        '{"a":1}\r\n',
        '{"a":1,\r\n"b":1}',
        '{"\uffff":1,"😀":1}',
    ],
)
def test_another_order_a_repeated_key_or_a_space_is_refused(text):
    with pytest.raises(ValueError, match="not in canonical form"):
        parse_canonical(text.encode())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from([1e16, -0.0, 2.0**53, "가"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(JSON)
def test_the_fast_writer_writes_what_rfc_8785s_code_does(value):
    def tried(write):
        try:
            return write(value)
        except (rfc8785.CanonicalizationError, ValueError) as error:
            return type(error)

    assert tried(canonical_json) == tried(rfc8785.dumps)
