//! The tests of the command, in one program: linking is most of what a test costs to build.

mod arrays;
mod codes;
mod common;
mod compare;
mod data;
mod destinations;
mod devices;
mod evaluate;
mod exchange;
mod generate;
mod guide;
mod held_out;
mod inspect;
mod models;
mod objectives;
mod pictures;
mod resume;
mod score;
mod storage;
mod sweep;
mod tensorboard;
mod train;
mod usage;
