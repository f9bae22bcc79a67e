//! Arguments of `motion propose set-limits`: the numbers that change; the others stay as they are.

use clap::Args;
use ledger_protocol::interchain::ChainLimits;

macro_rules! limits {
    ($($(#[$doc:meta])* $name:ident: $number:ty,)*) => {
        /// The limits to change.
        #[derive(Debug, Clone, Default, Args)]
        pub(crate) struct LimitArgs {
            $($(#[$doc])* #[arg(long, value_name = "N")] $name: Option<$number>,)*
        }

        impl LimitArgs {
            /// These limits with what was given.
            pub(crate) fn over(&self, limits: ChainLimits) -> ChainLimits {
                ChainLimits { $($name: self.$name.unwrap_or(limits.$name),)* }
            }
        }
    };
}

limits! {
    /// Legs in flight: started and not yet closed.
    max_in_flight: u32,
    /// Proposals that may wait for one key.
    max_queue_per_key: u32,
    /// Legs in flight of one proposer.
    max_in_flight_per_proposer: u32,
    /// Legs in flight that address one ledger.
    max_in_flight_per_service: u32,
    /// Relay blocks of a window.
    window_blocks: u32,
    /// Legs that begin in a window.
    max_begun: u32,
    /// Legs of one proposer that begin in a window.
    max_begun_per_proposer: u32,
    /// Bytes of legs in flight.
    max_bytes: u64,
    /// Bytes of one proposer's legs in flight.
    max_bytes_per_proposer: u64,
    /// Keys of legs in flight, each times its proposal's t_prep.
    max_key_blocks: u64,
    /// The same, of one proposer.
    max_key_blocks_per_proposer: u64,
    /// Legs of one proposer that wait in the queue.
    max_queued_per_proposer: u32,
    /// Their bytes.
    max_queued_bytes_per_proposer: u64,
    /// Legs of one proposer that the relay's state holds, until valid_until has passed.
    max_kept_per_proposer: u32,
    /// Their bytes.
    max_kept_bytes_per_proposer: u64,
    /// Legs without a vote at their deadline in a window; one more makes the chain LAGGING.
    max_silent: u32,
    /// Proposals of one proposer in a window that held keys in vain; at so many it must back off.
    max_vain: u32,
}

#[cfg(test)]
mod tests {
    use super::LimitArgs;
    use ledger_protocol::interchain::ChainLimits;

    #[test]
    fn what_is_not_given_stays_as_it_is() {
        let now = ChainLimits { max_bytes: 5, max_vain: 7, ..ChainLimits::default() };
        let given = LimitArgs { max_vain: Some(9), ..LimitArgs::default() };
        assert_eq!(given.over(now), ChainLimits { max_vain: 9, ..now });
    }
}
