//! One face for both versions of the protocol: the messages of version 6.
//!
//! Version 5 says the same in messages that are laid out the same, under other names; so they are sent and read as those of version
//! 6. Only schemas differ on the wire, and are rewritten. (A test holds the two `.proto` files to this.)

use prost::Message;
use straddle_sdk::proto::{tfplugin5 as five, tfplugin6 as pb};
use straddle_sdk::wire::MAX_MESSAGE;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::Channel;
use tonic::{Code, Request, Status, Streaming};
use tonic_prost::ProstCodec;

/// The major versions spoken, in the words of the handshake.
pub(super) const OFFERED: &str = "5,6";

/// A major version of the protocol.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Major {
    Five,
    Six,
}

impl Major {
    /// `None`: not spoken.
    pub(super) fn of(number: u32) -> Option<Major> {
        match number {
            5 => Some(Major::Five),
            6 => Some(Major::Six),
            _ => None,
        }
    }
}

/// The calls of a provider.
pub(super) struct Protocol {
    major: Major,
    /// Clients of a channel are cheap to clone. `None`: the provider is in this process, and nothing is sent.
    grpc: Option<Grpc<Channel>>,
}

/// A call under its two names.
#[derive(Clone, Copy)]
struct Rpc {
    five: &'static str,
    six: &'static str,
}

macro_rules! rpc {
    ($five:literal, $six:literal) => {
        Rpc { five: concat!("/tfplugin5.Provider/", $five), six: concat!("/tfplugin6.Provider/", $six) }
    };
    ($both:literal) => {
        rpc!($both, $both)
    };
}

/// Calls that differ in nothing but their names.
macro_rules! calls {
    ($($name:ident: $message:ident, $rpc:expr;)*) => {
        impl Protocol {
            $(pub(super) async fn $name(&self, request: pb::$message::Request) -> Result<pb::$message::Response, Status> {
                self.unary($rpc, request).await
            })*
        }
    };
}

calls! {
    validate_provider: validate_provider_config, rpc!("PrepareProviderConfig", "ValidateProviderConfig");
    validate_resource: validate_resource_config, rpc!("ValidateResourceTypeConfig", "ValidateResourceConfig");
    validate_data: validate_data_resource_config, rpc!("ValidateDataSourceConfig", "ValidateDataResourceConfig");
    validate_ephemeral: validate_ephemeral_resource_config, rpc!("ValidateEphemeralResourceConfig");
    validate_list: validate_list_resource_config, rpc!("ValidateListResourceConfig");
    configure: configure_provider, rpc!("Configure", "ConfigureProvider");
    identities: get_resource_identity_schemas, rpc!("GetResourceIdentitySchemas");
    upgrade: upgrade_resource_state, rpc!("UpgradeResourceState");
    upgrade_identity: upgrade_resource_identity, rpc!("UpgradeResourceIdentity");
    read: read_resource, rpc!("ReadResource");
    plan: plan_resource_change, rpc!("PlanResourceChange");
    apply: apply_resource_change, rpc!("ApplyResourceChange");
    import: import_resource_state, rpc!("ImportResourceState");
    move_state: move_resource_state, rpc!("MoveResourceState");
    read_data: read_data_source, rpc!("ReadDataSource");
    generate: generate_resource_config, rpc!("GenerateResourceConfig");
    open: open_ephemeral_resource, rpc!("OpenEphemeralResource");
    renew: renew_ephemeral_resource, rpc!("RenewEphemeralResource");
    close: close_ephemeral_resource, rpc!("CloseEphemeralResource");
    function: call_function, rpc!("CallFunction");
    stop: stop_provider, rpc!("Stop", "StopProvider");
}

impl Protocol {
    pub(super) fn new(major: Major, channel: Channel) -> Protocol {
        let grpc = Grpc::new(channel);
        let grpc = grpc.max_decoding_message_size(MAX_MESSAGE).max_encoding_message_size(MAX_MESSAGE);
        Protocol { major, grpc: Some(grpc) }
    }

