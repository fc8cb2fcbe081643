//! How much work an expression can be, told from its form and the size of what it is held against.
//!
//! The interpreter cannot be stopped in the middle, so that what would take too long must not begin. As the API server does
//! with the rules of a schema, every loop counts as often as the longest list allows.

use std::collections::BTreeSet;

use cel::common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedExpr, LiteralValue};

use super::document::Tally;
use crate::checks::pattern;

/// Bytes that a comparison or a copy gets through in one step.
const BYTES_A_STEP: u64 = 16;

/// Steps to compile a regular expression: the interpreter does so each time.
const PATTERN: u64 = 2000;

/// Functions that an expression may call, operators included.
const FUNCTIONS: [&str; 28] = [
    "_?_:_",
    "_&&_",
    "_||_",
    "!_",
    "_-_",
    "_+_",
    "_*_",
    "_/_",
    "_%_",
    "_==_",
    "_!=_",
    "_>=_",
    "_<=_",
    "_>_",
    "_<_",
    "-_",
    "_[_]",
    "@in",
    "@not_strictly_false",
    "size",
    "contains",
    "startsWith",
    "endsWith",
    "matches",
    "string",
    "int",
    "double",
    "bool",
];

/// An upper bound of what a value can be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Extent {
    /// Entries of the longest list or map in it.
    entries: u64,
    /// Bytes of all of it.
    bytes: u64,
    /// Bytes of the largest entry of a list, or key of a map, in it.
    entry: u64,
}

impl From<Tally> for Extent {
    fn from(tally: Tally) -> Self {
        Self {
            entries: tally.widest,
            bytes: tally.bytes,
            entry: tally.largest_entry,
        }
    }
}

impl Extent {
    const SCALAR: Self = Self {
        entries: 0,
        bytes: 8,
        entry: 0,
    };

    fn together(self, other: Self) -> Self {
        Self {
            entries: self.entries.saturating_add(other.entries),
            bytes: self.bytes.saturating_add(other.bytes),
            entry: self.entry.max(other.entry),
        }
    }

    /// What an entry of it can be.
    const fn of_entry(self) -> Self {
        Self {
            bytes: self.entry,
            ..self
        }
    }

    const fn steps(self) -> u64 {
        self.bytes / BYTES_A_STEP
    }
}

/// What an expression speaks of.
#[derive(Debug, Default)]
pub(super) struct Vocabulary {
    /// Its variables, without those of its own loops.
    pub(super) variables: BTreeSet<String>,
}

impl Vocabulary {
    /// Gathers the variables; refused is what has no known cost.
    pub(super) fn of(expression: &IdedExpr) -> Result<Self, String> {
        let mut vocabulary = Self::default();
        vocabulary.gather(&expression.expr, &mut Vec::new())?;
        Ok(vocabulary)
    }

    fn gather<'a>(&mut self, expression: &'a Expr, own: &mut Vec<&'a str>) -> Result<(), String> {
        match expression {
            Expr::Literal(_) => Ok(()),
            Expr::Ident(name) => {
                if !own.contains(&name.as_str()) {
                    self.variables.insert(name.clone());
                }
                Ok(())
            }
            Expr::Select(select) => self.gather(&select.operand.expr, own),
            Expr::Call(call) => {
                permitted(call)?;
                let parts = call.target.as_deref().into_iter().chain(&call.args);
                parts
                    .map(|part| &part.expr)
                    .try_for_each(|part| self.gather(part, own))
            }
            Expr::List(list) => list
                .elements
                .iter()
                .try_for_each(|element| self.gather(&element.expr, own)),
            Expr::Comprehension(looped) => {
                self.gather(&looped.iter_range.expr, own)?;
                self.gather(&looped.accu_init.expr, own)?;
                let outside = own.len();
                own.extend([looped.accu_var.as_str(), looped.iter_var.as_str()]);
                own.extend(looped.iter_var2.as_deref());
                for part in [&looped.loop_cond, &looped.loop_step, &looped.result] {
                    self.gather(&part.expr, own)?;
                }
                own.truncate(outside);
                Ok(())
            }
            Expr::Map(_) | Expr::Struct(_) | Expr::Unspecified => {
                Err("builds a map or a structure, which no expression needs here".to_owned())
            }
        }
    }
}

fn permitted(call: &CallExpr) -> Result<(), String> {
    let name = call.func_name.as_str();
    if !FUNCTIONS.contains(&name) {
        return Err(format!("calls {name}, which is not known here"));
    }
    if name == "matches" {
        let Some(Expr::Literal(LiteralValue::String(text))) = call.args.last().map(|it| &it.expr)
        else {
            return Err("gives matches something else than a pattern in quotes".to_owned());
        };
        pattern::compile(text.inner(), "matches")
            .map_err(|invalid| format!("matches: {}", invalid.problem))?;
    }
    Ok(())
}

