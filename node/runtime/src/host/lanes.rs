//! Per replica, which jobs may run beside which commits.
//!
//! A job reads the store as all commits emitted before it have left it, and no later one. So a commit waits until the
//! jobs emitted before it have ended, and jobs emitted after it wait until it has been applied.

use chain_engine::{Job, Token};
use chain_state::WriteBatch;
use ledger_protocol::Height;
use std::collections::VecDeque;

/// Something that touches a replica's part of the store.
#[derive(Debug)]
pub(super) enum Item {
    /// Reads.
    Job {
        /// Names the answer.
        token: Token,
        /// What to compute.
        job: Job,
    },
    /// Writes.
    Commit {
        /// Names the answer.
        token: Token,
        /// What to write.
        batch: WriteBatch,
        /// The block's height.
        height: Height,
    },
}

/// One replica's order of jobs and commits. Its length is bounded by what one replica ever has under way.
#[derive(Debug, Default)]
pub(super) struct Lane {
    waiting: VecDeque<Item>,
    jobs: usize,
    commit: bool,
}

impl Lane {
    /// Adds an item at the end.
    pub(super) fn push(&mut self, item: Item) {
        self.waiting.push_back(item);
    }

    /// The next item that may begin now.
    pub(super) fn pop(&mut self) -> Option<Item> {
        match self.waiting.front() {
            Some(Item::Job { .. }) if !self.commit => {
                self.jobs += 1;
                self.waiting.pop_front()
            }
            Some(Item::Commit { .. }) if !self.commit && self.jobs == 0 => {
                self.commit = true;
                self.waiting.pop_front()
            }
            _ => None,
        }
    }

    /// A job has ended.
    pub(super) fn job_ended(&mut self) {
        assert!(self.jobs > 0, "a job ended that never began");
        self.jobs -= 1;
    }

    /// The commit has been applied.
    pub(super) fn commit_ended(&mut self) {
        assert!(self.commit, "a commit ended that never began");
        self.commit = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(token: u64) -> Item {
        Item::Job { token: Token(token), job: Job::Verify { groups: Vec::new() } }
    }

    fn commit(token: u64) -> Item {
        Item::Commit { token: Token(token), batch: WriteBatch::default(), height: Height(1) }
    }

    fn token(item: Option<Item>) -> Option<u64> {
        item.map(|item| match item {
            Item::Job { token, .. } | Item::Commit { token, .. } => token.0,
        })
    }

    #[test]
    fn a_commit_waits_for_earlier_jobs_and_holds_back_later_ones() {
        let mut lane = Lane::default();
        for item in [job(1), job(2), commit(3), job(4)] {
            lane.push(item);
        }
        assert_eq!(token(lane.pop()), Some(1));
        assert_eq!(token(lane.pop()), Some(2));
        assert_eq!(token(lane.pop()), None);
        lane.job_ended();
        assert_eq!(token(lane.pop()), None);
        lane.job_ended();
        assert_eq!(token(lane.pop()), Some(3));
        assert_eq!(token(lane.pop()), None);
        lane.commit_ended();
        assert_eq!(token(lane.pop()), Some(4));
    }
}
