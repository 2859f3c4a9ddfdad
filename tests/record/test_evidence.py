"""Evidence rows: canonical order, deterministic bytes, and reading that trusts nothing."""

import gzip
import tracemalloc
import zlib

import pytest

from runner.errors import IntegrityError
from runner.metrics.model import Scores
from runner.record import evidence
from runner.record.evidence import collect, completion_row, compress, decode, sample_row, score_rows
from runner.samples.sample import Completion, Fact, ImageRef, Sample

SAMPLE = Sample("s1", "무엇?", "서울", (ImageRef("data/a.png", "sha256:aa"),), facts=(Fact("서울", ("Seoul",)),))
SCORES = Scores("cer", "cer|v1", 0.5, ("s1", "s2"), (0.0, 1.0), ((0, 2), (3, 3)))
ROWS = [
    *score_rows("e", "before", SCORES),
    completion_row("e", "before", Completion("s1", "서울", 3)),
    completion_row("e", "after/stage", Completion("s1", "부산", 3, "length", run=2, kind="sampled"), prompt="p"),
    sample_row("e", SAMPLE, {"sha256:aa": "data:image/webp;base64,AAAA"}),
]


def packed(text: bytes) -> bytes:
    return gzip.compress(text, mtime=0)


def refused(data: bytes, text: bytes) -> str:
    with pytest.raises(IntegrityError) as caught:
        decode(data, evidence.digest_bytes(text))
    return caught.value.message


def test_rows_come_back_sorted_by_kind_evaluation_arm_and_sample():
    collected = collect(ROWS)
    assert decode(compress(collected.text), collected.digest) == collected.rows
    assert [r["kind"] for r in collected.rows] == ["completion", "completion", "sample", "score", "score"]
    assert [r.get("arm") for r in collected.rows[:2]] == ["after/stage", "before"]


def test_the_order_in_which_rows_come_changes_no_byte():
    assert collect(ROWS).text == collect(reversed(ROWS)).text


def test_equal_texts_give_equal_files_without_time_or_system():
    data = compress(collect(ROWS).text)
    assert data == compress(collect(ROWS).text)
    assert data[:10] == b"\x1f\x8b\x08\0\0\0\0\0\x02\xff"
    assert gzip.decompress(data) == collect(ROWS).text


def test_the_digest_is_of_the_text_so_another_compressor_changes_nothing():
    collected = collect(ROWS)
    assert decode(gzip.compress(collected.text, compresslevel=1), collected.digest) == collected.rows


@pytest.mark.parametrize(
    "row",
    [
        {},
        {"kind": "other"},
        {"kind": ["sample"]},
        {**ROWS[0], "extra": 1},
        {k: v for k, v in ROWS[0].items() if k != "value"},
        {**ROWS[0], "value": "1"},
        {**ROWS[0], "value": True},
        {**ROWS[0], "statistics": 3},
        {**ROWS[2], "tokens": 1.5},
        {**ROWS[2], "text": None},
        {**ROWS[0], "value": float("nan")},
    ],
)
def test_a_row_of_another_shape_is_refused(row):
    with pytest.raises(ValueError, match=r"."):
        collect([row])


def test_the_same_row_twice_is_refused():
    with pytest.raises(ValueError, match="two evidence rows"):
        collect([*ROWS, {**ROWS[0], "value": 9.0}])


def test_another_digest_is_refused():
    assert "does not have the digest" in refused(packed(collect(ROWS).text), b"other")


def test_rows_out_of_order_or_repeated_are_refused():
    lines = collect(ROWS).text.splitlines(keepends=True)
    swapped = b"".join([lines[1], lines[0], *lines[2:]])
    doubled = b"".join([lines[0], *lines])
    assert "not in order" in refused(packed(swapped), swapped)
    assert "not in order" in refused(packed(doubled), doubled)


def test_rows_that_are_not_canonical_are_refused():
    text = collect(ROWS).text.replace(b'":"', b'": "')
    assert "row 1: not in canonical form" in refused(packed(text), text)


def test_a_cut_file_trailing_bytes_and_a_second_member_are_refused():
    text = collect(ROWS).text
    assert "cut off" in refused(packed(text)[:-1], text)
    assert "after its end" in refused(packed(text) + b"x", text)
    assert "after its end" in refused(packed(text) + packed(b""), text)
    assert "not a gzip file" in refused(b"PK", text)
    assert "cut off" in refused(b"", text)


def test_a_flipped_bit_is_refused():
    data = bytearray(compress(collect(ROWS).text))
    for position in range(10, len(data)):
        data[position] ^= 0x10
        with pytest.raises(IntegrityError):
            decode(bytes(data), collect(ROWS).digest)
        data[position] ^= 0x10


def test_a_gzip_bomb_is_refused_before_it_fills_the_memory():
    bomb = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    data = bomb.compress(bytes(50_000_000)) + bomb.flush()
    assert len(data) < 60_000
    tracemalloc.start()
    try:
        with pytest.raises(IntegrityError, match="larger than 1,000,000 bytes"):
            decode(data, "sha256:" + "0" * 64, max_bytes=1_000_000)
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


def test_a_last_line_without_its_end_is_refused():
    text = collect(ROWS).text.rstrip(b"\n")
    assert "cut off" in refused(packed(text), text)
