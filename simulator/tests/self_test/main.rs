//! The simulator finds every planted mistake, and none where none is planted.