    /// Of a provider that nothing is sent to.
    pub(super) fn none() -> Protocol {
        Protocol { major: Major::Six, grpc: None }
    }

    fn path(&self, rpc: Rpc) -> PathAndQuery {
        PathAndQuery::from_static(match self.major {
            Major::Five => rpc.five,
            Major::Six => rpc.six,
        })
    }

    async fn ready(&self) -> Result<Grpc<Channel>, Status> {
        let Some(mut grpc) = self.grpc.clone() else { return Err(Status::unimplemented("it is in this process")) };
        match grpc.ready().await {
            Ok(()) => Ok(grpc),
            Err(error) => {
                let mut status = Status::new(Code::Unavailable, "the connection is closed");
                status.set_source(std::sync::Arc::new(error));
                Err(status)
            }
        }
    }

    async fn unary<Q, A>(&self, rpc: Rpc, request: Q) -> Result<A, Status>
    where
        Q: Message + Send + Sync + 'static,
        A: Message + Default + Send + Sync + 'static,
    {
        let mut grpc = self.ready().await?;
        let answer = grpc.unary(Request::new(request), self.path(rpc), ProstCodec::<Q, A>::default()).await;
        answer.map(tonic::Response::into_inner)
    }

    /// Everything the provider offers.
    pub(super) async fn schema(&self) -> Result<pb::get_provider_schema::Response, Status> {
        let rpc = rpc!("GetSchema", "GetProviderSchema");
        match self.major {
            Major::Six => self.unary(rpc, pb::get_provider_schema::Request {}).await,
            Major::Five => {
                let answer = self.unary(rpc, five::get_provider_schema::Request {}).await?;
                six(answer).map_err(|e| Status::internal(format!("the answer cannot be read: {e}")))
            }
        }
    }

    /// Existing objects as they come.
    pub(super) async fn list(
        &self,
        request: pb::list_resource::Request,
    ) -> Result<Streaming<pb::list_resource::Event>, Status> {
        let mut grpc = self.ready().await?;
        let path = self.path(rpc!("ListResource"));
        let answer = grpc.server_streaming(Request::new(request), path, ProstCodec::default()).await;
        answer.map(tonic::Response::into_inner)
    }
}

/// The answer of a provider of version 5 in the messages of version 6.
fn six(answer: five::get_provider_schema::Response) -> Result<pb::get_provider_schema::Response, prost::DecodeError> {
    use std::collections::HashMap;
    let all = |schemas: HashMap<String, five::Schema>| schemas.into_iter().map(|(name, s)| (name, schema(s))).collect();
    let functions = answer.functions.iter().map(|(name, f)| same(f).map(|f| (name.clone(), f)));
    Ok(pb::get_provider_schema::Response {
        functions: functions.collect::<Result<_, prost::DecodeError>>()?,
        provider: answer.provider.map(schema),
        resource_schemas: all(answer.resource_schemas),
        data_source_schemas: all(answer.data_source_schemas),
        ephemeral_resource_schemas: all(answer.ephemeral_resource_schemas),
        list_resource_schemas: all(answer.list_resource_schemas),
        provider_meta: answer.provider_meta.map(schema),
        diagnostics: answer.diagnostics.iter().map(same).collect::<Result<_, _>>()?,
        server_capabilities: answer.server_capabilities.as_ref().map(same).transpose()?,
        ..Default::default()
    })
}

/// A message that both versions lay out in the same way.
fn same<A: Message + Default>(message: &impl Message) -> Result<A, prost::DecodeError> {
    A::decode(message.encode_to_vec().as_slice())
}

fn schema(schema: five::Schema) -> pb::Schema {
    pb::Schema { version: schema.version, block: schema.block.map(block) }
}

