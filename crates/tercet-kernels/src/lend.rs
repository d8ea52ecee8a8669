//! Memory of somebody else's, lent to code that wants to own what it reads.
//!
//! A data set is shared freely, among clones, subsets and threads, so it owns its features. Where they lie in an array of
//! another language's, owning them means to copy them. [`lend`] spares that for as long as a function runs: it hands out a
//! [`Lent`] that can be cloned and sent about like an `Arc<[T]>`, and does not return before all of them are gone. Scoped
//! threads (`std::thread::scope`) are the same promise about closures.
//!
//! A clone that is still somewhere when the function has returned, or panicked, would read memory that may be gone. There
//! is no way to take it back, and to wait for it might be to wait for ever, so the process is aborted then. That is a
//! mistake in the code that was lent to, for no input to bring about.

use std::sync::Arc;

/// A slice that is somebody else's. It reads like one.
#[derive(Debug)]
pub struct Lent<T: 'static>(Arc<Slice<T>>);

/// The slice, behind the count of those who may read it.
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

/// Calls `with` with the slice as something to own. All clones of it must be gone when `with` returns.
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
    // SAFETY: The lifetime is a lie that nobody lives to see: every reference to the slice is reached through the one
    // `Arc`, whose clones never give it away for longer than a borrow of themselves (`deref` is the only way to it), and
    // `slice` outlives this function's body, at whose end, unwinding included, `Lender` sees to it that its own is the last
    // of the clones.
    let lie: &'static [T] = unsafe { std::mem::transmute::<&[T], &'static [T]>(slice) };
    let lender = Lender(Arc::new(Slice(lie)));
    with(Lent(Arc::clone(&lender.0)))
}

struct Lender<T: 'static>(Arc<Slice<T>>);

impl<T> Drop for Lender<T> {
    fn drop(&mut self) {
        // Not `strong_count`, which does not wait for what other threads did before they dropped theirs.
        if Arc::get_mut(&mut self.0).is_none() {
            eprintln!("tercet: memory that was lent is still in use after it was to be given back");
            std::process::abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lent_is_read_where_it_lies() {
        let values = vec![0.5f32, -1.0, 2.0];
        let place = lend(&values, |lent| lent.clone().as_ptr());
        assert_eq!(place, values.as_ptr());
    }

    #[test]
    fn a_panic_gives_it_back_too() {
        let values = [1u8];
        let panicked = std::panic::catch_unwind(|| lend(&values, |lent| panic!("{}", lent[0])));
        assert_eq!(*panicked.unwrap_err().downcast::<String>().unwrap(), "1");
    }
}
