//! What the server tells about itself: logs and metrics.

mod request_id;

pub use request_id::RequestId;
