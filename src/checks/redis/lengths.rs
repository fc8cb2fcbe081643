//! How long the values of keys are, whatever their types.

use redis::{Cmd, Value};

use super::client::Client;
use crate::checks::verdict::Finding;

impl Client {
    /// How long the value of each of `keys` is, in their order: the entries of a list, set, sorted set, hash or stream, the
    /// bytes of a string; `None` where there is no value.
    pub async fn lengths(&mut self, keys: &[&str]) -> Result<Vec<Option<u64>>, Finding> {
        let asked = keys.iter().map(|key| about("TYPE", key)).collect();
        let mut commands = Vec::with_capacity(keys.len());
        for kind in self.ask(asked).await? {
            commands.push(match kind {
                Value::SimpleString(kind) => command_of(&kind),
                Value::ServerError(error) => return Err(self.refused("TYPE", error.code())),
                _ => return Err(self.astray("TYPE")),
            });
        }
        let named = keys.iter().zip(&commands);
        let asked = named.filter_map(|(key, command)| Some(about((*command)?, key)));
        let mut answers = self.ask(asked.collect()).await?.into_iter();
        let mut lengths = Vec::with_capacity(keys.len());
        for command in commands {
            let Some(command) = command else {
                lengths.push(None);
                continue;
            };
            lengths.push(match answers.next() {
                Some(Value::Int(length)) => u64::try_from(length).ok(),
                Some(Value::ServerError(error)) => {
                    return Err(self.refused(command, error.code()));
                }
                _ => return Err(self.astray(command)),
            });
        }
        Ok(lengths)
    }
}

/// The command that counts a value of the type `kind`; `None` when there is no value.
fn command_of(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "none" => return None,
        "list" => "LLEN",
        "set" => "SCARD",
        "zset" => "ZCARD",
        "hash" => "HLEN",
        "stream" => "XLEN",
        "string" => "STRLEN",
        // What has no length that Redis knows, such as a value of a module, counts as one.
        _ => "EXISTS",
    })
}

fn about(command: &str, key: &str) -> Cmd {
    let mut command = redis::cmd(command);
    command.arg(key);
    command
}
