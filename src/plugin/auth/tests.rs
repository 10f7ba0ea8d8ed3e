//! With real components, where they are built.
