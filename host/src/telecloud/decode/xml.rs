//! XML in the shape that PHP's SimpleXML gives it in JSON: attributes under `@attributes`, repeated elements as a list, a
//! text that has attributes or elements beside it under `0`. Documents with a DTD are refused, so there are no entities
//! but the five of XML itself.

use quick_xml::XmlVersion;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::reader::Reader;
use serde_json::Value;

use super::tree::{self, Budget, Fields};
use super::{DecodeError, Format};

/// An element whose end has not been read yet.
struct Open {
    name: String,
    fields: Fields,
    text: String,
}

/// Reads a whole XML text whose root element is `depth` names deep in the request. The root's own name is not kept.
pub(super) fn read(text: &str, depth: usize, budget: &mut Budget) -> Result<Value, DecodeError> {
    document(text, depth, budget).map(|(_, value)| value)
}

/// The same, with the root's name.
pub(in crate::telecloud) fn document(
    text: &str,
    depth: usize,
    budget: &mut Budget,
) -> Result<(String, Value), DecodeError> {
    let mut reader = Reader::from_str(text);
    reader.config_mut().expand_empty_elements = true;
    let mut open: Vec<Open> = Vec::new();
    let mut root = None;
    loop {
        let event = reader
            .read_event()
            .map_err(|_| malformed("it is not well-formed", reader.error_position()))?;
        let here = reader.buffer_position();
        let bad = |why| Err(malformed(why, here));
        match event {
            Event::Start(start) if root.is_none() => {
                let depth = depth + open.len();
                budget.depth(depth)?;
                let fields = attributes(&start, depth, budget, here)?;
                open.push(Open {
                    name: start.name().as_ref().to_owned(),
                    fields,
                    text: String::new(),
                });
            }
            Event::Start(_) => return bad("it has two root elements"),
            // The reader has checked that the names match.
            Event::End(_) => {
                let Some(element) = open.pop() else {
                    return bad("an element ends that did not begin");
                };
                let name = element.name.clone();
                let value = element.finish(budget)?;
                match open.last_mut() {
                    Some(parent) => parent.fields.add(name, value),
                    None => root = Some((name, value)),
                }
            }
            Event::Text(text) => match open.last_mut() {
                Some(element) => element.text.push_str(&text.xml10_content()),
                None if text.trim().is_empty() => {}
                None => return bad("there is text outside of the root element"),
            },
            Event::CData(text) => match open.last_mut() {
                Some(element) => element.text.push_str(&text.xml10_content()),
                None => return bad("there is text outside of the root element"),
            },
            Event::GeneralRef(reference) => match (open.last_mut(), resolved(&reference)) {
                (Some(element), Some(text)) => element.text.push_str(&text),
                _ => return bad("it refers to an unknown entity"),
            },
            Event::DocType(_) => return bad("it has a DTD, which is not accepted"),
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) | Event::Empty(_) => {}
            Event::Eof => break,
        }
    }
    match root {
        Some(root) if open.is_empty() => Ok(root),
        _ => Err(malformed("it ends too early", reader.buffer_position())),
    }
}

impl Open {
    fn finish(mut self, budget: &mut Budget) -> Result<Value, DecodeError> {
        let blank = self.text.trim().is_empty();
        if self.fields.is_empty() {
            budget.field()?;
            // Formatting cannot be told from a text of nothing but white space.
            return Ok(if blank { Value::Null } else { Value::String(self.text) });
        }
        if !blank {
            budget.field()?;
            self.fields.add("0".to_owned(), tree::text(self.text.trim().to_owned()));
        }
        Ok(self.fields.finish())
    }
}

fn attributes(start: &BytesStart<'_>, depth: usize, budget: &mut Budget, here: u64) -> Result<Fields, DecodeError> {
    let mut attributes = Fields::default();
    for attribute in start.attributes() {
        budget.field()?;
        budget.depth(depth + 2)?;
        let attribute = attribute.map_err(|_| malformed("an attribute is not well-formed", here))?;
        let value = attribute
            .normalized_value(XmlVersion::Explicit1_0)
            .map_err(|_| malformed("an attribute refers to an unknown entity", here))?;
        attributes.add(attribute.key.as_ref().to_owned(), tree::text(value.into_owned()));
    }
    let mut fields = Fields::default();
    if !attributes.is_empty() {
        fields.add("@attributes".to_owned(), attributes.finish());
    }
    Ok(fields)
}

