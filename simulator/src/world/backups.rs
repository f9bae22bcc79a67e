//! Backups: copies of all disks of a chain, taken at one moment, and their return.
//!
//! A chain whose disks all go back has lost what it published and signed since; what others heard of it they keep. The
//! lost branch stays readable here, for the proofs that people take from what they kept.
//! A process hosts one chain in networks with backups: its whole disk is copied.

use super::{ChainIndex, ProcessId, World};
use crate::disk::{Disk, Tail};
use crate::property::{Fact, Restoration};
use chain_engine::ChainReader;
use chain_engine::rows::{self, Tip};
use chain_state::{MemoryStore, StoreReader};
use ledger_protocol::{Hash, Height};
use std::collections::BTreeMap;

/// Names a backup of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct BackupId(pub u64);

/// Copies of a chain's disks.
#[derive(Debug)]
struct Backup {
    chain: ChainIndex,
    disks: BTreeMap<ProcessId, Disk>,
    /// How often the chain had been restored by then.
    restored: usize,
}

/// All backups, and the branches that were lost.
#[derive(Debug, Default)]
pub(super) struct Backups {
    taken: BTreeMap<BackupId, Backup>,
    next: u64,
    lost: BTreeMap<ChainIndex, Vec<MemoryStore>>,
}

fn tip(store: &dyn StoreReader) -> Option<Tip> {
    rows::read::<Tip>(store, &rows::tip()).ok().flatten()
}

impl World {
    /// Copies the disks of all processes of a chain as they are now: what is durable.
    pub fn back_up(&mut self, chain: ChainIndex) -> BackupId {
        let id = BackupId(self.backups.next);
        self.backups.next += 1;
        self.record(None, Some(chain), "is backed up", id.0, &[]);
        let seats = self.seats(chain);
        let disks = seats.iter().map(|process| (*process, self.processes[process.0].disk.durable())).collect();
        let restored = self.lost_branches(chain).len();
        self.backups.taken.insert(id, Backup { chain, disks, restored });
        if let Some(first) = seats.first() {
            self.observe(*first, chain, &Fact::BackedUp(id));
        }
        id
    }

    /// Stops all processes of a backup's chain and gives them the disks that they had; one that came later loses its
    /// own. They come back with [`World::restart`]. A backup from before another restoration of its chain is void, and
    /// one is good for one time: then nothing happens and the answer is `false`.
    pub fn restore_backup(&mut self, id: BackupId) -> bool {
        let Some(backup) = self.backups.taken.remove(&id) else { return false };
        let chain = backup.chain;
        if backup.restored != self.lost_branches(chain).len() {
            return false;
        }
        let seats = self.seats(chain);
        seats.iter().for_each(|process| self.crash(*process, Tail::Lost));
        let stores = seats.iter().filter_map(|process| self.store(*process, chain));
        let lost = stores.max_by_key(|store| tip(*store).map_or(Height::ZERO, |tip| tip.header.height)).cloned();
        self.backups.lost.entry(chain).or_default().push(lost.unwrap_or_default());
        let mut disks = backup.disks;
        let mut heights = BTreeMap::new();
        let mut best = None;
        for process in seats {
            let here = &mut self.processes[process.0];
            here.disk.replace_by(disks.remove(&process).unwrap_or_default());
            let tip = here.disk.store(chain).and_then(|store| tip(store));
            here.was_wiped = tip.is_none();
            let (height, hash) = tip.map_or((Height::ZERO, Hash::ZERO), |tip| (tip.header.height, tip.header_hash));
            heights.insert(process, height);
            if best.is_none_or(|(best, _, _)| height > best) {
                best = Some((height, hash, process));
            }
        }
        let Some((kept, hash, process)) = best else { return false };
        self.record(Some(process), Some(chain), "goes back to", kept.0, hash.as_bytes());
        self.chains[chain.0].published = (kept, hash);
        self.observe(process, chain, &Fact::Restored(&Restoration { backup: id, kept, heights }));
        true
    }

    /// The branches that a chain has lost, oldest first, as the replica had them that was furthest.
    pub fn lost_branches(&self, chain: ChainIndex) -> &[MemoryStore] {
        self.backups.lost.get(&chain).map_or(&[], Vec::as_slice)
    }

    /// Chains that were restored from a backup.
    pub fn restored(&self) -> impl Iterator<Item = ChainIndex> + '_ {
        self.backups.lost.keys().copied()
    }

    /// The newest height up to which a chain's history is that of its last lost branch, and the last height of that
    /// branch. `None` for a chain that was never restored, or has not grown since.
    pub fn parted(&self, chain: ChainIndex) -> Option<(Height, Height)> {
        let suite = self.chain_id(chain).suite;
        let lost = ChainReader::new(self.lost_branches(chain).last()?, suite);
        let own = ChainReader::new(self.best_store(chain)?, suite);
        let last = lost.tip().ok().flatten()?.header.height;
        let tip = own.tip().ok().flatten()?.header.height;
        let same = |height: &Height| {
            let of = |reader: &ChainReader<'_>| reader.header(*height).ok().flatten().map(|header| header.hash());
            of(&lost) == of(&own)
        };
        // Histories that have parted do not meet again: the heights that agree are a beginning.
        let (mut common, mut parted) = (0, last.min(tip).0 + 1);
        while parted - common > 1 {
            let middle = common + (parted - common) / 2;
            if same(&Height(middle)) { common = middle } else { parted = middle }
        }
        let common = Height(common);
        (common < tip || common == last).then_some((common, last))
    }
}
