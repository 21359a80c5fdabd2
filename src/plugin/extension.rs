//! The client of straddle's extension.

use straddle_sdk::proto::extension::extension_client::ExtensionClient;
use straddle_sdk::proto::extension::{self as pb, CapabilitiesRequest};
use straddle_sdk::provider::Capabilities;
use straddle_sdk::wire::MAX_MESSAGE;
use tonic::transport::Channel;
use tonic::{Code, Status};

/// A provider that serves the extension, and what of it.
#[derive(Clone, Debug)]
pub(super) struct Extension {
    pub(super) client: ExtensionClient<Channel>,
    pub(super) capabilities: Capabilities,
}

impl Extension {
    /// Asks whether it is served.
    pub(super) async fn find(channel: Channel) -> Result<Option<Extension>, Status> {
        let client = ExtensionClient::new(channel);
        let mut client = client.max_decoding_message_size(MAX_MESSAGE).max_encoding_message_size(MAX_MESSAGE);
        match client.capabilities(CapabilitiesRequest {}).await {
            Ok(response) => {
                let pb::CapabilitiesResponse { locations, discover, ownership } = response.into_inner();
                let capabilities = Capabilities { locations, discover, ownership, plan_delete: false };
                Ok(Some(Extension { client, capabilities }))
            }
            Err(status) if status.code() == Code::Unimplemented => Ok(None),
            Err(status) => Err(status),
        }
    }
}
