//! Bodies in one piece, and within bounds.

use std::fmt::Display;
use std::pin::pin;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Body;

use super::error::DoorError;
use super::passage::Spent;
use crate::domain::limits::{LimitName, Limits};

/// Takes a request's body from the module. Nothing of it is held beyond the module's limits.
pub(super) async fn gather<B>(body: B, limits: &Limits, spent: &Spent) -> Result<Bytes, DoorError>
where
    B: Body<Data = Bytes>,
    B::Error: Display,
{
    let mut body = pin!(body);
    let mut whole = Gathered::default();
    while let Some(frame) = body.as_mut().frame().await {
        let frame = frame.map_err(|error| DoorError::RequestIncomplete(error.to_string()))?;
        let Ok(data) = frame.into_data() else { continue };
        if whole.len().saturating_add(data.len() as u64) > limits.request_bytes {
            spent.hit(LimitName::RequestBytes);
            return Err(DoorError::RequestTooLarge {
                most: limits.request_bytes,
            });
        }
        spent.carry_out(whole.len(), data.len(), limits)?;
        whole.push(data);
    }
    Ok(whole.into_bytes())
}

/// A body in the making. Most answers come in one piece, which is not copied.
#[derive(Default)]
pub(super) struct Gathered {
    only: Bytes,
    joined: BytesMut,
}

impl Gathered {
    pub(super) fn len(&self) -> u64 {
        (self.only.len() + self.joined.len()) as u64
    }

    pub(super) fn push(&mut self, data: Bytes) {
        if self.len() == 0 {
            self.only = data;
            return;
        }
        self.joined.extend_from_slice(&std::mem::take(&mut self.only));
        self.joined.extend_from_slice(&data);
    }

    pub(super) fn into_bytes(self) -> Bytes {
        if self.joined.is_empty() {
            self.only
        } else {
            self.joined.freeze()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_in_pieces_of_a_byte_takes_no_more_than_it_is() {
        let whole: Vec<u8> = (0..=u8::MAX).cycle().take(1 << 20).collect();
        let mut gathered = Gathered::default();
        for piece in whole.chunks(1) {
            gathered.push(Bytes::copy_from_slice(piece));
            assert!(gathered.only.len() <= 1);
        }
        let capacity = gathered.joined.capacity();
        assert!(capacity <= 2 * whole.len(), "{capacity} bytes for {}", whole.len());
        assert_eq!(gathered.len(), whole.len() as u64);
        assert!(gathered.into_bytes() == whole, "in order");
    }

    #[test]
    fn what_comes_in_one_piece_is_not_copied() {
        let only = Bytes::from(vec![1; 1_000]);
        let mut gathered = Gathered::default();
        for piece in [Bytes::new(), only.clone()] {
            gathered.push(piece);
        }
        assert_eq!(gathered.into_bytes().as_ptr(), only.as_ptr());
    }
}
