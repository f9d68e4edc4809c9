//! The ancestor's design: everything behind one mutex, ring windows of the latest latencies, and a snapshot that reads all
//! of it under one hold of the lock.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How a snapshot comes by the mean of a window.
#[derive(Clone, Copy, PartialEq)]
pub enum Means {
    /// As the ancestor did: adds the window up each time.
    Scanned,
    /// From running sums, which it did not have: what is left is the price of the lock.
    Summed,
}

// Only the program that is measured would read them.
#[allow(dead_code)]
pub struct Snapshot {
    pub cpu_avg_ms: f64,
    pub gpu_avg_ms: f64,
    pub speedup: f64,
    pub success_rate: f64,
    pub oom_count: u64,
}

struct Window {
    capacity: usize,
    latencies_ms: VecDeque<f64>,
    sum_ms: f64,
}

impl Window {
    fn new(capacity: usize) -> Self {
        Window { capacity, latencies_ms: VecDeque::with_capacity(capacity), sum_ms: 0.0 }
    }

    fn add(&mut self, latency_ms: f64) {
        if self.latencies_ms.len() == self.capacity {
            self.sum_ms -= self.latencies_ms.pop_front().unwrap_or(0.0);
        }
        self.latencies_ms.push_back(latency_ms);
        self.sum_ms += latency_ms;
    }

    fn mean_ms(&self, means: Means) -> f64 {
        if self.latencies_ms.is_empty() {
            return 0.0;
        }
        let sum_ms = match means {
            Means::Scanned => self.latencies_ms.iter().sum(),
            Means::Summed => self.sum_ms,
        };
        sum_ms / self.latencies_ms.len() as f64
    }
}

struct Metrics {
    cpu: Window,
    gpu: Window,
    gpu_successes: u64,
    gpu_failures: u64,
    oom_count: u64,
}

pub struct Tracker {
    metrics: Mutex<Metrics>,
    means: Means,
}

impl Tracker {
    pub fn new(window_size: usize, means: Means) -> Self {
        let metrics = Metrics {
            cpu: Window::new(window_size),
            gpu: Window::new(window_size),
            gpu_successes: 0,
            gpu_failures: 0,
            oom_count: 0,
        };
        Tracker { metrics: Mutex::new(metrics), means }
    }

    pub fn record_cpu_latency(&self, latency_ms: f64) {
        self.lock().cpu.add(latency_ms);
    }

    pub fn record_gpu_success(&self, latency_ms: f64) {
        let mut metrics = self.lock();
        metrics.gpu.add(latency_ms);
        metrics.gpu_successes += 1;
    }

    pub fn record_gpu_failure(&self, out_of_memory: bool) {
        let mut metrics = self.lock();
        metrics.gpu_failures += 1;
        metrics.oom_count += u64::from(out_of_memory);
    }

    pub fn snapshot(&self) -> Snapshot {
        let metrics = self.lock();
        let cpu_avg_ms = metrics.cpu.mean_ms(self.means);
        let gpu_avg_ms = metrics.gpu.mean_ms(self.means);
        let outcomes = metrics.gpu_successes + metrics.gpu_failures;
        Snapshot {
            cpu_avg_ms,
            gpu_avg_ms,
            speedup: if gpu_avg_ms > 0.0 { cpu_avg_ms / gpu_avg_ms } else { 0.0 },
            success_rate: if outcomes > 0 { metrics.gpu_successes as f64 / outcomes as f64 } else { 1.0 },
            oom_count: metrics.oom_count,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Metrics> {
        self.metrics.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
