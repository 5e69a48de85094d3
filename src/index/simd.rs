//! Dot product of int8 rows with an int16 query: AVX2 where the processor has it, plain Rust elsewhere. With `mapped` and
//! the transformer tier, all that is allowed to use `unsafe`.
#![expect(unsafe_code, reason = "calls a target-feature function after checking for the feature")]

/// Sum of products. Both slices have the same length; |query| ≤ 8191 keeps 2,000 dimensions within i32.
pub fn dot(row: &[i8], query: &[i16]) -> i32 {
    debug_assert_eq!(row.len(), query.len());
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2, checked just above.
        return unsafe { dot_avx2(row, query) };
    }
    plain(row, query)
}

#[inline(always)]
fn plain(row: &[i8], query: &[i16]) -> i32 {
    row.iter().zip(query).map(|(&a, &b)| i32::from(a) * i32::from(b)).sum()
}

/// The same code compiled for AVX2: the compiler turns it into `vpmovsxbw` and `vpmaddwd`.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn dot_avx2(row: &[i8], query: &[i16]) -> i32 {
    plain(row, query)
}

#[cfg(test)]
mod tests {
    #[test]
    fn both_paths_agree_at_the_extremes() {
        for n in [0, 1, 15, 16, 17, 256, 512] {
            let row: Vec<i8> = (0..n).map(|i| if i % 3 == 0 { -127 } else { 127 }).collect();
            let query: Vec<i16> = (0..n).map(|i| if i % 2 == 0 { 8191 } else { -8191 }).collect();
            let exact: i64 = row.iter().zip(&query).map(|(&a, &b)| i64::from(a) * i64::from(b)).sum();
            assert_eq!(i64::from(super::dot(&row, &query)), exact);
            assert_eq!(i64::from(super::plain(&row, &query)), exact);
        }
    }
}
