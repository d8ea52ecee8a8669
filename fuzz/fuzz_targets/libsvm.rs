#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tercet_fuzz::run(tercet_fuzz::readers::libsvm, bytes));
