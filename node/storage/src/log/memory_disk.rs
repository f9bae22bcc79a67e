//! A disk in memory that loses what was not synced, writes pages out of order, and fails where a test says.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

use super::disk::{LogDisk, LogFile};
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};

/// Pages that reach the disk independently of each other; small, so that one frame spans several.
const PAGE_BYTES: usize = 16;

/// How an operation fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// Nothing is done; I/O error.
    Io,
    /// Nothing is done; no space.
    Full,
    /// The first part of a write is done; no space.
    Short,
    /// The operation is done, then the process dies: every later operation fails.
    Dies,
}

/// What a power cut leaves of the bytes and names that were not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Left {
    /// Nothing: the worst that a sync permits.
    Nothing,
    /// Everything: the process died, the machine did not.
    All,
    /// Each page and each name by chance.
    Some(u64),
}

#[derive(Debug, Clone, Default)]
struct Node {
    bytes: Vec<u8>,
    durable: Vec<u8>,
}

/// A change of names that is not durable yet.
#[derive(Debug, Clone)]
enum NameChange {
    Created(String, usize),
    Renamed(String, String),
    Removed(String),
}

/// Runs once, after a sync has taken its bytes and before it returns.
type DuringSync = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct Content {
    nodes: Vec<Node>,
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    pending_names: Vec<NameChange>,
    during_sync: Option<DuringSync>,
    operations: usize,
    fail_at: Option<(usize, Failure)>,
    failed: bool,
}

/// A shared handle on the disk.
#[derive(Clone, Default)]
pub(super) struct MemoryDisk(Arc<Mutex<Content>>);

struct MemoryFile {
    disk: MemoryDisk,
    node: usize,
}

impl MemoryDisk {
    /// Makes the `nth` changing operation (from 0) fail, and every one after it.
    pub(super) fn failing_at(nth: usize, failure: Failure) -> Self {
        let disk = Self::default();
        disk.0.lock().unwrap().fail_at = Some((nth, failure));
        disk
    }

    /// Runs `hook` in the middle of the next sync of a file.
    pub(super) fn during_next_sync(&self, hook: impl FnOnce() + Send + 'static) {
        self.0.lock().unwrap().during_sync = Some(Box::new(hook));
    }

    /// Changing operations so far.
    pub(super) fn operations(&self) -> usize {
        self.0.lock().unwrap().operations
    }

    /// Whether the failure was reached.
    pub(super) fn has_failed(&self) -> bool {
        self.0.lock().unwrap().failed
    }

    /// The disk after a power cut; this one stays as it is.
    pub(super) fn after_power_cut(&self, left: Left) -> Self {
        let content = self.0.lock().unwrap();
        let mut chance = Chance::new(if let Left::Some(seed) = left { seed } else { 0 });
        let mut keeps = || match left {
            Left::Nothing => false,
            Left::All => true,
            Left::Some(_) => chance.next().is_multiple_of(2),
        };
        let nodes: Vec<Node> = content.nodes.iter().map(|node| node_after(node, &mut keeps)).collect();
        let mut names = content.durable_names.clone();
        for change in &content.pending_names {
            if keeps() {
                change_names(&mut names, change);
            }
        }
        let content = Content { nodes, durable_names: names.clone(), names, ..Content::default() };
        Self(Arc::new(Mutex::new(content)))
    }

    /// The bytes of a file.
    pub(super) fn bytes(&self, name: &str) -> Vec<u8> {
        self.read(name).unwrap()
    }

    /// Puts a file there, durably.
    pub(super) fn put(&self, name: &str, bytes: &[u8]) {
        let mut content = self.0.lock().unwrap();
        content.nodes.push(Node { bytes: bytes.to_vec(), durable: bytes.to_vec() });
        let node = content.nodes.len() - 1;
        content.names.insert(name.to_owned(), node);
        content.durable_names.insert(name.to_owned(), node);
    }

    fn change<T>(&self, bytes: &[u8], change: impl FnOnce(&mut Content, &[u8]) -> io::Result<T>) -> io::Result<T> {
        let mut content = self.0.lock().unwrap();
        if content.failed {
            return Err(io::Error::other("the disk is gone"));
        }
        let now = content.operations;
        content.operations += 1;
        let Some((_, failure)) = content.fail_at.filter(|&(nth, _)| nth == now) else {
            return change(&mut content, bytes);
        };
        content.failed = true;
        match failure {
            Failure::Io => return Err(io::Error::other("injected")),
            Failure::Full => {}
            Failure::Short => drop(change(&mut content, &bytes[..bytes.len() / 2])),
            Failure::Dies => drop(change(&mut content, bytes)),
        }
        Err(io::Error::from(io::ErrorKind::StorageFull))
    }
}

