//! Benchmarks of Farewell live in `benches/`; this library is empty.
