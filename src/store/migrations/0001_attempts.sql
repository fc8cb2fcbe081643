-- Times are RFC 3339 in UTC and whole seconds, so that they sort as text. spec and status are JSON as the API has them.
CREATE TABLE attempts (
    namespace TEXT NOT NULL,
    name TEXT NOT NULL,
    uid TEXT NOT NULL UNIQUE,
    version INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    created TEXT NOT NULL,
    validation_uid TEXT NOT NULL,
    policy TEXT,
    spec TEXT NOT NULL CHECK (json_valid(spec)),
    status TEXT NOT NULL CHECK (json_valid(status)),
    PRIMARY KEY (namespace, name)
) STRICT, WITHOUT ROWID;

CREATE INDEX attempts_of_validation ON attempts (namespace, validation_uid);
CREATE INDEX attempts_of_policy ON attempts (namespace, policy);

-- "plum": tells this program's files from others'.
PRAGMA application_id = 1886156141;
PRAGMA user_version = 1;
