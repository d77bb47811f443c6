//! Multipart forms: the same as forms.

use form_urlencoded::byte_serialize;

use crate::decoded::posted;

/// The boundary that random bytes have to hit.
const SHORT: &str = "multipart/form-data; boundary=b";

/// One that they do not.
const LONG: &str = "-----------------------------735323031399963166993862150";

/// The bytes as a multipart body, and then as lines `name=value` that are sent once as a multipart form and once as a form:
/// these are one and the same request.
pub fn multipart(data: &[u8]) {
    let _ = posted(SHORT, data);
    if data.windows(LONG.len()).any(|window| window == LONG.as_bytes()) {
        return;
    }
    let (mut parts, mut form) = (Vec::new(), Vec::new());
    for line in data.split(|byte| *byte == b'\n') {
        let equals = line.iter().position(|byte| *byte == b'=').unwrap_or(line.len());
        let (name, value) = line.split_at(equals);
        let value = value.get(1..).unwrap_or_default();
        let Some(name) = str::from_utf8(name).ok().filter(|name| is_plain(name)) else {
            return;
        };
        parts.extend_from_slice(
            format!("--{LONG}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n").as_bytes(),
        );
        parts.extend_from_slice(value);
        parts.extend_from_slice(b"\r\n");
        let escaped = |bytes| byte_serialize(bytes).collect::<String>();
        form.push(format!("{}={}", escaped(name.as_bytes()), escaped(value)));
    }
    parts.extend_from_slice(format!("--{LONG}--\r\n").as_bytes());
    let by_parts = posted(&format!("multipart/form-data; boundary={LONG}"), &parts);
    let by_form = posted("application/x-www-form-urlencoded", form.join("&").as_bytes());
    assert_eq!(by_parts, by_form);
}

/// Senders differ in how they escape other characters.
fn is_plain(name: &str) -> bool {
    !name.contains(|character: char| character.is_control() || matches!(character, '"' | '\\'))
}
