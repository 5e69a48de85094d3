//! Full-width writing folded to ASCII, one character for one, so that patterns need one spelling and what they find can
//! be cut out of the original.

use std::ops::Range;

/// A folded text that knows where its characters came from.
pub(super) struct Folded {
    text: String,
    /// For each byte of `text` that starts a character, and for its end: the byte in the original.
    origin: Vec<usize>,
}

impl Folded {
    pub(super) fn of(original: &str) -> Self {
        let mut folded = Self {
            text: String::with_capacity(original.len()),
            origin: Vec::with_capacity(original.len() + 1),
        };
        let mut chars = original.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            let next = chars.peek().map(|(_, next)| fold(*next));
            let c = match c {
                // A long-vowel mark between digits is somebody's hyphen: 090ー1234ー5678.
                'ー' if folded.ends_with_digit() && next.is_some_and(|next| next.is_ascii_digit()) => '-',
                c => fold(c),
            };
            folded.origin.resize(folded.text.len() + c.len_utf8(), at);
            folded.text.push(c);
        }
        folded.origin.push(original.len());
        folded
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The range of the original that became `range`.
    pub(super) fn original(&self, range: &Range<usize>) -> Range<usize> {
        self.origin[range.start]..self.origin[range.end]
    }

    fn ends_with_digit(&self) -> bool {
        self.text.ends_with(|c: char| c.is_ascii_digit())
    }
}

fn fold(c: char) -> char {
    match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        '\u{3000}' | '\u{a0}' | '\u{2000}'..='\u{200a}' => ' ',
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{ff70}' | '\u{fe63}' => '-',
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_found_is_cut_out_of_the_original() {
        let folded = Folded::of("電話０９０ー１２３４です");
        assert_eq!(folded.text(), "電話090-1234です");
        let start = folded.text().find("090").expect("folded");
        assert_eq!(folded.original(&(start..start + 8)), 6..6 + 8 * 3);
        assert_eq!(Folded::of("カード").text(), "カード", "a long vowel stays one");
    }
}