fn resolved(reference: &BytesRef<'_>) -> Option<String> {
    match reference.resolve_char_ref() {
        Ok(Some(character)) => Some(character.to_string()),
        Ok(None) => resolve_xml_entity(reference).map(str::to_owned),
        Err(_) => None,
    }
}

/// Says where, and not what: the parser's own message may quote the text.
fn malformed(why: &str, at: u64) -> DecodeError {
    DecodeError::Malformed {
        format: Format::Xml,
        why: format!("{why}, near byte {at}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::telecloud::decode::DecodeLimits;

    fn decoded(text: &str) -> Result<Value, DecodeError> {
        read(text, 0, &mut Budget::new(DecodeLimits::default()))
    }

    #[test]
    fn a_document_has_the_shape_that_simplexml_gives_it() {
        let rows = [
            ("<r><a>1</a><b>2</b></r>", json!({"a": "1", "b": "2"})),
            (
                "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>\n<!-- x -->\n<r><a>é</a></r>\n",
                json!({"a": "é"}),
            ),
            ("<r><a>1</a><a/><a>3</a></r>", json!({"a": ["1", null, "3"]})),
            (
                "<r id='7'><a k=\"v &amp; &#x41;\">t</a></r>",
                json!({"@attributes": {"id": "7"}, "a": {"@attributes": {"k": "v & A"}, "0": "t"}}),
            ),
            (
                "<r>\n  <a>\n  </a>\n  <b/><c></c>\n</r>",
                json!({"a": null, "b": null, "c": null}),
            ),
            (
                "<r><a>&lt;x&gt; &amp; &quot;y&apos; &#233;&#xE9;</a></r>",
                json!({"a": "<x> & \"y' éé"}),
            ),
            ("<r><a><![CDATA[<b>&amp;]]></a></r>", json!({"a": "<b>&amp;"})),
            ("<r><a>x\r\ny&#13;</a></r>", json!({"a": "x\ny\r"})),
            ("<r>before<a>1</a> after </r>", json!({"a": "1", "0": "before after"})),
            (
                "<n:r xmlns:n='u'><n:a>1</n:a></n:r>",
                json!({"@attributes": {"xmlns:n": "u"}, "n:a": "1"}),
            ),
            ("<r>only</r>", json!("only")),
            ("<r/>", Value::Null),
        ];
        for (text, expected) in rows {
            assert_eq!(decoded(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_not_well_formed_or_has_a_dtd_is_refused_without_quoting_it() {
        let bad = [
            "<",
            "<r>",
            "<r><secret></r>",
            "</r>",
            "<r/><r/>",
            "<r/>secret",
            "<r>&secret;</r>",
            "<r a='&secret;'/>",
            "<r secret/>",
            "<r a='1' a='2'/>",
            "<r>&#0;</r>",
            "<!-- only -->",
            "<!DOCTYPE r [<!ENTITY secret 'x'>]><r>&secret;</r>",
            "<!DOCTYPE r SYSTEM 'file:///etc/passwd'><r/>",
        ];
        for text in bad {
            let error = decoded(text).expect_err(text);
            assert!(
                matches!(
                    error,
                    DecodeError::Malformed {
                        format: Format::Xml,
                        ..
                    }
                ),
                "{text}"
            );
            assert!(!format!("{error:?} {error}").contains("secret"), "{error}");
        }
    }

    #[test]
    fn depth_and_number_of_fields_are_bounded() {
        let nested = |levels: usize| format!("<r>{}1{}</r>", "<a>".repeat(levels), "</a>".repeat(levels));
        assert!(decoded(&nested(16)).is_ok());
        for levels in [17, 100_000] {
            assert_eq!(
                decoded(&nested(levels)),
                Err(DecodeError::TooDeep { most: 16 }),
                "{levels}"
            );
        }
        let many = format!("<r>{}</r>", "<a/>".repeat(2_001));
        assert_eq!(decoded(&many), Err(DecodeError::TooManyFields { most: 2_000 }));
        let names: String = (0..2_001).map(|index| format!(" a{index}=''")).collect();
        assert_eq!(
            decoded(&format!("<r{names}/>")),
            Err(DecodeError::TooManyFields { most: 2_000 })
        );
    }
}