/// The most steps that an expression takes on an answer of this size.
pub(super) fn work(expression: &IdedExpr, answer: Extent) -> u64 {
    let mut estimate = Estimate {
        answer,
        own: Vec::new(),
        steps: 0,
    };
    estimate.extent(&expression.expr);
    estimate.steps
}

struct Estimate<'a> {
    answer: Extent,
    /// The variables of the loops that the place lies in, and what they can be.
    own: Vec<(&'a str, Extent)>,
    steps: u64,
}

impl<'a> Estimate<'a> {
    fn add(&mut self, steps: u64) {
        self.steps = self.steps.saturating_add(steps);
    }

    /// Adds the steps that the expression takes, and gives what its value can be.
    fn extent(&mut self, expression: &'a Expr) -> Extent {
        self.add(1);
        match expression {
            Expr::Literal(LiteralValue::String(text)) => Extent {
                bytes: 8 + text.inner().len() as u64,
                ..Extent::SCALAR
            },
            Expr::Ident(name) => self.variable(name),
            Expr::Select(select) => self.extent(&select.operand.expr),
            Expr::List(list) => {
                let mut whole = Extent::SCALAR;
                for element in &list.elements {
                    let element = self.extent(&element.expr);
                    whole = whole.together(element);
                    whole.entry = whole.entry.max(element.bytes);
                }
                self.add(whole.steps());
                Extent {
                    entries: whole.entries.max(list.elements.len() as u64),
                    ..whole
                }
            }
            Expr::Map(map) => {
                let mut whole = self.answer;
                for entry in &map.entries {
                    if let EntryExpr::MapEntry(entry) = &entry.expr {
                        let key = self.extent(&entry.key.expr);
                        whole = whole.together(key).together(self.extent(&entry.value.expr));
                    }
                }
                whole
            }
            Expr::Call(call) => self.call(call),
            Expr::Comprehension(looped) => self.looped(looped),
            Expr::Literal(_) | Expr::Struct(_) | Expr::Unspecified => Extent::SCALAR,
        }
    }

    fn variable(&self, name: &str) -> Extent {
        let own = self.own.iter().rev().find(|(known, _)| *known == name);
        own.map_or(self.answer, |(_, extent)| *extent)
    }

    fn call(&mut self, call: &'a CallExpr) -> Extent {
        let parts = call.target.as_deref().into_iter().chain(&call.args);
        let extents: Vec<Extent> = parts.map(|part| self.extent(&part.expr)).collect();
        let whole = extents
            .iter()
            .copied()
            .fold(Extent::SCALAR, Extent::together);
        match call.func_name.as_str() {
            "_+_" | "string" => {
                self.add(whole.steps());
                whole
            }
            "_?_:_" | "_[_]" => whole,
            "matches" => {
                self.add(PATTERN.saturating_add(whole.bytes));
                Extent::SCALAR
            }
            "contains" => {
                self.add(whole.bytes);
                Extent::SCALAR
            }
            "_&&_" | "_||_" | "!_" | "@not_strictly_false" => Extent::SCALAR,
            _ => {
                self.add(whole.steps());
                Extent::SCALAR
            }
        }
    }

    /// The macros `all`, `exists`, `exists_one`, `map` and `filter` are all the loops that there are: each gathers a truth,
    /// a count, or a list to which every turn adds one entry at most.
    fn looped(&mut self, looped: &'a ComprehensionExpr) -> Extent {
        let range = self.extent(&looped.iter_range.expr);
        self.extent(&looped.accu_init.expr);
        // Every entry is copied once.
        self.add(range.steps());
        let before = self.steps;
        let outside = self.own.len();
        self.own.push((&looped.iter_var, range.of_entry()));
        self.own
            .extend(looped.iter_var2.as_deref().map(|name| (name, range)));
        self.own.push((&looped.accu_var, Extent::SCALAR));
        self.extent(&looped.loop_cond.expr);
        let added = self.extent(&looped.loop_step.expr);
        let turn = self.steps - before;
        self.add(turn.saturating_mul(range.entries.saturating_sub(1)));
        self.extent(&looped.result.expr);
        self.own.truncate(outside);
        Extent {
            entries: range.entries.max(added.entries),
            bytes: added.bytes.saturating_mul(range.entries.max(1)),
            entry: added.entry,
        }
    }
}
