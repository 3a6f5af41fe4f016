//! Where waiting for a cluster happens: on one thread, for a command that
//! speaks to one.

use std::future::Future;

use model::finding::{Class, Finding};
use rollout::connect::{self, Connection};
use tokio::runtime;

/// A connection to a cluster, and the thread's means to wait for it.
pub struct Session {
    runtime: runtime::Runtime,
    /// The connection.
    pub connection: Connection,
}

impl Session {
    /// Opens a connection by this context, else by the current one.
    pub fn open(context: Option<&str>) -> Result<Self, Finding> {
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|e| {
                Finding::error(
                    "runtime-failed",
                    Class::Io,
                    format!("Cannot wait for the network: {e}"),
                )
                .help("See the limits of this process: ulimit -a")
            })?;
        match runtime.block_on(connect::connect(context)) {
            Ok(connection) => Ok(Self {
                runtime,
                connection,
            }),
            Err(finding) => {
                // A credential plugin may hang: nobody waits for it.
                runtime.shutdown_background();
                Err(finding)
            }
        }
    }

    /// Waits for something that the cluster answers.
    pub fn wait<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }
}
