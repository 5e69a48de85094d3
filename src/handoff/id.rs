//! Ids of what crosses the counter: 128 random bits, written as 32 lower-case hexadecimal digits. Made by the app
//! (nothing here is random) and opaque everywhere else.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The id made of these 128 bits.
            pub fn from_bits(bits: u128) -> Self {
                Self(format!("{bits:032x}"))
            }

            /// Reads an id as it appears in a path or a row; `None` unless it is 32 lower-case hexadecimal digits.
            pub fn parse(text: &str) -> Option<Self> {
                let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
                (text.len() == 32 && text.bytes().all(is_digit)).then(|| Self(text.to_owned()))
            }

            /// The 32 digits.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

ids! {
    /// A conversation.
    ConversationId,
    /// A handed-off conversation in a queue.
    TicketId,
    /// A member of staff.
    StaffId,
    /// A stored Trace.
    TraceId,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_32_lower_case_hexadecimal_digits() {
        let id = TicketId::from_bits(0xab);
        assert_eq!(id.as_str().len(), 32);
        assert_eq!(TicketId::parse(id.as_str()), Some(id));
        for bad in ["", "ab", &"A".repeat(32), &"g".repeat(32), &"0".repeat(33), "あ"] {
            assert_eq!(TicketId::parse(bad), None, "{bad:?}");
        }
    }
}
