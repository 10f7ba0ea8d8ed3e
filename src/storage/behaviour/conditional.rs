//! Writing only where nothing is.

use bytes::Bytes;

use super::Case;
use super::bench::{Bench, Failure, Outcome, check, kind};
use crate::storage::{ErrorKind, WriteOptions};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "a conditional write replaces nothing",
        promised: |capabilities| capabilities.conditional_put,
        run: |bench| Box::pin(refused(bench)),
    },
    Case {
        name: "of several conditional writes exactly one wins",
        promised: |capabilities| capabilities.conditional_put,
        run: |bench| Box::pin(race(bench)),
    },
];

const IF_ABSENT: WriteOptions = WriteOptions { if_absent: true, append_at: None, volatile: false };

async fn refused(bench: Bench) -> Outcome {
    let key = bench.key("object")?;
    bench.storage.put(&key, Bytes::from_static(b"first"), IF_ABSENT).await?;
    let second = bench.storage.put(&key, Bytes::from_static(b"second"), IF_ABSENT).await;
    check!(kind(&second) == Some(ErrorKind::AlreadyExists), "a second conditional put gave {second:?}");
    let written = bench.write("object", IF_ABSENT, vec![Bytes::from_static(b"third")]).await;
    check!(kind(&written) == Some(ErrorKind::AlreadyExists), "a conditional writer gave {written:?}");
    check!(bench.get("object").await?.as_deref() == Some(b"first"), "the object was replaced");
    bench.delete("object").await?;
    bench.storage.put(&key, Bytes::from_static(b"fourth"), IF_ABSENT).await?;
    Ok(())
}

async fn race(bench: Bench) -> Outcome {
    for round in 0..bench.options.rounds {
        let name = format!("{round}/object");
        let racers = (0..bench.options.racers).map(|number| {
            let (bench, name) = (bench.clone(), name.clone());
            let content = Bytes::from(vec![number as u8; 1000 + number]);
            tokio::spawn(async move {
                match number % 2 {
                    0 => bench.write(&name, IF_ABSENT, vec![content]).await.map(drop),
                    _ => {
                        bench
                            .storage
                            .put(&bench.prefix.join(&name).unwrap_or(bench.prefix.clone()), content, IF_ABSENT)
                            .await
                    }
                }
            })
        });
        let outcomes = futures_util::future::try_join_all(racers).await.map_err(|error| Failure(error.to_string()))?;
        let winners: Vec<usize> =
            outcomes.iter().enumerate().filter(|(_, outcome)| outcome.is_ok()).map(|(number, _)| number).collect();
        let [winner] = winners[..] else {
            return Err(Failure(format!("{} of {} writers won: {outcomes:?}", winners.len(), bench.options.racers)));
        };
        let losers = outcomes.iter().filter(|outcome| kind(outcome) == Some(ErrorKind::AlreadyExists)).count();
        check!(losers + 1 == bench.options.racers, "the losers were told something else: {outcomes:?}");
        let content = bench.get(&name).await?.unwrap_or_default();
        let right = content.len() == 1000 + winner && content.iter().all(|byte| *byte == winner as u8);
        check!(right, "writer {winner} won, but the object is not its");
    }
    Ok(())
}
