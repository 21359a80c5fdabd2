//! A provider process under the conformance suite of the SDK.

use super::{ApplyRequest, ImportBy, PlanRequest, Plugin, ReadRequest};
use straddle_sdk::conformance::{Object, Planned, Subject, SubjectSchemas};
use straddle_sdk::value::{Str, Value};

impl Subject for Plugin {
    fn schemas(&self) -> SubjectSchemas {
        let schemas = Plugin::schemas(self);
        SubjectSchemas {
            provider: schemas.provider.clone(),
            resources: schemas.resources.clone(),
            data_sources: schemas.data_sources.clone(),
        }
    }

    async fn validate(&self, type_name: &Str, config: &Value) -> Result<(), String> {
        self.validate_resource(type_name, config).await.map(|_| ()).map_err(|e| e.to_string())
    }

    async fn plan(&self, type_name: &Str, prior: &Object, proposed: &Value, config: &Value) -> Result<Planned, String> {
        let request = PlanRequest {
            type_name: type_name.clone(),
            prior: prior.state.clone(),
            proposed: proposed.clone(),
            config: config.clone(),
            prior_private: prior.private.clone(),
            prior_identity: None,
            meta: None,
        };
        let answer = Plugin::plan(self, request).await.map_err(|e| e.to_string())?;
        Ok(Planned {
            planned: answer.planned,
            requires_replace: answer.requires_replace,
            private: answer.planned_private,
        })
    }

    async fn apply(&self, type_name: &Str, prior: &Value, planned: &Planned, config: &Value) -> Result<Object, String> {
        let request = ApplyRequest {
            type_name: type_name.clone(),
            prior: prior.clone(),
            planned: planned.planned.clone(),
            config: config.clone(),
            planned_private: planned.private.clone(),
            planned_identity: None,
            meta: None,
            ownership: None,
        };
        let answer = Plugin::apply(self, request).await.map_err(|e| e.to_string())?;
        match answer.failed() {
            true => Err(answer.diagnostics.to_string()),
            false => Ok(Object { state: answer.state, private: answer.private }),
        }
    }

    async fn read(&self, type_name: &Str, object: &Object) -> Result<Object, String> {
        let request = ReadRequest {
            type_name: type_name.clone(),
            current: object.state.clone(),
            private: object.private.clone(),
            identity: None,
            meta: None,
        };
        let answer = Plugin::read(self, request).await.map_err(|e| e.to_string())?;
        Ok(Object { state: answer.state, private: answer.private })
    }

    async fn upgrade(&self, type_name: &Str, version: i64, json: &str) -> Result<Value, String> {
        let answer = Plugin::upgrade(self, type_name, version, json.as_bytes()).await;
        answer.map(|answer| answer.value).map_err(|e| e.to_string())
    }

    async fn import(&self, type_name: &Str, id: &str) -> Result<Object, String> {
        let answer = Plugin::import(self, type_name, &ImportBy::Id(id.to_owned())).await.map_err(|e| e.to_string())?;
        match answer.value.as_slice() {
            [one] => Ok(Object { state: one.state.clone(), private: one.private.clone() }),
            several => Err(format!("{} objects instead of one", several.len())),
        }
    }
}
