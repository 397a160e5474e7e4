//! What the machine has: memory and disk.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use sysinfo::{MemoryRefreshKind, Process, ProcessRefreshKind, ProcessesToUpdate, System};

/// Memory that the process may take where none is given and the system does not tell what is free.
pub const DEFAULT_MEMORY_BYTES: u64 = 8 << 30;

/// Half of what this process could hold in all, in bytes: of what is free and what it holds already.
/// [`DEFAULT_MEMORY_BYTES`] where the system does not tell.
pub(crate) fn half_of_free_memory() -> u64 {
    match (free_memory(), own_memory()) {
        (Some(free), Some((own, _))) => free.saturating_add(own) / 2,
        (_, _) => DEFAULT_MEMORY_BYTES,
    }
}

/// Memory that can be taken without swapping, in bytes, as the system and the process's control groups tell; `None` where
/// they do not.
fn free_memory() -> Option<u64> {
    let mut system = System::new();
    system.refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram());
    let free = Some(system.available_memory()).filter(|free| *free > 0)?;
    let group = group_memory().or_else(|| old_group_memory(&mut system));
    Some(group.map_or(free, |group| group.min(free)))
}

/// What the control groups above this process leave of their limits (version 2). Not asked of sysinfo, which counts pages of
/// files as used: to a run that has read many images it would leave next to nothing.
fn group_memory() -> Option<u64> {
    let own = fs::read_to_string("/proc/self/cgroup").ok()?;
    let own = own.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let root = Path::new("/sys/fs/cgroup");
    let left = |folder: &Path| -> Option<u64> {
        let number = |name: &str| fs::read_to_string(folder.join(name)).ok()?.trim().parse::<u64>().ok();
        let (limit, used) = (number("memory.max")?, number("memory.current")?);
        // Pages of files that nobody uses are given back when memory is short.
        let stat = fs::read_to_string(folder.join("memory.stat")).ok()?;
        let cached = stat.lines().find_map(|l| l.strip_prefix("inactive_file ")?.parse::<u64>().ok()).unwrap_or(0);
        Some(limit.saturating_sub(used.saturating_sub(cached)))
    };
    let own = root.join(own);
    own.ancestors().take_while(|folder| folder.starts_with(root)).filter_map(left).min()
}

/// The same of control groups of version 1, where there is a limit.
fn old_group_memory(system: &mut System) -> Option<u64> {
    let limits = own_process(system)?.cgroup_limits()?;
    (limits.total_memory < system.total_memory()).then_some(limits.free_memory)
}

/// Memory that this process holds now and has held at most so far, in bytes; `None` where the system does not tell.
#[must_use]
pub fn own_memory() -> Option<(u64, u64)> {
    let now = Some(own_process(&mut System::new())?.memory()).filter(|now| *now > 0)?;
    Some((now, most_memory(now)))
}

fn own_process(system: &mut System) -> Option<&Process> {
    let own = sysinfo::get_current_pid().ok()?;
    let memory = ProcessRefreshKind::nothing().with_memory();
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[own]), false, memory);
    system.process(own)
}

/// The most that this process has held: as Linux tells; elsewhere the most that was seen here, since sysinfo does not tell it.
fn most_memory(now: u64) -> u64 {
    static SEEN: AtomicU64 = AtomicU64::new(0);
    let told = fs::read_to_string("/proc/self/status").ok().and_then(|status| kib_of(&status, "VmHWM:"));
    told.unwrap_or_else(|| SEEN.fetch_max(now, Ordering::Relaxed).max(now))
}

/// Free bytes of the disk that holds `folder`; `None` where the system does not tell.
pub(crate) fn free_disk(folder: &Path) -> Option<u64> {
    fs4::available_space(folder).ok()
}

/// The bytes of a line such as `VmRSS:   1234 kB`.
fn kib_of(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_in_kib_become_bytes() {
        let text = "MemTotal:  9 kB\nMemAvailable:   24028 kB\nHuge:  12\nBig: 99999999999999999999 kB\n";
        assert_eq!(kib_of(text, "MemAvailable:"), Some(24028 * 1024));
        assert_eq!((kib_of(text, "Huge:"), kib_of(text, "Big:"), kib_of(text, "None:")), (None, None, None));
    }

    #[test]
    fn what_the_system_tells_is_plausible() {
        let Some((now, most)) = own_memory() else {
            skipped!("the system does not tell the memory of a process");
            return;
        };
        assert!(now > 1 << 20 && now <= most + (64 << 20), "{now} {most}");
        assert!(free_memory().is_some_and(|free| free > 1 << 20));
        assert!(free_disk(Path::new(".")).is_some_and(|free| free > 0));
        assert_eq!(free_disk(Path::new("no/such/folder")), None);
    }

    #[test]
    fn what_the_process_holds_is_what_linux_calls_resident() {
        let resident = || kib_of(&fs::read_to_string("/proc/self/status").ok()?, "VmRSS:");
        if resident().is_none() {
            skipped!("no /proc/self/status here");
            return;
        }
        // Other tests of this program take memory meanwhile.
        let apart = (0..20).filter_map(|_| Some(own_memory()?.0.abs_diff(resident()?))).min();
        assert!(apart.is_some_and(|apart| apart < 8 << 20), "{apart:?}");
    }
}
