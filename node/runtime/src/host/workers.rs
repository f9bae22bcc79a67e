//! Threads that run jobs.

use super::event_loop::LoopEvent;
use super::measures::Measures;
use chain_engine::{Job, Token};
use chain_state::StateMachine;
use node_storage::ReplicaStore;
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;

/// A job with everything it needs.
pub(super) struct Task {
    pub(super) replica: usize,
    pub(super) token: Token,
    pub(super) job: Job,
    pub(super) machine: Arc<dyn StateMachine>,
    pub(super) store: ReplicaStore,
}

#[derive(Default)]
struct Queue {
    tasks: VecDeque<Task>,
    closed: bool,
}

/// The workers' queue. Its length is bounded by what the replicas have under way.
#[derive(Clone, Default)]
pub(super) struct Workers(Arc<(Mutex<Queue>, Condvar)>);

impl Workers {
    /// Starts the threads; they end when the queue is closed.
    pub(super) fn start(
        &self,
        threads: usize,
        events: &mpsc::Sender<LoopEvent>,
        measures: &Arc<Measures>,
    ) -> std::io::Result<Vec<JoinHandle<()>>> {
        let start = |index: usize| {
            let (workers, events, measures) = (self.clone(), events.clone(), Arc::clone(measures));
            let thread = std::thread::Builder::new().name(format!("worker-{index}"));
            thread.spawn(move || workers.run(&events, &measures))
        };
        (0..threads.max(1)).map(start).collect()
    }

    /// Queues a task. Blocks to execute go before everything else: consensus waits for them.
    pub(super) fn push(&self, task: Task) {
        let (queue, wake) = &*self.0;
        let mut queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(task.job, Job::Execute { .. }) {
            queue.tasks.push_front(task);
        } else {
            queue.tasks.push_back(task);
        }
        wake.notify_one();
    }

    /// Lets the threads end with the job they are at: nobody waits for the others any more.
    pub(super) fn close(&self) {
        let (queue, wake) = &*self.0;
        let mut queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.closed = true;
        queue.tasks.clear();
        wake.notify_all();
    }

    fn next(&self) -> Option<Task> {
        let (queue, wake) = &*self.0;
        let mut queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(task) = queue.tasks.pop_front() {
                return Some(task);
            }
            if queue.closed {
                return None;
            }
            queue = wake.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn run(&self, events: &mpsc::Sender<LoopEvent>, measures: &Measures) {
        while let Some(task) = self.next() {
            let Task { replica, token, job, machine, store } = task;
            let result = measures.run_job(job, machine.as_ref(), store.reader());
            if events.send(LoopEvent::Done { replica, token, result }).is_err() {
                return;
            }
        }
    }
}
