import pytest

from runner.acceptance.baselines import input_text, length_matched, no_model_answers, rules_of
from runner.errors import IntegrityError
from runner.samples.sample import Completion, ImageRef, Sample

DOCUMENT = "서울시는  오늘 새 버스 노선을 발표했다. 노선은 열두 개이다."


def sample(i=0, *, reference="새 버스 노선 발표", document=DOCUMENT, images=()):
    fields = {"document": document, "summary": reference, "id": str(i)} if document else {}
    return Sample(f"s{i}", f"요약하라: {document}", reference, images, fields=fields)


def texts(answers):
    return {name: [c.text for c in completions] for name, completions in answers.items()}


def test_the_lead_has_as_many_words_as_a_usual_reference():
    train = [sample(reference="하나 둘"), sample(reference="하나 둘 셋"), sample(reference="하나 둘 셋 넷 다섯 여섯")]
    assert texts(no_model_answers([sample()], train))["lead"] == ["서울시는  오늘 새"]


def test_the_copy_is_the_input_and_never_the_reference():
    long = sample(reference=DOCUMENT * 3)
    assert texts(no_model_answers([long], []))["copy"] == [DOCUMENT]


def test_the_commonest_training_answer_is_given_to_all():
    train = [sample(reference=r) for r in ("둘", "하나", "하나", "둘", "셋")]
    assert texts(no_model_answers([sample(0), sample(1)], train))["majority"] == ["둘", "둘"]


def test_without_a_common_answer_there_is_no_majority():
    assert "majority" not in no_model_answers([sample()], [sample(reference="하나"), sample(reference="둘")])


def test_image_tasks_have_nothing_to_copy():
    picture = sample(images=(ImageRef("a.png", "sha256:0"),))
    assert no_model_answers([picture], []) == {}
    assert no_model_answers([Sample("s", " ", "r", fields={"document": ""})], []) == {}


def test_the_input_is_a_column_of_the_prompt_where_one_is_and_the_prompt_where_there_are_no_columns():
    seen = Sample("a", "요약하라: 짧은 글", "답", fields={"text": "짧은 글", "html": "<p>" * 30, "summary": "답"})
    assert input_text(seen) == "짧은 글"
    unseen = Sample("a", "요약하라", "답", fields={"text": "짧은 글", "html": "<p>" * 30})
    assert input_text(unseen) == "<p>" * 30
    assert input_text(Sample("7", "질문 7은?", "답", fields={"id": "7"})) == "질문 7은?"
    assert input_text(Sample("a", "무엇인가?", "답")) == "무엇인가?"


def test_without_training_answers_none_is_the_commonest():
    assert rules_of([sample(reference="하나"), sample(reference="하나")]).majority == "하나"
    assert "majority" not in no_model_answers([sample(0), sample(1)], [])


def test_base_answers_are_cut_to_the_tuned_lengths():
    before = [
        Completion("a", "길고 긴 대답 하나", 4),
        Completion("b", "짧다", 1),
        Completion("a", "다른 것", 2, kind="sampled"),
    ]
    after = [Completion("b", "두 낱말", 2), Completion("a", "두 낱말", 2)]
    assert [c.text for c in length_matched(before, after)] == ["길고 긴", "짧다"]


def test_answers_to_other_samples_are_refused():
    with pytest.raises(IntegrityError, match="same samples"):
        length_matched([Completion("a", "x", 1)], [Completion("b", "x", 1)])
