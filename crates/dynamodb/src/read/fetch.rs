//! From places in the log to the events that stand there: items in batches, whatever their streams.

use std::collections::HashMap;

use factlog::{Error, Position, Result, StreamName, Version};

use crate::commit::Piece;
use crate::item::Item;
use crate::shared::Shared;

/// An item that a reader of the log wants.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) stream: StreamName,
    pub(super) first: Version,
    /// The position of its first event.
    pub(super) position: Position,
}

/// The pieces that are wanted, in their order.
///
/// A read that need not be consistent costs half as much and mostly finds everything: an item is older than
/// the page that names it. What it misses is read again, consistently.
pub(super) async fn pieces(shared: &Shared, wanted: &[Wanted]) -> Result<Vec<(Position, Piece)>> {
    let mut found: HashMap<(StreamName, Version), Piece> = HashMap::with_capacity(wanted.len());
    for consistent in [false, true] {
        let missing = wanted.iter().filter(|w| !found.contains_key(&(w.stream.clone(), w.first)));
        let keys: Vec<Item> =
            missing.map(|wanted| shared.layout.key(&wanted.stream, wanted.first)).collect();
        if keys.is_empty() {
            break;
        }
        let items = shared.client.batch_get(&shared.tables.events, &keys, consistent).await?;
        for piece in shared.decode_all(items).await? {
            found.insert((piece.stream.clone(), piece.first), piece);
        }
    }
    let pieces = wanted.iter().map(|wanted| {
        let Wanted { stream, first, position } = wanted;
        match found.remove(&(stream.clone(), *first)) {
            Some(piece) => Ok((*position, piece)),
            None => Err(Error::corrupt(format!(
                "the log has stream {stream} version {first} at position {position}, the events table has it not"
            ))),
        }
    });
    pieces.collect()
}
