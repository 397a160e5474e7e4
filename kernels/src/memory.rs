//! How the system's allocator treats large blocks.

/// Bytes from which on a block is the system's own, and goes back to it.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const LARGE_BYTES: i32 = 1 << 20;

/// Makes the allocator of the whole process give large blocks back to the system as soon as they are freed.
///
/// That of the GNU C library keeps freed blocks of up to 32 MiB, and for each thread its own: what a process holds is then
/// far more than what it uses. Giving back costs time, so this is for a process that has to stay within a bound. Does nothing
/// elsewhere.
#[allow(unsafe_code, reason = "the C library has no other way to be told")]
pub fn give_back_large_blocks() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: the call takes two integers and changes a setting of the allocator under its own lock; blocks that are in use
    // stay valid. It refuses values out of range, by its result, and then nothing is changed.
    let _is_done = unsafe { libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE_BYTES) };
}
