//! Distances between rows: naive one pair at a time, and blocked.
