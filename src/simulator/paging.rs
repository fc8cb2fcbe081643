//! Pages of a list.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{
    answer::Refusal,
    query::{Query, invalid},
};

const DEFAULT_LIMIT: usize = 20;
const MAXIMUM_LIMIT: usize = 100;

/// Which part of a list is asked for.
#[derive(Debug)]
pub(super) struct Page {
    limit: usize,
    after: Option<Position>,
}

/// Where an item stands in a list that is sorted newest first. It stays right when items come or go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Position {
    at: Timestamp,
    id: String,
}

impl Page {
    /// Reads `limit` (1 to 100, otherwise 20) and `cursor`.
    pub(super) fn of(query: &Query) -> Result<Self, Refusal> {
        let limit = Self::limit(query)?;
        let after = match query.single("cursor")? {
            None => None,
            Some(cursor) => {
                Some(Position::parse(cursor).ok_or_else(|| invalid("cursor is not one of ours"))?)
            }
        };
        Ok(Self { limit, after })
    }

    /// Reads `limit` alone.
    pub(super) fn limit(query: &Query) -> Result<usize, Refusal> {
        match query.single("limit")? {
            None => Ok(DEFAULT_LIMIT),
            Some(text) => text
                .parse()
                .ok()
                .filter(|limit| (1..=MAXIMUM_LIMIT).contains(limit))
                .ok_or_else(|| invalid("limit is not between 1 and 100")),
        }
    }

    /// The page of these items, each under `name` beside its cursor. Items come with what they are sorted by.
    pub(super) fn cut<'item, T: 'item>(
        &self,
        name: &str,
        items: impl Iterator<Item = (Timestamp, &'item str, &'item T)>,
        write: impl Fn(&T) -> Value,
    ) -> Value {
        let mut items: Vec<_> = items
            .map(|(at, id, item)| {
                (
                    Position {
                        at,
                        id: id.to_owned(),
                    },
                    item,
                )
            })
            .collect();
        items.sort_by(|(one, _), (other, _)| other.key().cmp(&one.key()));
        items
            .into_iter()
            .filter(|(position, _)| {
                self.after
                    .as_ref()
                    .is_none_or(|after| position.key() < after.key())
            })
            .take(self.limit)
            .map(|(position, item)| {
                let fields = [
                    ("cursor".to_owned(), Value::from(position.cursor())),
                    (name.to_owned(), write(item)),
                ];
                Value::Object(Map::from_iter(fields))
            })
            .collect()
    }
}

impl Position {
    fn key(&self) -> (Timestamp, &str) {
        (self.at, &self.id)
    }

    fn cursor(&self) -> String {
        URL_SAFE_NO_PAD.encode(format!("{} {}", self.at, self.id))
    }

    fn parse(cursor: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let text = String::from_utf8(bytes).ok()?;
        let (at, id) = text.split_once(' ')?;
        Some(Self {
            at: at.parse().ok()?,
            id: id.to_owned(),
        })
    }
}
