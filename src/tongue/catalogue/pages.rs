//! The words around tables and pages.

use super::Entry;

pub const MESSAGES: &[Entry] = &[
    ("promises.title", "Promises", "약속"),
    ("promises.finding", "(a finding)", "(지적)"),
    ("promises.drift", "(drift)", "(드리프트)"),
    ("promises.owner", "Owner: {owner}.", "담당: {owner}."),
    ("promises.kept", "and {n} promises kept (-verbose shows all)", "그 밖에 지켜진 약속 {n}개(-verbose로 모두 표시)"),
    ("promises.broken", "{id} does not hold", "{id|이|가} 지켜지지 않습니다"),
    ("promises.ask_owner", "Owner: {owner}.", "담당: {owner}."),
];
