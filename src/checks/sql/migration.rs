//! Tools that keep migrations: how to recognise them, what to ask, and how versions compare.

use std::cmp::Ordering;

use super::observation::{Catalog, Migration, Migrations};
use crate::api::{SqlMigration, SqlMigrationOperator, SqlMigrationTool as Tool};

/// Migrations that are read, the newest first.
const MOST_MIGRATIONS: usize = 1000;

/// How a kind of database writes what the statements need.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dialect {
    /// The mark around names.
    pub(super) quote: char,
    /// The type that texts are cast to.
    pub(super) text: &'static str,
}

impl Dialect {
    fn name(self, name: &str) -> String {
        let quote = self.quote;
        let escaped = name.replace(quote, &format!("{quote}{quote}"));
        format!("{quote}{escaped}{quote}")
    }

    fn table(self, key: &str) -> String {
        match key.split_once('.') {
            Some((schema, table)) => format!("{}.{}", self.name(schema), self.name(table)),
            None => self.name(key),
        }
    }
}

/// What to do about the migrations of a check.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Inquiry {
    /// It is known without a question.
    Known(Migrations),
    /// This statement gives version, and `done` or `open`.
    Ask(Tool, String),
}

/// What to ask a database whose tables are `catalog`.
pub(super) fn inquiry(expected: &SqlMigration, catalog: &Catalog, dialect: Dialect) -> Inquiry {
    let recognised = |tool: &Tool| table_of(*tool, expected).and_then(|table| catalog.find(table));
    let tools = match expected.tool {
        Some(tool) => vec![tool],
        None => [
            Tool::Sqlx,
            Tool::Alembic,
            Tool::Flyway,
            Tool::Rails,
            Tool::Prisma,
        ]
        .to_vec(),
    };
    let found: Vec<Tool> = tools
        .into_iter()
        .filter(|tool| recognised(tool).is_some())
        .collect();
    match found.as_slice() {
        [] => Inquiry::Known(Migrations::Missing),
        [tool] => {
            let key = recognised(tool).unwrap_or_default();
            Inquiry::Ask(*tool, statement(*tool, key, expected, catalog, dialect))
        }
        several => Inquiry::Known(Migrations::Ambiguous(several.to_vec())),
    }
}

fn table_of(tool: Tool, expected: &SqlMigration) -> Option<&str> {
    match tool {
        Tool::Sqlx => Some("_sqlx_migrations"),
        Tool::Alembic => Some("alembic_version"),
        Tool::Django => Some("django_migrations"),
        Tool::Flyway => Some("flyway_schema_history"),
        Tool::Rails => Some("schema_migrations"),
        Tool::Prisma => Some("_prisma_migrations"),
        Tool::Column => expected.table.as_deref(),
    }
}

fn statement(
    tool: Tool,
    key: &str,
    expected: &SqlMigration,
    catalog: &Catalog,
    dialect: Dialect,
) -> String {
    let is_there = |column: &str| {
        let table = catalog.all.tables.get(key);
        table.is_some_and(|columns| columns.contains_key(column))
    };
    let own = dialect.name(expected.column.as_deref().unwrap_or_default());
    let app = expected
        .app
        .as_deref()
        .unwrap_or_default()
        .replace('\'', "''");
    let of_app = format!("app = '{app}'");
    let (version, done, only, order) = match tool {
        Tool::Sqlx => ("version", "success", "1 = 1", "version"),
        Tool::Alembic => ("version_num", "1 = 1", "1 = 1", "version_num"),
        Tool::Django => ("name", "1 = 1", of_app.as_str(), "id"),
        Tool::Flyway => (
            "version",
            "success",
            "version IS NOT NULL",
            "installed_rank",
        ),
        // golang-migrate's table has the same name.
        Tool::Rails if is_there("dirty") => ("version", "NOT dirty", "1 = 1", "version"),
        Tool::Rails => ("version", "1 = 1", "1 = 1", "version"),
        Tool::Prisma => (
            "migration_name",
            "finished_at IS NOT NULL",
            "rolled_back_at IS NULL",
            "started_at",
        ),
        Tool::Column => (own.as_str(), "1 = 1", "1 = 1", own.as_str()),
    };
    let (text, table) = (dialect.text, dialect.table(key));
    let one_is_enough = tool == Tool::Column;
    let most = if one_is_enough { 1 } else { MOST_MIGRATIONS };
    let only = if one_is_enough {
        format!("{own} IS NOT NULL")
    } else {
        only.to_owned()
    };
    format!(
        "SELECT CAST({version} AS {text}), CASE WHEN {done} THEN 'done' ELSE 'open' END FROM {table} WHERE {only} ORDER BY {order} DESC LIMIT {most}"
    )
}

