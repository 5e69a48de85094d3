//! Personal data and secrets in customers' texts: finds them, in half-width and full-width writing, and masks them
//! before anything is stored, logged or passed on. Pure; knows nothing of conversations.
//!
//! [`mask_secrets`] takes out what nobody at the desk may ever see (keys, seed phrases, passwords, card numbers);
//! [`mask`] takes out personal data as well.

mod fold;
mod patterns;

use std::ops::Range;

use fold::Folded;

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A private key of a wallet.
    PrivateKey,
    /// The words that restore a wallet.
    SeedPhrase,
    /// 64 hexadecimal digits: a key or a transaction, nobody can tell.
    KeyOrTransaction,
    /// A password or a verification code.
    Password,
    /// A payment card number.
    Card,
    /// マイナンバー, the Japanese individual number.
    MyNumber,
    /// An e-mail address.
    Email,
    /// A crypto-asset address.
    CryptoAddress,
    /// A bank account number.
    BankAccount,
    /// A phone number.
    Phone,
    /// A postal code.
    PostalCode,
}

impl Kind {
    /// Stable snake-case name.
    pub fn name(self) -> &'static str {
        match self {
            Kind::PrivateKey => "private_key",
            Kind::SeedPhrase => "seed_phrase",
            Kind::KeyOrTransaction => "key_or_transaction",
            Kind::Password => "password",
            Kind::Card => "card",
            Kind::MyNumber => "my_number",
            Kind::Email => "email",
            Kind::CryptoAddress => "crypto_address",
            Kind::BankAccount => "bank_account",
            Kind::Phone => "phone",
            Kind::PostalCode => "postal_code",
        }
    }

    /// What stands in the text instead.
    pub fn placeholder(self) -> &'static str {
        match self {
            Kind::PrivateKey => "[秘密鍵]",
            Kind::SeedPhrase => "[シードフレーズ]",
            Kind::KeyOrTransaction => "[64桁の英数字]",
            Kind::Password => "[パスワード]",
            Kind::Card => "[カード番号]",
            Kind::MyNumber => "[マイナンバー]",
            Kind::Email => "[メールアドレス]",
            Kind::CryptoAddress => "[アドレス]",
            Kind::BankAccount => "[口座番号]",
            Kind::Phone => "[電話番号]",
            Kind::PostalCode => "[郵便番号]",
        }
    }

    /// Whether nobody at the desk may see it either.
    pub fn is_secret(self) -> bool {
        matches!(
            self,
            Kind::PrivateKey
                | Kind::SeedPhrase
                | Kind::KeyOrTransaction
                | Kind::Password
                | Kind::Card
                | Kind::MyNumber
        )
    }

    /// Whether who knows it can take the customer's assets: certainly a matter for a person.
    pub fn opens_assets(self) -> bool {
        matches!(self, Kind::PrivateKey | Kind::SeedPhrase)
    }
}

/// A text without what was found in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Masked {
    /// The text with placeholders.
    pub text: String,
    /// What was found, each kind once, most secret first.
    pub kinds: Vec<Kind>,
}

/// `text` without personal data and secrets.
pub fn mask(text: &str) -> Masked {
    masked(text, |_| true)
}

/// `text` without secrets.
pub fn mask_secrets(text: &str) -> Masked {
    masked(text, Kind::is_secret)
}

fn masked(text: &str, is_wanted: impl Fn(Kind) -> bool) -> Masked {
    let folded = Folded::of(text);
    let mut found: Vec<(Range<usize>, Kind)> = Vec::new();
    for (range, kind) in patterns::find(folded.text()) {
        let overlaps = |(other, _): &(Range<usize>, Kind)| range.start < other.end && other.start < range.end;
        if !found.iter().any(overlaps) {
            found.push((range, kind));
        }
    }
    found.retain(|(_, kind)| is_wanted(*kind));
    found.sort_by_key(|(range, _)| range.start);
    let mut masked = String::with_capacity(text.len());
    let mut from = 0;
    for (range, kind) in &found {
        let original = folded.original(range);
        masked.push_str(&text[from..original.start]);
        masked.push_str(kind.placeholder());
        from = original.end;
    }
    masked.push_str(&text[from..]);
    let mut kinds: Vec<Kind> = found.into_iter().map(|(_, kind)| kind).collect();
    kinds.sort();
    kinds.dedup();
    Masked { text: masked, kinds }
}

#[cfg(test)]
mod tests;
