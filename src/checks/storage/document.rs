//! The XML that S3 answers with: flat enough to be told by the way to each text.

use quick_xml::{Reader, XmlVersion, events::Event};

/// Deeper than anything that S3 says.
const DEEPEST: usize = 16;

/// More elements than a listing of as many objects as are asked for has.
const MOST_ELEMENTS: usize = 16_384;

/// A document, by its elements in the order of their ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Document {
    elements: Vec<Element>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Element {
    /// Names of the elements that it stands in and its own, as in `Error/Code`, without prefixes of name spaces.
    way: String,
    text: String,
}

impl Document {
    /// The document in `bytes`; `None` when it is no whole XML document, or beyond its caps.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::from_reader(bytes);
        let mut elements = Vec::new();
        let mut way = String::new();
        let mut depth = 0;
        let mut text = String::new();
        loop {
            if elements.len() > MOST_ELEMENTS {
                return None;
            }
            match reader.read_event().ok()? {
                Event::Start(start) => {
                    depth += 1;
                    if depth > DEEPEST || (depth == 1 && !elements.is_empty()) {
                        return None;
                    }
                    enter(&mut way, start.local_name().as_ref())?;
                    text.clear();
                }
                Event::Empty(empty) => {
                    if depth == 0 && !elements.is_empty() {
                        return None;
                    }
                    let length = way.len();
                    enter(&mut way, empty.local_name().as_ref())?;
                    elements.push(Element {
                        way: way.clone(),
                        text: String::new(),
                    });
                    way.truncate(length);
                    text.clear();
                }
                Event::End(_) => {
                    depth -= 1;
                    elements.push(Element {
                        way: way.clone(),
                        text: text.trim().to_owned(),
                    });
                    way.truncate(way.rfind('/').unwrap_or(0));
                    text.clear();
                }
                Event::Text(part) => {
                    text.push_str(&part.xml_content(XmlVersion::Implicit1_0).ok()?);
                }
                Event::CData(part) => {
                    text.push_str(&part.xml_content(XmlVersion::Implicit1_0).ok()?);
                }
                // No text that is looked at has one: it stands for itself.
                Event::GeneralRef(_) => text.push(char::REPLACEMENT_CHARACTER),
                Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
                Event::Eof => {
                    return (depth == 0 && !elements.is_empty()).then_some(Self { elements });
                }
            }
        }
    }

    /// The name of the outermost element.
    pub(super) fn root(&self) -> &str {
        self.elements.last().map_or("", |root| &root.way)
    }

    /// The texts of all elements at `way`.
    pub(super) fn texts(&self, way: &str) -> impl Iterator<Item = &str> {
        let at = self.elements.iter().filter(move |it| it.way == way);
        at.map(|it| it.text.as_str())
    }

    /// The text of the first element at `way`.
    pub(super) fn text(&self, way: &str) -> Option<&str> {
        self.texts(way).next()
    }
}

fn enter(way: &mut String, name: &[u8]) -> Option<()> {
    let name = str::from_utf8(name).ok()?;
    if name.is_empty() || name.contains('/') {
        return None;
    }
    if !way.is_empty() {
        way.push('/');
    }
    way.push_str(name);
    // Names are the other side's.
    (way.len() <= 512).then_some(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Option<Document> {
        Document::read(text.as_bytes())
    }

    #[test]
    fn texts_are_found_by_their_way_whatever_the_name_space() {
        let document = read(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<x:R xmlns:x=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
             <Rule><Status> Enabled </Status></Rule><Rule><Status>Disabled</Status><Empty/></Rule></x:R>",
        )
        .unwrap();
        assert_eq!(document.root(), "R");
        assert_eq!(
            document.texts("R/Rule/Status").collect::<Vec<_>>(),
            ["Enabled", "Disabled"]
        );
        assert_eq!(document.text("R/Rule/Empty"), Some(""));
        assert_eq!(document.text("Status"), None);
        assert_eq!(read("<Versioning/>").unwrap().root(), "Versioning");
    }

    #[test]
    fn what_is_cut_mixed_up_or_beyond_its_caps_is_no_document() {
        let deep = "<a>".repeat(DEEPEST + 1) + &"</a>".repeat(DEEPEST + 1);
        let many = format!("<a>{}</a>", "<b/>".repeat(MOST_ELEMENTS + 1));
        let long = format!("<{0}/>", "a".repeat(1000));
        for text in [
            "",
            "{}",
            "plain",
            "<a>",
            "<a><b></a></b>",
            "<a/><b/>",
            "<a></a><b></b>",
            "<a",
            "< \"<\"/>",
            &deep,
            &many,
            &long,
        ] {
            assert_eq!(read(text), None, "{}", &text[..text.len().min(40)]);
        }
        assert_eq!(Document::read(b"<a>\xff</a>"), None);
    }

    proptest! {
        #[test]
        fn no_bytes_break_it(bytes in prop::collection::vec(any::<u8>(), 0..512), text in "(<[/!?a-c&;\\[\\] =\"']{0,6}>?|[a-c&;#x0-9]{0,4}){0,40}") {
            let _ = Document::read(&bytes);
            if let Some(document) = read(&text) {
                prop_assert!(!document.root().is_empty());
            }
        }
    }

    #[test]
    fn no_document_breaks_the_reader_or_goes_beyond_its_caps() {
        crate::fuzz::hold("storage_document", |input| {
            let Some(document) = Document::read(input) else {
                return;
            };
            assert!(!document.root().is_empty() && !document.root().contains('/'));
            assert!(document.elements.len() <= MOST_ELEMENTS + 1);
            let deepest = document.elements.iter().map(|it| it.way.split('/').count());
            assert!(deepest.max().is_some_and(|depth| depth <= DEEPEST + 1));
        });
    }
}
