//! What a run against a bucket amounts to: pure.

use super::{
    marker::Marker,
    reply::{Refusal, Reply},
    setting::Setting,
};
use crate::checks::{
    net::Target,
    verdict::{Finding, FindingReason, Verdict},
};

/// An answer, or what is said when there is none.
pub(super) type Asked = Result<Reply, Finding>;

/// A listing of the bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Listing {
    /// What the names of its objects begin with.
    pub(super) prefix: String,
    /// The fewest that must be there, markers aside.
    pub(super) min_objects: usize,
    /// How many are asked for.
    pub(super) asked: u16,
}

/// Everything that a run saw; `None` is what it did not ask.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) listed: Option<(Listing, Asked)>,
    pub(super) settings: Vec<(Setting, Asked)>,
    pub(super) put: Option<Asked>,
    pub(super) got: Option<Asked>,
    /// The last of the deletes.
    pub(super) deleted: Option<Asked>,
    /// Whether the marker's version may not be deleted, but hidden.
    pub(super) version_stays: bool,
}

/// What is asked, and whether a storage that lets us read but not do it is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    List,
    Put,
    Get,
    Delete,
}

/// The judgement: the first certain fault, or else the first that leaves it unknown. A marker that stays is told with it.
pub(super) fn judge(seen: &Seen, marker: &Marker, prefix: &str, target: &Target) -> Finding {
    let mut faults = Vec::new();
    let mut passed = Vec::new();
    if let Some((listing, asked)) = &seen.listed {
        match judge_list(listing, asked, prefix, target) {
            Ok(what) => passed.push(what),
            Err(fault) => faults.push(fault),
        }
    }
    for (setting, asked) in &seen.settings {
        match asked {
            Ok(reply) => faults.extend(setting.judge(reply, target)),
            Err(finding) => faults.push(finding.clone()),
        }
    }
    if !seen.settings.is_empty() {
        passed.push("configured as expected".to_owned());
    }
    faults.extend(judge_cycle(seen, marker, target));
    if seen.put.is_some() {
        passed.push("a marker was put, read back and deleted".to_owned());
    }
    settle(
        faults,
        &passed.join("; "),
        left_behind(seen, marker).as_deref(),
    )
}

/// One finding of all.
pub(super) fn settle(faults: Vec<Finding>, passed: &str, left: Option<&str>) -> Finding {
    let place = faults.iter().position(|it| it.verdict == Verdict::Fail);
    let first = faults.into_iter().nth(place.unwrap_or(0));
    let told = |message: &str| match left {
        Some(left) => format!("{message}; {left}"),
        None => message.to_owned(),
    };
    match first {
        None => Finding::pass(told(passed)),
        Some(fault) if fault.verdict == Verdict::Fail => {
            Finding::fail(fault.reason, told(&fault.message))
        }
        Some(fault) => Finding::unknown(fault.reason, told(&fault.message)),
    }
}

fn judge_list(
    listing: &Listing,
    asked: &Asked,
    prefix: &str,
    target: &Target,
) -> Result<String, Finding> {
    let reply = asked.as_ref().map_err(Clone::clone)?;
    if !reply.is_done() {
        return Err(refused(Step::List, reply, false, target));
    }
    if reply.content.is_none() {
        return Err(Finding::unknown(
            FindingReason::NoData,
            format!("{target} gives a listing of more than 1 MiB"),
        ));
    }
    let strange = || {
        Finding::fail(
            FindingReason::UnexpectedBody,
            format!("{target} does not list a bucket as S3 does"),
        )
    };
    let document = reply.document("ListBucketResult").ok_or_else(strange)?;
    let keys: Vec<&str> = document.texts("ListBucketResult/Contents/Key").collect();
    let count = keys.iter().filter(|key| !key.starts_with(prefix)).count();
    let is_cut = document.text("ListBucketResult/IsTruncated") == Some("true");
    let fewest = listing.min_objects;
    if count >= fewest {
        let more = if is_cut { " or more" } else { "" };
        return Ok(format!("{count}{more} objects are listed"));
    }
    if is_cut {
        return Err(Finding::unknown(
            FindingReason::NoData,
            format!("{target}: too many markers of checks stand before the objects of the listing"),
        ));
    }
    Err(Finding::fail(
        FindingReason::UnexpectedValue,
        format!("{target}: {count} objects are listed < {fewest}"),
    ))
}

