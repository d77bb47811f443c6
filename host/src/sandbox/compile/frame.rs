//! How the compiler's process says what became of a component: a mark, the length of what is to be said, that, and the code.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::sandbox::inspect::{Inspection, UploadRefused};

/// What every answer begins with.
const MARK: [u8; 8] = *b"PBCODE1\n";

/// What is said before the code.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::sandbox) struct Head {
    /// Why system calls were not filtered, if they were not.
    pub(in crate::sandbox) unfiltered: Option<String>,
    /// For which engine the code is.
    pub(in crate::sandbox) engine: u64,
    pub(in crate::sandbox) verdict: Verdict,
}

/// What became of a component.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::sandbox) enum Verdict {
    Refused(UploadRefused),
    /// So many bytes of code follow.
    Compiled {
        inspection: Inspection,
        code_bytes: u64,
    },
}

/// An answer, read.
#[derive(Debug)]
pub(in crate::sandbox) struct Frame {
    pub(in crate::sandbox) head: Head,
    pub(in crate::sandbox) code: Bytes,
    /// All of it, as it came.
    pub(in crate::sandbox) whole: Bytes,
}

/// What was read is no answer, or not all of one.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(in crate::sandbox) struct Garbled(&'static str);

/// The bytes of an answer up to its code.
pub(in crate::sandbox) fn before_code(head: &Head) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
    let head = serde_json::to_vec(head)?;
    let mut bytes = Vec::from(MARK);
    bytes.extend(u32::try_from(head.len())?.to_le_bytes());
    bytes.extend(head);
    Ok(bytes)
}

impl Frame {
    /// Reads a whole answer.
    pub(in crate::sandbox) fn read(whole: Bytes) -> Result<Self, Garbled> {
        let rest = whole
            .strip_prefix(&MARK)
            .ok_or(Garbled("it does not begin as an answer does"))?;
        let cut = || Garbled("it is cut short");
        let (length, rest) = rest.split_first_chunk().ok_or_else(cut)?;
        let length = usize::try_from(u32::from_le_bytes(*length)).map_err(|_| cut())?;
        let (head, code) = rest.split_at_checked(length).ok_or_else(cut)?;
        let head: Head = serde_json::from_slice(head).map_err(|_| Garbled("what it says cannot be read"))?;
        let announced = match &head.verdict {
            Verdict::Refused(_) => 0,
            Verdict::Compiled { code_bytes, .. } => *code_bytes,
        };
        if announced != code.len() as u64 {
            return Err(Garbled("it has more or less code than it says"));
        }
        let code = whole.slice_ref(code);
        Ok(Self { head, code, whole })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(verdict: Verdict, code: &[u8]) -> Bytes {
        let head = Head {
            unfiltered: None,
            engine: 7,
            verdict,
        };
        let mut bytes = before_code(&head).expect("written");
        bytes.extend(code);
        bytes.into()
    }

    #[test]
    fn an_answer_is_taken_whole_or_not_at_all() {
        let inspection = Inspection {
            exports: vec!["handler".to_owned()],
            imports: Vec::new(),
        };
        let compiled = |code_bytes| Verdict::Compiled {
            inspection: inspection.clone(),
            code_bytes,
        };
        let whole = answer(compiled(4), b"code");
        let read = Frame::read(whole.clone()).expect("an answer");
        assert_eq!((&read.code[..], read.head.verdict), (&b"code"[..], compiled(4)));
        assert_eq!(read.whole, whole);
        for end in 0..whole.len() {
            assert!(Frame::read(whole.slice(..end)).is_err(), "cut after {end} bytes");
        }
        assert!(Frame::read(answer(compiled(3), b"code")).is_err(), "more than it says");
        assert!(
            Frame::read(b"PBCODE1\n\xff\xff\xff\xff{}"[..].into()).is_err(),
            "a length that lies"
        );
        let refused = Verdict::Refused(UploadRefused::invalid("no"));
        assert!(Frame::read(answer(refused, b"code")).is_err(), "code of a refusal");
    }
}
