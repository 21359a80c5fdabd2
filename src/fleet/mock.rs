//! Providers that make nothing: what `mock_provider` and overrides of tests put in the place of real ones. Schemas are the real ones'.

use crate::lang::address::Mode;
use crate::plugin::{ApplyRequest, Diagnostic, Diagnostics, InProcess, PlanRequest, ProviderSchemas};
use crate::state::ProviderRef;
use std::collections::BTreeMap;
use std::sync::Arc;
use straddle_sdk::schema::{Attribute, AttributeType, Block, map_elements};
use straddle_sdk::value::{Path, Str, Type, Value, convert};

/// Values that stand in for what only a provider would know.
#[derive(Clone, Debug, Default)]
pub struct MockValues {
    /// An object; attributes it does not have are made up.
    pub values: Option<Value>,
    /// Whether they are known while planning.
    pub during_plan: bool,
}

/// A configuration whose place a mock takes.
#[derive(Clone, Debug)]
pub struct StandIn {
    /// The provider's source.
    pub source: String,
    /// The module that configures it, `module.a`; empty for the root module.
    pub module: String,
    /// Its alias.
    pub alias: Option<Str>,
    /// By kind and type.
    pub types: BTreeMap<(Mode, Str), MockValues>,
}

impl StandIn {
    /// Whether it takes the place of this configuration.
    pub fn is_for(&self, reference: &ProviderRef) -> bool {
        *reference.source == *self.source
            && *reference.module == *self.module
            && reference.alias.as_deref() == self.alias.as_deref()
    }
}

/// A provider that makes up what it is asked for.
pub struct Mock {
    /// Of the real one.
    pub schemas: Arc<ProviderSchemas>,
    /// By kind and type.
    pub types: BTreeMap<(Mode, Str), MockValues>,
}

impl Mock {
    fn given(&self, mode: Mode, ty: &str) -> MockValues {
        self.types.get(&(mode, Str::new(ty))).cloned().unwrap_or_default()
    }

    fn block(&self, mode: Mode, ty: &str) -> Result<&Block, Diagnostics> {
        let types = if mode == Mode::Data { &self.schemas.data_sources } else { &self.schemas.resources };
        types.get(ty).map(|s| &s.block).ok_or_else(|| {
            Diagnostic::error("Unknown type", format!("The provider that is mocked has no {ty}.")).into()
        })
    }
}

impl InProcess for Mock {
    fn schemas(&self) -> ProviderSchemas {
        (*self.schemas).clone()
    }

    fn plan(&self, request: &PlanRequest) -> Result<(Value, Vec<Path>), Diagnostics> {
        // What is there keeps what was made up for it.
        if request.proposed.is_null() || !request.prior.is_null() {
            return Ok((request.proposed.clone(), Vec::new()));
        }
        let given = self.given(Mode::Managed, &request.type_name);
        let known = given.values.filter(|_| given.during_plan);
        let unknown = |ty: &Type| Value::unknown(ty.clone());
        let make: &dyn Fn(&Type) -> Value = if given.during_plan { &made_up } else { &unknown };
        let block = self.block(Mode::Managed, &request.type_name)?;
        Ok((filled(block, &request.proposed, known.as_ref(), make)?, Vec::new()))
    }

    fn apply(&self, request: &ApplyRequest) -> Result<Value, Diagnostics> {
        if request.planned.is_null() {
            return Ok(request.planned.clone());
        }
        let given = self.given(Mode::Managed, &request.type_name);
        let block = self.block(Mode::Managed, &request.type_name)?;
        filled(block, &request.planned, given.values.as_ref(), &made_up)
    }

    fn read_data(&self, type_name: &str, config: &Value) -> Result<Value, Diagnostics> {
        let given = self.given(Mode::Data, type_name);
        filled(self.block(Mode::Data, type_name)?, config, given.values.as_ref(), &made_up)
    }

    fn import(&self, type_name: &str, id: &str) -> Result<Value, Diagnostics> {
        let block = self.block(Mode::Managed, type_name)?;
        let empty = block.empty_value();
        let empty = if empty.get("id").is_some() { empty.with_attribute("id", Value::string(id)) } else { empty };
        filled(block, &empty, self.given(Mode::Managed, type_name).values.as_ref(), &made_up)
    }
}

/// A value of a type nobody said anything of: a random text, 0, false, nothing in collections.
fn made_up(ty: &Type) -> Value {
    match ty {
        Type::String => Value::string(random_text()),
        Type::Number => Value::number(0),
        Type::Bool => Value::FALSE,
        Type::List(of) => Value::list((**of).clone(), Vec::new()),
        Type::Set(of) => Value::set((**of).clone(), Vec::new()),
        Type::Map(of) => Value::map((**of).clone(), Vec::new()),
        Type::Tuple(items) => Value::tuple(items.iter().map(made_up).collect()),
        Type::Object(object) => {
            Value::object(object.attrs.iter().map(|(name, ty)| (name.clone(), made_up(ty))).collect())
        }
        _ => Value::null(ty.clone()),
    }
}

