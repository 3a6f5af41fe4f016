//! Asks Ready pods all the while that something else goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::stage::Stage;

/// What asking came to.
#[derive(Debug, Default)]
pub struct Answers {
    /// How many requests were answered as they should be.
    pub good: usize,
    /// What became of the others.
    pub bad: Vec<String>,
}

/// Asks until it is told to stop.
pub struct Prober {
    over: Arc<AtomicBool>,
    asking: Option<JoinHandle<Answers>>,
}

impl Prober {
    /// Asks every Ready pod that this selector selects, again and again; each
    /// should answer this.
    pub fn start(stage: &Stage, selector: &str, answer: &str) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let (cluster, namespace) = (stage.cluster, stage.namespace.clone());
        let (selector, answer) = (selector.to_owned(), answer.to_owned());
        let is_over = Arc::clone(&over);
        let asking = std::thread::spawn(move || {
            let mut answers = Answers::default();
            while !is_over.load(Ordering::Relaxed) {
                let ips = cluster
                    .pod_ips(&namespace, &selector)
                    .expect("pods can be listed");
                for ip in ips {
                    match cluster.ask(ip, "/") {
                        Ok(reply) if String::from_utf8_lossy(&reply.body).trim() == answer => {
                            answers.good += 1;
                        }
                        Ok(reply) => answers
                            .bad
                            .push(format!("{ip}: {}", String::from_utf8_lossy(&reply.body))),
                        Err(e) => answers.bad.push(format!("{ip}: {e}")),
                    }
                }
                std::thread::sleep(Duration::from_millis(50));
            }
            answers
        });
        Self {
            over,
            asking: Some(asking),
        }
    }

    /// Stops; what asking came to.
    pub fn stop(mut self) -> Answers {
        self.over.store(true, Ordering::Relaxed);
        let asking = self.asking.take().expect("it is asked once");
        asking.join().expect("asking does not panic")
    }
}

impl Drop for Prober {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}
