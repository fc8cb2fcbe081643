//! What the kernel knows of a process.

use std::{fs, time::Duration};

use super::Broken;

/// The seconds that the process `pid` has been on a processor, user and system, to the nanosecond: the sum over its threads.
/// What a thread used that has ended is not in it; the threads that work here do not end.
pub fn on_cpu(pid: u32) -> Result<f64, Broken> {
    let mut total = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        // A thread may have ended since the folder was read.
        let Ok(text) = fs::read_to_string(task?.path().join("schedstat")) else {
            continue;
        };
        let first = text.split(' ').next().unwrap_or_default();
        total += first.parse::<u64>()?;
    }
    Ok(Duration::from_nanos(total).as_secs_f64())
}

/// The memory of a process, in KiB.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    /// Resident now.
    pub resident: u64,
    /// Of that, memory of its own and no pages of files.
    pub anonymous: u64,
    /// The most that was ever resident.
    pub peak: u64,
}

/// The memory of the process `pid`.
pub fn memory(pid: u32) -> Result<Memory, Broken> {
    let text = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let field = |name: &str| {
        text.lines()
            .find_map(|line| line.strip_prefix(name)?.split_whitespace().nth(1))
            .and_then(|number| number.parse().ok())
            .ok_or_else(|| format!("/proc/{pid}/status has no {name}"))
    };
    Ok(Memory {
        resident: field("VmRSS")?,
        anonymous: field("RssAnon")?,
        peak: field("VmHWM")?,
    })
}

/// Processes that want to run, on average over the last minute: what else the machine does.
pub fn load() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let first = text.split(' ').next().unwrap_or_default();
    first.parse().unwrap_or(f64::NAN)
}
