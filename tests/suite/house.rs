//! The rules of the house, enforced by reading the sources: who may know whom.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// A file of `src/`: its path below it, and its text without tests and comments.
struct Source {
    path: String,
    code: String,
}

/// What files whose path begins with one of `of` must not name.
struct Rule {
    name: &'static str,
    of: &'static [&'static str],
    except: &'static [&'static str],
    never: &'static [&'static str],
}

const RULES: &[Rule] = &[
    Rule {
        name: "the engine never names the cluster",
        of: &["checks/"],
        except: &[],
        never: &[
            "kube::",
            "crate::kubernetes",
            "crate::controllers",
            "crate::monitor",
        ],
    },
    Rule {
        name: "a platform adapter exposes nothing but the trait",
        of: &[""],
        except: &["platforms/"],
        never: &["platforms::render", "platforms::{render", "RenderSettings"],
    },
    Rule {
        name: "the resources depend on nothing of ours",
        of: &["api/"],
        except: &[],
        never: &[
            "crate::checks",
            "crate::cli",
            "crate::controllers",
            "crate::kubernetes",
            "crate::monitor",
            "crate::platforms",
            "crate::server",
            "crate::settings",
            "crate::simulator",
        ],
    },
    Rule {
        name: "commands hold no rules of checks",
        of: &["cli/"],
        except: &[],
        never: &[
            "checks::verdict",
            "checks::board",
            "checks::suite",
            "Verdict::",
            "Finding",
        ],
    },
    Rule {
        name: "every socket of a check is opened by the one dialer",
        of: &["checks/"],
        except: &["checks/net/"],
        never: &[
            "TcpStream",
            "UdpSocket",
            "TcpSocket",
            "lookup_host",
            "reqwest",
            "hyper_util",
            "hickory_resolver::Resolver",
        ],
    },
    Rule {
        name: "every regular expression of a check is compiled within bounds, in one place",
        of: &["checks/"],
        except: &["checks/pattern.rs"],
        never: &["RegexBuilder", "Regex::new"],
    },
    Rule {
        name: "pure files take time and randomness from their caller",
        of: &[
            "checks/board.rs",
            "checks/health",
            "checks/verdict.rs",
            "checks/suite.rs",
            "monitor/entry.rs",
            "monitor/schedule.rs",
            "controllers/validation/status.rs",
            "controllers/validation/history.rs",
            "kubernetes/conditions.rs",
            "rollback/attribution.rs",
            "rollback/brake.rs",
            "rollback/decision",
            "rollback/digest.rs",
            "rollback/freeze.rs",
            "rollback/incident.rs",
            "rollback/known_good",
            "rollback/moment.rs",
            "rollback/naming.rs",
            "rollback/plan.rs",
            "rollback/schema.rs",
        ],
        except: &[],
        never: &[
            "Timestamp::now",
            "Instant::now",
            "SystemTime",
            "rand::",
            "tokio::spawn",
            ".await",
        ],
    },
    Rule {
        name: "nothing but the store and the checks of databases speaks SQL, and rows never leave them",
        of: &[""],
        except: &["store/", "checks/sql/"],
        never: &["sqlx"],
    },
    Rule {
        name: "the rollback never names the cluster",
        of: &["rollback/"],
        except: &[],
        never: &[
            "kube::",
            "crate::kubernetes",
            "crate::controllers",
            "crate::monitor",
        ],
    },
    Rule {
        name: "nothing but the executor asks a platform for a change",
        of: &[""],
        except: &["platforms/", "simulator/", "rollback/executor.rs"],
        never: &[
            "operations.roll_back(",
            "operations.deploy(",
            "operations.stop_automatic_deploys(",
        ],
    },
    Rule {
        name: "nothing but the simulator serves the simulator",
        of: &[""],
        except: &["simulator/", "cli/"],
        never: &["crate::simulator"],
    },
];

#[test]
fn the_sources_keep_the_rules_of_the_house() {
    let broken = broken(&sources());
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn every_rule_of_the_house_can_be_broken() {
    for rule in RULES {
        for name in rule.never {
            let path = format!("{}broken.rs", rule.of[0]);
            let code = format!("use {name};");
            let found = broken(&[Source { path, code }]);
            assert!(!found.is_empty(), "{}: {name} was not found", rule.name);
        }
    }
}

#[test]
fn a_file_is_short_enough_to_read_at_once() {
    let long: Vec<String> = files()
        .into_iter()
        .filter_map(|path| {
            let lines = fs::read_to_string(&path).unwrap().lines().count();
            (lines > 440).then(|| format!("{}: {lines} lines", path.display()))
        })
        .collect();
    assert!(long.is_empty(), "{}", long.join("\n"));
}

fn broken(sources: &[Source]) -> Vec<String> {
    let mut broken = Vec::new();
    for rule in RULES {
        let bound = |path: &str| {
            rule.of.iter().any(|of| path.starts_with(of))
                && !rule.except.iter().any(|except| path.starts_with(except))
        };
        for source in sources.iter().filter(|source| bound(&source.path)) {
            for name in rule
                .never
                .iter()
                .filter(|name| source.code.contains(**name))
            {
                broken.push(format!("{}: src/{} names {name}", rule.name, source.path));
            }
        }
    }
    broken
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    files()
        .into_iter()
        .map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            let code = code
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"));
            Source {
                path: path
                    .strip_prefix(&root)
                    .unwrap()
                    .to_str()
                    .unwrap()
                    .to_owned(),
                code: code.collect::<Vec<_>>().join("\n"),
            }
        })
        .filter(|source| !source.path.ends_with("tests.rs"))
        .collect()
}

fn files() -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files
}

/// Every file of inputs belongs to a parser, and is used: see `src/fuzz.rs`.
#[test]
fn every_corpus_of_inputs_is_held_against_its_parser() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = files().into_iter();
    let sources: String = files
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    for file in fs::read_dir(root.join("tests/data/fuzz")).unwrap() {
        let path = file.unwrap().path();
        let parser = path.file_stem().unwrap().to_str().unwrap();
        let held = ["hold(", "hold_text("].map(|it| format!("fuzz::{it}\"{parser}\""));
        assert!(held.iter().any(|it| sources.contains(it)), "{parser}");
    }
}
