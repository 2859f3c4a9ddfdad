"""Rows that other data sets teach, equal, nearly equal, or with a picture that looks the same."""

from runner.samples.elsewhere import nearly, same, seen
from runner.samples.findings import Findings
from runner.samples.images import ImageFacts
from runner.samples.marks import Mark, mark_of
from runner.samples.sample import ImageRef, Sample


def text(prompt: str, line: int) -> Sample:
    return Sample(str(line), prompt, "답", source=f"d/a.jsonl:{line}")


def picture(pixels: str, prompt: str = "무엇인가?", look: int = 0, reference: str = "답") -> tuple[Sample, Mark]:
    sample = Sample("p", prompt, reference, images=(ImageRef("a.png", "sha256:f"),), source="d/p.jsonl:1")
    facts = ImageFacts("sha256:f", pixels, 9, 9, 1, 1, look.to_bytes(32, "big"), flat=False)
    return sample, mark_of(sample, {"a.png": facts})


def marked(*samples: Sample) -> list[Mark]:
    return [mark_of(s, {}) for s in samples]


def test_the_same_input_in_another_data_set_is_an_error_that_names_both_rows() -> None:
    findings = Findings()
    judged = marked(text("서울은 어디인가?", 3), text("부산은 어디인가?", 4))
    same(judged, {"learned": marked(text("서울은  어디인가", 9))}, findings, allowed="")
    assert [(d.code, d.line, d.severity) for d in findings.all()] == [("E731", 3, "error")]
    assert "d/a.jsonl:9, which `learned` learns from" in findings.all()[0].message


def test_an_image_is_told_by_its_pixels_whatever_is_asked_about_it() -> None:
    learned = {"other": [picture("sha256:a", "묘사하라")[1]]}
    findings = Findings()
    same([picture("sha256:b")[1]], learned, findings, allowed="")
    assert findings.all() == ()
    same([picture("sha256:a")[1]], learned, findings, allowed="")
    assert [d.code for d in findings.all()] == ["E734"]


def test_a_reason_makes_it_a_warning_with_the_reason() -> None:
    findings = Findings()
    same(marked(text("같다", 1)), {"other": marked(text("같다", 1))}, findings, allowed="문장 틀이 같다")
    [found] = findings.all()
    assert (found.severity, found.note) == ("warning", "allowed by the spec: 문장 틀이 같다")


def test_images_that_look_alike_are_a_warning_unless_they_are_the_same() -> None:
    findings = Findings()
    learned = {"other": [picture("sha256:a", look=0b111)[1]]}
    seen([picture("sha256:a", look=0b111)[1], picture("sha256:b", look=2**200 - 1)[1]], learned, findings)
    assert findings.all() == ()
    seen([picture("sha256:b", look=0b1)[1]], learned, findings)
    assert [(d.code, d.severity) for d in findings.all()] == [("W736", "warning")]


def test_a_nearly_equal_input_is_an_error_and_an_equal_one_is_left_to_the_exact_comparison() -> None:
    findings = Findings()
    judged = [
        text("오늘 아침 부산항에서 화물선 두 척이 출항했다", 7),
        text("국회는 내년도 예산안을 본회의에서 통과시켰다", 8),
    ]
    learned = [text("어제 아침 부산항에서 화물선 두 척이 출항했다", 2), judged[1]]
    nearly(judged, {"news": learned}, findings, allowed="")
    assert [(d.code, d.severity, d.line) for d in findings.all()] == [("E733", "error", 7)]
    assert "d/a.jsonl:2, which `news` learns from" in findings.all()[0].message


def test_long_answers_nearly_equal_to_other_images_are_a_warning() -> None:
    scene = "비 내리는 시장 골목에서 노란 우산을 쓴 아이가 과일 가게 앞의 강아지를 바라보고 있고 뒤로 자전거가 서 있다"
    judged, learned = picture("sha256:a", reference=scene)[0], picture("b", reference=scene.replace("노란", "빨간"))[0]
    findings = Findings()
    nearly([judged], {"other": [learned]}, findings, allowed="")
    assert [d.code for d in findings.all()] == ["W733"]
