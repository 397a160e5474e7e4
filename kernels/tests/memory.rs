//! What a process holds after large blocks were freed. Alone in its program, because the measure is that of the whole process.

#![cfg(all(target_os = "linux", target_env = "gnu"))]

/// Resident memory, KiB; `None` where the system does not tell.
fn held_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[test]
fn freed_blocks_of_all_threads_are_given_back() {
    pcore_kernels::give_back_large_blocks();
    let Some(before) = held_kib() else { return };
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for mib in [4, 16, 24, 8] {
                    std::hint::black_box(vec![1u8; mib << 20]);
                }
            });
        }
    });
    let kept = held_kib().map_or(0, |after| after.saturating_sub(before));
    assert!(kept < 16 << 10, "{kept} KiB are kept");
}
