//! Pieces as rows of one table. Every statement is a transaction of its own; the table's key is the condition.

use super::super::place::PostgresServer;
use super::blobs::{Blob, Fault, Put};
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Config, NoTls, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;

/// How long one statement may take.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) struct Postgres {
    config: Config,
    /// Quoted for use in statements.
    schema: String,
    session: Mutex<Option<Session>>,
    /// There until the end. Given up without waiting: the end may come inside another runtime.
    runtime: Option<Runtime>,
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

struct Session {
    client: Client,
    insert: Statement,
    update: Statement,
    get: Statement,
}

impl Postgres {
    pub fn of(server: &PostgresServer) -> Result<Postgres, Fault> {
        let mut config = Config::from_str(&server.connection)
            // Its words may quote the connection string, which may hold a password.
            .map_err(|_| Fault::lasting("its connection string cannot be understood"))?;
        config.connect_timeout(Duration::from_secs(10)).application_name("straddle");
        if config.get_password().is_none()
            && let Ok(password) = std::env::var("PGPASSWORD")
        {
            config.password(password);
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|e| Fault::lasting(e.to_string()))?;
        let schema = format!("\"{}\"", server.schema.replace('"', "\"\""));
        Ok(Postgres { config, schema, session: Mutex::new(None), runtime: Some(runtime) })
    }

    /// Runs a statement on the session there is, or a new one. After any fault of the connection the session is given up.
    fn with<T>(&self, ask: impl AsyncFn(&Session) -> Result<T, tokio_postgres::Error>) -> Result<T, Fault> {
        let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(runtime) = &self.runtime else { return Err(Fault::lasting("closed")) };
        let result = runtime.block_on(async {
            let work = async {
                if session.as_ref().is_none_or(|s| s.client.is_closed()) {
                    *session = Some(self.connect().await?);
                }
                match session.as_ref() {
                    Some(session) => ask(session).await.map_err(|e| fault(&e)),
                    None => Err(Fault::passing("no connection")),
                }
            };
            tokio::time::timeout(PATIENCE, work)
                .await
                .unwrap_or_else(|_| Err(Fault::passing("it did not answer in time")))
        });
        if matches!(&result, Err(fault) if fault.passing) {
            *session = None;
        }
        result
    }

    async fn connect(&self) -> Result<Session, Fault> {
        let client = if self.config.get_ssl_mode() == SslMode::Disable {
            let (client, connection) = self.config.connect(NoTls).await.map_err(|e| fault(&e))?;
            tokio::spawn(connection);
            client
        } else {
            use rustls_platform_verifier::BuilderVerifierExt as _;
            let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
            let tls = rustls::ClientConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()
                .and_then(|builder| builder.with_platform_verifier())
                .map_err(|e| Fault::lasting(format!("TLS: {e}")))?
                .with_no_client_auth();
            let (client, connection) = self.config.connect(MakeRustlsConnect::new(tls)).await.map_err(|e| fault(&e))?;
            tokio::spawn(connection);
            client
        };
        let schema = &self.schema;
        let fault = |e: tokio_postgres::Error| fault(&e);
        // A cluster may be set to lose the last moments in a crash; a journal may not.
        client.batch_execute("SET synchronous_commit = on").await.map_err(fault)?;
        let table = format!("{schema}.straddle_state");
        let there = client.query_one("SELECT to_regclass($1) IS NOT NULL", &[&table]).await.map_err(fault)?;
        if !there.get::<_, bool>(0) {
            // Two may come at once: the loser of the race finds it made.
            let made = client
                .batch_execute(&format!(
                    "CREATE SCHEMA IF NOT EXISTS {schema};
                     CREATE TABLE IF NOT EXISTS {table} (
                         name text COLLATE \"C\" PRIMARY KEY, body bytea NOT NULL, tag bigint NOT NULL,
                         changed timestamptz NOT NULL DEFAULT clock_timestamp())"
                ))
                .await;
            let there = client.query_one("SELECT to_regclass($1) IS NOT NULL", &[&table]).await.map_err(fault)?;
            if !there.get::<_, bool>(0) {
                made.map_err(fault)?;
            }
        }
        let insert = format!("INSERT INTO {table} (name, body, tag) VALUES ($1, $2, 1) ON CONFLICT (name) DO NOTHING");
        let update = format!(
            "UPDATE {table} SET body = $2, tag = tag + 1, changed = clock_timestamp() WHERE name = $1 AND tag = $3 RETURNING tag"
        );
        let get = format!(
            "SELECT body, tag, extract(epoch FROM clock_timestamp() - changed)::float8 FROM {table} WHERE name = $1"
        );
        Ok(Session {
            insert: client.prepare(&insert).await.map_err(fault)?,
            update: client.prepare(&update).await.map_err(fault)?,
            get: client.prepare(&get).await.map_err(fault)?,
            client,
        })
    }

