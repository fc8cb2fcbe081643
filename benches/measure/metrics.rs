//! Reads `OpenMetrics` text.

/// The sum of the samples of `name` whose labels hold `labels`.
pub fn sum(text: &str, name: &str, labels: &str) -> f64 {
    samples(text, name)
        .filter(|(own, _)| own.contains(labels))
        .map(|(_, value)| value)
        .sum()
}

/// The upper bound, in the histogram `name`, of the share `share` of what came between two readings.
pub fn quantile(before: &str, after: &str, name: &str, share: f64) -> f64 {
    let buckets = format!("{name}_bucket");
    let total = format!("{name}_count");
    let came = sum(after, &total, "") - sum(before, &total, "");
    samples(after, &buckets)
        .zip(samples(before, &buckets))
        .find(|((_, after), (_, before))| after - before >= came * share)
        .and_then(|((labels, _), _)| labels.split('"').nth(1)?.parse().ok())
        .unwrap_or(f64::INFINITY)
}

fn samples<'a>(text: &'a str, name: &'a str) -> impl Iterator<Item = (&'a str, f64)> {
    text.lines().filter_map(move |line| {
        let rest = line.strip_prefix(name)?;
        let (labels, value) = rest.rsplit_once(' ')?;
        (labels.is_empty() || labels.starts_with('{')).then_some((labels, value.parse().ok()?))
    })
}
