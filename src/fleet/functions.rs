//! Functions of providers, for the evaluator. Each call is made once a run: a provider's function gives the same for the same.

use crate::lang::functions::{FunctionProblem, ProviderFunctions};
use crate::plugin::{CallError, Function, Launcher, Plugin, ProviderSchemas};
use crate::plugin::{Environment, Source};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use straddle_sdk::value::{Str, Value};
use straddle_sdk::wire;
use tokio::runtime::Handle;

type Call = (String, Str, Vec<u8>);

/// The functions that the providers of a run offer. They need no configuration: a process of their own answers for each provider,
/// started with the first call.
pub struct Functions {
    launcher: Launcher,
    environment: Environment,
    offers: Mutex<Offers>,
    plugins: Mutex<BTreeMap<String, Plugin>>,
    answers: Mutex<BTreeMap<Call, Result<Value, FunctionProblem>>>,
}

#[derive(Default)]
struct Offers {
    /// Source by the provider's name in the module.
    sources: BTreeMap<Str, String>,
    schemas: BTreeMap<String, Arc<ProviderSchemas>>,
}

fn open<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Functions {
    pub(super) fn new(launcher: Launcher, environment: Environment) -> Functions {
        Functions {
            launcher,
            environment,
            offers: Mutex::default(),
            plugins: Mutex::default(),
            answers: Mutex::default(),
        }
    }

    /// What a provider offers, under the name it has in the module.
    pub(super) fn offer(&self, name: &Str, source: &str, schemas: &Arc<ProviderSchemas>) {
        let mut offers = open(&self.offers);
        // The root module is told of first.
        offers.sources.entry(name.clone()).or_insert_with(|| source.to_owned());
        offers.schemas.insert(source.to_owned(), schemas.clone());
    }

    fn offered(&self, provider: &str, name: &str) -> Option<(String, Function)> {
        let offers = open(&self.offers);
        let source = offers.sources.get(provider)?;
        Some((source.clone(), offers.schemas.get(source)?.functions.get(name)?.clone()))
    }

    async fn ask(&self, source: &str, name: &str, args: &[Value]) -> Result<Result<Value, FunctionProblem>, String> {
        let running = open(&self.plugins).get(source).cloned();
        let plugin = match running {
            Some(plugin) => plugin,
            None => {
                let parsed = Source::parse(source).map_err(|e| e.to_string())?;
                let found = self.environment.find(&parsed).map_err(|e| e.to_string())?;
                let plugin = self.launcher.start(&parsed.to_string(), &found).await.map_err(|e| e.to_string())?;
                open(&self.plugins).entry(source.to_owned()).or_insert(plugin).clone()
            }
        };
        plugin.function(name, args).await.map_err(|e: CallError| e.to_string())
    }

    /// Ends the processes.
    pub(super) async fn shutdown(&self) {
        let all: Vec<Plugin> = std::mem::take(&mut *open(&self.plugins)).into_values().collect();
        for plugin in all {
            plugin.shutdown().await;
        }
    }
}

impl ProviderFunctions for Functions {
    fn knows(&self, provider: &str) -> bool {
        open(&self.offers).sources.contains_key(provider)
    }

    fn find(&self, provider: &str, name: &str) -> Option<Function> {
        Some(self.offered(provider, name)?.1)
    }

    fn call(&self, provider: &str, name: &str, args: &[Value]) -> Result<Value, FunctionProblem> {
        let failed = |text: String| FunctionProblem { text, argument: None };
        let Some((source, function)) = self.offered(provider, name) else {
            return Err(failed(format!("there is no function {name:?}")));
        };
        let mut key = Vec::new();
        for (position, arg) in args.iter().enumerate() {
            let Some(parameter) = function.parameter(position) else { continue };
            let bytes = wire::encode(arg, &parameter.ty).map_err(|e| failed(e.to_string()))?;
            key.extend((bytes.len() as u64).to_le_bytes());
            key.extend(bytes);
        }
        let key = (source.clone(), Str::new(name), key);
        if let Some(known) = open(&self.answers).get(&key) {
            return known.clone();
        }
        // Evaluation does not wait for anything else, so it may wait here.
        let asked = tokio::task::block_in_place(|| Handle::current().block_on(self.ask(&source, name, args)));
        let answer = asked.unwrap_or_else(|text| Err(failed(text)));
        open(&self.answers).insert(key, answer.clone());
        answer
    }
}
