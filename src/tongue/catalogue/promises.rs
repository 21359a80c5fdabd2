//! Verdicts on promises, one paragraph each.

use super::Entry;

pub const MESSAGES: &[Entry] = &[
    (
        "distance.pass",
        "All {pairs} pairs are at least {min} km apart; the nearest, {a} and {b}, are {km} km from each other.",
        "{pairs}쌍 모두 {min}km 이상 떨어져 있습니다. 가장 가까운 {a|과|와} {b} 사이는 {km}km입니다.",
    ),
    (
        "distance.too_near",
        "{a} and {b} are {km} km apart and the rule asks for {min} km: {missing} km too near, so that one disaster can take both. Move one of them, or lower min_km if that is what is meant.",
        "{a|과|와} {b} 사이는 {km}km인데 규칙은 {min}km를 요구합니다. {missing}km가 모자라 재해 하나에 둘 다 잃을 수 있습니다. 둘 중 하나를 옮기십시오. 의도한 거리라면 min_km를 낮추십시오.",
    ),
    (
        "distance.too_far",
        "{a} and {b} are {km} km apart and the rule allows {max} km at most (at least {min} km): too far for what links them.",
        "{a|과|와} {b} 사이는 {km}km인데 규칙은 최대 {max}km(최소 {min}km)까지만 허용합니다. 두 곳을 잇기에 너무 멉니다.",
    ),
    (
        "distance.unplaced",
        "Nobody says where {sites} stands: the {min} km cannot be measured. Give it coordinates = [latitude, longitude].",
        "{sites}의 위치를 알 수 없어 {min}km를 잴 수 없습니다. coordinates = [위도, 경도]를 적으십시오.",
    ),
    (
        "distance.no_pair",
        "No pair of locations is of the kind the rule speaks of, so that nothing was measured.",
        "규칙이 말하는 위치 쌍이 없어 아무것도 재지 못했습니다.",
    ),
    (
        "hazard.pass",
        "{n} of the locations stand within {radius} km of {hazard}; {most} may.",
        "{hazard}에서 {radius}km 안에 있는 위치는 {n}곳이며 {most}곳까지 허용됩니다.",
    ),
    (
        "hazard.too_many",
        "{n} locations stand within {radius} km of {hazard}, and {most} may: {sites}. One event there takes them together.",
        "{hazard}에서 {radius}km 안에 {n}곳({sites})이 있는데 {most}곳까지만 허용됩니다. 그곳의 사고 하나로 함께 잃습니다.",
    ),
    (
        "hazard.unplaced",
        "Nobody says where {unplaced} stands, so that it may be within {radius} km of {hazard}, where {most} may be and {n} are.",
        "{unplaced}의 위치를 알 수 없어 {hazard}에서 {radius}km 안에 있을 수도 있습니다. 지금 {n}곳이 있고 {most}곳까지 허용됩니다.",
    ),
    (
        "class.pass",
        "{site} is promised {promised} and built {built}: {parts}.",
        "{site|은|는} {promised}로 약속되었고 {built}로 구축되어 있습니다: {parts}.",
    ),
    (
        "class.not_proven",
        "{site} is promised {promised}; nothing shows that it is less ({built} by what is known): {parts}.",
        "{site|은|는} {promised}로 약속되었습니다. 그보다 못하다는 증거는 없지만(알려진 것으로는 {built}) 증명되지 않았습니다: {parts}.",
    ),
    (
        "class.differs",
        "{site} is promised {promised} and built {built}: {parts}.",
        "{site|은|는} {promised}로 약속되었지만 실제로는 {built}입니다: {parts}.",
    ),
    (
        "class.fail",
        "{site} is promised {promised} and does not keep all of it (built {built}): {parts}.",
        "{site|은|는} {promised}로 약속되었지만 다 지키지 못하고 있습니다(구축 {built}): {parts}.",
    ),
    (
        "class.ready.floor",
        "{ready} ready, {least} needed to carry the floor alone",
        "준비된 복제본 {ready}개, 혼자 하한을 감당하려면 {least}개 필요",
    ),
    ("class.ready.count", "{ready} ready of at least {least}", "준비된 복제본 {ready}개, 최소 {least}개"),
    ("class.ready.room", "{ready} ready, {least} asked", "준비된 복제본 {ready}개, 요구 {least}개"),
    (
        "class.ready.no_room",
        "{ready} ready and no room for one ({least} asked)",
        "준비된 복제본 {ready}개이고 만들 자리도 없음(요구 {least}개)",
    ),
    ("class.ready.no_workload", "no workload has a place here", "이곳에 자리를 둔 워크로드가 없음"),
    ("class.lag.pass", "data {lag} behind, at most {rpo}", "데이터 지연 {lag}, 최대 {rpo}"),
    ("class.lag.fail", "data {lag} behind where at most {rpo} is promised", "데이터 지연 {lag}, 약속은 최대 {rpo}"),
    (
        "class.lag.unknown",
        "nobody says how far its data lags (at most {rpo})",
        "데이터 지연을 아무도 밝히지 않음(최대 {rpo})",
    ),
    ("class.rto.pass", "serves within {rto}, at most {limit}", "{rto} 안에 서비스, 최대 {limit}"),
    ("class.rto.fail", "serves only after {rto} where {limit} is promised", "{rto} 뒤에야 서비스, 약속은 {limit}"),
    ("class.rehearsal.pass", "rehearsed {days} days ago, at most {every}", "마지막 훈련 {days}일 전, 최대 {every}일"),
    (
        "class.rehearsal.old",
        "last rehearsed {days} days ago where every {every} is promised",
        "마지막 훈련이 {days}일 전, 약속은 {every}일마다",
    ),
    ("class.rehearsal.unknown", "no rehearsal is known (every {every} days)", "알려진 훈련 기록 없음({every}일마다)"),
    ("class.rehearsal.none_asked", "no rehearsal is asked for", "훈련을 요구하지 않음"),
    (
        "min_ready.pass",
        "{ready} replicas are ready at {site}; the spec asks for {least}.",
        "{site}에 준비된 복제본이 {ready}개이며 요구는 {least}개입니다.",
    ),
    (
        "min_ready.short",
        "{ready} replicas are ready at {site} and the spec asks for {least}: after a loss elsewhere it cannot take over as promised.",
        "{site}에 준비된 복제본이 {ready}개인데 요구는 {least}개입니다. 다른 곳을 잃으면 약속대로 넘겨받을 수 없습니다.",
    ),
    (
        "backup.rpo.pass",
        "{backup} loses at most {best} of data, by leg {leg}; {rpo} is promised.",
        "{backup|은|는} 구간 {leg} 기준으로 데이터를 최대 {best}만큼 잃습니다. 약속은 {rpo}입니다.",
    ),
    (
        "backup.rpo.fail",
        "{backup} promises to lose at most {rpo} of data, and its best leg, {leg}, loses up to {best}. Copy more often, or promise less.",
        "{backup|은|는} 데이터를 최대 {rpo}만 잃겠다고 약속하지만 가장 나은 구간 {leg}도 최대 {best}까지 잃습니다. 더 자주 복사하거나 약속을 낮추십시오.",
    ),
    (
        "backup.rpo.unknown",
        "{backup} promises to lose at most {rpo} of data; of {legs} nobody says how far it lags. Write lag = \"5s\" as measured.",
        "{backup|은|는} 데이터를 최대 {rpo}만 잃겠다고 약속하지만 {legs}의 지연을 아무도 밝히지 않았습니다. 측정한 값을 lag = \"5s\"처럼 적으십시오.",
    ),
    (
        "backup.rpo.none",
        "{backup} promises to lose at most {rpo} of data and has no leg: everything is lost.",
        "{backup|은|는} 데이터를 최대 {rpo}만 잃겠다고 약속하지만 구간이 없습니다. 모두 잃습니다.",
    ),
    (
        "backup.apart.pass",
        "Leg {leg} of {backup} shares nothing declared with its source.",
        "{backup}의 구간 {leg|은|는} 선언된 것 가운데 원본과 공유하는 것이 없습니다.",
    ),
    (
        "backup.apart.fail",
        "Leg {leg} of {backup} falls together with its source: both need {common}.",
        "{backup}의 구간 {leg|은|는} 원본과 함께 무너집니다. 둘 다 {common|이|가} 필요합니다.",
    ),
    (
        "backup.apart.unknown",
        "Nobody says what leg {leg} of {backup} rests on.",
        "{backup}의 구간 {leg|이|가} 무엇에 의존하는지 아무도 밝히지 않았습니다.",
    ),
    (
        "backup.reach.pass",
        "Copies of {backup} leave every level a disaster can take.",
        "{backup}의 사본은 재해가 덮칠 수 있는 모든 단계를 벗어납니다.",
    ),
    (
        "backup.reach.fail",
        "No copy of {backup} leaves its {levels}: a disaster of that size takes source and copies.",
        "{backup}의 사본이 하나도 {levels} 밖으로 나가지 않습니다. 그 규모의 재해면 원본과 사본을 함께 잃습니다.",
    ),
    (
        "backup.restore.pass",
        "A restore from {leg} was tried {days} days ago; every {every} is asked.",
        "{leg}의 복원을 {days}일 전에 시험했습니다. 요구는 {every}일마다입니다.",
    ),
    (
        "backup.restore.old",
        "A restore from {leg} was last tried {days} days ago, and every {every} is asked: a copy nobody restores may be none.",
        "{leg}의 복원을 마지막으로 시험한 지 {days}일이 지났습니다. 요구는 {every}일마다입니다. 복원해 보지 않은 사본은 없는 것과 같을 수 있습니다.",
    ),
    (
        "backup.restore.never",
        "No restore from {leg} is known, and one every {every} days is asked. Try one, then write restored = \"2026-05-01\".",
        "{leg}의 복원 시험 기록이 없습니다. 요구는 {every}일마다입니다. 시험한 뒤 restored = \"2026-05-01\"처럼 적으십시오.",
    ),
    (
        "backup.base.own",
        "The increments of {leg} build on a full copy every {every}.",
        "{leg}의 증분은 {every}마다 만드는 전체 사본 위에 쌓입니다.",
    ),
    (
        "backup.base.pass",
        "The increments of {leg} build on the full copies of {full}.",
        "{leg}의 증분은 {full}의 전체 사본 위에 쌓입니다.",
    ),
    (
        "backup.base.fail",
        "{leg} holds increments, and no full copy goes where they go: nothing can be restored from them alone. Write full_every, or add a full leg to the same target.",
        "{leg}에는 증분만 있고 같은 곳으로 가는 전체 사본이 없습니다. 그것만으로는 아무것도 복원할 수 없습니다. full_every를 적거나 같은 대상에 전체 구간을 더하십시오.",
    ),
    (
        "limit.pass",
        "{limit}: {used} used, {peak} at most on the way, {max} allowed.",
        "{limit}: {used}개 사용, 도중 최대 {peak}개, 허용 {max}개입니다.",
    ),
    (
        "limit.over",
        "{limit}: {used} are used where {max} are allowed (on the way up to {peak}): {over} too many.",
        "{limit}: {max}개까지 허용되는데 {used}개를 씁니다(도중 최대 {peak}개). {over}개가 넘칩니다.",
    ),
    (
        "limit.over_on_the_way",
        "{limit}: {used} are used in the end, but up to {peak} on the way where {max} are allowed: {over} too many. A smaller surge needs less.",
        "{limit}: 끝나면 {used}개지만 도중에 최대 {peak}개를 써서 허용된 {max}개를 {over}개 넘깁니다. surge를 줄이면 덜 씁니다.",
    ),
    (
        "stand_in.pass",
        "{by} can take the place of {of}: {needed} replicas are needed, {ready} stand and there is room for {most}; all {checked} things compared are the same.",
        "{by|은|는} {of}의 자리를 대신할 수 있습니다. 복제본 {needed}개가 필요하고 {ready}개가 있으며 {most}개까지 둘 자리가 있습니다. 비교한 {checked}가지가 모두 같습니다.",
    ),
    (
        "stand_in.too_small",
        "{by} is too small to take the place of {of}: {needed} replicas are needed, {ready} stand and there is room for {most}.",
        "{by|은|는} {of}의 자리를 대신하기에 작습니다. 복제본 {needed}개가 필요한데 {ready}개가 있고 {most}개까지만 둘 수 있습니다.",
    ),
    (
        "stand_in.differs",
        "{by} is not what {of} is: {differing}. After a switch users would meet something else.",
        "{by|이|가} {of|과|와} 다릅니다: {differing}. 전환하면 사용자가 다른 것을 만나게 됩니다.",
    ),
    (
        "stand_in.shares",
        "{by} falls together with {of}: both stand in {shared}.",
        "{by|은|는} {of|과|와} 함께 무너집니다. 둘 다 {shared}에 있습니다.",
    ),
    (
        "stand_in.unseen",
        "Whether {by} can take the place of {of} is not known: nobody has seen {unseen} of either.",
        "{by|이|가} {of}의 자리를 대신할 수 있는지 알 수 없습니다. {unseen|을|를} 어느 쪽에서도 본 적이 없습니다.",
    ),
    (
        "stand_in.room_unknown",
        "{by} would have to grow from {ready} to {needed} to take the place of {of}, and nobody says how much room there is.",
        "{by|이|가} {of}의 자리를 대신하려면 {ready}개에서 {needed}개로 늘어야 하는데 자리가 얼마나 있는지 알 수 없습니다.",
    ),
    (
        "stand_in.not_there",
        "{by} or {of} is not part of what was looked at.",
        "{by} 또는 {of|은|는} 살펴본 대상에 없습니다.",
    ),
    (
        "change.frozen",
        "{rule}: nothing is changed during {freeze}, which ends after {until}. A repair (plan -repair) and a failover are never frozen.",
        "{rule}: {freeze} 동안은 아무것도 바꾸지 않습니다. {until|이|가} 지나면 끝납니다. 복구(plan -repair)와 장애 조치는 막지 않습니다.",
    ),
    (
        "change.closed",
        "{rule}: changes begin in {windows} only, and none of these is open now. A repair (plan -repair) and a failover are never held.",
        "{rule}: 변경은 {windows} 시간대에만 시작하는데 지금은 열린 시간대가 없습니다. 복구(plan -repair)와 장애 조치는 막지 않습니다.",
    ),
    (
        "change.weakens",
        "{rule}: {n} rules are gone or promise less than when last applied ({rules}), which {needed} people must approve; {given} did. Add -approved-by=NAME for each, or -approved-by=NAME=WORKLOAD:RULE.",
        "{rule}: 마지막으로 적용한 규칙 가운데 {n}개가 없어지거나 약해집니다({rules}). {needed}명이 승인해야 하는데 {given}명이 승인했습니다. 사람마다 -approved-by=NAME(또는 -approved-by=NAME=WORKLOAD:RULE)을 더하십시오.",
    ),
    (
        "change.removes",
        "{rule}: {n} replicas are removed, which {needed} people must approve; {given} did. Add -approved-by=NAME for each.",
        "{rule}: 복제본 {n}개를 제거합니다. {needed}명이 승인해야 하는데 {given}명이 승인했습니다. 사람마다 -approved-by=NAME을 더하십시오.",
    ),
    (
        "change.too_fast",
        "{rule}: {n} replicas would be removed after {before} in the last {within}, and {most} may be.",
        "{rule}: 지난 {within} 동안 {before}개를 제거했는데 {n}개를 더 제거하게 됩니다. {most}개까지만 허용됩니다.",
    ),
    ("change.summary", "Not changed now", "지금은 바꾸지 않습니다"),
    ("change.nothing", "Nothing was changed.", "아무것도 바꾸지 않았습니다."),
    (
        "standby.pass",
        "{active} works; {ready} of {wanted} stand by, in the order {order}. If it is lost {next} takes over {by}, with {loss}; {fence}.",
        "{active|이|가} 일하고 있습니다. 대기는 {wanted}개 가운데 {ready}개이며 순서는 {order}입니다. 잃으면 {next|이|가} 넘겨받습니다({by}). {loss}, {fence}.",
    ),
    (
        "standby.fewer",
        "{active} works and {ready} of {wanted} stand by ({order}): one loss more than planned has happened already. If {active} is lost {next} takes over {by}, with {loss}; {fence}. A replacement is planned.",
        "{active|이|가} 일하고 있고 대기는 {wanted}개 가운데 {ready}개뿐입니다({order}). 이미 하나를 잃은 상태입니다. {active|을|를} 잃으면 {next|이|가} 넘겨받습니다({by}). {loss}, {fence}. 대체 복제본을 계획합니다.",
    ),
    (
        "standby.takes_over",
        "{last} worked and does not serve: {active} takes over {by}, with {loss}; {fence}. {ready} of {wanted} stand by after it ({order}).",
        "일하던 {last|이|가} 서비스하지 못해 {active|이|가} 넘겨받습니다({by}). {loss}, {fence}. 그 뒤 대기는 {wanted}개 가운데 {ready}개입니다({order}).",
    ),
    (
        "standby.active_gone",
        "{active} was to work and does not serve: {next} takes over {by}, then {order} in that order, with {loss}; {fence}. {ready} of {wanted} stand by.",
        "일하던 {active|이|가} 서비스하지 못합니다. {next|이|가} 넘겨받고({by}) 그다음 순서는 {order}입니다. {loss}, {fence}. 대기는 {wanted}개 가운데 {ready}개입니다.",
    ),
    (
        "standby.none",
        "{active} was to work and does not serve, and nobody can take over: {ready} of {wanted} stand by within {max_lag} of it.",
        "일하던 {active|이|가} 서비스하지 못하고 넘겨받을 곳이 없습니다. {max_lag} 안에서 따라오는 대기는 {wanted}개 가운데 {ready}개입니다.",
    ),
    (
        "standby.lags",
        "{active} works; {lagging} lags more than {max_lag} and is not promoted, which leaves {ready} of {wanted} to take over.",
        "{active|이|가} 일하고 있습니다. {lagging|은|는} 지연이 {max_lag|을|를} 넘어 승격하지 않으므로 넘겨받을 수 있는 대기는 {wanted}개 가운데 {ready}개입니다.",
    ),
    (
        "standby.unfenced",
        "{active} works and {ready} of {wanted} stand by ({order}); nothing proves that the old one has stopped before {next} takes over {by}: two could work at once. Write fence = \"operator\", \"stonith\" or \"lease:30s\".",
        "{active|이|가} 일하고 있고 대기는 {wanted}개 가운데 {ready}개입니다({order}). {next|이|가} 넘겨받기 전에({by}) 이전 것이 멈췄다는 증거가 없어 둘이 동시에 일할 수 있습니다. fence = \"operator\", \"stonith\" 또는 \"lease:30s\"를 적으십시오.",
    ),
    (
        "standby.lag_unknown",
        "{active} works and {ready} of {wanted} stand by ({order}); nobody says how far they lag, and at most {max_lag} is allowed.",
        "{active|이|가} 일하고 있고 대기는 {wanted}개 가운데 {ready}개입니다({order}). 지연을 아무도 밝히지 않았습니다. 최대 {max_lag}까지 허용됩니다.",
    ),
    ("standby.loss", "at most {lag} of data lost", "데이터 손실 최대 {lag}"),
    ("standby.loss.unknown", "an unknown amount of data lost", "데이터 손실은 알 수 없음"),
    ("standby.by.straddle", "by straddle", "straddle이 승격"),
    ("standby.by.others", "by others", "다른 소프트웨어가 승격"),
    ("standby.fence.lease", "the old one's lease ends after {lease}", "이전 것의 임대는 {lease} 뒤 끝남"),
    ("standby.fence.stonith", "the old one is switched off first", "이전 것을 먼저 강제로 끔"),
    (
        "standby.fence.operator",
        "whoever starts the failover vouches that the old one is off",
        "장애 조치를 시작하는 사람이 이전 것이 꺼졌음을 보증",
    ),
    ("standby.fence.none", "nothing fences the old one", "이전 것을 격리하는 수단 없음"),
    (
        "independence.known",
        "Of every pair of locations it is declared whether they share a {kind}.",
        "모든 위치 쌍에 대해 {kind|을|를} 공유하는지가 선언되어 있습니다.",
    ),
    (
        "independence.unknown",
        "Of {pairs} pairs of locations nobody knows whether they share a {kind}: {sites} declares none. They are counted as independent (assume = \"independent\"), which nobody has shown.",
        "위치 {pairs}쌍이 {kind|을|를} 공유하는지 아무도 모릅니다. {sites|은|는} 아무것도 선언하지 않았습니다. 독립이라고 치지만(assume = \"independent\") 보인 사람은 없습니다.",
    ),
    (
        "independence.shared",
        "Of {pairs} pairs of locations nobody knows whether they share a {kind}: {sites} declares none, so they are counted as sharing it (assume = \"shared\"). Declare what they stand in to count more.",
        "위치 {pairs}쌍이 {kind|을|를} 공유하는지 아무도 모릅니다. {sites|이|가} 아무것도 선언하지 않아 공유한다고 칩니다(assume = \"shared\"). 무엇에 의존하는지 선언하면 더 셀 수 있습니다.",
    ),
    (
        "evidence.pass",
        "{kind} {risk}: {evidence}, {days} days old; at most {most} are asked.",
        "{kind} {risk}: {evidence}, {days}일 됨. 최대 {most}일입니다.",
    ),
    (
        "evidence.old",
        "{kind} {risk}: the {evidence} is {days} days old and proves nothing after {most}. Renew it.",
        "{kind} {risk}: {evidence|이|가} {days}일 되어 {most}일이 지나면 아무것도 증명하지 못합니다. 갱신하십시오.",
    ),
    (
        "evidence.undated",
        "{kind} {risk}: the {evidence} has no date, and at most {most} days are asked.",
        "{kind} {risk}: {evidence}에 날짜가 없습니다. 최대 {most}일입니다.",
    ),
    (
        "evidence.none",
        "{kind} {risk} is declared and nothing shows it (evidence at most {most} days old is asked).",
        "{kind} {risk|은|는} 선언만 되었고 보여 주는 증거가 없습니다({most}일 이내의 증거를 요구합니다).",
    ),
];
