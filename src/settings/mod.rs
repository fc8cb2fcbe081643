//! The administrator's settings: a YAML file whose every key has a default, and flags that go before it.

use std::{
    fs, io,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{
    checks::{engine::EngineSettings, net::NetworkSettings, reference::ReferenceSettings},
    controllers::validation::ControllerSettings,
    platforms::PlatformSettings,
};

/// Largest settings file that is read, in bytes.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// All settings. `config/plumbline.yaml` shows every key with its default.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Settings {
    /// The HTTP server for probes and metrics.
    pub server: ServerSettings,
    /// How validations are watched and reconciled.
    pub controller: ControllerSettings,
    /// How checks run.
    pub checks: EngineSettings,
    /// What checks may dial, and how names are resolved.
    pub network: NetworkSettings,
    /// What is known to answer.
    pub reference: ReferenceSettings,
    /// Where the platforms are.
    pub platforms: PlatformSettings,
}

/// The HTTP server for probes and metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ServerSettings {
    /// Address to listen on. Default `0.0.0.0:8080`.
    pub listen: SocketAddr,
}

impl Default for ServerSettings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::UNSPECIFIED, 8080)),
        }
    }
}

/// The settings file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// It cannot be read.
    #[error("could not read the settings file {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is far larger than settings are.
    #[error("the settings file {} is larger than 1 MiB", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// It is not YAML of the right shape.
    #[error("the settings file {} does not fit: see config/plumbline.yaml for every key", path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// Why, with line and column.
        source: serde_yaml::Error,
    },
    /// A value is out of its bounds.
    #[error("setting {key} is {value}: it must be {bounds}")]
    OutOfBounds {
        /// The key.
        key: &'static str,
        /// Its value.
        value: String,
        /// What it must be.
        bounds: &'static str,
    },
}

impl Settings {
    /// The settings of the file at `path`, or the defaults when there is none.
    pub fn load(path: Option<&Path>) -> Result<Self, SettingsError> {
        let Some(path) = path else {
            return Ok(Self::default());
        };
        let unreadable = |source| SettingsError::Read {
            path: path.to_owned(),
            source,
        };
        if fs::metadata(path).map_err(unreadable)?.len() > MAX_FILE_BYTES {
            return Err(SettingsError::TooLarge {
                path: path.to_owned(),
            });
        }
        let text = fs::read_to_string(path).map_err(unreadable)?;
        // A file that holds nothing but comments is a null, and means the defaults.
        let settings: Option<Self> =
            serde_yaml::from_str(&text).map_err(|source| SettingsError::Parse {
                path: path.to_owned(),
                source,
            })?;
        settings.unwrap_or_default().within_bounds()
    }

    fn within_bounds(self) -> Result<Self, SettingsError> {
        let positive = [
            ("checks.concurrency", self.checks.concurrency),
            (
                "checks.concurrencyPerHost",
                self.checks.concurrency_per_host,
            ),
            ("controller.concurrency", self.controller.concurrency.into()),
        ];
        for (key, value) in positive {
            if value == 0 || value > 100_000 {
                return Err(SettingsError::OutOfBounds {
                    key,
                    value: value.to_string(),
                    bounds: "1 to 100000",
                });
            }
        }
        let spans = [
            ("controller.watchTimeout", self.controller.watch_timeout),
            ("controller.secretsRefresh", self.controller.secrets_refresh),
            ("controller.sendWithin", self.controller.send_within),
        ];
        for (key, value) in spans {
            if value < crate::api::Duration::from_secs(1) {
                return Err(SettingsError::OutOfBounds {
                    key,
                    value: value.to_string(),
                    bounds: "at least 1s",
                });
            }
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_file_shows_every_key_with_its_default() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/plumbline.yaml");
        let shipped: serde_yaml::Value =
            serde_yaml::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        let defaults = serde_yaml::to_value(Settings::default()).unwrap();
        assert_eq!(shipped, defaults);
        assert_eq!(Settings::load(Some(&path)).unwrap(), Settings::default());
    }
}