fn judge_cycle(seen: &Seen, marker: &Marker, target: &Target) -> Vec<Finding> {
    let Some(put) = &seen.put else {
        return Vec::new();
    };
    let known = is_known(seen);
    let mut faults = Vec::new();
    match put {
        Err(finding) => faults.push(finding.clone()),
        Ok(reply) if !reply.is_done() => faults.push(refused(Step::Put, reply, known, target)),
        Ok(_) => {
            faults.extend(judge_content(seen, marker, known, target));
            match &seen.deleted {
                None => {}
                Some(Err(finding)) => faults.push(finding.clone()),
                Some(Ok(reply)) if is_gone(reply) => {}
                // It let us put.
                Some(Ok(reply)) => faults.push(refused(Step::Delete, reply, true, target)),
            }
        }
    }
    faults
}

fn judge_content(seen: &Seen, marker: &Marker, known: bool, target: &Target) -> Option<Finding> {
    match seen.got.as_ref()? {
        Err(finding) => Some(finding.clone()),
        Ok(reply) if !reply.is_done() => Some(refused(Step::Get, reply, known, target)),
        Ok(reply) if reply.content.as_deref() == Some(marker.content.as_bytes()) => None,
        Ok(_) => Some(Finding::fail(
            FindingReason::UnexpectedBody,
            format!("{target} gives back another content than was put"),
        )),
    }
}

/// Whether an answer shows that the credentials are good: something was listed or put, or told not to be there.
fn is_known(seen: &Seen) -> bool {
    let listed = seen.listed.as_ref().map(|(_, asked)| asked);
    let settings = seen.settings.iter().map(|(_, asked)| asked);
    let answers = listed
        .into_iter()
        .chain(settings)
        .chain(&seen.put)
        .chain(&seen.got);
    answers.flatten().any(|reply| {
        reply.is_done() || matches!(reply.refusal(), Refusal::NoObject | Refusal::NotSet)
    })
}

fn is_gone(reply: &Reply) -> bool {
    reply.is_done() || reply.refusal() == Refusal::NoObject
}

/// What stays in the bucket, or may.
fn left_behind(seen: &Seen, marker: &Marker) -> Option<String> {
    let is_put = matches!(&seen.put, Some(Ok(reply)) if reply.is_done());
    let name = &marker.name;
    match &seen.deleted {
        None => None,
        Some(Ok(reply)) if is_gone(reply) => seen.version_stays.then(|| {
            format!("a version of marker {name} stays: it may be hidden, but not deleted")
        }),
        Some(_) if is_put => Some(format!("marker {name} is left behind")),
        Some(_) => Some(format!("marker {name} may be left behind")),
    }
}

/// What a check says of a step that was refused. `known` is whether the credentials are good.
fn refused(step: Step, reply: &Reply, known: bool, target: &Target) -> Finding {
    let step_name = match step {
        Step::List => "a listing",
        Step::Put => "a put",
        Step::Get => "a get",
        Step::Delete => "a delete",
    };
    let fail = |says: &str| {
        let message = format!("{target} {says}: it answers {step_name} with {reply}");
        Finding::fail(FindingReason::UnexpectedStatus, message)
    };
    let unknown = |reason, says: &str| {
        Finding::unknown(
            reason,
            format!("{target} {says}: it answers {step_name} with {reply}"),
        )
    };
    match reply.refusal() {
        Refusal::Denied if known && matches!(step, Step::Put | Step::Delete) => {
            fail("lets the check read, and refuses its writes")
        }
        Refusal::Denied | Refusal::Credentials => unknown(
            FindingReason::CredentialsRefused,
            "refuses the check's credentials",
        ),
        Refusal::Clock => unknown(
            FindingReason::CredentialsRefused,
            "finds that its clock and the one here differ too much",
        ),
        Refusal::Misdirected => unknown(
            FindingReason::InvalidQuery,
            "says that the bucket is elsewhere, or in another region",
        ),
        Refusal::Throttled => unknown(FindingReason::NoData, "wants to be asked less often"),
        Refusal::NoBucket => fail("has no such bucket"),
        Refusal::NoObject if step == Step::Get => fail("does not have what was put"),
        Refusal::Full => fail("takes no more"),
        Refusal::NoObject | Refusal::NotSet | Refusal::Unsupported | Refusal::Other => {
            fail("does not do what is asked")
        }
    }
}

#[cfg(test)]
mod tests;
