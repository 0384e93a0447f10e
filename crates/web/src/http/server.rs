use super::guard::Guard;
use super::limits::MAX_HEAD;
use super::routes::router;
use super::site::Site;
use crate::WebError;
use axum::Router;
use axum::body::Body;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tower_service::Service;

/// Threads that read files and count.
const WORKERS: usize = 32;
/// What is waited for after the system refused a connection, as for lack of open files.
const BREATH: Duration = Duration::from_millis(50);

/// A server that listens.
pub struct Server {
    site: Arc<Site>,
    listener: TcpListener,
    address: SocketAddr,
}

impl Server {
    /// Listens on an address; port 0 takes a free one.
    ///
    /// # Errors
    /// When the address can't be had.
    pub async fn bind(mut site: Site, address: SocketAddr) -> Result<Self, WebError> {
        let failed = |source| WebError::Io { path: PathBuf::from(address.to_string()), source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        site.address = Some(address);
        Ok(Self { site: Arc::new(site), listener, address })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers until `stop` is over; then takes no more connections, finishes the answers that run, and returns. Those
    /// that take longer than the limit are broken off.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let limits = self.site.limits.clone();
        let router = router(Arc::clone(&self.site));
        let graceful = GracefulShutdown::new();
        let connections = Arc::new(Semaphore::new(limits.connections.min(Semaphore::MAX_PERMITS)));
        let mut stop = std::pin::pin!(stop);
        loop {
            // Who comes while all places are taken waits in the system's queue.
            let accept = async {
                let permit = Arc::clone(&connections).acquire_owned().await.ok()?;
                match self.listener.accept().await {
                    Ok((stream, peer)) => Some((permit, stream, peer)),
                    Err(error) => {
                        tracing::warn!(%error, "a connection was refused");
                        tokio::time::sleep(BREATH).await;
                        None
                    }
                }
            };
            let (permit, stream, peer) = tokio::select! {
                accepted = accept => match accepted {
                    Some(accepted) => accepted,
                    None => continue,
                },
                () = &mut stop => break,
            };
            // Small answers are not kept waiting for more.
            let _ = stream.set_nodelay(true);
            let mut builder = http1::Builder::new();
            builder.timer(TokioTimer::new()).header_read_timeout(limits.header);
            builder.max_buf_size(MAX_HEAD).half_close(true);
            let router: Router = router.clone();
            let heard = Arc::new(AtomicBool::new(false));
            let io = TokioIo::new(Guard::new(stream, &limits, Arc::clone(&heard)));
            let service = service_fn(move |request: Request<Incoming>| {
                heard.store(true, Ordering::Relaxed);
                router.clone().call(request.map(Body::new))
            });
            let connection = graceful.watch(builder.serve_connection(io, service));
            tokio::spawn(async move {
                if let Err(error) = connection.await {
                    tracing::debug!(%peer, %error, "a connection ended early");
                }
                drop(permit);
            });
        }
        drop(self.listener);
        tracing::info!("stopping: no new connections, running downloads are finished");
        tokio::select! {
            () = graceful.shutdown() => tracing::info!("stopped"),
            () = tokio::time::sleep(limits.grace) => tracing::warn!("stopped before all downloads were finished"),
        }
    }
}

/// Serves a library until the process is told to stop (Ctrl-C, or SIGTERM on Unix); a second time stops at once.
/// `ready` is told the address.
///
/// # Errors
/// When the address can't be had, or the system gives no threads.
pub fn serve(site: Site, address: SocketAddr, ready: impl FnOnce(SocketAddr)) -> Result<(), WebError> {
    let failed = |source| WebError::Io { path: PathBuf::from(address.to_string()), source };
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.enable_all().max_blocking_threads(WORKERS).build().map_err(failed)?;
    runtime.block_on(async {
        let server = Server::bind(site, address).await?;
        ready(server.address());
        tokio::select! {
            () = server.run(signal()) => {}
            () = async { signal().await; signal().await } => tracing::warn!("stopped at once"),
        }
        Ok::<(), WebError>(())
    })?;
    // What a download still writes has nobody to take it.
    runtime.shutdown_background();
    Ok(())
}

/// Waits until somebody wants the process to end.
async fn signal() {
    let interrupt = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => drop(signal.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    #[cfg(not(unix))]
    let terminate = std::future::pending::<()>();
    tokio::select! {
        () = interrupt => {}
        () = terminate => {}
    }
}
