//! Text: one [`Analyzer`], the same at index and query time. Turns customer Japanese into tokens with lemmas,
//! character grams and synonym expansions. Owns normalisation and segmentation; knows nothing of entries or indexes.
