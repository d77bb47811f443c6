//! `multipart/form-data`, from a body that is all there.

use std::convert::Infallible;

use bytes::Bytes;
use futures_util::{FutureExt, future, stream};
use multer::Multipart;
use serde_json::{Map, Value};

use super::form::Form;
use super::tree::Budget;
use super::{DecodeError, Format, charset};

/// Reads a whole body. The parts' own content types and file names mean nothing here.
pub(super) fn read(content_type: &str, body: Bytes, budget: &mut Budget) -> Result<Map<String, Value>, DecodeError> {
    let boundary = multer::parse_boundary(content_type).map_err(|_| malformed("Content-Type names no boundary"))?;
    let parts = Multipart::new(stream::once(future::ready(Ok::<_, Infallible>(body))), boundary);
    // All of the body is there, so nothing is ever waited for.
    form(parts, budget)
        .now_or_never()
        .unwrap_or_else(|| Err(malformed("it ends too early")))
}

async fn form(mut parts: Multipart<'_>, budget: &mut Budget) -> Result<Map<String, Value>, DecodeError> {
    let mut form = Form::default();
    while let Some(part) = parts.next_field().await.map_err(|error| unreadable(&error))? {
        let Some(name) = part.name().map(str::to_owned) else {
            return Err(malformed("a part has no name, or one that is not UTF-8"));
        };
        let value = part.bytes().await.map_err(|error| unreadable(&error))?;
        form.add(name, charset::text(&value), budget)?;
    }
    Ok(form.finish())
}

/// Says what kind of fault: the parser's own message may quote the body.
fn unreadable(error: &multer::Error) -> DecodeError {
    use multer::Error::{IncompleteFieldData, IncompleteHeaders, IncompleteStream};
    malformed(match error {
        IncompleteFieldData { .. } | IncompleteHeaders | IncompleteStream => {
            "it ends too early, or Content-Type names another boundary"
        }
        _ => "a part's headers cannot be read",
    })
}

fn malformed(why: &str) -> DecodeError {
    DecodeError::Malformed {
        format: Format::Multipart,
        why: why.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::telecloud::decode::DecodeLimits;

    const TYPE: &str = "Multipart/Form-Data; boundary=\"-x y\"";

    fn decoded(content_type: &str, body: impl Into<Bytes>) -> Result<Value, DecodeError> {
        let mut budget = Budget::new(DecodeLimits::default());
        read(content_type, body.into(), &mut budget).map(Value::Object)
    }

    fn part(headers: &str, value: &str) -> String {
        format!("---x y\r\n{headers}\r\n\r\n{value}\r\n")
    }

    #[test]
    fn parts_are_fields_whatever_else_they_say() {
        let body = [
            "a preamble\r\n".to_owned(),
            part(
                "Content-Disposition: form-data; name=\"Customer[first_name]\"",
                "Avery\r\n& co",
            ),
            part(
                "content-disposition: form-data; name=VAR1\r\nContent-Type: text/plain; charset=utf-16",
                "é",
            ),
            part("Content-Disposition: form-data; filename=\"f.txt\"; name=\"a[]\"", "1"),
            part("Content-Disposition: form-data; name=\"a[]\"", ""),
            "---x y--\r\nan epilogue".to_owned(),
        ];
        assert_eq!(
            decoded(TYPE, body.concat()),
            Ok(json!({"Customer": {"first_name": "Avery\r\n& co"}, "VAR1": "é", "a": ["1", null]}))
        );
    }

    #[test]
    fn a_body_that_is_cut_or_has_another_boundary_is_refused_whole() {
        let part = part("Content-Disposition: form-data; name=\"secret\"", "secret");
        let whole = format!("{part}---x y--\r\n");
        assert!(decoded(TYPE, whole.clone()).is_ok());
        let nameless = whole.replace("; name=\"secret\"", "");
        let rows = [
            (TYPE, nameless),
            ("multipart/form-data", whole.clone()),
            ("multipart/form-data; boundary=z", whole.clone()),
        ];
        // The last four bytes are the end mark's second hyphen pair and the line end after it.
        let cut = (0..whole.len() - 4).map(|end| (TYPE, whole[..end].to_owned()));
        for (content_type, body) in rows.into_iter().chain(cut) {
            let error = decoded(content_type, body.clone()).expect_err(&body);
            assert!(
                matches!(
                    error,
                    DecodeError::Malformed {
                        format: Format::Multipart,
                        ..
                    }
                ),
                "{body}"
            );
            assert!(!format!("{error:?} {error}").contains("secret"), "{error}");
        }
    }

    #[test]
    fn the_number_of_parts_is_bounded() {
        let parts = |count| part("Content-Disposition: form-data; name=a", "1").repeat(count) + "---x y--";
        assert!(decoded(TYPE, parts(2_000)).is_ok());
        assert_eq!(
            decoded(TYPE, parts(2_001)),
            Err(DecodeError::TooManyFields { most: 2_000 })
        );
    }
}
