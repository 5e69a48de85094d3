//! The one writer. Jobs that arrive while a transaction is being synced to disk share the next one, so that many
//! customers cost few syncs; each job runs in its own savepoint, so that one that fails does not harm its neighbours.
//! A job is acknowledged only after the commit.

use futures_util::future::BoxFuture;
use sqlx::Connection;
use tokio::sync::{mpsc, oneshot};

use super::StoreError;
use super::dialect::{BEGIN_WRITE, Conn};

/// At most this many jobs share a transaction.
const TOGETHER: usize = 64;

/// At most this many jobs wait; more wait to be accepted.
const QUEUE: usize = 1024;

type Work = Box<dyn for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, Result<(), StoreError>> + Send>;

struct Job {
    work: Work,
    done: oneshot::Sender<Result<(), StoreError>>,
}

/// Hands jobs to the writer's task; the task ends with the last handle.
#[derive(Clone)]
pub(super) struct Writer {
    jobs: mpsc::Sender<Job>,
}

impl Writer {
    /// Starts the writer on `conn`, which nobody else may write through.
    pub(super) fn start(conn: Conn) -> Self {
        let (jobs, queue) = mpsc::channel(QUEUE);
        tokio::spawn(run(conn, queue));
        Self { jobs }
    }

    /// Runs `work` in a transaction and returns its value once that is committed.
    pub(super) async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut Conn) -> BoxFuture<'c, Result<T, StoreError>> + Send + 'static,
    {
        let (value_in, value_out) = oneshot::channel();
        let (done, committed) = oneshot::channel();
        let work: Work = Box::new(move |conn| {
            Box::pin(async move {
                let value = work(conn).await?;
                let _ = value_in.send(value);
                Ok(())
            })
        });
        let stopped = || StoreError::Database("the writer has stopped".to_owned());
        self.jobs.send(Job { work, done }).await.map_err(|_| stopped())?;
        committed.await.map_err(|_| stopped())??;
        value_out.await.map_err(|_| stopped())
    }
}

async fn run(mut conn: Conn, mut queue: mpsc::Receiver<Job>) {
    let mut batch = Vec::with_capacity(TOGETHER);
    while queue.recv_many(&mut batch, TOGETHER).await > 0 {
        let (works, dones): (Vec<_>, Vec<_>) = batch.drain(..).map(|job| (job.work, job.done)).unzip();
        let many = works.len();
        let results = match together(&mut conn, works).await {
            Ok(results) => results,
            Err(error) => {
                tracing::error!(%error, many, "a write transaction failed");
                (0..many).map(|_| Err(StoreError::Database(error.to_string()))).collect()
            }
        };
        for (done, result) in dones.into_iter().zip(results) {
            // The caller may have gone; what was committed stays.
            let _ = done.send(result);
        }
    }
    let _ = conn.close().await;
}

/// Runs all `works` in one transaction; the outer error says that none was committed.
async fn together(conn: &mut Conn, works: Vec<Work>) -> Result<Vec<Result<(), StoreError>>, sqlx::Error> {
    let mut transaction = conn.begin_with(BEGIN_WRITE).await?;
    let mut results = Vec::with_capacity(works.len());
    for work in works {
        let mut savepoint = transaction.begin().await?;
        let result = work(&mut savepoint).await;
        match result {
            Ok(()) => savepoint.commit().await?,
            Err(_) => savepoint.rollback().await?,
        }
        results.push(result);
    }
    transaction.commit().await?;
    Ok(results)
}
