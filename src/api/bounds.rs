//! Bounds of integers, as the schema states them.

/// An integer without the `format` that schemars gives `u8` and the API server warns about on every apply.
fn integer(minimum: u32, maximum: u32) -> schemars::Schema {
    schemars::json_schema!({"type": "integer", "minimum": minimum, "maximum": maximum})
}

/// 0 to 5.
pub(super) fn zero_to_five(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    integer(0, 5)
}

/// 1 to 20.
pub(super) fn threshold(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    integer(1, 20)
}

/// 1 to 65535.
pub(super) fn port(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    integer(1, 65_535)
}

/// 1 to 3650.
pub(super) fn days(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    integer(1, 3650)
}

/// 1 to 10.
pub(super) fn one_to_ten(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    integer(1, 10)
}

/// 1 to 100.
pub(super) fn one_to_hundred(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    integer(1, 100)
}

/// 0 to 1023.
pub(super) fn redis_database(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    integer(0, 1023)
}

/// From 0 on.
pub(super) fn count(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({"type": "integer", "minimum": 0})
}

/// 1 to 10000.
pub(super) fn one_to_ten_thousand(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    integer(1, 10_000)
}

/// 0 to 100.
pub(super) fn zero_to_hundred(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    integer(0, 100)
}

/// 5 to 200.
pub(super) fn samples(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    integer(5, 200)
}

/// 1 to 8.
pub(super) fn performance_concurrency(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    integer(1, 8)
}

/// 0 to 50.
pub(super) fn warmup(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    integer(0, 50)
}

/// 1 to 100000.
pub(super) fn throughput(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    integer(1, 100_000)
}

/// 5 to 1000000.
pub(super) fn baseline_samples(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    integer(5, 1_000_000)
}

/// 1 to 1000.
pub(super) fn regression(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    integer(1, 1000)
}

/// 0 to 50: as many as a validation has checks.
pub(super) fn checks(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    integer(0, 50)
}

/// 2 to 1024.
pub(super) fn times(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    integer(2, 1024)
}
