"""Names in Korean texts: those that are found are names."""

import pytest

from runner.metrics.facts import derive
from runner.metrics.korean_names import find_names
from runner.metrics.measure import measure
from runner.samples.sample import Completion, Fact, Sample

NAMED = [
    ("김철수 씨는 어제 서울에서 열린 회의에 참석했다.", {"김철수", "서울"}),
    ("이지윤씨가 부산광역시에 새 가게를 열었다.", {"이지윤", "부산광역시"}),
    ("박서준 대표는 올해 매출이 늘었다고 말했다.", {"박서준"}),
    ("남궁민수 교수와 최은영 의원이 토론했다.", {"남궁민수", "최은영"}),
    ("한국은행은 기준 금리를 그대로 두기로 했다.", {"한국은행"}),
    ("그는 연세대학교를 졸업하고 삼성전자에 들어갔다.", {"연세대학교", "삼성전자"}),
    ("국민건강보험공단의 발표에 따르면 진료비가 줄었다.", {"국민건강보험공단"}),
    ("경기도와 강원특별자치도에 호우 특보가 내려졌다.", {"경기도", "강원특별자치도"}),
    ("정해린 님께서 보내 주신 편지를 세종시에서 받았다.", {"정해린", "세종시"}),
    ("대전에서 울산까지 세 시간이 걸린다.", {"대전", "울산"}),
    ("대구시와 부산까지 눈이 내렸고 제주에서는 비가 왔다.", {"대구시", "부산", "제주"}),
]
NAMELESS = [
    "이용자 대표는 요금을 내려 달라고 했다.",
    "노동자 대표와 조합원 대표가 만났다.",
    "이번 주 대표 회의는 쉰다.",
    "시중은행의 대출 금리가 올랐다.",
    "중앙은행은 돈을 찍는다.",
    "종합병원은 붐빈다.",
    "아저씨는 솜씨가 좋고 날씨가 맑다.",
    "선생님은 고객님께 인사했다.",
    "이사회 의장이 바뀌었다.",
    "전문가 위원은 반대했다.",
    "다시 연구를 시작했고 역시 도구가 모자랐다.",
    "대구탕을 먹고 경기를 보았다.",
    "서울대는 멀고 광주리는 무겁다.",
    "소비자 보호 위원회가 생겼다.",
    "투자은행과 저축은행은 다르다.",
    "심사위원회는 결과를 미루었다.",
    "정부 대표와 기업 대표가 한자리에 앉았다.",
    "유학생 대표가 인사했다.",
    "오늘 감독 회의가 있다.",
    "이 제품은 조용하고 튼튼하다.",
    "유명한 배우가 왔다.",
    "조용한 부장과 이상한 사장이 다투었다.",
    "정중한 기자가 물었다.",
    "그는 팀에서 유일한 선수이다.",
    "안전한 팀장 교육을 받았다.",
    "신중한 판사는 미루었다.",
    "강인한 선수가 이겼다.",
    "작년에 이전한 원장 사무실은 넓다.",
    "대구 한 마리를 샀고 대구는 비쌌다.",
    "세계 대전이 끝났다.",
    "제2차 세계 대전에서 배웠고 1차 대전까지 다루었다.",
    "부산을 떨며 제주를 맡았다.",
    "김해시 의원과 성남시 의원이 만났다.",
    "최연소 의원이 최우수 선수를 만났다.",
    "문화재 위원이 구치소 소장에게 물었다.",
]


@pytest.mark.parametrize(("text", "names"), NAMED)
def test_names_with_a_title_or_a_telling_ending_are_found(text: str, names: set[str]) -> None:
    assert {name for _, name in find_names(text)} == names


@pytest.mark.parametrize("text", NAMELESS)
def test_common_nouns_are_not_taken_for_names(text: str) -> None:
    assert list(find_names(text)) == []


def test_korean_names_of_a_reference_are_facts_beside_its_numbers() -> None:
    facts = derive("김철수 씨는 3월 2일 한국은행에 'AI 전략'을 냈다.")
    assert [f.text for f in facts] == ["김철수", "3", "2", "한국은행", "AI", "AI 전략"]


def test_a_signature_says_in_which_way_facts_were_taken_from_references() -> None:
    given = Sample("1", "?", "김철수 씨가 왔다", facts=(Fact("김철수"),))
    derived = Sample("1", "?", "김철수 씨가 왔다")
    answer = [Completion("1", "김철수가 왔다", 3)]
    assert measure("fact_recall", {}, [given], answer).signature == "fact_recall|v1|facts=auto"
    scores = measure("fact_recall", {}, [derived], answer)
    assert (scores.signature, scores.value) == ("fact_recall|v1|facts=auto|derived=3", 1.0)
