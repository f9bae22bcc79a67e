//! Listening on the loopback interface.

use crate::backend::Backend;
use crate::routes::router;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// Why the interface does not start.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// Reads are not signed yet, so nobody outside this machine may ask.
    #[error("{0} is not a loopback address; the interface serves this machine only")]
    NotLoopback(SocketAddr),
    /// The address cannot be taken.
    #[error("cannot listen on {address}: {source}; is another node running, or the port taken?")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
}

/// A running interface.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Server {
    /// Listens and serves, on the current tokio runtime.
    ///
    /// # Errors
    /// [`ServerError`].
    pub async fn start(address: SocketAddr, backend: Arc<dyn Backend>) -> Result<Self, ServerError> {
        if !address.ip().is_loopback() {
            return Err(ServerError::NotLoopback(address));
        }
        let listener = TcpListener::bind(address).await.map_err(|source| ServerError::Listen { address, source })?;
        let address = listener.local_addr().map_err(|source| ServerError::Listen { address, source })?;
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(async move {
            let served = axum::serve(listener, router(backend)).with_graceful_shutdown(async {
                // Stopped on purpose, or because the server was dropped.
                let _stopped = stopped.await;
            });
            if let Err(error) = served.await {
                tracing::error!("the HTTP interface ended: {error}");
            }
        });
        Ok(Self { address, stop, task })
    }

    /// Where it listens, with the port that was really taken.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more requests; those under way get a second to end.
    pub async fn stop(self) {
        // The task is gone only when serving failed, which it has reported.
        let _gone = self.stop.send(());
        let _ended = tokio::time::timeout(std::time::Duration::from_secs(1), self.task).await;
    }
}
