"""Names in Korean running text, without a model or a dictionary: few of them, and hardly anything else.

A person: a common family name and two syllables that given names are made of, before 씨, 님 or a title. An
organisation: a proper part before an ending such as 은행 or 대학교. A place: one of the provinces and largest cities;
those that are common nouns as well (대구, a fish; 대전, a war) only as 대구시 or before a particle of place (대구에서).
Other names are left out rather than guessed, since a wrong one would be asked of every answer: so are
persons whose names end as adjectives or cities do (유명한 배우, 김해시 의원).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from runner.metrics.stated import ends_as_noun

# Frequent family names (census of 2015), and those of two syllables.
_FAMILY = (
    "(?:[김이박최정강조윤장임한오서신권황안송류전홍고문양손배백허유남심노하곽성차주우구민진]|"
    "남궁|황보|제갈|선우|독고|사공)"
)
_GIVEN = (
    "가건경광국규균근기길나남다단도동두라란래려련령례록리린림만명모무문미민범병보봉비빈사상서석선설섭성세소솔송수숙"
    "순슬승시신아안애연열영예옥완용우욱운웅원월유윤율은의이인일임재전정제조종주준중지진찬창채천철초춘충치태택하학한해"
    "향혁현형혜호홍화환훈휘희"
)
_TITLE = (
    "대통령|국무총리|총리|장관|차관|의원|시장|도지사|지사|군수|구청장|대표|회장|부회장|사장|부사장|전무|상무|이사|본부장|부장|"
    "차장|과장|대리|팀장|실장|국장|센터장|원장|총장|교수|박사|교사|변호사|검사|판사|기자|작가|감독|선수|코치|배우|가수|"
    "화백|신부|목사|스님|위원장|위원|의장|청장|소장|대사|중위|대위|소령|중령|대령|경위|경감|경정"
)
# Nouns and adjectives of three syllables that look like names before a title, by their last syllable, and others.
_NOT_LAST = "가자인원회사부과장관측생한시"
_NOT_WHOLE = "최연소|최우수|최정예|최다승|최선임|문화재|구치소|이태리"
_PERSON = re.compile(
    rf"(?<![가-힣])(?!{_NOT_WHOLE})({_FAMILY}[{_GIVEN}](?![{_NOT_LAST}])[{_GIVEN}])"
    rf"(?=\s?(?:씨|님)(?![가-힣])|\s?(?:씨|님)[은는이가을를의와과도]"
    rf"|\s?(?:씨|님)(?:에게|께서|에서|으로|로)|\s(?:{_TITLE}))"
)
_ENDING = (
    "은행|대학교|고등학교|중학교|초등학교|대학병원|병원|공사|공단|위원회|재단|협회|연구원|연구소|경찰서|소방서|도서관|박물관|"
    "미술관|전자|화학|제약|건설|항공|증권|보험|신문|일보|방송"
)
_ORGANISATION = re.compile(rf"(?<![가-힣])([가-힣]{{2,10}}(?:{_ENDING}))")
# What stands before such an ending without making a name.
_COMMON = re.compile(
    "(?:중앙|시중|지방|종합|대형|소형|해당|일반|국립|시립|도립|사립|공립|전문|상업|투자|저축|특별|소속|인근|지역|관련|상급|요양|"
    "어린이|국내|해외|외국|주요|민간|공공|대표|유명|여러|각종|일부|모든|다른|이번|우리나라|전국|동네|대학|국책|인터넷|온라인|"
    "운영|심사|평가|조사|준비|추진|자문|윤리|징계|인사|선거관리|대책|특별대책|생명|손해|건강|자동차|실손|고용|사회|의료|"
    "토목|도로|보수|배관|전기|수도|가전|석유|정밀|유기|무기|생|라디오|공영|지상파|케이블|생방송|재|인공지능|기업부설|부설|"
    "자치|상임|분과|소|전|현|민영|국영|도시|주택|아파트|반도체)+"
)
_PLACE = re.compile(
    "(?<![가-힣])((?:서울|인천|광주|울산)(?:특별시|광역시|시)?|(?:부산|대구|대전)(?:광역시|시)|"
    "(?<!세계 )(?<!차 )(?:부산|대구|대전|제주)(?=에서|까지)|세종(?:특별자치)?시|"
    "(?:경기|강원|충청[남북]|전라[남북]|경상[남북]|제주)(?:특별자치)?도|충[남북]|전[남북]|경[남북])"
)


def find_names(text: str) -> Iterator[tuple[int, str]]:
    """(position, name) of NFC text, persons first, then organisations and places."""
    for match in _PERSON.finditer(text):
        yield match.start(1), match.group(1)
    for match in _ORGANISATION.finditer(text):
        ending = next(e for e in re.findall(_ENDING, match.group(1))[::-1] if match.group(1).endswith(e))
        before = match.group(1).removesuffix(ending)
        if len(before) >= 2 and not _COMMON.fullmatch(before) and ends_as_noun(text, match.end(1)):
            yield match.start(1), match.group(1)
    for match in _PLACE.finditer(text):
        if ends_as_noun(text, match.end(1)):
            yield match.start(1), match.group(1)
