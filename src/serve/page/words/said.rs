//! What the server says of requests, jobs and lines, in Korean.
//!
//! The code says it in English; `{}` stands for what is told with it. What is not in the table, such as the library's words for an image
//! that can't be read, stays English.

use super::Lang;
use std::borrow::Borrow;

/// English, and Korean with as many `{}` in the same order.
const SAID: &[(&str, &str)] = &[
    ("Idempotency-Key: up to {} plain characters", "Idempotency-Key: 일반 문자 최대 {}자입니다"),
    ("a defect of pcore: see its log", "pcore의 결함입니다. 로그를 확인하세요"),
    ("a form has at most {} fields beside its files", "양식에는 파일 외에 항목이 최대 {}개까지 들어갑니다"),
    ("a password needs a user; give both", "비밀번호에는 사용자가 필요합니다. 둘 다 입력하세요"),
    ("a request has at most {} bytes", "요청은 최대 {}바이트입니다"),
    ("a request has at most {} files", "요청당 파일은 최대 {}개입니다"),
    (
        "a request of a browser needs the header X-Requested-With: pcore",
        "브라우저의 요청에는 X-Requested-With: pcore 헤더가 필요합니다",
    ),
    (
        "a request with a cookie needs the header X-Requested-With: pcore",
        "쿠키를 쓰는 요청에는 X-Requested-With: pcore 헤더가 필요합니다",
    ),
    (
        "after={} is no place in these results: take {} of the page before",
        "after={}은(는) 이 결과의 위치가 아닙니다. 이전 쪽의 {} 값을 쓰세요",
    ),
    ("alpha={}: expected above 0 and below 1", "alpha={}: 0보다 크고 1보다 작아야 합니다"),
    (
        "box: [left, top, width, height] inside an image of {} x {} pixels",
        "box: {} x {} 픽셀 이미지 안의 [왼쪽, 위, 너비, 높이]여야 합니다",
    ),
    ("calibrating", "보정 중"),
    ("capacity: 1 to 1000000 images", "대기 한도: 이미지 1장부터 1000000장까지입니다"),
    ("comparing", "비교 중"),
    ("coreset", "코어셋 선택 중"),
    ("day={}: expected a day such as 2026-11-28", "day={}: 2026-11-28과 같은 날짜여야 합니다"),
    ("describing", "특징 추출 중"),
    ("describing defects", "결함의 특징 추출 중"),
    (
        "detector {} is as it was fitted: there is no version before it",
        "검출기 {}은(는) 학습된 그대로이며 이전 버전이 없습니다",
    ),
    (
        "detector {} is being fitted by job {}; choose another name, or wait",
        "검출기 {}은(는) 작업 {}에서 학습 중입니다. 다른 이름을 고르거나 기다리세요",
    ),
    ("distributions", "분포 추정 중"),
    ("either dataset, or feedback: true", "dataset 또는 feedback: true 중 하나가 필요합니다"),
    ("expected an address such as http://mes.example/results", "http://mes.example/results와 같은 주소여야 합니다"),
    ("expected the name of a bucket", "버킷 이름이어야 합니다"),
    (
        "expected the name or address of a broker, such as broker.example",
        "broker.example과 같은 브로커의 이름이나 주소여야 합니다",
    ),
    ("features", "특징 비교 중"),
    ("filtering", "이상 패치 제거 중"),
    ("folders of the server are for admins", "서버의 폴더는 관리자만 사용할 수 있습니다"),
    ("format={}: expected json, csv or parquet", "format={}: json, csv, parquet 중 하나여야 합니다"),
    ("gate", "조건 판별기 학습 중"),
    (
        "images wait for detector {}: cancel their job, or wait",
        "검출기 {}을(를) 기다리는 이미지가 있습니다. 해당 작업을 취소하거나 기다리세요",
    ),
    ("index", "색인 작성 중"),
    ("inspecting", "검사 중"),
    ("it can't be drawn: {}", "그릴 수 없습니다: {}"),
    ("it needs a secret beside its access key", "액세스 키와 함께 비밀 키가 필요합니다"),
    ("job {} is {}", "작업 {}의 상태: {}"),
    ("job {} is {}; cancel it first", "작업 {}의 상태: {}. 먼저 취소하세요"),
    (
        "label={}: expected normal, anomalous or unlabelled",
        "label={}: normal, anomalous, unlabelled 중 하나여야 합니다",
    ),
    ("line {} is stopped: start it first", "라인 {}이(가) 중지되어 있습니다. 먼저 시작하세요"),
    (
        "line {} uses detector {}: give it another one, or delete it first",
        "라인 {}에서 검출기 {}을(를) 사용합니다. 다른 검출기로 바꾸거나 라인을 먼저 삭제하세요",
    ),
    ("name and detector are needed", "이름과 검출기가 필요합니다"),
    ("name or password is wrong", "이름 또는 비밀번호가 올바르지 않습니다"),
    ("name: 1 to 100 characters", "이름: 1자에서 100자까지입니다"),
    ("name: at least one letter or digit", "이름: 글자나 숫자가 하나 이상 있어야 합니다"),
    ("nothing came for too long", "너무 오랫동안 아무것도 오지 않았습니다"),
    ("one file is expected, not {}", "파일은 하나여야 하는데 {}개입니다"),
    ("pasting faults", "가상 결함 합성 중"),
    ("ports are 1 to 65535", "포트는 1에서 65535까지입니다"),
    ("reading", "읽는 중"),
    (
        "sign in first: POST /api/v1/login, or send a token",
        "먼저 로그인하세요: POST /api/v1/login 또는 토큰을 사용하세요",
    ),
    ("sinks: minutes: {}: expected 1 to 1440", "결과를 보낼 곳: minutes: {}: 1에서 1440까지입니다"),
    ("sinks: {} is there twice", "결과를 보낼 곳: {}이(가) 두 번 있습니다"),
    ("sinks: {}: {}", "결과를 보낼 곳: {}: {}"),
    (
        "somebody must stay admin; make another one first",
        "관리자가 한 명은 있어야 합니다. 다른 관리자를 먼저 지정하세요",
    ),
    ("sort={}: expected one of those of the list", "sort={}: 목록에 있는 정렬이어야 합니다"),
    ("sort={}: expected {}", "sort={}: {} 중 하나여야 합니다"),
    (
        "source: command is empty: name a program and its arguments",
        "이미지 출처: command가 비어 있습니다. 프로그램과 인수를 적으세요",
    ),
    ("source: programs are started where {} says so", "이미지 출처: 프로그램은 {} 설정이 있어야 실행됩니다"),
    ("the body is empty: send the bytes of an image", "본문이 비어 있습니다. 이미지의 바이트를 보내세요"),
    ("the broker can't be reached: {}", "브로커에 연결할 수 없습니다: {}"),
    ("the broker does not answer", "브로커가 응답하지 않습니다"),
    ("the field images is missing: send at least one file", "images 항목이 없습니다. 파일을 하나 이상 보내세요"),
    ("the field {} is missing", "{} 항목이 없습니다"),
    ("the field {} is no text", "{} 항목이 텍스트가 아닙니다"),
    ("the field {} is too long", "{} 항목이 너무 깁니다"),
    ("the image has no verdict: it could not be inspected", "이미지에 판정이 없습니다. 검사할 수 없었습니다"),
    ("the image was called {}, so it is no {}", "이미지의 판정이 {}이므로 {}(으)로 표시할 수 없습니다"),
    ("the image was removed, as it is older than images are kept", "보관 기간이 지나 이미지가 삭제되었습니다"),
    ("the image {} is no longer where it was", "이미지 {}이(가) 더 이상 원래 위치에 없습니다"),
    ("the request comes from another site", "다른 사이트에서 온 요청입니다"),
    ("the request is broken: {}", "요청이 올바르지 않습니다: {}"),
    ("the server failed: {}", "서버에서 오류가 났습니다: {}"),
    ("the server is about to end", "서버가 곧 종료됩니다"),
    ("the server's disk is full: {}", "서버의 디스크가 가득 찼습니다: {}"),
    ("the token is not known, or was deleted", "알 수 없거나 삭제된 토큰입니다"),
    ("there is a data set {} already", "데이터셋 {}이(가) 이미 있습니다"),
    (
        "there is a detector {} already, or a fit that makes it; choose another name",
        "검출기 {}이(가) 이미 있거나 학습 중입니다. 다른 이름을 고르세요",
    ),
    ("there is a line {} already", "라인 {}이(가) 이미 있습니다"),
    ("there is a token {} already; delete it first", "토큰 {}이(가) 이미 있습니다. 먼저 삭제하세요"),
    ("there is no such file", "그런 파일이 없습니다"),
    ("there is no {} {}", "찾을 수 없습니다: {} {}"),
    ("there is nothing at this address", "이 주소에는 아무것도 없습니다"),
    (
        "this pcore was built without it; build it with the feature {}",
        "이 pcore는 해당 기능 없이 빌드되었습니다. {} 기능을 켜고 빌드하세요",
    ),
    ("too many requests; wait a moment", "요청이 너무 많습니다. 잠시 후 다시 시도하세요"),
    ("too many tries; wait a minute", "시도가 너무 많습니다. 잠시 기다리세요"),
    ("training", "학습 중"),
    ("verdict={}: expected normal, anomalous or failed", "verdict={}: normal, anomalous, failed 중 하나여야 합니다"),
    ("weighing", "오경보 검토 중"),
    (
        "without accounts the server answers as localhost alone, not as {}",
        "계정이 없으면 서버는 {}이(가) 아니라 localhost로만 응답합니다",
    ),
    ("{} answers {}", "{}의 응답: {}"),
    (
        "{} images of line {} wait, which is as many as may; try again",
        "이미지 {}장이 라인 {}에서 기다리고 있어 한도에 이르렀습니다. 다시 시도하세요",
    ),
    ("{} is a {}; this needs the role {}", "{}의 역할은 {}입니다. 이 작업에는 {} 역할이 필요합니다"),
    ("{} is no Unicode; rename it", "{}은(는) 유니코드가 아닙니다. 이름을 바꾸세요"),
    (
        "{} is not below an allowed folder ({}): see {}",
        "{}은(는) 허용된 폴더({}) 아래에 있지 않습니다. {} 설정을 확인하세요",
    ),
    ("{} is not below an allowed folder, see {}", "{}은(는) 허용된 폴더 아래에 있지 않습니다. {} 설정을 확인하세요"),
    ("{}={}: expected a number", "{}={}: 숫자여야 합니다"),
];

