//! One face for every version of the protocol: the messages of version 6. (Those of version 5 say the same in other words.)

use straddle_sdk::proto::tfplugin6::{self as pb, provider_client::ProviderClient};
use straddle_sdk::wire::MAX_MESSAGE;
use tonic::Status;
use tonic::transport::Channel;

/// What straddle needs of a provider.
#[tonic::async_trait]
pub(super) trait Protocol: Send + Sync {
    async fn schema(&self) -> Result<pb::get_provider_schema::Response, Status>;
    async fn validate_provider(
        &self,
        request: pb::validate_provider_config::Request,
    ) -> Result<pb::validate_provider_config::Response, Status>;
    async fn validate_resource(
        &self,
        request: pb::validate_resource_config::Request,
    ) -> Result<pb::validate_resource_config::Response, Status>;
    async fn validate_data(
        &self,
        request: pb::validate_data_resource_config::Request,
    ) -> Result<pb::validate_data_resource_config::Response, Status>;
    async fn configure(
        &self,
        request: pb::configure_provider::Request,
    ) -> Result<pb::configure_provider::Response, Status>;
    async fn upgrade(
        &self,
        request: pb::upgrade_resource_state::Request,
    ) -> Result<pb::upgrade_resource_state::Response, Status>;
    async fn read(&self, request: pb::read_resource::Request) -> Result<pb::read_resource::Response, Status>;
    async fn plan(
        &self,
        request: pb::plan_resource_change::Request,
    ) -> Result<pb::plan_resource_change::Response, Status>;
    async fn apply(
        &self,
        request: pb::apply_resource_change::Request,
    ) -> Result<pb::apply_resource_change::Response, Status>;
    async fn import(
        &self,
        request: pb::import_resource_state::Request,
    ) -> Result<pb::import_resource_state::Response, Status>;
    async fn read_data(&self, request: pb::read_data_source::Request)
    -> Result<pb::read_data_source::Response, Status>;
    async fn stop(&self) -> Result<pb::stop_provider::Response, Status>;
}

/// Protocol 6.
pub(super) struct V6(ProviderClient<Channel>);

impl V6 {
    pub(super) fn new(channel: Channel) -> V6 {
        let client = ProviderClient::new(channel);
        V6(client.max_decoding_message_size(MAX_MESSAGE).max_encoding_message_size(MAX_MESSAGE))
    }
}

/// The calls of version 6 that differ in nothing but their names. (Clients of a channel are cheap to clone.)
macro_rules! forward {
    ($($name:ident => $rpc:ident: $message:ident;)*) => {
        #[tonic::async_trait]
        impl Protocol for V6 {
            async fn schema(&self) -> Result<pb::get_provider_schema::Response, Status> {
                let request = pb::get_provider_schema::Request {};
                self.0.clone().get_provider_schema(request).await.map(tonic::Response::into_inner)
            }

            async fn stop(&self) -> Result<pb::stop_provider::Response, Status> {
                let request = pb::stop_provider::Request {};
                self.0.clone().stop_provider(request).await.map(tonic::Response::into_inner)
            }

            $(async fn $name(&self, request: pb::$message::Request) -> Result<pb::$message::Response, Status> {
                self.0.clone().$rpc(request).await.map(tonic::Response::into_inner)
            })*
        }
    };
}

forward! {
    validate_provider => validate_provider_config: validate_provider_config;
    validate_resource => validate_resource_config: validate_resource_config;
    validate_data => validate_data_resource_config: validate_data_resource_config;
    configure => configure_provider: configure_provider;
    upgrade => upgrade_resource_state: upgrade_resource_state;
    read => read_resource: read_resource;
    plan => plan_resource_change: plan_resource_change;
    apply => apply_resource_change: apply_resource_change;
    import => import_resource_state: import_resource_state;
    read_data => read_data_source: read_data_source;
}