fn block(block: five::schema::Block) -> pb::schema::Block {
    let nested = |b: five::schema::NestedBlock| pb::schema::NestedBlock {
        type_name: b.type_name,
        block: b.block.map(self::block),
        nesting: b.nesting,
        min_items: b.min_items,
        max_items: b.max_items,
    };
    pb::schema::Block {
        version: block.version,
        attributes: block.attributes.into_iter().map(attribute).collect(),
        block_types: block.block_types.into_iter().map(nested).collect(),
        description: block.description,
        description_kind: block.description_kind,
        deprecated: block.deprecated,
        deprecation_message: block.deprecation_message,
        computed: false,
    }
}

fn attribute(a: five::schema::Attribute) -> pb::schema::Attribute {
    pb::schema::Attribute {
        name: a.name,
        r#type: a.r#type,
        nested_type: None,
        description: a.description,
        required: a.required,
        optional: a.optional,
        computed: a.computed,
        sensitive: a.sensitive,
        description_kind: a.description_kind,
        deprecated: a.deprecated,
        write_only: a.write_only,
        deprecation_message: a.deprecation_message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// The fields of each message of a `.proto` file, `Outer.Inner` by name, as written but for white space.
    fn messages(text: &str) -> BTreeMap<String, Vec<String>> {
        let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut inside: Vec<String> = Vec::new();
        for line in text.lines().map(str::trim).filter(|l| !l.starts_with("//")) {
            let words: Vec<&str> = line.split_whitespace().collect();
            match words.as_slice() {
                ["message" | "enum" | "oneof" | "service", name, "{", rest @ ..] => {
                    inside.push((*name).to_owned());
                    found.entry(inside.join(".")).or_default();
                    if rest.last() == Some(&"}") {
                        inside.pop();
                    }
                }
                ["}", ..] => {
                    inside.pop();
                }
                [] => {}
                _ if !inside.is_empty() => {
                    found.entry(inside.join(".")).or_default().push(words.join(" "));
                }
                _ => {}
            }
        }
        found
    }

    #[test]
    fn messages_of_version_5_are_laid_out_as_those_of_version_6() {
        let old = messages(include_str!("../../schemas/tfplugin5.proto"));
        let new = messages(include_str!("../../schemas/tfplugin6.proto"));
        let renamed = |name: &str| match name.split_once('.').unwrap_or((name, "")) {
            ("PrepareProviderConfig", rest) => format!("ValidateProviderConfig.{rest}"),
            ("ValidateResourceTypeConfig", rest) => format!("ValidateResourceConfig.{rest}"),
            ("ValidateDataSourceConfig", rest) => format!("ValidateDataResourceConfig.{rest}"),
            ("Configure", rest) => format!("ConfigureProvider.{rest}"),
            ("Stop", rest) => format!("StopProvider.{rest}"),
            _ => name.to_owned(),
        };
        // Rewritten here, or never used.
        let apart = |name: &str| {
            let own = ["Schema.Attribute", "GetMetadata.Response", "Provider", "Provisioner"];
            own.contains(&name) || name.contains("Provision") || name == "Schema.Block"
        };
        let mut compared = 0;
        for (name, fields) in old.iter().filter(|(name, _)| !apart(name)) {
            let name = renamed(name);
            let name = name.trim_end_matches('.');
            let Some(theirs) = new.get(name) else { panic!("{name} is not in version 6") };
            // Version 6 may know more; what version 5 knows must mean the same there. The prepared configuration is not used.
            for field in fields.iter().filter(|f| !f.contains("prepared_config")) {
                assert!(theirs.contains(field), "{name}: {field} is not in {theirs:?}");
            }
            compared += fields.len();
        }
        assert!(compared > 150, "only {compared} fields were compared");
    }

    #[test]
    fn schemas_of_version_5_keep_what_has_another_number_there() {
        let old = five::schema::Attribute {
            name: "key".to_owned(),
            r#type: "\"string\"".into(),
            optional: true,
            write_only: true,
            deprecation_message: "use other".to_owned(),
            ..Default::default()
        };
        let new = attribute(old);
        assert!(new.write_only && new.nested_type.is_none());
        assert_eq!(new.deprecation_message, "use other");
    }
}
