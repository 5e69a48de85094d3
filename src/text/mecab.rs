//! Reads MeCab's compiled dictionaries back into words, costs and character categories.
//!
//! A pure reader of bytes: it knows the layout (sys.dic, unk.dic, matrix.bin, char.bin) and nothing of which features
//! a dictionary has. Every offset is checked, so damaged files give an error and never a panic.

/// Why a compiled MeCab file cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct MecabError(&'static str);

type Result<T> = std::result::Result<T, MecabError>;

const HEADER: usize = 72;
const DICTIONARY_MAGIC: u32 = 0xEF71_8F77;
const CATEGORY_NAME: usize = 32;
/// Longest surface that is followed; a longer chain in the double array means a cycle.
const MAX_SURFACE: usize = 1024;

/// One word of a compiled dictionary.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Word<'a> {
    pub surface: &'a str,
    pub left: u16,
    pub right: u16,
    pub cost: i16,
    /// Comma-separated features, quoted as in CSV.
    pub features: &'a str,
}

/// sys.dic or unk.dic: a double array of surfaces, the tokens of each, and their features.
pub(super) struct Lexicon<'a> {
    array: &'a [u8],
    tokens: &'a [u8],
    features: &'a [u8],
}

impl<'a> Lexicon<'a> {
    /// Checks the header of `bytes` and divides them into their three tables.
    pub fn parse(bytes: &'a [u8]) -> Result<Self> {
        let field =
            |index: usize| u32_at(bytes, index * 4).ok_or(MecabError("the file ends within its header"));
        if field(0)? ^ DICTIONARY_MAGIC != bytes.len() as u32 {
            return Err(MecabError("not a compiled MeCab dictionary, or cut short"));
        }
        let charset = bytes.get(40..HEADER).ok_or(MecabError("the file ends within its header"))?;
        if !matches!(text_until_nul(charset).to_ascii_lowercase().as_str(), "utf8" | "utf-8") {
            return Err(MecabError("compiled dictionaries must be in UTF-8"));
        }
        let (array, tokens, features) = (field(6)? as usize, field(7)? as usize, field(8)? as usize);
        let body = &bytes[HEADER..];
        let total = array.checked_add(tokens).and_then(|sum| sum.checked_add(features));
        if total != Some(body.len()) || !array.is_multiple_of(8) || !tokens.is_multiple_of(16) {
            return Err(MecabError("the tables do not fill the file"));
        }
        let (array, rest) = body.split_at(array);
        let (tokens, features) = rest.split_at(tokens);
        Ok(Self { array, tokens, features })
    }

