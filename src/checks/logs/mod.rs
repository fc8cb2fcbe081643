//! The `logs` check: how often patterns are in what the services of a target write.

mod judgement;

use std::time::Duration;

use futures::future::{BoxFuture, join_all};
use jiff::Timestamp;
use tokio::time::{Instant, timeout_at};

use self::judgement::{Pattern, judge};
use super::{
    compile::Platform,
    invalid::InvalidCheck,
    net::{Session, Target},
    pattern::compile,
    platform::question::{self, Question, judge_error, late, worst},
    suite::Probe,
    verdict::{Finding, Measurement, Phases},
};
use crate::{
    api::LogsCheck,
    platforms::{LineQuery, LinesRead, PlatformError},
};

const MOST_PATTERNS: usize = 4;

/// Pages of lines that the platform filtered: the platform allows few calls for logs.
const MOST_PAGES: usize = 3;

/// Reads what services write, by the adapter that observes the release.
#[derive(Debug)]
pub struct LogsProbe {
    question: Question,
    patterns: Vec<Pattern>,
    window: Duration,
}

impl LogsProbe {
    /// Compiles the check. A target without a platform is an error.
    pub fn new(check: &LogsCheck, platform: Platform<'_>) -> Result<Self, InvalidCheck> {
        if !(1..=MOST_PATTERNS).contains(&check.patterns.len()) {
            let problem = format!("has none, or more than {MOST_PATTERNS} entries");
            return Err(InvalidCheck::new("logs.patterns", problem));
        }
        let patterns = check.patterns.iter().enumerate();
        Ok(Self {
            question: Question::new(&check.services, platform, "logs")?,
            patterns: patterns
                .map(|(place, it)| pattern(it, &format!("logs.patterns[{place}]")))
                .collect::<Result<_, _>>()?,
            window: question::window(check.window.get(), "logs.window")?,
        })
    }

    async fn run(&self, deadline: Instant) -> Measurement {
        let began = Instant::now();
        let services = self.question.services.iter();
        let findings = services.map(|service| async {
            match timeout_at(deadline, self.observe(service, Timestamp::now())).await {
                Ok(Ok(finding)) => finding,
                Ok(Err(error)) => judge_error(service, &error),
                Err(_) => late(service),
            }
        });
        let findings = join_all(findings).await;
        let phases = Phases {
            query: Some(began.elapsed()),
            ..Phases::default()
        };
        let passed = "no pattern is in more lines than it may be".to_owned();
        Measurement::of(worst(findings, passed), phases)
    }

    /// The newest lines are read as they are: of a service that writes little they are all, and of another one they show
    /// whether the platform reads a pattern as it is meant.
    async fn observe(&self, service: &str, now: Timestamp) -> Result<Finding, PlatformError> {
        let view = &self.question.view;
        let live_since = view.live(service).await?.live_since;
        let since = question::since(now, self.window, live_since);
        let span = Duration::try_from(now.duration_since(since)).unwrap_or_default();
        let mut query = LineQuery {
            since,
            until: now,
            pattern: None,
            most_pages: 1,
        };
        let newest = view.lines(service, &query).await?;
        let mut findings = Vec::with_capacity(self.patterns.len());
        query.most_pages = MOST_PAGES;
        for pattern in &self.patterns {
            let mut filtered: Option<LinesRead> = None;
            if !newest.is_whole {
                query.pattern = Some(pattern.regex.as_str().to_owned());
                filtered = Some(view.lines(service, &query).await?);
            }
            findings.push(judge(service, pattern, &newest, filtered.as_ref(), span));
        }
        Ok(worst(
            findings,
            format!("service {service}: no pattern is in too many lines"),
        ))
    }
}

fn pattern(pattern: &crate::api::LogPattern, field: &str) -> Result<Pattern, InvalidCheck> {
    let invalid =
        |what: &str, problem: &str| Err(InvalidCheck::new(format!("{field}.{what}"), problem));
    let is_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if !(1..=63).contains(&pattern.name.len()) || !pattern.name.bytes().all(is_name) {
        return invalid("name", "is no name");
    }
    if pattern.matches.is_empty() {
        return invalid("matches", "is empty");
    }
    if pattern.max_per_minute > 100 {
        return invalid("maxPerMinute", "is more than 100");
    }
    Ok(Pattern {
        name: pattern.name.clone(),
        regex: compile(&pattern.matches, &format!("{field}.matches"))?,
        max_per_minute: pattern.max_per_minute,
    })
}

impl Probe for LogsProbe {
    fn measure<'a>(&'a self, _: &'a Session, deadline: Instant) -> BoxFuture<'a, Measurement> {
        Box::pin(self.run(deadline))
    }

    fn host(&self) -> &str {
        &self.question.host
    }

    fn targets(&self) -> Vec<&Target> {
        // The platform is the administrator's choice, and not the check's.
        Vec::new()
    }
}
