/// What was masked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind { Email }
impl Kind { pub fn name(self) -> &'static str { "email" } pub fn opens_assets(self)->bool{false} }
/// A masked text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Masked { pub text: String, pub kinds: Vec<Kind> }
/// Masks.
pub fn mask(text: &str) -> Masked { Masked { text: text.to_owned(), kinds: vec![] } }
/// Masks.
pub fn mask_secrets(text: &str) -> Masked { Masked { text: text.to_owned(), kinds: vec![] } }
