//! How many threads OpenBLAS uses. It keeps a pool of its own beside torch's; two pools on few cores wait for each other
//! (measured on two cores: 170 ms a question instead of 6), and torch has no call that sets it. One of two modules
//! allowed to use `unsafe`.
#![expect(
    unsafe_code,
    reason = "calls into OpenBLAS, which has no Rust binding here, if it is what torch was linked with"
)]

use std::ffi::c_int;

/// Sets the size of OpenBLAS' pool; nothing where another BLAS is installed.
pub(super) fn limit(threads: c_int) {
    // SAFETY: the name ends with NUL, and the default scope is what the program was linked with.
    let symbol = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"openblas_set_num_threads".as_ptr()) };
    if symbol.is_null() {
        tracing::warn!(
            "torch is not linked with OpenBLAS; install libopenblas0-pthread, which is ten times as fast"
        );
        return;
    }
    // SAFETY: OpenBLAS declares `void openblas_set_num_threads(int)`, in every version.
    let set = unsafe { std::mem::transmute::<*mut libc::c_void, extern "C" fn(c_int)>(symbol) };
    set(threads);
}
