//! What a password costs.

use super::{Row, Scale, Unit, Who, pulls};

pub(super) fn rows(scale: Scale) -> Vec<Row> {
    let row = |cost: u32| {
        let name = format!("manifest GET with Basic auth, bcrypt cost {cost}, c = 16");
        Row::new(name, Who::WithPassword(cost), Unit::Each, move |contestant, _| {
            pulls::pull_manifest(contestant, pulls::TAG, 16, scale)
        })
        .prepared(pulls::publish_image)
    };
    vec![row(5), row(10)]
}
