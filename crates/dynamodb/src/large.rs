//! Large events: what does not fit an item lies in an object store, and the item says where.
//!
//! An object is named by the hash of its bytes and written before the item: an append that is sent again writes the same
//! object, and an append that fails leaves at most an object that no item names. What is read is checked against size and hash.

use std::fmt::Write;
use std::sync::Arc;

use bytes::Bytes;
use factlog::{Error, Result};
use futures::{StreamExt, TryStreamExt, stream};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use sha2::{Digest, Sha256};

use crate::commit::Piece;
use crate::layout::{Body, Decoded};
use crate::limits::LARGE_REQUESTS_MAX;

/// Where a body lies that does not fit an item, and what it must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    /// The object, below the prefix of the [`LargeEvents`].
    pub(crate) object: String,
    pub(crate) bytes: u64,
    pub(crate) sha256: [u8; 32],
}

/// An object to write before the item that names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Upload {
    pub(crate) address: Address,
    bytes: Bytes,
}

impl Upload {
    /// The bytes as an object that their hash names.
    pub(crate) fn new(bytes: Bytes) -> Self {
        let sha256: [u8; 32] = Sha256::digest(&bytes).into();
        let mut object = format!("{:02x}/", sha256[0]);
        for byte in sha256 {
            write!(object, "{byte:02x}").expect("a string takes all that is written");
        }
        Self { address: Address { object, bytes: bytes.len() as u64, sha256 }, bytes }
    }
}

/// The object store in which large events lie, below a prefix. It has to be as durable as the table: a local directory
/// with `with_fsync(true)`.
#[derive(Clone, Debug)]
pub struct LargeEvents {
    objects: Arc<dyn ObjectStore>,
    prefix: Path,
}

impl LargeEvents {
    /// Large events lie in this object store, below the prefix.
    #[must_use]
    pub fn new(objects: Arc<dyn ObjectStore>, prefix: Path) -> Self {
        Self { objects, prefix }
    }

    /// Writes the objects, some at a time. All are there when it returns.
    ///
    /// # Errors
    /// `Unavailable` if the object store fails.
    pub(crate) async fn write(&self, uploads: &[Upload]) -> Result<()> {
        let write = |upload: Upload| async move {
            let path = self.path(&upload.address);
            let put = self.objects.put(&path, upload.bytes.into()).await;
            put.map_err(|e| {
                Error::unavailable(format!("writing large event {path}: {e}")).with_source(e)
            })
        };
        let writes = stream::iter(uploads.to_vec()).map(write).buffer_unordered(LARGE_REQUESTS_MAX);
        writes.try_for_each(|_| async { Ok(()) }).await
    }

    /// Reads what lies at the address and checks it; the error is what is wrong.
    async fn read(&self, address: &Address) -> Result<Bytes> {
        let path = self.path(address);
        let found = match self.objects.get(&path).await {
            Err(e @ object_store::Error::NotFound { .. }) => {
                return Err(Error::corrupt(format!("{path} is missing")).with_source(e));
            }
            found => found.map_err(|e| unreadable(&path, e))?,
        };
        let (size, wanted) = (found.meta.size, address.bytes);
        if size != wanted {
            return Err(Error::corrupt(format!("{path} has {size} bytes, not {wanted}")));
        }
        let bytes = found.bytes().await.map_err(|e| unreadable(&path, e))?;
        if Sha256::digest(&bytes)[..] != address.sha256 {
            return Err(Error::corrupt(format!("{path} does not have the hash that was written")));
        }
        Ok(bytes)
    }

    fn path(&self, address: &Address) -> Path {
        self.prefix.parts().chain(Path::from(address.object.as_str()).parts()).collect()
    }
}

fn unreadable(path: &Path, e: object_store::Error) -> Error {
    Error::unavailable(format!("{path} can't be read: {e}")).with_source(e)
}

