//! Unit tests of the specification, by subject. They read as segments; [`host`] is what they are written with.

mod arrives;
mod calls;
mod checks;
mod closing;
mod figures;
mod host;
mod readings;
mod reopen;
mod rules;
mod stamps;
mod timeouts;
mod window;
