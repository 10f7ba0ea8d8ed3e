//! The behaviour suite on this storage.