/// Eight letters and digits.
fn random_text() -> String {
    uuid::Uuid::new_v4().simple().to_string().chars().take(8).collect()
}

/// An object with every computed attribute that nobody set given or made up, inside its blocks too.
fn filled(
    block: &Block,
    object: &Value,
    given: Option<&Value>,
    make: &dyn Fn(&Type) -> Value,
) -> Result<Value, Diagnostics> {
    let Some(entries) = object.entries() else { return Ok(object.clone()) };
    let mut out = Vec::with_capacity(entries.len());
    for (name, value) in entries {
        let said = given.and_then(|g| g.get(name)).filter(|v| !v.is_null());
        let new = if let Some(attribute) = block.attributes.get(name) {
            attribute_value(name, attribute, value, said, make)?
        } else if let Some(nested) = block.blocks.get(name) {
            let inside = |element: &Value| filled(&nested.block, element, said, make).ok();
            map_elements(nested.nesting, value, &inside).unwrap_or_else(|| value.clone())
        } else {
            value.clone()
        };
        out.push((name.clone(), new));
    }
    Ok(Value::object(out).with_marks(object.marks()))
}

fn attribute_value(
    name: &str,
    attribute: &Attribute,
    value: &Value,
    said: Option<&Value>,
    make: &dyn Fn(&Type) -> Value,
) -> Result<Value, Diagnostics> {
    if !attribute.computed || !(value.is_null() || value.is_unknown()) {
        return Ok(value.clone());
    }
    let ty = attribute.ty.implied_type();
    let Some(said) = said else {
        return Ok(match &attribute.ty {
            // An object inside an object is not made up: nobody could say of how many.
            AttributeType::Nested { .. } if !value.is_unknown() => value.clone(),
            _ => make(&ty),
        });
    };
    convert(said, &ty).map_err(|why| {
        Diagnostic::error("Invalid value of a mock", format!("The value for {name:?} does not fit: {why}.")).into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use straddle_sdk::schema::{Prepared, Schema};

    fn attribute(ty: Type, computed: bool) -> Attribute {
        Attribute {
            ty: AttributeType::Plain(ty),
            description: String::new(),
            required: false,
            optional: true,
            computed,
            sensitive: false,
            write_only: false,
            deprecated: false,
            deprecation_message: String::new(),
            markdown: false,
        }
    }

    fn mock(given: MockValues) -> Mock {
        let attributes = BTreeMap::from([
            ("name".into(), attribute(Type::String, false)),
            ("id".into(), attribute(Type::String, true)),
            ("size".into(), attribute(Type::Number, true)),
        ]);
        let block = Block { attributes, ..Block::default() };
        let resources = BTreeMap::from([("t_x".into(), Prepared::new(Schema { version: 0, block }))]);
        let schemas = Arc::new(ProviderSchemas { resources, ..ProviderSchemas::none() });
        Mock { schemas, types: BTreeMap::from([((Mode::Managed, "t_x".into()), given)]) }
    }

    fn object(id: Value) -> Value {
        Value::object(vec![
            ("id".into(), id),
            ("name".into(), Value::null(Type::String)),
            ("size".into(), Value::number(3)),
        ])
    }

    fn planned(mock: &Mock) -> Value {
        let proposed = object(Value::null(Type::String));
        let request = PlanRequest {
            type_name: "t_x".into(),
            prior: Value::null(proposed.ty()),
            config: proposed.clone(),
            proposed,
            prior_private: Vec::new(),
            prior_identity: None,
            meta: None,
        };
        mock.plan(&request).unwrap().0
    }

    #[test]
    fn what_is_computed_is_unknown_until_it_is_applied() {
        let plan = planned(&mock(MockValues::default()));
        assert!(plan.get("id").unwrap().is_unknown());
        assert!(plan.get("name").unwrap().is_null());
        assert_eq!(plan.get("size").unwrap().as_num(), Value::number(3).as_num());
    }

    #[test]
    fn values_are_given_while_planning_where_asked_for() {
        let values = Some(Value::object(vec![("id".into(), Value::string("given"))]));
        let early = planned(&mock(MockValues { values: values.clone(), during_plan: true }));
        assert_eq!(early.get("id").unwrap().as_str(), Some("given"));
        assert!(planned(&mock(MockValues { values, during_plan: false })).get("id").unwrap().is_unknown());
    }

    #[test]
    fn a_given_value_of_a_wrong_type_is_refused() {
        let values = Some(Value::object(vec![("id".into(), Value::tuple(Vec::new()))]));
        let mock = mock(MockValues { values, during_plan: false });
        let block = mock.block(Mode::Managed, "t_x").unwrap();
        let object = object(Value::unknown(Type::String));
        assert!(filled(block, &object, mock.given(Mode::Managed, "t_x").values.as_ref(), &made_up).is_err());
        assert_eq!(filled(block, &object, None, &made_up).unwrap().get("id").unwrap().as_str().unwrap().len(), 8);
    }
}
