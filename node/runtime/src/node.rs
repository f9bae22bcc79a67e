//! A running node: its host and its HTTP interface.

use crate::backend::HostBackend;
use crate::config::{ConfigError, node_config};
use crate::host::{Host, HostError, HostHandle, HostOptions};
use node_api::{NetworkFile, NodeEntry};
use node_gateway::{Server, ServerError};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

/// Why a node does not start.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The host.
    #[error(transparent)]
    Host(#[from] HostError),
    /// The HTTP interface.
    #[error(transparent)]
    Server(#[from] ServerError),
}

/// A running node.
#[derive(Debug)]
pub struct Node {
    host: Host,
    server: Server,
}

impl Node {
    /// Starts a node of a network, on the current tokio runtime (multi-threaded).
    ///
    /// # Errors
    /// [`NodeError`]: nothing keeps running.
    pub async fn start(
        directory: &Path,
        network: &NetworkFile,
        node: &NodeEntry,
        options: HostOptions,
    ) -> Result<Self, NodeError> {
        let config = node_config(directory, network, node)?;
        let http = config.http;
        let host = Host::start(config, options).await?;
        let backend = Arc::new(HostBackend::new(&node.name, host.handle().clone()));
        match Server::start(http, backend).await {
            Ok(server) => Ok(Self { host, server }),
            Err(error) => {
                host.stop().await;
                Err(error.into())
            }
        }
    }

    /// Controls its host.
    pub fn host(&self) -> &HostHandle {
        self.host.handle()
    }

    /// Where its HTTP interface listens.
    pub fn http(&self) -> SocketAddr {
        self.server.address()
    }

    /// Why the whole process must stop, if it must.
    pub fn failure(&self) -> Option<String> {
        self.host.failure()
    }

    /// Stops cleanly.
    pub async fn stop(self) {
        self.server.stop().await;
        self.host.stop().await;
    }
}