    /// Calls `visit` with every word, in the byte order of surfaces.
    pub fn each_word<E: From<MecabError>>(
        &self,
        mut visit: impl FnMut(Word<'_>) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        let (root, _) = self.unit(0).ok_or(MecabError("the double array is empty"))?;
        // A walk in depth first order. `surface` is the path to the node on top of the stack.
        let mut stack = vec![(root, 0usize, 0u8)];
        let mut surface: Vec<u8> = Vec::new();
        let mut visited = 0usize;
        while let Some((base, depth, byte)) = stack.pop() {
            visited += 1;
            if visited > self.array.len() / 8 + 1 || depth > MAX_SURFACE {
                return Err(MecabError("the double array runs in a circle").into());
            }
            surface.truncate(depth.saturating_sub(1));
            if depth > 0 {
                surface.push(byte);
            }
            let Ok(from) = usize::try_from(base) else { continue };
            if let Some((value, check)) = self.unit(from)
                && check == base as u32
                && value < 0
            {
                self.words_at(&surface, -(value + 1), &mut visit)?;
            }
            for next in (0..=255u8).rev() {
                if let Some((child, check)) = self.unit(from + 1 + usize::from(next))
                    && check == base as u32
                {
                    stack.push((child, depth + 1, next));
                }
            }
        }
        Ok(())
    }

    fn words_at<E: From<MecabError>>(
        &self,
        surface: &[u8],
        value: i32,
        visit: &mut impl FnMut(Word<'_>) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        let surface = std::str::from_utf8(surface).map_err(|_| MecabError("a surface is not UTF-8"))?;
        let (first, count) = ((value >> 8) as usize, (value & 0xFF) as usize);
        for index in first..first + count {
            let token = self
                .tokens
                .get(index * 16..index * 16 + 16)
                .ok_or(MecabError("a token lies outside its table"))?;
            let short = |at: usize| u16::from_le_bytes([token[at], token[at + 1]]);
            let offset = u32::from_le_bytes([token[8], token[9], token[10], token[11]]) as usize;
            let features =
                self.features.get(offset..).ok_or(MecabError("features lie outside their table"))?;
            let end = features.iter().position(|&b| b == 0).ok_or(MecabError("features without an end"))?;
            let features =
                std::str::from_utf8(&features[..end]).map_err(|_| MecabError("features are not UTF-8"))?;
            visit(Word { surface, left: short(0), right: short(2), cost: short(6) as i16, features })?;
        }
        Ok(())
    }

    /// Base and check of one unit of the double array.
    fn unit(&self, index: usize) -> Option<(i32, u32)> {
        let base = u32_at(self.array, index.checked_mul(8)?)?;
        Some((base as i32, u32_at(self.array, index * 8 + 4)?))
    }
}

/// matrix.bin: what it costs when a word with context `right` follows one with context `left`.
pub(super) struct Matrix<'a> {
    /// Number of contexts of the word before.
    pub left: usize,
    /// Number of contexts of the word after.
    pub right: usize,
    costs: &'a [u8],
}

impl<'a> Matrix<'a> {
    /// Checks that the table has the size its header names.
    pub fn parse(bytes: &'a [u8]) -> Result<Self> {
        let [a, b, c, d, costs @ ..] = bytes else { return Err(MecabError("the matrix has no header")) };
        let (left, right) =
            (usize::from(u16::from_le_bytes([*a, *b])), usize::from(u16::from_le_bytes([*c, *d])));
        if costs.len() != left * right * 2 {
            return Err(MecabError("the matrix does not have the size its header names"));
        }
        Ok(Self { left, right, costs })
    }

    /// The cost of `right` after `left`; both must be below the matrix' sizes.
    pub fn cost(&self, left: usize, right: usize) -> i16 {
        let at = (left + self.left * right) * 2;
        i16::from_le_bytes([self.costs[at], self.costs[at + 1]])
    }
}

/// char.bin: which categories each character of the basic plane belongs to.
pub(super) struct CharacterCategories<'a> {
    /// Names in the order of their bits.
    pub names: Vec<&'a str>,
    table: &'a [u8],
}

/// The categories of one character and how unknown words of its default category are formed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CharacterInfo(u32);

impl CharacterInfo {
    /// Whether the category with this index applies.
    pub fn has(self, category: usize) -> bool {
        self.0 & 0x3_FFFF & (1 << category) != 0
    }
    /// Index of the default category.
    pub fn default_category(self) -> usize {
        (self.0 >> 18 & 0xFF) as usize
    }
    /// Longest unknown word built from single characters.
    pub fn length(self) -> u32 {
        self.0 >> 26 & 0xF
    }
    /// Whether runs of the category form one unknown word.
    pub fn group(self) -> bool {
        self.0 >> 30 & 1 == 1
    }
    /// Whether unknown words are tried even where the dictionary has a word.
    pub fn invoke(self) -> bool {
        self.0 >> 31 == 1
    }
}

impl<'a> CharacterCategories<'a> {
    /// Reads the category names and locates the table.
    pub fn parse(bytes: &'a [u8]) -> Result<Self> {
        let count = u32_at(bytes, 0).ok_or(MecabError("char.bin is empty"))? as usize;
        if count == 0 || count > 18 || bytes.len() < 4 + count * CATEGORY_NAME {
            return Err(MecabError("char.bin names no usable categories"));
        }
        let (names, table) = bytes[4..].split_at(count * CATEGORY_NAME);
        let names = names.chunks(CATEGORY_NAME).map(text_until_nul).collect();
        if !table.len().is_multiple_of(4) {
            return Err(MecabError("char.bin is cut short"));
        }
        Ok(Self { names, table })
    }

    /// All characters of the table with their info.
    pub fn characters(&self) -> impl Iterator<Item = (u32, CharacterInfo)> {
        self.table
            .as_chunks::<4>()
            .0
            .iter()
            .enumerate()
            .map(|(c, info)| (c as u32, CharacterInfo(u32::from_le_bytes(*info))))
    }
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
}

