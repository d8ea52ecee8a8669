#![no_main]

use tercet_fuzz::readers;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    readers::expect_panics_of_parquet();
    tercet_fuzz::run(readers::parquet, bytes)
});
