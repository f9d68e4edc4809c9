//! Measures the single-mutex tracker on request, so that another process can take turns with it. One request a line,
//! `DESIGN TASK COUNT` with a design of `scanned` or `summed`; the answer is the nanoseconds that all repetitions took, a
//! line. Between requests it waits and uses no processor.

mod tracker;

use std::hint::black_box;
use std::io::{self, BufRead, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;
use tracker::{Means, Tracker};

/// As the other side's default.
const WINDOW_SIZE: usize = 100;
/// The same kind of latencies as the other side records: a power of two of them, each around 2 ms.
const LATENCY_COUNT: usize = 1024;

fn main() -> io::Result<()> {
    let latencies_ms = make_latencies();
    let mut output = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        let line = line?;
        match measure(&line, &latencies_ms) {
            Some(elapsed_ns) => writeln!(output, "{elapsed_ns}")?,
            None => writeln!(output, "error: not understood: {line}")?,
        }
        output.flush()?;
    }
    Ok(())
}

fn measure(line: &str, latencies_ms: &[f64]) -> Option<u128> {
    let mut words = line.split_whitespace();
    let means = match words.next()? {
        "scanned" => Means::Scanned,
        "summed" => Means::Summed,
        _ => return None,
    };
    let task = words.next()?;
    let count: usize = words.next()?.parse().ok()?;
    let tracker = fill_tracker(means, latencies_ms);
    let record = |i: usize| tracker.record_cpu_latency(latencies_ms[i % LATENCY_COUNT]);
    let snapshot = |_: usize| drop(black_box(tracker.snapshot()));
    match task {
        "record" => Some(time(count, record)),
        "snapshot" => Some(time(count, snapshot)),
        "record-and-snapshot" => Some(time(count, |i| {
            record(i);
            snapshot(i);
        })),
        "snapshot-beside-writer" => Some(time_beside_writer(&tracker, latencies_ms, || time(count, snapshot))),
        _ => None,
    }
}

/// Both windows full, as in a program that has run for a while.
fn fill_tracker(means: Means, latencies_ms: &[f64]) -> Tracker {
    let tracker = Tracker::new(WINDOW_SIZE, means);
    for latency_ms in &latencies_ms[..2 * WINDOW_SIZE] {
        tracker.record_cpu_latency(*latency_ms);
        tracker.record_gpu_success(latency_ms / 3.0);
    }
    tracker.record_gpu_failure(false);
    tracker.record_gpu_failure(true);
    tracker
}

fn time(count: usize, mut run: impl FnMut(usize)) -> u128 {
    let started = Instant::now();
    for i in 0..count {
        run(i);
    }
    started.elapsed().as_nanos()
}

/// Runs `timed` while another thread records as fast as it can.
fn time_beside_writer(tracker: &Tracker, latencies_ms: &[f64], timed: impl FnOnce() -> u128) -> u128 {
    let running = AtomicBool::new(false);
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            running.store(true, Ordering::Release);
            for i in 0usize.. {
                tracker.record_cpu_latency(latencies_ms[i % LATENCY_COUNT]);
                if stop.load(Ordering::Relaxed) {
                    break;
                }
            }
        });
        while !running.load(Ordering::Acquire) {
            thread::yield_now();
        }
        let elapsed_ns = timed();
        stop.store(true, Ordering::Relaxed);
        elapsed_ns
    })
}

/// Spread evenly over 1 to 3 ms by a linear congruential generator, the same in every run.
fn make_latencies() -> Vec<f64> {
    let mut state: u32 = 1;
    (0..LATENCY_COUNT)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            1.0 + 2.0 * f64::from(state) / 4_294_967_296.0
        })
        .collect()
}
