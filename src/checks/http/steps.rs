//! A chain of requests, with values of one answer in the requests after it, that tidies up however it ends.

mod capture;
mod judgement;
mod step;
mod template;
#[cfg(test)]
mod tests;

use std::{collections::BTreeSet, time::Duration};

use secrecy::SecretString;
use tokio::time::Instant;

use self::{
    capture::RUN,
    judgement::{Outcome, judge, may_have_been_sent},
    step::Step,
    template::Captured,
};
pub(super) use self::{
    capture::{Capture, take_all},
    template::Values,
};
use super::{call::Answered, request::RequestTemplate};
use crate::{
    api::{self, HttpMethod, SecretKeyReference},
    checks::{
        invalid::InvalidCheck,
        net::{Session, Target},
        verdict::{Finding, FindingReason, Phases, Verdict},
    },
};

const MOST_STEPS: usize = 10;
const MOST_CAPTURED: usize = 16;

/// The longest time that is kept for tidying up.
const LONGEST_CLEANUP: Duration = Duration::from_secs(10);

/// A compiled chain. What tidies up stands last.
pub(super) struct Steps {
    target: Target,
    steps: Vec<Step>,
}

impl Steps {
    pub(super) fn new(
        check: &api::HttpCheck,
        secret: &dyn Fn(&SecretKeyReference) -> Option<SecretString>,
    ) -> Result<Self, InvalidCheck> {
        let single = check.method != HttpMethod::Get || check.body.is_some();
        if single || check.expect.is_some() {
            let problem = "method, body and expect are those of each step when there are steps";
            return Err(InvalidCheck::new("http", problem));
        }
        let url = super::address(&check.url, "http.url")?;
        if url.query().is_some() {
            let problem = "holds a query, which belongs to the path of each step";
            return Err(InvalidCheck::new("http.url", problem));
        }
        if check.steps.len() > MOST_STEPS {
            let problem = format!("has more than {MOST_STEPS} entries");
            return Err(InvalidCheck::new("http.steps", problem));
        }
        let steps = check.steps.iter().enumerate();
        let steps = steps
            .map(|(place, step)| Step::new(check, step, &format!("http.steps[{place}]"), secret));
        let steps: Vec<Step> = steps.collect::<Result<_, _>>()?;
        refuse_impossible(&steps)?;
        let target = Target::from_url(&url)
            .map_err(|error| InvalidCheck::new("http.url", error.to_string()))?;
        Ok(Self { target, steps })
    }

    pub(super) const fn target(&self) -> &Target {
        &self.target
    }

    /// Sends one request after the other until one fails, then those that tidy up; `phases` are the sums over all but these.
    pub(super) async fn run(
        &self,
        session: &Session,
        deadline: Instant,
        phases: &mut Phases,
    ) -> Finding {
        let cleanups = self.steps.iter().filter(|step| step.cleanup).count();
        let last = self.steps.len() - cleanups;
        let left = deadline.saturating_duration_since(Instant::now());
        let kept = if cleanups > 0 {
            LONGEST_CLEANUP.min(left / 3)
        } else {
            Duration::ZERO
        };
        let mut course = Course::begin();
        for step in &self.steps[..last] {
            let taken = course.go(step, session, deadline - kept).await;
            add(phases, taken);
        }
        for (place, step) in self.steps[last..].iter().enumerate() {
            // One that hangs leaves the others their time.
            let left = deadline.saturating_duration_since(Instant::now());
            let share = left / u32::try_from(cleanups - place).unwrap_or(1);
            course.tidy_up(step, session, Instant::now() + share).await;
        }
        let steps = self.steps.iter().zip(course.outcomes);
        let outcomes: Vec<_> = steps
            .map(|(step, outcome)| (step.name.as_str(), step.cleanup, outcome))
            .collect();
        judge(&outcomes)
    }
}

/// How far a chain has come.
struct Course {
    values: Values,
    outcomes: Vec<Outcome>,
    failed: bool,
    /// Whether a request that may change something may have reached the target.
    may_have_changed: bool,
}

impl Course {
    fn begin() -> Self {
        let run = format!("{:032x}", rand::random::<u128>());
        Self {
            values: Values::from([(RUN.to_owned(), Captured::string(run))]),
            outcomes: Vec::new(),
            failed: false,
            may_have_changed: false,
        }
    }

