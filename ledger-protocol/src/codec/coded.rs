//! Enums whose variants are written as a stable `u16` code.

/// Declares an enum that is encoded as its `u16` code (little endian) followed by the variant's payload.
///
/// An unknown code is a decode error that names the code, so that a newer operation is refused by name
/// and never skipped.
macro_rules! coded_enum {
    ($(#[$meta:meta])* $vis:vis enum $name:ident { $($(#[$vmeta:meta])* $variant:ident($payload:ty) = $code:literal,)* }) => {
        $(#[$meta])*
        $vis enum $name { $($(#[$vmeta])* $variant($payload),)* }

        impl $name {
            /// The stable code of this variant.
            pub const fn code(&self) -> u16 {
                match self { $(Self::$variant(_) => $code,)* }
            }

            /// Every code with its variant's name, ascending as declared.
            pub const CODES: &'static [(u16, &'static str)] = &[$(($code, stringify!($variant)),)*];
        }

        impl borsh::BorshSerialize for $name {
            fn serialize<W: borsh::io::Write>(&self, writer: &mut W) -> borsh::io::Result<()> {
                borsh::BorshSerialize::serialize(&self.code(), writer)?;
                match self { $(Self::$variant(payload) => borsh::BorshSerialize::serialize(payload, writer),)* }
            }
        }

        impl borsh::BorshDeserialize for $name {
            fn deserialize_reader<R: borsh::io::Read>(reader: &mut R) -> borsh::io::Result<Self> {
                let code = <u16 as borsh::BorshDeserialize>::deserialize_reader(reader)?;
                match code {
                    $($code => Ok(Self::$variant(borsh::BorshDeserialize::deserialize_reader(reader)?)),)*
                    other => Err($crate::codec::invalid(format!(
                        concat!("unknown ", stringify!($name), " code {:#06x}"), other
                    ))),
                }
            }
        }
    };
}

pub(crate) use coded_enum;
