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
