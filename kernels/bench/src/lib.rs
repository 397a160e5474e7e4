//! Nothing here: see `benches`.
