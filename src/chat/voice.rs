//! The desk's voice: puts what is said in words, from the desk's wording, with built-in texts where a desk lacks a key.