    /// Sends a step, unless one before has failed. Gives what its phases took.
    async fn go(&mut self, step: &Step, session: &Session, deadline: Instant) -> Phases {
        if self.failed {
            self.outcomes.push(Outcome::NotReached);
            return Phases::default();
        }
        let (finding, phases) = self.send(step, session, deadline).await;
        self.failed = finding.verdict != Verdict::Pass;
        self.may_have_changed |= step.may_change() && may_have_been_sent(&finding);
        self.outcomes.push(Outcome::Found(finding));
        phases
    }

    /// Sends a step that tidies up, when there may be something to tidy up and it is known what.
    async fn tidy_up(&mut self, step: &Step, session: &Session, deadline: Instant) {
        let outcome = match step.lacks(&self.values) {
            Some(name) if self.may_have_changed => Outcome::Lacking(name.to_owned()),
            None if self.may_have_changed || step.needs_captured() => {
                let (finding, _) = self.send(step, session, deadline).await;
                Outcome::Found(finding)
            }
            Some(_) | None => Outcome::NotReached,
        };
        self.outcomes.push(outcome);
    }

    async fn send(
        &mut self,
        step: &Step,
        session: &Session,
        deadline: Instant,
    ) -> (Finding, Phases) {
        let mut phases = Phases::default();
        if Instant::now() >= deadline {
            let message = "the time was up before it began";
            return (Finding::fail(FindingReason::TimedOut, message), phases);
        }
        let request: RequestTemplate = match step.request(&self.values) {
            Ok(request) => request,
            Err((part, problem)) => {
                let message = format!("with what was captured, its {part} {problem}");
                return (
                    Finding::fail(FindingReason::UnexpectedValue, message),
                    phases,
                );
            }
        };
        let answered = step.demand.put(&request, session, deadline, &mut phases);
        let Answered { finding, captured } = answered.await;
        self.values.extend(captured);
        (finding, phases)
    }
}

/// What is wrong with the order of the steps, or with their names.
fn refuse_impossible(steps: &[Step]) -> Result<(), InvalidCheck> {
    let mut names = BTreeSet::new();
    let mut known = BTreeSet::from([RUN]);
    let mut cleanup = false;
    for (place, step) in steps.iter().enumerate() {
        let refuse = |part: &str, problem: String| {
            Err(InvalidCheck::new(
                format!("http.steps[{place}].{part}"),
                problem,
            ))
        };
        if !is_label(&step.name) {
            let problem = "is not a name of lower case letters, digits and dashes";
            return refuse("name", problem.to_owned());
        }
        if !names.insert(&step.name) {
            return refuse("name", "is used twice".to_owned());
        }
        if step.cleanup && place == 0 || cleanup && !step.cleanup {
            let problem = "steps that tidy up stand after all others, of which there is one";
            return refuse("cleanup", problem.to_owned());
        }
        cleanup = step.cleanup;
        if let Some(name) = step.references().into_iter().find(|it| !known.contains(it)) {
            let problem = format!("refers to ${{{name}}}, which no step before captures");
            return Err(InvalidCheck::new(format!("http.steps[{place}]"), problem));
        }
        for capture in &step.demand.captures {
            if !known.insert(capture.name()) {
                let problem = format!("captures {}, which a step before does", capture.name());
                return refuse("capture", problem);
            }
        }
    }
    // The id of the attempt is one of them.
    if known.len() > MOST_CAPTURED + 1 {
        let problem = format!("capture more than {MOST_CAPTURED} values");
        return Err(InvalidCheck::new("http.steps", problem));
    }
    Ok(())
}

fn is_label(name: &str) -> bool {
    let allowed = |it: char| it.is_ascii_lowercase() || it.is_ascii_digit() || it == '-';
    (1..=63).contains(&name.len()) && name.chars().all(allowed)
}

fn add(sums: &mut Phases, taken: Phases) {
    let Phases {
        dns,
        connect,
        tls,
        first_byte,
        body,
        authenticate: _,
        query: _,
    } = taken;
    for (sum, taken) in [
        (&mut sums.dns, dns),
        (&mut sums.connect, connect),
        (&mut sums.tls, tls),
        (&mut sums.first_byte, first_byte),
        (&mut sums.body, body),
    ] {
        if let Some(taken) = taken {
            *sum = Some(sum.unwrap_or_default() + taken);
        }
    }
}
