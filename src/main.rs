//! The `plumbline` binary.
#![allow(clippy::print_stdout)]
use clap::Parser;
#[derive(Parser)]
struct C {
    #[command(flatten)]
    a: plumbline::cli::crd::CrdArguments,
}
fn main() {
    let c = C::parse();
    print!("{}", plumbline::cli::crd::run(c.a).unwrap());
}