/// What is wrong with the migrations that were seen, in words.
pub(super) fn fault(expected: &SqlMigration, tool: Tool, applied: &[Migration]) -> Option<String> {
    if let Some(open) = applied.iter().find(|it| !it.is_done) {
        return Some(format!(
            "migration {} has not come to its end",
            open.version
        ));
    }
    let wanted = &expected.version;
    if tool == Tool::Alembic {
        return match applied {
            [] => Some(format!("no migration is applied, expected {wanted}")),
            [only] if only.version == *wanted => None,
            [only] => Some(format!(
                "the migration is {}, expected {wanted}",
                only.version
            )),
            several => Some(format!(
                "there are {} heads, expected {wanted}",
                several.len()
            )),
        };
    }
    let newest = applied
        .iter()
        .max_by(|one, other| compare(&one.version, &other.version));
    let Some(newest) = newest else {
        return Some(format!("no migration is applied, expected {wanted}"));
    };
    let order = compare(&newest.version, wanted);
    match expected.operator {
        SqlMigrationOperator::AtLeast if order == Ordering::Less => {
            Some(format!("the migration is {} < {wanted}", newest.version))
        }
        SqlMigrationOperator::Equals if order != Ordering::Equal => Some(format!(
            "the migration is {}, expected {wanted}",
            newest.version
        )),
        _ => None,
    }
}

/// Orders versions by the numbers that they begin with, as every tool does that has an order; by their text where there are
/// none.
fn compare(one: &str, other: &str) -> Ordering {
    let (numbers, others) = (numbers(one), numbers(other));
    if numbers.is_empty() || others.is_empty() {
        return one.cmp(other);
    }
    let length = numbers.len().max(others.len());
    let at = |numbers: &[u128], place: usize| numbers.get(place).copied().unwrap_or(0);
    (0..length)
        .map(|place| at(&numbers, place).cmp(&at(&others, place)))
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}

