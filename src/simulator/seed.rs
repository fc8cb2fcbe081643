//! What a simulator starts with, and returns to when it is reset.

use std::{collections::BTreeMap, io, path::Path};

use jiff::Timestamp;
use serde::Deserialize;

use super::{
    budget::{Bucket, Limit},
    control::ControlError,
    databases::NewDatabase,
    requests::{NewDeploy, NewKey, NewService, NewWorkspace},
    world::World,
};

/// The largest seed file that is read, in bytes.
const MAXIMUM_SIZE: u64 = 1 << 20;

/// A platform's first state.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Seed {
    /// Workspaces.
    #[serde(default)]
    pub workspaces: Vec<NewWorkspace>,
    /// API keys.
    #[serde(default)]
    pub keys: Vec<NewKey>,
    /// Services with their deploys.
    #[serde(default)]
    pub services: Vec<SeedService>,
    /// Databases.
    #[serde(default)]
    pub databases: Vec<NewDatabase>,
    /// How often one may call, where it is not as usual.
    #[serde(default)]
    pub limits: BTreeMap<Bucket, Limit>,
}

/// A service with its deploys, oldest first.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SeedService {
    /// The service.
    pub service: NewService,
    /// Its deploys.
    #[serde(default)]
    pub deploys: Vec<NewDeploy>,
}

/// A seed file could not be used.
#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    /// The file could not be read.
    #[error("could not read the seed file {path}")]
    Read {
        /// The file.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// The file is no seed.
    #[error("the seed {name} is not what a seed looks like")]
    Parse {
        /// The file, or `example`.
        name: String,
        /// Why.
        source: serde_yaml::Error,
    },
}

impl Seed {
    /// What a simulator that was told nothing starts with: a workspace with an API and a worker, both live.
    pub fn example() -> Result<Self, SeedError> {
        Self::parse("example", include_str!("example.yaml"))
    }

    /// Reads a seed from a YAML file of at most 1 MiB.
    pub fn read(path: &Path) -> Result<Self, SeedError> {
        let failed = |source| SeedError::Read {
            path: path.display().to_string(),
            source,
        };
        let size = std::fs::metadata(path).map_err(failed)?.len();
        if size > MAXIMUM_SIZE {
            let message = format!("{size} bytes are more than {MAXIMUM_SIZE}");
            return Err(failed(io::Error::new(io::ErrorKind::FileTooLarge, message)));
        }
        let text = std::fs::read_to_string(path).map_err(failed)?;
        Self::parse(&path.display().to_string(), &text)
    }

    fn parse(name: &str, text: &str) -> Result<Self, SeedError> {
        serde_yaml::from_str(text).map_err(|source| SeedError::Parse {
            name: name.to_owned(),
            source,
        })
    }
}

impl World {
    /// Creates what the seed says. Nothing of it is in the ledger: it was there before.
    pub(super) fn sow(&mut self, seed: &Seed, now: Timestamp) -> Result<(), ControlError> {
        for workspace in &seed.workspaces {
            self.create_workspace(workspace, now)?;
        }
        for seeded in &seed.services {
            let service = self.create_service(&seeded.service, now)?;
            for deploy in &seeded.deploys {
                self.start_deploy(&service.id, deploy, now)?;
            }
        }
        for database in &seed.databases {
            self.create_database(database, now)?;
        }
        for key in &seed.keys {
            self.accept_key(key, now)?;
        }
        for (bucket, limit) in &seed.limits {
            self.set_limit(*bucket, *limit, now)?;
        }
        self.ledger = super::ledger::Ledger::default();
        Ok(())
    }
}
