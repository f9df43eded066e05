//! The tests of the library from outside, in one program: linking is most of what a test costs to build. What needs an
//! allocator of its own is in `allocation.rs`.

mod bars;
mod damaged_files;
mod examples;
#[cfg(feature = "exchange")]
mod exchange;
mod golden;
mod misuse;
mod models;
mod objectives;
mod rankings;
mod saving;
mod second_engine;
mod training;