/// A text of the server in a language.
pub(crate) fn said(lang: impl Borrow<Lang>, text: &str) -> String {
    match lang.borrow() {
        Lang::En => text.to_owned(),
        Lang::Ko => korean(text).unwrap_or_else(|| text.to_owned()),
    }
}

fn korean(text: &str) -> Option<String> {
    // The one that says most of it in its own words; what it leaves open may be known in turn.
    let found = SAID.iter().filter_map(|(english, korean)| Some((english, korean, filled(english, text)?)));
    let Some((_, korean, holes)) = found.max_by_key(|(english, ..)| english.len()) else {
        // A cause after what it is the cause of.
        let (what, why) = text.split_once(": ")?;
        return Some(format!("{what}: {}", self::korean(why)?));
    };
    let mut said = String::new();
    let mut holes = holes.into_iter();
    for (at, part) in korean.split("{}").enumerate() {
        if at > 0 {
            said += &holes.next().map_or_else(String::new, |hole| self::said(Lang::Ko, hole));
        }
        said += part;
    }
    Some(said)
}

/// What stands for each `{}`, where a text has this form.
fn filled<'a>(form: &str, text: &'a str) -> Option<Vec<&'a str>> {
    let mut parts = form.split("{}");
    let mut rest = text.strip_prefix(parts.next()?)?;
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty().then(Vec::new) };
    rest = rest.strip_suffix(last)?;
    let mut holes = vec![];
    for part in parts {
        let (hole, after) = rest.split_once(part)?;
        holes.push(hole);
        rest = after;
    }
    holes.push(rest);
    Some(holes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_has_the_same_holes_on_both_sides() {
        for (english, korean) in SAID {
            assert_eq!(english.matches("{}").count(), korean.matches("{}").count(), "{english}");
            assert!(korean.chars().any(|c| ('가'..='힣').contains(&c)), "{korean}");
        }
        assert!(SAID.is_sorted_by_key(|(english, _)| english));
    }

    #[test]
    fn a_text_is_told_with_what_it_was_said_of() {
        let korean = |text| said(Lang::Ko, text);
        assert_eq!(korean("job 7 is running; cancel it first"), "작업 7의 상태: running. 먼저 취소하세요");
        assert_eq!(korean("alpha=2: expected above 0 and below 1"), "alpha=2: 0보다 크고 1보다 작아야 합니다");
        // What is open is said in turn.
        assert_eq!(
            korean("sinks: modbus a:0: ports are 1 to 65535"),
            "결과를 보낼 곳: modbus a:0: 포트는 1에서 65535까지입니다"
        );
        assert_eq!(korean("webhook http://a/: http://a/ answers 503"), "webhook http://a/: http://a/의 응답: 503");
        assert_eq!(korean("png: the file is cut off"), "png: the file is cut off");
        assert_eq!(said(Lang::En, "job 7 is running"), "job 7 is running");
    }
}
