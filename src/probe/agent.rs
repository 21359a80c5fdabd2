//! A vantage point elsewhere: it is sent a question as JSON and answers with verdicts, as JSON. `straddle probe -agent` is such a one.
//!
//! A question carries a number used once, and an answer repeats it: what was answered to another question is no evidence.

use super::ask;
use crate::plan::probes::{Check, Saw};
use serde::{Deserialize, Serialize};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const VERSION: &str = "1.0";
/// Most checks of one question, and most bytes of an answer.
const MOST_CHECKS: usize = 10_000;
const MOST_ANSWER: u64 = 4 << 20;
/// Beyond what the checks themselves may take, a vantage point has so long to answer.
const GRACE: Duration = Duration::from_secs(3);

/// What a vantage point is asked.
#[derive(Debug, Serialize, Deserialize)]
pub struct Question {
    /// `1.0`.
    pub format_version: String,
    /// Repeated by the answer.
    pub nonce: String,
    /// How long one check may take.
    pub timeout_s: u64,
    /// What to look at.
    pub checks: Vec<Check>,
}

/// What it says.
#[derive(Debug, Serialize, Deserialize)]
pub struct Answer {
    /// `1.0`.
    pub format_version: String,
    /// That of the question.
    pub nonce: String,
    /// For each check, in order.
    pub verdicts: Vec<Verdict>,
}

/// What was seen of one check.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It answered as it should.
    Pass,
    /// It did not.
    Fail,
    /// It could not be asked.
    Unknown,
}

impl From<Saw> for Verdict {
    fn from(saw: Saw) -> Verdict {
        match saw {
            Saw::Pass => Verdict::Pass,
            Saw::Fail => Verdict::Fail,
            Saw::Nothing => Verdict::Unknown,
        }
    }
}

impl From<Verdict> for Saw {
    fn from(verdict: Verdict) -> Saw {
        match verdict {
            Verdict::Pass => Saw::Pass,
            Verdict::Fail => Saw::Fail,
            Verdict::Unknown => Saw::Nothing,
        }
    }
}

/// Answers a question from this machine.
///
/// # Errors
/// It is none, or one of another version.
pub async fn answer(text: &str) -> Result<Answer, String> {
    let question: Question = serde_json::from_str(text).map_err(|e| format!("this is no question: {e}"))?;
    if question.format_version != VERSION {
        return Err(format!(
            "a question of format version {}; this program answers {VERSION}",
            question.format_version
        ));
    }
    if question.checks.len() > MOST_CHECKS {
        return Err(format!("{} checks; the most is {MOST_CHECKS}", question.checks.len()));
    }
    let timeout = Duration::from_secs(question.timeout_s.clamp(1, 300));
    let seen = ask::all(question.checks, timeout).await;
    let verdicts = seen.into_iter().map(Verdict::from).collect();
    Ok(Answer { format_version: VERSION.into(), nonce: question.nonce, verdicts })
}

fn question(checks: Vec<Check>, timeout: Duration) -> Option<(String, String)> {
    let nonce = uuid::Uuid::new_v4().to_string();
    let question =
        Question { format_version: VERSION.into(), nonce: nonce.clone(), timeout_s: timeout.as_secs(), checks };
    Some((nonce, serde_json::to_string(&question).ok()?))
}

fn verdicts(text: &[u8], nonce: &str) -> Option<Vec<Saw>> {
    let answer: Answer = serde_json::from_slice(text).ok()?;
    let mine = answer.format_version == VERSION && answer.nonce == nonce;
    mine.then(|| answer.verdicts.into_iter().map(Saw::from).collect())
}

/// How long a vantage point may take for so many checks.
fn patience(checks: usize, timeout: Duration) -> Duration {
    let rounds = u32::try_from(checks.div_ceil(64)).unwrap_or(u32::MAX).max(1);
    timeout.saturating_mul(rounds).saturating_add(GRACE)
}

/// Asks a command. It is ended when it takes too long; what it says then is not heard.
pub(super) async fn by_command(words: &[String], checks: Vec<Check>, timeout: Duration) -> Option<Vec<Saw>> {
    let patience = patience(checks.len(), timeout);
    let (nonce, text) = question(checks, timeout)?;
    let (program, arguments) = words.split_first()?;
    let mut child = tokio::process::Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .ok()?;
    let (mut stdin, stdout) = (child.stdin.take()?, child.stdout.take()?);
    let talk = async {
        // One that does not read its question may answer all the same.
        let _ = stdin.write_all(text.as_bytes()).await;
        drop(stdin);
        let mut said = Vec::new();
        stdout.take(MOST_ANSWER).read_to_end(&mut said).await.ok()?;
        let ended = child.wait().await.ok()?;
        ended.success().then_some(said)
    };
    let said = tokio::time::timeout(patience, talk).await.ok()??;
    verdicts(&said, &nonce)
}

/// Asks an agent.
pub(super) async fn by_url(
    url: String,
    token: Option<&str>,
    checks: Vec<Check>,
    timeout: Duration,
) -> Option<Vec<Saw>> {
    let patience = patience(checks.len(), timeout);
    let (nonce, text) = question(checks, timeout)?;
    // A token that is named and not there would ask as somebody else.
    let bearer = match token {
        Some(name) => Some(std::env::var(name).ok()?),
        None => None,
    };
    let talk = tokio::task::spawn_blocking(move || ask::post(&url, bearer.as_deref(), &text, patience, MOST_ANSWER));
    let said = tokio::time::timeout(patience + GRACE, talk).await.ok()?.ok()??;
    verdicts(&said, &nonce)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_to_another_question_is_no_evidence() {
        let said = |nonce: &str| {
            let verdicts = vec![Verdict::Fail];
            serde_json::to_vec(&Answer { format_version: VERSION.into(), nonce: nonce.into(), verdicts }).unwrap()
        };
        assert_eq!(verdicts(&said("a"), "a"), Some(vec![Saw::Fail]));
        assert_eq!(verdicts(&said("a"), "b"), None, "a late answer to an earlier question");
        assert_eq!(verdicts(b"down!", "a"), None);
    }

    #[tokio::test]
    async fn a_command_that_says_nothing_in_time_or_fails_is_no_evidence() {
        let check = || vec![Check::Tcp { address: "127.0.0.1:1".into() }];
        let words = |text: &str| vec!["sh".to_string(), "-c".into(), text.into()];
        let second = Duration::from_secs(1);
        assert_eq!(by_command(&words("exit 1"), check(), second).await, None);
        assert_eq!(by_command(&words("echo '{}'"), check(), second).await, None);
        assert_eq!(by_command(&["/nonexistent".to_string()], check(), second).await, None);
    }

    #[tokio::test]
    async fn this_machine_answers_for_what_it_sees() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let open = listener.local_addr().unwrap().to_string();
        let closed = {
            let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            gone.local_addr().unwrap().to_string()
        };
        let checks = vec![Check::Tcp { address: open }, Check::Tcp { address: closed }];
        let (nonce, text) = question(checks, Duration::from_secs(2)).unwrap();
        let said = answer(&text).await.unwrap();
        assert_eq!((said.nonce, said.verdicts), (nonce, vec![Verdict::Pass, Verdict::Fail]));
        assert!(answer("{}").await.is_err());
    }
}