fn text_until_nul(bytes: &[u8]) -> &str {
    let end = bytes.iter().position(|&b| b == 0).unwrap_or(bytes.len());
    std::str::from_utf8(&bytes[..end]).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A dictionary with the words `a` (two readings) and `ab`.
    fn tiny() -> Vec<u8> {
        let mut units = vec![(0i32, 0u32); 512];
        let value = |first: i32, count: i32| -((first << 8 | count) + 1);
        units[0] = (1, 0); // root: children at 2 + byte
        units[2 + 97] = (200, 1); // `a`
        units[200] = (value(0, 2), 200); // ends here: tokens 0 and 1
        units[201 + 98] = (400, 200); // `ab`
        units[400] = (value(2, 1), 400);
        let array: Vec<u8> = units
            .iter()
            .flat_map(|(base, check)| [base.to_le_bytes(), check.to_le_bytes()].concat())
            .collect();
        let features = b"X,1\0\"Y\",2\0";
        let token = |left: u16, cost: i16, offset: u32| {
            let mut bytes = Vec::new();
            for short in [left, left + 1, 0, cost as u16] {
                bytes.extend(short.to_le_bytes());
            }
            bytes.extend(offset.to_le_bytes());
            bytes.extend(0u32.to_le_bytes());
            bytes
        };
        let tokens = [token(1, -5, 0), token(2, 6, 4), token(3, 7, 0)].concat();
        let size = (HEADER + array.len() + tokens.len() + features.len()) as u32;
        let mut bytes = Vec::new();
        let sizes = [array.len() as u32, tokens.len() as u32, features.len() as u32];
        for field in [size ^ DICTIONARY_MAGIC, 102, 0, 3, 9, 9, sizes[0], sizes[1], sizes[2], 0] {
            bytes.extend(field.to_le_bytes());
        }
        bytes.extend(b"UTF-8");
        bytes.resize(HEADER, 0);
        [bytes, array, tokens, features.to_vec()].concat()
    }

    fn read(bytes: &[u8]) -> Result<Vec<String>> {
        let mut out = Vec::new();
        Lexicon::parse(bytes)?.each_word(|word| {
            out.push(format!(
                "{} {} {} {} {}",
                word.surface, word.left, word.right, word.cost, word.features
            ));
            Ok::<(), MecabError>(())
        })?;
        Ok(out)
    }

    #[test]
    fn words_come_back() {
        assert_eq!(read(&tiny()).unwrap(), ["a 1 2 -5 X,1", "a 2 3 6 \"Y\",2", "ab 3 4 7 X,1"]);
    }

    #[test]
    fn damage_is_an_error_and_never_a_panic() {
        let good = tiny();
        for end in [0, 3, 40, 71, 72, 100, good.len() - 1] {
            assert!(read(&good[..end]).is_err(), "cut at {end}");
        }
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0xFF;
            let _ = read(&bad);
        }
    }

    #[test]
    fn a_circle_in_the_array_ends() {
        let mut bytes = tiny();
        // `ab` leads back to the node of `a`.
        let at = HEADER + (201 + 98) * 8;
        bytes[at..at + 4].copy_from_slice(&200i32.to_le_bytes());
        assert!(read(&bytes).is_err());
    }

    #[test]
    fn matrix_and_characters() {
        let matrix = Matrix::parse(&[2, 0, 1, 0, 5, 0, 0xFF, 0xFF]).unwrap();
        assert_eq!((matrix.left, matrix.right, matrix.cost(0, 0), matrix.cost(1, 0)), (2, 1, 5, -1));
        assert!(Matrix::parse(&[2, 0, 1, 0, 5]).is_err());

        let mut bytes = 2u32.to_le_bytes().to_vec();
        for name in ["DEFAULT", "KANJI"] {
            let mut field = name.as_bytes().to_vec();
            field.resize(CATEGORY_NAME, 0);
            bytes.extend(field);
        }
        bytes.extend((0b10u32 | 1 << 18 | 2 << 26 | 1 << 31).to_le_bytes());
        let categories = CharacterCategories::parse(&bytes).unwrap();
        assert_eq!(categories.names, ["DEFAULT", "KANJI"]);
        let (c, info) = categories.characters().next().unwrap();
        assert_eq!((c, info.has(0), info.has(1), info.default_category()), (0, false, true, 1));
        assert_eq!((info.length(), info.group(), info.invoke()), (2, false, true));
        assert!(CharacterCategories::parse(&bytes[..40]).is_err());
    }
}
