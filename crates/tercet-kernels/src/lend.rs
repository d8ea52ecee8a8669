//! Borrowed memory, lent to code that requires ownership of what it reads.
//!
//! A data set is shared freely among clones, subsets and threads, so it owns its features. If they are in an array that
//! belongs to another language, owning them requires a copy. [`lend`] avoids the copy for as long as a function runs:
//! it provides a [`Lent`] that can be cloned and sent to other threads like an `Arc<[T]>`, and checks that all of them
//! are gone before it returns. Scoped threads (`std::thread::scope`) make the same promise for closures.
//!
//! A clone that still exists when the function has returned, or panicked, could read memory that may be gone. It cannot
//! be revoked, and waiting for it could take forever, so the process is aborted in that case. That is a bug in the
//! borrowing code; no input can cause it.

use std::sync::Arc;

/// A borrowed slice. It dereferences to a slice.
#[derive(Debug)]
pub struct Lent<T: 'static>(Arc<Slice<T>>);

/// The slice, inside the `Arc` that counts its readers.
#[derive(Debug)]
struct Slice<T: 'static>(&'static [T]);

impl<T> Clone for Lent<T> {
    fn clone(&self) -> Self {
        Lent(Arc::clone(&self.0))
    }
}

impl<T> std::ops::Deref for Lent<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        self.0.0
    }
}

/// Calls `with` with an owned handle to the slice. All clones of it must be gone when `with` returns.
///
/// ```
/// use tercet_kernels::lend::lend;
///
/// let numbers = vec![1, 2, 3];
/// let sum: i32 = lend(&numbers, |lent| {
///     let clone = lent.clone();
///     std::thread::spawn(move || clone.iter().sum()).join().unwrap()
/// });
/// assert_eq!(sum, 6);
/// ```
pub fn lend<T: Sync + 'static, R>(slice: &[T], with: impl FnOnce(Lent<T>) -> R) -> R {
    // SAFETY: The `'static` lifetime is false but cannot be observed: every reference to the slice is reached through
    // the one `Arc`, whose clones never lend it for longer than a borrow of themselves (`deref` is the only access),
    // and `slice` outlives this function's body, at whose end, unwinding included, `Lender` ensures that its own clone
    // is the last.
    let lie: &'static [T] = unsafe { std::mem::transmute::<&[T], &'static [T]>(slice) };
    let lender = Lender(Arc::new(Slice(lie)));
    with(Lent(Arc::clone(&lender.0)))
}

struct Lender<T: 'static>(Arc<Slice<T>>);

impl<T> Drop for Lender<T> {
    fn drop(&mut self) {
        // Not `strong_count`, which does not synchronise with what other threads did before they dropped their clones.
        if Arc::get_mut(&mut self.0).is_none() {
            eprintln!("tercet: borrowed memory is still in use after `lend` returned");
            std::process::abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lent_slice_is_read_in_place() {
        let values = vec![0.5f32, -1.0, 2.0];
        let place = lend(&values, |lent| lent.clone().as_ptr());
        assert_eq!(place, values.as_ptr());
    }

    #[test]
    fn a_panic_returns_the_slice_too() {
        let values = [1u8];
        let panicked = std::panic::catch_unwind(|| lend(&values, |lent| panic!("{}", lent[0])));
        assert_eq!(*panicked.unwrap_err().downcast::<String>().unwrap(), "1");
    }
}
