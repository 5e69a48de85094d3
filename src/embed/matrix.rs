//! Dense arithmetic: dot products, scaled sums and matrix products. The only place of this module with `unsafe`, for
//! matrixmultiply's interface; knows nothing of words or models.

/// Dot product of two vectors of the same length.
pub fn dot(x: &[f32], y: &[f32]) -> f32 {
    const LANES: usize = 16;
    let mut lanes = [0f32; LANES];
    let (x_chunks, y_chunks) = (x.chunks_exact(LANES), y.chunks_exact(LANES));
    let rest: f32 = x_chunks.remainder().iter().zip(y_chunks.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in x_chunks.zip(y_chunks) {
        for lane in 0..LANES {
            lanes[lane] += a[lane] * b[lane];
        }
    }
    lanes.iter().sum::<f32>() + rest
}

/// Cosine of the angle between two vectors; 0 when either is all zeros.
pub fn cosine(x: &[f32], y: &[f32]) -> f32 {
    let lengths = (dot(x, x) * dot(y, y)).sqrt();
    if lengths > f32::MIN_POSITIVE { dot(x, y) / lengths } else { 0.0 }
}

/// Adds `factor · x` to `sum`.
pub(super) fn add_scaled(factor: f32, x: &[f32], sum: &mut [f32]) {
    for (sum, x) in sum.iter_mut().zip(x) {
        *sum += factor * x;
    }
}

/// Scales `x` to length 1 and returns its length before; leaves all zeros as they are.
pub(super) fn normalize(x: &mut [f32]) -> f32 {
    let length = dot(x, x).sqrt();
    if length > 1e-9 {
        x.iter_mut().for_each(|x| *x /= length);
    }
    length
}

/// A row-major matrix, or the transpose of one.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    data: &'a [f32],
    rows: usize,
    columns: usize,
    row_stride: usize,
    column_stride: usize,
}

impl<'a> View<'a> {
    /// `data` as `rows` × `columns`.
    pub(super) fn new(data: &'a [f32], rows: usize, columns: usize) -> Self {
        assert_eq!(data.len(), rows * columns, "a matrix has rows × columns values");
        Self { data, rows, columns, row_stride: columns, column_stride: 1 }
    }

    /// The transpose, without copying.
    pub(super) fn transposed(self) -> Self {
        Self {
            data: self.data,
            rows: self.columns,
            columns: self.rows,
            row_stride: self.column_stride,
            column_stride: self.row_stride,
        }
    }
}

/// `out = a · b`, on as many threads as the pool has. `out` is row-major.
pub(super) fn multiply(a: View<'_>, b: View<'_>, out: &mut [f32]) {
    assert_eq!(a.columns, b.rows, "inner sizes agree");
    assert_eq!(out.len(), a.rows * b.columns, "the product's size");
    if out.is_empty() {
        return;
    }
    let block = a.rows.div_ceil(rayon::current_num_threads().max(1)).max(1);
    rayon::scope(|scope| {
        for (index, out) in out.chunks_mut(block * b.columns).enumerate() {
            scope.spawn(move |_| multiply_block(a, b, index * block, out));
        }
    });
}

#[expect(
    unsafe_code,
    reason = "matrixmultiply takes pointers; all sizes are asserted in View::new and multiply"
)]
fn multiply_block(a: View<'_>, b: View<'_>, first_row: usize, out: &mut [f32]) {
    let rows = out.len() / b.columns;
    assert!(first_row + rows <= a.rows, "the block lies inside the matrix");
    // SAFETY: `a` and `b` hold rows × columns values with the strides set by View; the block of `rows` rows from
    // `first_row` lies inside `a`, and `out` holds exactly rows × b.columns values.
    unsafe {
        matrixmultiply::sgemm(
            rows,
            a.columns,
            b.columns,
            1.0,
            a.data.as_ptr().add(first_row * a.row_stride),
            a.row_stride as isize,
            a.column_stride as isize,
            b.data.as_ptr(),
            b.row_stride as isize,
            b.column_stride as isize,
            0.0,
            out.as_mut_ptr(),
            b.columns as isize,
            1,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_agree_with_the_definition() {
        let a: Vec<f32> = (0..15).map(|x| x as f32 - 7.0).collect();
        let b: Vec<f32> = (0..20).map(|x| (x as f32).sin()).collect();
        let (left, right) = (View::new(&a, 3, 5), View::new(&b, 5, 4));
        let mut out = vec![0.0; 12];
        multiply(left, right, &mut out);
        for i in 0..3 {
            for j in 0..4 {
                let expected: f32 = (0..5).map(|k| a[i * 5 + k] * b[k * 4 + j]).sum();
                assert!((out[i * 4 + j] - expected).abs() < 1e-4);
            }
        }
        let mut transposed = vec![0.0; 12];
        multiply(right.transposed(), left.transposed(), &mut transposed);
        for i in 0..3 {
            for j in 0..4 {
                assert!((out[i * 4 + j] - transposed[j * 3 + i]).abs() < 1e-4);
            }
        }
    }

    #[test]
    fn cosine_of_nothing_is_zero() {
        assert_eq!(cosine(&[0.0; 20], &[1.0; 20]), 0.0);
        assert!((cosine(&[2.0; 20], &[3.0; 20]) - 1.0).abs() < 1e-6);
        assert!((dot(&[1.0; 19], &[2.0; 19]) - 38.0).abs() < 1e-6);
    }
}
