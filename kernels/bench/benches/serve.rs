//! Search and coreset for `benches/peers/search.py`, which alternates with others on the same values:
//!
//! `serve search ROWS QUERIES DIM K` or `serve coreset ROWS DIM PICKS`, files of little-endian `f32`. Prepares, runs once and
//! prints the indices it found; then runs once per line on standard input and answers with the wall time in ms.
//! Without arguments (as in a plain `cargo bench`) it does nothing.

use pcore_kernels::{Metric, PreparedRows, greedy_k_center};
use std::hint::black_box;
use std::time::Instant;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words[..] {
        [] => {}
        ["search", rows, queries, dim, k] => {
            let (queries, dim, k) = (read(queries), number(dim), number(k));
            let rows = PreparedRows::new(read(rows), dim, Metric::Euclidean).expect("rows are valid");
            serve(|| rows.nearest(black_box(&queries), k).expect("queries are valid").indices);
        }
        ["coreset", rows, dim, picks] => {
            let (rows, dim, picks) = (read(rows), number(dim), number(picks));
            serve(|| greedy_k_center(black_box(&rows), dim, picks, 0, &mut |_| {}).expect("rows are valid").indices);
        }
        _ => panic!("expected `search ROWS QUERIES DIM K` or `coreset ROWS DIM PICKS`"),
    }
}

fn number(word: &str) -> usize {
    word.parse().expect("a whole number")
}

fn read(path: &str) -> Vec<f32> {
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    bytes.as_chunks().0.iter().map(|value| f32::from_le_bytes(*value)).collect()
}

fn serve(task: impl Fn() -> Vec<u32>) {
    println!("{}", task().iter().map(u32::to_string).collect::<Vec<_>>().join(" "));
    for _line in std::io::stdin().lines() {
        let start = Instant::now();
        black_box(task());
        println!("{}", start.elapsed().as_secs_f64() * 1e3);
    }
}
