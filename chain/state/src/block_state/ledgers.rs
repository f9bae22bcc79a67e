//! Ledgers: settings, and the head that the next block's tree starts from.

use super::BlockState;
use crate::rows;
use crate::store::StoreFault;
use borsh::{BorshDeserialize, BorshSerialize};
use ledger_protocol::chain::LedgerGenesis;
use ledger_protocol::proof::state::EMPTY_STATE_ROOT;
use ledger_protocol::{Hash, LedgerId};

/// Most ledgers of one chain.
const MAX_LEDGERS: usize = 64;

/// The latest state of a ledger's tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct LedgerHead {
    /// Version of the state tree; 0 while it is empty from the beginning.
    pub state_version: u64,
    /// Its root.
    pub state_root: Hash,
    /// Hash of the ledger's settings.
    pub settings_hash: Hash,
}

impl BlockState<'_> {
    /// Creates a ledger; at genesis only, outside any layer.
    ///
    /// # Errors
    /// [`StoreFault`] when the ledger exists, when `settings` are another ledger's, or above 64 ledgers.
    pub fn create_ledger(&mut self, ledger: LedgerId, settings: &LedgerGenesis) -> Result<(), StoreFault> {
        if settings.ledger != ledger {
            return Err(StoreFault(format!("settings of ledger {} offered for ledger {ledger}", settings.ledger)));
        }
        if self.ledger_settings(ledger)?.is_some() {
            return Err(StoreFault(format!("ledger {ledger} exists already")));
        }
        if self.ledgers()?.len() >= MAX_LEDGERS {
            return Err(StoreFault(format!("a chain has at most {MAX_LEDGERS} ledgers")));
        }
        self.created.insert(ledger, settings.clone());
        Ok(())
    }

    /// A ledger's settings; `None` if there is no such ledger.
    ///
    /// # Errors
    /// [`StoreFault`] on I/O or a corrupt row.
    pub fn ledger_settings(&self, ledger: LedgerId) -> Result<Option<LedgerGenesis>, StoreFault> {
        if let Some(settings) = self.created.get(&ledger) {
            return Ok(Some(settings.clone()));
        }
        if let Some(settings) = self.settings.borrow().get(&ledger) {
            return Ok(settings.clone());
        }
        let row = self.reader.get(&rows::settings(ledger))?;
        let settings: Option<LedgerGenesis> = row.map(|bytes| rows::decode("ledger settings", &bytes)).transpose()?;
        self.settings.borrow_mut().insert(ledger, settings.clone());
        Ok(settings)
    }

    /// The chain's ledgers, ascending.
    ///
    /// # Errors
    /// [`StoreFault`] on I/O or a corrupt row.
    pub fn ledgers(&self) -> Result<Vec<LedgerId>, StoreFault> {
        Ok(self.heads()?.into_iter().map(|(ledger, _)| ledger).collect())
    }

    /// The heads before this block, ascending; a ledger created in this block starts empty.
    pub(super) fn heads(&self) -> Result<Vec<(LedgerId, LedgerHead)>, StoreFault> {
        let stored = self.reader.scan(b"l", b"m", 2 * MAX_LEDGERS)?;
        let mut heads = std::collections::BTreeMap::new();
        for (row, bytes) in stored {
            if let [b'l', a, b, c, d, b'h'] = *row.as_slice() {
                heads.insert(LedgerId(u32::from_be_bytes([a, b, c, d])), rows::decode("ledger head", &bytes)?);
            }
        }
        for (ledger, settings) in &self.created {
            let settings_hash = settings.settings_hash(self.suite);
            heads.insert(*ledger, LedgerHead { state_version: 0, state_root: EMPTY_STATE_ROOT, settings_hash });
        }
        Ok(heads.into_iter().collect())
    }
}