/// `1.10.2` is 1, 10 and 2; `0042_add_owner` is 42.
fn numbers(version: &str) -> Vec<u128> {
    let version = version.strip_prefix(['v', 'V']).unwrap_or(version);
    let end = version.find(|it: char| !it.is_ascii_digit() && it != '.');
    let numbers = version[..end.unwrap_or(version.len())].split('.');
    numbers.map_while(|number| number.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expected(yaml: &str) -> SqlMigration {
        serde_yaml::from_str(yaml).unwrap()
    }

    fn catalog(yaml: &str) -> Catalog {
        Catalog {
            all: serde_yaml::from_str(yaml).unwrap(),
            ..Catalog::default()
        }
    }

    const POSTGRES: Dialect = Dialect {
        quote: '"',
        text: "text",
    };

    fn applied(versions: &[&str]) -> Vec<Migration> {
        let done = |version: &&str| Migration {
            version: (*version).to_owned(),
            is_done: true,
        };
        versions.iter().map(done).collect()
    }

    #[test]
    fn a_tool_is_recognised_by_its_table() {
        let wanted = expected("{version: '3'}");
        let Inquiry::Ask(tool, statement) = inquiry(
            &wanted,
            &catalog("{users: {}, app.flyway_schema_history: {}}"),
            POSTGRES,
        ) else {
            panic!("not recognised");
        };
        assert_eq!(tool, Tool::Flyway);
        assert!(
            statement.contains("FROM \"app\".\"flyway_schema_history\""),
            "{statement}"
        );
        let missing = inquiry(&wanted, &catalog("{users: {}}"), POSTGRES);
        assert_eq!(missing, Inquiry::Known(Migrations::Missing));
        let two = catalog("{_sqlx_migrations: {}, alembic_version: {}}");
        assert_eq!(
            inquiry(&wanted, &two, POSTGRES),
            Inquiry::Known(Migrations::Ambiguous(vec![Tool::Sqlx, Tool::Alembic]))
        );
    }

    #[test]
    fn a_name_cannot_leave_its_quotes() {
        let wanted = expected(r#"{tool: Column, table: 'a"b', column: 'c"; DROP', version: '1'}"#);
        let Inquiry::Ask(_, statement) = inquiry(&wanted, &catalog(r#"{'a"b': {}}"#), POSTGRES)
        else {
            panic!("not recognised");
        };
        assert!(
            statement.contains(r#"CAST("c""; DROP" AS text)"#),
            "{statement}"
        );
        assert!(statement.contains(r#"FROM "a""b" WHERE"#), "{statement}");
    }

    #[test]
    fn versions_are_compared_by_their_numbers() {
        for (wanted, operator, versions, holds) in [
            ("1.9", "AtLeast", vec!["1.2", "1.10"], true),
            ("1.11", "AtLeast", vec!["1.10"], false),
            ("42", "Equals", vec!["0041_x", "0042_add_owner"], true),
            ("0042_add_owner", "AtLeast", vec!["0041_x"], false),
            (
                "20240131120000",
                "AtLeast",
                vec!["20240131120000_init"],
                true,
            ),
            ("20240131120000", "Equals", vec!["20240201000000"], false),
            ("3", "AtLeast", vec![], false),
        ] {
            let wanted = expected(&format!("{{version: '{wanted}', operator: {operator}}}"));
            let fault = fault(&wanted, Tool::Flyway, &applied(&versions));
            assert_eq!(fault.is_none(), holds, "{versions:?} {wanted:?}: {fault:?}");
        }
    }

    #[test]
    fn revisions_without_order_must_be_the_same_and_alone() {
        let wanted = expected("{tool: Alembic, version: ae1027a6acf, operator: Equals}");
        assert_eq!(
            fault(&wanted, Tool::Alembic, &applied(&["ae1027a6acf"])),
            None
        );
        for versions in [
            vec![],
            vec!["ae1027a6acf", "27c6a30d7c24"],
            vec!["27c6a30d7c24"],
        ] {
            assert!(fault(&wanted, Tool::Alembic, &applied(&versions)).is_some());
        }
    }

    #[test]
    fn a_migration_that_broke_is_a_fault_even_when_later_ones_stand() {
        let mut applied = applied(&["1", "2", "3"]);
        applied[1].is_done = false;
        assert_eq!(
            fault(&expected("{version: '3'}"), Tool::Sqlx, &applied),
            Some("migration 2 has not come to its end".to_owned())
        );
    }

    proptest::proptest! {
        #[test]
        fn any_two_versions_compare_the_same_from_both_sides(one in ".{0,40}", other in ".{0,40}") {
            proptest::prop_assert_eq!(compare(&one, &other), compare(&other, &one).reverse());
        }
    }

    #[test]
    fn no_version_breaks_the_order() {
        crate::fuzz::hold_text("migration_version", |text| {
            let versions: Vec<&str> = text.split('|').take(12).collect();
            for one in &versions {
                for other in &versions {
                    let order = compare(one, other);
                    assert_eq!(order, compare(other, one).reverse(), "{one:?} {other:?}");
                }
                assert_eq!(compare(one, one), Ordering::Equal, "{one:?}");
            }
        });
    }
}
