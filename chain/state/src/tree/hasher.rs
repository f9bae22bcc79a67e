//! The suites' hash functions as `jmt` wants them: one type per suite.

use jmt::SimpleHasher;
use ledger_protocol::Suite;
use ledger_protocol::suite::Digester;

macro_rules! hasher {
    ($(#[$doc:meta])* $name:ident = $suite:expr) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub(crate) struct $name(Digester);

        impl SimpleHasher for $name {
            fn new() -> Self {
                Self($suite.digester())
            }

            fn update(&mut self, data: &[u8]) {
                self.0.update(data);
            }

            fn finalize(self) -> [u8; 32] {
                self.0.finish().0
            }
        }
    };
}

hasher! {
    /// SHA-256.
    StandardHasher = Suite::Standard
}
hasher! {
    /// SM3.
    GuomiHasher = Suite::Guomi
}
