//! Ephemeral resources: opened before they are used, renewed while they are, closed in reverse order. What they hold is in this process
//! alone.

use super::Fleet;
use super::answer::{call_problems, diagnostics};
use crate::diag::Diagnostic;
use crate::lang::address::Address;
use crate::plugin::{CallError, Opened, Plugin};
use crate::state::ProviderRef;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};
use straddle_sdk::value::{Str, Value, same};
use tokio::task::JoinHandle;

/// The least time between two renewals, whatever a provider asks for.
const LEAST_BREAK: Duration = Duration::from_millis(100);

/// What is open, in the order of opening.
#[derive(Default)]
pub(super) struct OpenOnes(Mutex<Vec<Held>>);

/// One open resource.
struct Held {
    address: Address,
    type_name: Str,
    plugin: Plugin,
    config: Value,
    result: Value,
    life: Arc<Mutex<Life>>,
    renewing: Option<JoinHandle<()>>,
    /// A provider's configuration holds what it gave: it stays open as long as the provider runs.
    lasting: bool,
}

/// What renewing changes.
#[derive(Default)]
struct Life {
    private: Option<Vec<u8>>,
    problems: Vec<Diagnostic>,
}

impl OpenOnes {
    fn with<R>(&self, work: impl FnOnce(&mut Vec<Held>) -> R) -> R {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn result(&self, address: &Address, config: &Value) -> Option<Value> {
        self.with(|all| {
            let held = all.iter().find(|held| held.address == *address && same(&held.config, config))?;
            Some(held.result.clone())
        })
    }
}

impl Fleet {
    /// Opens an ephemeral resource after its configuration was judged, or gives what it is worth if it is open. Warnings are beside
    /// the result.
    ///
    /// # Errors
    /// What the provider said.
    pub async fn open(
        &self,
        reference: &ProviderRef,
        type_name: &Str,
        address: &Address,
        config: &Value,
    ) -> Result<(Value, Vec<Diagnostic>), Vec<Diagnostic>> {
        if let Some(result) = self.open.result(address, config) {
            return Ok((result, Vec::new()));
        }
        let Some(plugin) = self.plugin(reference) else { return Err(self.failure(reference)) };
        let opening = async {
            let mut said = diagnostics(&plugin.validate_ephemeral(type_name, config).await?);
            let opened = plugin.open(type_name, config).await?;
            said.extend(diagnostics(&opened.diagnostics));
            Ok::<_, CallError>((opened, said))
        };
        let (opened, said) = opening.await.map_err(|error| call_problems(&error))?;
        let Opened { result, private, renew_at, .. } = opened;
        let life = Arc::new(Mutex::new(Life { private, problems: Vec::new() }));
        let renewing = renew_at
            .map(|at| tokio::spawn(keep_open(plugin.clone(), type_name.clone(), address.clone(), life.clone(), at)));
        let held = Held {
            address: address.clone(),
            type_name: type_name.clone(),
            plugin,
            config: config.clone(),
            result: result.clone(),
            life,
            renewing,
            lasting: false,
        };
        self.open.with(|all| all.push(held));
        Ok((result, said))
    }

    /// What is open now stays open until the providers end.
    pub(super) fn keep_open(&self) {
        self.open.with(|all| all.iter_mut().for_each(|held| held.lasting = true));
    }

    /// Closes what no provider's configuration was made from, the last opened first. What went wrong, renewals included.
    pub async fn close_passing(&self) -> Vec<Diagnostic> {
        let (lasting, passing) = self.open.with(|all| std::mem::take(all).into_iter().partition(|held| held.lasting));
        self.open.with(|all| *all = lasting);
        close(passing).await
    }

    /// Closes everything.
    pub(super) async fn close_all(&self) -> Vec<Diagnostic> {
        close(self.open.with(std::mem::take)).await
    }
}

async fn close(mut held: Vec<Held>) -> Vec<Diagnostic> {
    let mut problems = Vec::new();
    while let Some(one) = held.pop() {
        if let Some(renewing) = one.renewing {
            renewing.abort();
            // It was aborted or had ended: both are what is wanted.
            let _ = renewing.await;
        }
        let Life { private, problems: mut found } =
            std::mem::take(&mut *one.life.lock().unwrap_or_else(PoisonError::into_inner));
        match one.plugin.close(&one.type_name, private.as_deref()).await {
            Ok(said) => found.extend(diagnostics(&said)),
            Err(error) => found.extend(call_problems(&error)),
        }
        problems.extend(found.into_iter().map(|problem| about(problem, &one.address)));
    }
    problems
}

/// Renews whenever it is time, until somebody closes it or the provider refuses.
async fn keep_open(plugin: Plugin, type_name: Str, address: Address, life: Arc<Mutex<Life>>, first: SystemTime) {
    let mut next = Some(first);
    while let Some(at) = next {
        let wait = at.duration_since(SystemTime::now()).unwrap_or_default();
        tokio::time::sleep(wait.max(LEAST_BREAK)).await;
        let private = life.lock().unwrap_or_else(PoisonError::into_inner).private.clone();
        let renewed = plugin.renew(&type_name, private.as_deref()).await;
        let mut life = life.lock().unwrap_or_else(PoisonError::into_inner);
        next = match renewed {
            Ok(renewed) => {
                life.private = renewed.private;
                life.problems.extend(diagnostics(&renewed.diagnostics));
                renewed.renew_at
            }
            Err(error) => {
                life.problems.extend(call_problems(&error).into_iter().map(|problem| about(problem, &address)));
                None
            }
        };
    }
}

fn about(mut problem: Diagnostic, address: &Address) -> Diagnostic {
    problem.address.get_or_insert_with(|| address.to_string());
    problem
}