impl Content {
    fn change_names(&mut self, change: NameChange) {
        change_names(&mut self.names, &change);
        self.pending_names.push(change);
    }
}

/// Applies a change that may depend on one that was lost.
fn change_names(names: &mut BTreeMap<String, usize>, change: &NameChange) {
    match change {
        NameChange::Created(name, node) => drop(names.insert(name.clone(), *node)),
        NameChange::Renamed(from, to) => {
            if let Some(node) = names.remove(from) {
                names.insert(to.clone(), node);
            }
        }
        NameChange::Removed(name) => drop(names.remove(name)),
    }
}

fn node_after(node: &Node, keeps: &mut impl FnMut() -> bool) -> Node {
    let length = if keeps() { node.bytes.len() } else { node.durable.len() };
    let mut bytes = vec![0; length];
    for (page, kept) in bytes.chunks_mut(PAGE_BYTES).enumerate() {
        let source = if keeps() { &node.bytes } else { &node.durable };
        for (byte, original) in kept.iter_mut().zip(source.iter().skip(page * PAGE_BYTES)) {
            *byte = *original;
        }
    }
    Node { durable: bytes.clone(), bytes }
}

impl LogFile for MemoryFile {
    fn append(&self, bytes: &[u8]) -> io::Result<()> {
        self.disk.change(bytes, |content, bytes| {
            content.nodes[self.node].bytes.extend_from_slice(bytes);
            Ok(())
        })
    }

    fn sync(&self) -> io::Result<()> {
        self.disk.change(&[], |content, _| {
            let node = &mut content.nodes[self.node];
            node.durable = node.bytes.clone();
            Ok(())
        })?;
        let hook = self.disk.0.lock().unwrap().during_sync.take();
        if let Some(hook) = hook {
            hook();
        }
        Ok(())
    }
}

impl LogDisk for MemoryDisk {
    fn place(&self) -> String {
        "memory".to_owned()
    }

    fn names(&self) -> io::Result<Vec<String>> {
        Ok(self.0.lock().unwrap().names.keys().cloned().collect())
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        let content = self.0.lock().unwrap();
        let node = content.names.get(name).ok_or(io::ErrorKind::NotFound)?;
        Ok(content.nodes[*node].bytes.clone())
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn LogFile>> {
        let node = self.change(&[], |content, _| {
            if let Some(&node) = content.names.get(name) {
                content.nodes[node].bytes.clear();
                return Ok(node);
            }
            content.nodes.push(Node::default());
            let node = content.nodes.len() - 1;
            content.change_names(NameChange::Created(name.to_owned(), node));
            Ok(node)
        })?;
        Ok(Arc::new(MemoryFile { disk: self.clone(), node }))
    }

    fn cut(&self, name: &str, length: u64) -> io::Result<Arc<dyn LogFile>> {
        let node = self.change(&[], |content, _| {
            let node = *content.names.get(name).ok_or(io::ErrorKind::NotFound)?;
            let length = usize::try_from(length).unwrap();
            assert!(length <= content.nodes[node].bytes.len(), "the log never lengthens a file by cutting");
            content.nodes[node].bytes.truncate(length);
            content.nodes[node].durable = content.nodes[node].bytes.clone();
            Ok(node)
        })?;
        Ok(Arc::new(MemoryFile { disk: self.clone(), node }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.change(&[], |content, _| {
            content.names.get(from).ok_or(io::ErrorKind::NotFound)?;
            content.change_names(NameChange::Renamed(from.to_owned(), to.to_owned()));
            Ok(())
        })
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.change(&[], |content, _| {
            content.names.get(name).ok_or(io::ErrorKind::NotFound)?;
            content.change_names(NameChange::Removed(name.to_owned()));
            Ok(())
        })
    }

    fn sync_names(&self) -> io::Result<()> {
        self.change(&[], |content, _| {
            content.durable_names = content.names.clone();
            content.pending_names.clear();
            Ok(())
        })
    }
}

/// A small generator, so that a failing case is named by its seed.
#[derive(Debug, Clone)]
pub(super) struct Chance(u64);

impl Chance {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5bd1_e995_97f4_a7c1)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 >> 11
    }

    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}