/// The pieces, with what lies elsewhere, read some at a time. Where nothing does, no I/O happens.
///
/// # Errors
/// `Corrupt` if an object is missing or not what was written, `Invalid` if there is an object but no object store,
/// `Unavailable` if it fails. All name stream, version and object.
pub(crate) async fn complete(
    decoded: Vec<Decoded>,
    large: Option<&LargeEvents>,
) -> Result<Vec<Piece>> {
    let (mut pieces, mut bodies) = (Vec::<Piece>::with_capacity(decoded.len()), Vec::new());
    for (number, Decoded { piece, elsewhere }) in decoded.into_iter().enumerate() {
        for (index, body, address) in elsewhere {
            let at = piece.first.plus(index as u64);
            let place = format!("stream {} version {at}: large event", piece.stream);
            bodies.push(async move {
                Ok::<_, Error>((number, index, body, read(large, address, place).await?))
            });
        }
        pieces.push(piece);
    }
    let mut found = stream::iter(bodies).buffer_unordered(LARGE_REQUESTS_MAX);
    while let Some((number, index, body, bytes)) = found.try_next().await? {
        let event = &mut pieces[number].events[index];
        match body {
            Body::Data => event.data = bytes,
            Body::Metadata => event.metadata = bytes,
        }
    }
    Ok(pieces)
}

/// Reads what an event has elsewhere; `place` says which event that is.
async fn read(large: Option<&LargeEvents>, address: Address, place: String) -> Result<Bytes> {
    let Some(large) = large else {
        let object = &address.object;
        let message = format!("{place} {object} needs an object store, and none is given");
        return Err(Error::invalid(message));
    };
    let bytes = large.read(&address).await;
    bytes.map_err(|e| Error::new(e.kind().clone(), format!("{place} {e}")).with_source(e))
}

#[cfg(test)]
mod tests {
    use factlog::{ErrorKind, Event, Timestamp, Version};
    use futures::executor::block_on;
    use object_store::memory::InMemory;

    use super::*;

    fn in_memory() -> (Arc<InMemory>, LargeEvents) {
        let objects = Arc::new(InMemory::new());
        (objects.clone(), LargeEvents::new(objects, Path::from("large/events")))
    }

    fn decoded(address: Address) -> Decoded {
        let event = Event::new(uuid::Uuid::nil(), "Scanned".parse().unwrap(), "");
        let piece = Piece {
            stream: "scan-1".parse().unwrap(),
            first: Version::new(7),
            events: vec![event.clone(), event],
            recorded: Timestamp::default(),
            parts: vec![],
        };
        Decoded { piece, elsewhere: vec![(1, Body::Data, address)] }
    }

    #[test]
    fn what_was_written_comes_back_from_an_object_named_by_its_hash() {
        let (objects, large) = in_memory();
        let upload = Upload::new(Bytes::from_static(b"abc"));
        let hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        block_on(large.write(&[upload.clone(), upload.clone()])).unwrap();
        let path = Path::from(format!("large/events/ba/{hash}"));
        assert!(block_on(objects.head(&path)).is_ok());
        let two = vec![decoded(upload.address.clone()), decoded(upload.address)];
        let pieces = block_on(complete(two, Some(&large))).unwrap();
        assert!(pieces.iter().all(|piece| piece.events[1].data == "abc"), "{pieces:?}");
    }

    #[test]
    fn what_is_missing_or_was_changed_is_corrupt_and_named() {
        let (objects, large) = in_memory();
        let upload = Upload::new(Bytes::from_static(b"abc"));
        let read =
            |large| block_on(complete(vec![decoded(upload.address.clone())], large)).unwrap_err();
        let error = read(None);
        assert_eq!(*error.kind(), ErrorKind::Invalid, "{error}");
        for (content, says) in
            [(None, "is missing"), (Some("ab"), "2 bytes"), (Some("abd"), "hash")]
        {
            if let Some(content) = content {
                block_on(objects.put(&large.path(&upload.address), content.into())).unwrap();
            }
            let error = read(Some(&large));
            assert_eq!(*error.kind(), ErrorKind::Corrupt);
            for says in [says, "stream scan-1 version 8", &upload.address.object] {
                assert!(error.to_string().contains(says), "{error}");
            }
        }
    }
}