    pub fn get(&self, name: &str) -> Result<Option<Blob>, Fault> {
        self.with(async |session| {
            let row = session.client.query_opt(&session.get, &[&name]).await?;
            Ok(row.map(|row| Blob {
                body: row.get(0),
                tag: row.get::<_, i64>(1).to_string(),
                age: Duration::try_from_secs_f64(row.get::<_, f64>(2).max(0.0)).unwrap_or_default(),
            }))
        })
    }

    pub fn list(&self, prefix: &str) -> Result<Vec<String>, Fault> {
        let select =
            format!("SELECT name FROM {}.straddle_state WHERE starts_with(name, $1) ORDER BY name", self.schema);
        self.with(async |session| {
            let rows = session.client.query(&select, &[&prefix]).await?;
            Ok(rows.iter().map(|row| row.get(0)).collect())
        })
    }

    pub fn put(&self, name: &str, body: &[u8], over: Option<&str>) -> Result<Put, Fault> {
        let tag: Option<i64> = over.map(|tag| tag.parse().unwrap_or(0));
        self.with(async |session| match tag {
            None => {
                let rows = session.client.execute(&session.insert, &[&name, &body]).await?;
                Ok(if rows == 1 { Put::Done("1".into()) } else { Put::Taken })
            }
            Some(tag) => {
                let row = session.client.query_opt(&session.update, &[&name, &body, &tag]).await?;
                Ok(row.map_or(Put::Taken, |row| Put::Done(row.get::<_, i64>(0).to_string())))
            }
        })
    }

    pub fn delete(&self, names: &[String]) -> Result<(), Fault> {
        let delete = format!("DELETE FROM {}.straddle_state WHERE name = ANY($1)", self.schema);
        self.with(async |session| session.client.execute(&delete, &[&names]).await.map(|_| ()))
    }

    /// The state that Terraform's backend of this kind keeps in the same schema.
    pub fn terraforms(&self, workspace: &str) -> Result<Option<Vec<u8>>, Fault> {
        let table = format!("{}.states", self.schema);
        let select = format!("SELECT data FROM {table} WHERE name = $1");
        self.with(async |session| {
            let there = session.client.query_one("SELECT to_regclass($1) IS NOT NULL", &[&table]).await?;
            if !there.get::<_, bool>(0) {
                return Ok(None);
            }
            let row = session.client.query_opt(&select, &[&workspace]).await?;
            Ok(row.and_then(|row| row.get::<_, Option<String>>(0)).map(String::into_bytes))
        })
    }
}

/// An error of the server or the connection. The former says what; the latter may pass.
fn fault(error: &tokio_postgres::Error) -> Fault {
    match error.as_db_error() {
        Some(db) => {
            let why = format!("the database says: {}", db.message());
            // Shutting down, starting up, too many connections, serialisation.
            let passing = matches!(db.code().code(), "57P01" | "57P02" | "57P03" | "53300" | "40001" | "40P01");
            if passing { Fault::passing(why) } else { Fault::lasting(why) }
        }
        None => {
            let mut why = error.to_string();
            let mut source = std::error::Error::source(error);
            while let Some(inner) = source {
                why = inner.to_string();
                source = inner.source();
            }
            Fault::passing(why)
        }
    }
}
