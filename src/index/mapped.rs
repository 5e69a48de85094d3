//! A file of the index that stays on disk: the system brings in what is looked at and takes it out again when memory is
//! short. Uses `unsafe`, as `simd` does.
#![expect(unsafe_code, reason = "maps a file, and reads bytes as numbers")]

use std::fs::File;
use std::path::Path;

use memmap2::Mmap;

/// A mapped file.
#[derive(Debug)]
pub struct Mapped(Mmap);

impl Mapped {
    /// Maps `path`.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(path: &Path) -> std::io::Result<Self> {
        let file = File::open(path)?;
        // SAFETY: files of an index are written aside and never changed, only removed whole (`folder`), which leaves mapped
        // ones as they are.
        unsafe { Mmap::map(&file) }.map(Self)
    }

    /// All of it.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// From byte `start` on, as many whole numbers as there are, in this machine's order of bytes: an index stays where it
    /// was made. `None` if they do not begin where numbers may.
    pub fn words(&self, start: usize) -> Option<&[u32]> {
        // SAFETY: every bit pattern is a u32, and `align_to` looks after alignment.
        let (before, words, after) = unsafe { self.bytes().get(start..)?.align_to::<u32>() };
        (before.is_empty() && after.is_empty()).then_some(words)
    }

    /// All of it as int8.
    pub fn numbers(&self) -> &[i8] {
        let bytes = self.bytes();
        // SAFETY: i8 has the size and alignment of u8, and every bit pattern is one.
        unsafe { std::slice::from_raw_parts(bytes.as_ptr().cast(), bytes.len()) }
    }
}
