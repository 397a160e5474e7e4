//! What the machine has: memory and disk.

use std::fs;
use std::path::Path;

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
/// they do not (other systems than Linux).
fn free_memory() -> Option<u64> {
    let system = kib_of(&fs::read_to_string("/proc/meminfo").ok()?, "MemAvailable:")?;
    Some(group_memory().map_or(system, |group| group.min(system)))
}

/// What the control groups above this process leave of their limits (version 2).
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

/// Memory that this process holds now and has held at most so far, in bytes; `None` where the system does not tell.
pub(crate) fn own_memory() -> Option<(u64, u64)> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    Some((kib_of(&status, "VmRSS:")?, kib_of(&status, "VmHWM:")?))
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
    fn what_linux_tells_is_plausible() {
        let Some((now, most)) = own_memory() else {
            skipped!("no /proc/self/status here");
            return;
        };
        assert!(now > 1 << 20 && now <= most + (64 << 20), "{now} {most}");
        assert!(free_memory().is_some_and(|free| free > 1 << 20));
        assert!(free_disk(Path::new(".")).is_some_and(|free| free > 0));
        assert_eq!(free_disk(Path::new("no/such/folder")), None);
    }
}
