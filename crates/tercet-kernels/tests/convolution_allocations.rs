//! The passes of a convolution allocate nothing once their scratch memory has grown. This is a file of its own for the
//! counting allocator, which counts per thread, since the thread that runs the tests allocates as well.

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use tercet_kernels::Isa;
use tercet_kernels::convolution::{
    Scratch, Shape, backward_input, backward_input_pooled, backward_weights, backward_weights_pooled,
    forward_pooled, forward_relu,
};

use common::numbers;

/// The system allocator, counting the allocations.
struct Counting;

thread_local! {
    static REQUESTS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call is passed on to the system allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        REQUESTS.set(REQUESTS.get() + 1);
        // SAFETY: the caller's promises are those that the system allocator requires.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: the same.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn warm_scratch_memory_does_not_grow() {
    // A small patch, one with gradient lists, and one with minimal filtering.
    let sizes = [(28, 1, 3, 1, 8), (12, 8, 5, 2, 16), (14, 16, 3, 1, 32)];
    for isa in Isa::available() {
        let mut scratch = Scratch::new();
        for (side, channels, kernel, stride, filters) in sizes {
            let (height, width, kernel_height, kernel_width) = (side, side, kernel, kernel);
            let shape =
                Shape { height, width, channels, kernel_height, kernel_width, stride, padding: 1, filters };
            let (w, b) = (numbers(shape.weights(), 1), numbers(shape.filters, 2));
            let (mut dw, mut db) = (w.clone(), b.clone());
            let mut pass = |seed: u32| {
                // Batches with different numbers, and different zeros, each time.
                let x: Vec<f32> = numbers(4 * shape.inputs(), seed).iter().map(|x| x.max(0.0)).collect();
                let dy: Vec<f32> =
                    numbers(4 * shape.outputs(), seed + 1).iter().map(|x| x.max(-0.5) + 0.5).collect();
                let pooled_dy = numbers(4 * shape.pooled(), seed + 2);
                let (mut y, mut dx) = (dy.clone(), x.clone());
                let (mut largest, mut argmax) = (pooled_dy.clone(), vec![0; pooled_dy.len()]);
                let before = REQUESTS.get();
                forward_relu(isa, &shape, &x, &w, &b, &mut y, &mut scratch);
                forward_pooled(isa, &shape, &x, &w, &b, &mut largest, &mut argmax, &mut scratch);
                backward_weights(isa, &shape, &x, &dy, &mut dw, &mut db, &mut scratch);
                backward_weights_pooled(isa, &shape, &x, &pooled_dy, &argmax, &mut dw, &mut db, &mut scratch);
                backward_input(isa, &shape, &dy, &w, &mut dx, &mut scratch);
                backward_input_pooled(isa, &shape, &pooled_dy, &argmax, &w, &mut dx, &mut scratch);
                REQUESTS.get() - before
            };
            assert!(pass(1) > 0, "{isa:?} {shape:?}: the count counts nothing");
            for seed in [10, 20, 30] {
                assert_eq!(pass(seed), 0, "{isa:?} {shape:?}");
            }
        }
    }
}
